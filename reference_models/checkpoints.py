"""Our checkpoints: weights as safetensors, and a description that says of which model they are.

Conventions: a checkpoint is one ``.safetensors`` file whose header holds the description, or a folder with such a file,
``model.safetensors``, and ``model.json``, which shows the same description to people and other programs. What counts is
the header, so that weights and description are always of one moment. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reference_models.errors import CheckpointError
from reference_models.model_config import ModelConfig
from reference_models.records import ModelRecord, find_model, models
from reference_models.weight_files import pieces, read_description, read_weights, write_json, write_weights

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from reference_models.generator import ReactionModel

__all__ = [
    "Checkpoint",
    "is_checkpoint",
    "load_checkpoint",
    "load_weights",
    "read_checkpoint",
    "save_checkpoint",
    "weights_hash",
]

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"

_FORMAT = 1
_FACES = ("mean_face", "std_face")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds, before a model is made of it.

    Attributes:
        path: The folder or file.
        record: The model's record.
        config: The model's configuration.
        facts: What was known when it was written about training and the like.
        faces: ``mean_face`` and ``std_face`` that the model takes 3DMM by, as far as it does.
        state: The weights, mapped into memory.
    """

    path: Path
    record: ModelRecord
    config: ModelConfig
    facts: Mapping[str, Any]
    faces: Mapping[str, NDArray[np.float32]]
    state: Mapping[str, Tensor]

    def model(self, config: ModelConfig | None = None) -> ReactionModel:
        """The model, filled with the weights.

        Args:
            config: Another configuration than the checkpoint's.

        Raises:
            CheckpointError: If the weights are not those of the configuration.
        """
        made = model_with(self.record.model_class(), config or self.config, self.state, str(self.path))
        for name, face in self.faces.items():
            setattr(made, name, face)
        return made.eval()


def is_checkpoint(path: str | os.PathLike[str]) -> bool:
    """Whether a path is one of our checkpoints, by its name and files."""
    file = _weights_file(Path(path))
    return file.is_file() and file.suffix == ".safetensors" and read_description(file) is not None


def save_checkpoint(
    model: ReactionModel, out: str | os.PathLike[str], *, facts: Mapping[str, Any] | None = None
) -> Path:
    """Write a checkpoint; what is there before is replaced.

    Args:
        model: The model; one that is not registered is read again with `load_weights`.
        out: A folder, or a file whose name ends with ``.safetensors``.
        facts: What else to keep: the recipe, data, epoch, scores.

    Returns:
        The path.
    """
    return write_checkpoint(model.state_dict(), describe_model(model, facts or {}), Path(out))


def write_checkpoint(
    state: Mapping[str, Tensor], description: Mapping[str, Any], out: Path, *, mapped: bool = False
) -> Path:
    """Write weights and what describes them; see `save_checkpoint`.

    Args:
        state: Weights by our keys.
        description: From `describe_model`.
        out: A folder, or a file whose name ends with ``.safetensors``.
        mapped: Whether the weights are mapped from a file, so that a piece of them at a time is in memory.
    """
    if out.suffix == ".safetensors":
        out.parent.mkdir(parents=True, exist_ok=True)
        write_weights(state, out, description, mapped=mapped)
        return out
    out.mkdir(parents=True, exist_ok=True)
    write_weights(state, out / WEIGHTS, description, mapped=mapped)
    write_json(out / DESCRIPTION, description)
    return out


def describe_model(model: ReactionModel, facts: Mapping[str, Any], *, weights: str | None = None) -> dict[str, Any]:
    """What the JSON of a checkpoint says.

    Args:
        model: The model.
        facts: What else to keep.
        weights: Hash of its weights, where these are not in the model.
    """
    from importlib.metadata import version

    return {
        "format": _FORMAT,
        "model": registered_name(model) or _place(type(model)),
        "config": model.config.to_dict(),
        "weights": weights or weights_hash(model),
        "versions": {package: version(package) for package in ("react-eval", "torch")},
        "faces": {name: face.tolist() for name in _FACES if (face := getattr(model, name)) is not None},
        "facts": dict(facts),
    }


