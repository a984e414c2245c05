"""`load`: a model by name, fresh, from a checkpoint of ours, or from a published file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from reference_models.base_weights import model_on_base
from reference_models.checkpoints import is_checkpoint, read_checkpoint
from reference_models.conversion import load_published, published_files
from reference_models.errors import CheckpointError, ConfigError
from reference_models.generator import ReactionModel
from reference_models.model_config import ModelConfig
from reference_models.records import ModelRecord, find_model

__all__ = ["chosen_config", "chosen_device", "load"]

Config = str | Mapping[str, Any] | ModelConfig | None

_PRESETS = ("published", "tiny", "clean")


def load(
    name: str,
    weights: str | os.PathLike[str] | None = None,
    *,
    base: str | os.PathLike[str] | None = None,
    config: Config = None,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> ReactionModel:
    """A model.

    Args:
        name: Such as ``"reactface"``; `reference_models.models` has all.
        weights: A checkpoint of ours, a file of the official layout, or the folder of all such files of a model that is
            published in several; fresh random weights if not given.
        base: Instead of `weights`, for a model that adds something to another one, such as ``"transvae_emc"``: that
            one's checkpoint, ours or of the official layout. What is added is fresh, as `config` says; all that both
            have is as the checkpoint says.
        config: ``"published"``; ``"clean"``: of that size, with every trap answered cleanly; ``"tiny"``; field values,
            from the clean one on; or a configuration. If not given, a checkpoint's own, ``"published"`` for a file of
            the official layout, ``"clean"`` for fresh weights.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``.
        seed: Seed of fresh weights.

    Returns:
        The model, in eval mode.

    Raises:
        UnknownModelError: If there is no such model.
        ConfigError: If the configuration cannot be.
        CheckpointError: If the weights cannot be read or are of another model or configuration.
    """
    record, place = find_model(name), chosen_device(device)
    wanted = None if config is None else chosen_config(record, config)
    if base is not None:
        if weights is not None:
            raise ConfigError(
                "base is where a model without weights of its own begins. Name weights or base, not both."
            )
        return model_on_base(record, base, wanted, seed)[0].to(place).eval()
    if weights is None:
        return fresh_model(record, wanted or chosen_config(record, "clean"), seed).to(place).eval()
    if not is_checkpoint(weights):
        if Path(weights).is_dir() and not _is_published(weights):
            read_checkpoint(weights)  # says what is missing
        return load_published(weights, model=record.name, config=wanted).to(place)
    found = read_checkpoint(weights)
    if found.record != record:
        raise CheckpointError(f"{found.path} is a checkpoint of {found.record.name}, not of {record.name}.")
    return found.model(wanted).to(place)


def _is_published(folder: str | os.PathLike[str]) -> bool:
    """Whether files of the official layout lie in a folder; a run of ours has files of that kind too, and its own."""
    try:
        return not any(is_checkpoint(file) for file in published_files(folder))
    except CheckpointError:
        return False


def fresh_model(record: ModelRecord, config: ModelConfig, seed: int) -> ReactionModel:
    """A model with random weights that depend on the seed only; the program's own random state is left as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return record.model_class()(config)


def chosen_config(record: ModelRecord, config: str | Mapping[str, Any] | ModelConfig) -> ModelConfig:
    """The configuration that somebody means.

    Args:
        record: The model.
        config: See `load`.

    Raises:
        ConfigError: If there is no such preset or field, or it is of another model.
    """
    kind = record.config_class()
    if isinstance(config, ModelConfig):
        if not isinstance(config, kind):
            raise ConfigError(f"{type(config).__name__} is no configuration of {record.title}: use {kind.__name__}.")
        return config
    if isinstance(config, Mapping):
        return kind.from_dict(config)
    if config not in _PRESETS:
        raise ConfigError(f"there is no preset {config!r}. Available: {', '.join(_PRESETS)}.")
    return kind() if config == "clean" else kind.tiny() if config == "tiny" else kind.published()


def chosen_device(device: str | torch.device) -> torch.device:
    """The device that somebody means; ``"auto"`` is a GPU where there is one.

    Raises:
        ConfigError: If there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ConfigError(f"there is no device {device!r}. Use auto, cpu or cuda.") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but torch finds no GPU. Use auto or cpu.")
    return found