def registered_name(model: ReactionModel) -> str:
    """The name under which a model's class and configuration are registered; empty if they are not."""
    place, config = _place(type(model)), _place(type(model.config))
    return next((each.name for each in models().values() if (each.model, each.config) == (place, config)), "")


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint; weights are mapped into memory, not copied.

    Args:
        path: The folder or file.

    Returns:
        What it holds.

    Raises:
        CheckpointError: If it is damaged or none of ours.
        UnknownModelError: If it is of a model that is not known here.
        ConfigError: If its configuration is not one of the model's.
    """
    place = Path(path)
    description = _described(place)
    name = str(description["model"])
    if ":" in name:
        raise CheckpointError(
            f"{place} is of {name}, a class that is not registered. Make a model of it, and fill that with "
            "reference_models.load_weights(model, path)."
        )
    record = find_model(name)
    config = record.config_class().from_dict(description["config"])
    state = read_weights(_weights_file(place))
    return Checkpoint(place, record, config, description.get("facts", {}), _faces(description), state)


def load_checkpoint(path: str | os.PathLike[str], *, device: str | torch.device = "cpu") -> ReactionModel:
    """The model of a checkpoint.

    Args:
        path: The folder or file.
        device: Where its parameters go.

    Returns:
        The model, in eval mode.

    Raises:
        CheckpointError: If it is damaged or none of ours, or its weights are not those of its configuration.
    """
    return read_checkpoint(path).model().to(device)


def load_weights(model: ReactionModel, path: str | os.PathLike[str]) -> ReactionModel:
    """Fill a model, registered or not, with the weights of a checkpoint of its class and configuration.

    Args:
        model: The model, which is changed.
        path: The folder or file.

    Returns:
        The same model, in eval mode.

    Raises:
        CheckpointError: If the checkpoint is damaged, or of another class or configuration.
    """
    place = Path(path)
    description = _described(place)
    own = describe_model(model, {})
    differing = [name for name in ("model", "config") if description[name] != own[name]]
    if differing:
        raise CheckpointError(
            f"{place} has another {' and '.join(differing)}: {description[differing[0]]}, expected {own[differing[0]]}."
        )
    fill(model, read_weights(_weights_file(place)), str(place))
    for name, face in _faces(description).items():
        setattr(model, name, face)
    return model.eval()


def model_with(
    kind: type[ReactionModel], config: ModelConfig, state: Mapping[str, Tensor], where: str
) -> ReactionModel:
    """A model with weights that stay where they are, mapped into memory.

    Args:
        kind: Its class.
        config: Its configuration.
        state: Weights by our keys.
        where: Where they are from, for messages.

    Raises:
        CheckpointError: If keys or shapes differ; lists all.
    """
    from reference_models.weightless import weightless, with_weights

    made = weightless(kind, config)
    _require(made, state, where)
    return with_weights(made, state)


def fill(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Fill a model with weights, all of them.

    Args:
        model: The model.
        state: Weights by our keys.
        where: Where they are from, for messages.

    Raises:
        CheckpointError: If keys or shapes differ; lists all.
    """
    _require(model, state, where)
    model.load_state_dict(dict(state))


def _require(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    problems = state_problems(model, state)
    if problems:
        raise CheckpointError(f"{where} does not fit {type(model).__name__}:\n" + "\n".join(problems))


def state_problems(model: nn.Module, state: Mapping[str, Tensor]) -> list[str]:
    """Every way in which weights do not fit a model, a line each."""
    own = model.state_dict()
    missing = [f"  missing: {key} {_shape(own[key])}" for key in own if key not in state]
    unexpected = [f"  unexpected: {key} {_shape(state[key])}" for key in state if key not in own]
    shapes = [
        f"  other shape: {key} {_shape(state[key])}, expected {_shape(own[key])}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    return [*missing, *unexpected, *shapes]


def weights_hash(model: nn.Module) -> str:
    """A hash of names, types, shapes and values of all weights, 16 hexadecimal digits."""
    return state_hash(model.state_dict())


def state_hash(state: Mapping[str, Tensor], *, mapped: bool = False) -> str:
    """A hash of names, types, shapes and values of weights, 16 hexadecimal digits.

    Args:
        state: Weights by our keys.
        mapped: Whether they are mapped from a file, so that a piece of them at a time is in memory.
    """
    digest = hashlib.sha256()
    for key, value in sorted(state.items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        for piece in pieces(value, mapped=mapped):
            digest.update(piece.data)
    return digest.hexdigest()[:16]


def _described(place: Path) -> dict[str, Any]:
    file = _weights_file(place)
    if not file.is_file():
        raise CheckpointError(
            f"there is no checkpoint at {place}: expected a folder with {WEIGHTS}, or a .safetensors file. Published "
            "files are read by `react-models convert`."
        )
    found = read_description(file)
    if found is None or not {"format", "model", "config"} <= set(found):
        raise CheckpointError(
            f"{file} does not say of which model the weights are. Is it a published file? Then use "
            "`react-models convert`."
        )
    if found["format"] != _FORMAT:
        raise CheckpointError(f"{file} has format {found['format']}, expected {_FORMAT}. Update react-eval.")
    return found


def _weights_file(place: Path) -> Path:
    return place / WEIGHTS if place.is_dir() else place


def _faces(description: Mapping[str, Any]) -> dict[str, NDArray[np.float32]]:
    return {name: np.array(face, dtype=np.float32) for name, face in description.get("faces", {}).items()}


def _place(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


def _shape(value: Tensor) -> str:
    return str(list(value.shape))
