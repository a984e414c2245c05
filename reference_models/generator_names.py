"""Generators by name: a model of ours, a checkpoint, or anybody's ``module:callable``."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from reference_models.errors import CheckpointError, GeneratorError, UnknownModelError
from reference_models.missing_inputs import UnderCondition
from reference_models.model_config import ModelConfig
from reference_models.records import ModelRecord, find_model

__all__ = ["NamedGenerator", "find_generator", "identity", "stored_weights"]


@dataclass(frozen=True)
class NamedGenerator:
    """A generator and what it is called.

    Attributes:
        generator: Has ``generate(batch, reactions, seed, online)``.
        title: As tables print it.
        trained: Whether its weights are somebody's, not fresh ones.
    """

    generator: Any
    title: str
    trained: bool = True


class _Function:
    """A function that generates, as an object."""

    def __init__(self, function: Callable[..., Mapping[str, Any]]) -> None:
        self.generate = function


def find_generator(
    name: str | os.PathLike[str] | Any,
    weights: str | os.PathLike[str] | None = None,
    *,
    config: Any = None,
    device: str = "cpu",
    seed: int = 0,
) -> NamedGenerator:
    """The generator that somebody means.

    Args:
        name: A model's name; the path of a checkpoint of ours; ``module:callable``, which is a function
            ``generate(batch, reactions, seed, online)``, or a class or function without required arguments that gives
            an object with such a method; or such an object.
        weights: Weights for a model's name; those that `stored_weights` finds if not given, else fresh ones.
        config: See `reference_models.load`.
        device: ``"cpu"``, ``"cuda"`` or ``"auto"``; for models of ours.
        seed: Seed of fresh weights.

    Returns:
        The generator.

    Raises:
        GeneratorError: If the name leads to none.
        UnknownModelError: If it is no path and no model's name.
        CheckpointError: If a checkpoint cannot be used.
    """
    if not isinstance(name, (str, os.PathLike)):
        return NamedGenerator(_checked(name, type(name).__name__), _title(name))
    from reference_models.checkpoints import read_checkpoint  # torch takes a second to load
    from reference_models.loading import chosen_device, load

    text = os.fspath(name)
    if Path(text).exists():
        if weights is not None:
            raise CheckpointError(f"{text} is a path, which needs no other weights. Leave out {os.fspath(weights)}.")
        found = read_checkpoint(text)
        return NamedGenerator(found.model().to(chosen_device(device)), found.record.title)
    if ":" in text:
        return NamedGenerator(_imported(text), text.partition(":")[2])
    record = _model_of(text)
    chosen = weights if weights is not None or config is not None else stored_weights(record.name)
    model = load(record.name, chosen, config=config, device=device, seed=seed)
    return NamedGenerator(model, record.title, trained=chosen is not None)


def stored_weights(name: str) -> Path | None:
    """Where a model's weights lie on this machine: ``$REACT_MODELS/NAME``, else in the user's data folder.

    Args:
        name: Name of the model.

    Returns:
        A checkpoint; None if there is none.
    """
    folders = [os.environ.get("REACT_MODELS"), Path(platformdirs.user_data_dir("react-eval")) / "models"]
    places = [Path(folder) / file for folder in folders if folder for file in (name, f"{name}.safetensors")]
    return next((place for place in places if place.exists()), None)


def identity(generator: Any) -> dict[str, Any]:
    """What decides what a generator does: class, configuration, and a hash of the weights, as far as it has them.

    Of a generator that is none of ours, the source of its class or function stands for the configuration; what that
    reads or imports is not known.

    Args:
        generator: Anything that generates.
    """
    if isinstance(generator, UnderCondition):
        return identity(generator.generator) | generator.losses.identity
    made_by: Any = generator.generate if isinstance(generator, _Function) else type(generator)
    found: dict[str, Any] = {"generator": f"{made_by.__module__}.{made_by.__qualname__}"}
    config: Any = getattr(generator, "config", None)
    if isinstance(config, ModelConfig):
        found["config"] = config.to_dict()
    else:
        found["source"] = _source_hash(made_by)
    if callable(getattr(generator, "state_dict", None)):
        from reference_models.checkpoints import weights_hash

        found["weights"] = weights_hash(generator)
    return found


def _source_hash(made_by: Any) -> str:
    """A hash of the module in which a class or function is written; empty where that is no file."""
    try:
        source = Path(inspect.getfile(made_by)).read_bytes()
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(source).hexdigest()[:16]


def _model_of(text: str) -> ModelRecord:
    try:
        return find_model(text)
    except UnknownModelError as error:
        raise UnknownModelError(
            f"{error.message} Nor is there a checkpoint {text}. Others' generators are named MODULE:CALLABLE."
        ) from None


def _imported(text: str) -> Any:
    module, _, attribute = text.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does: the user's own module lies in the current folder
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise GeneratorError(
            f"{text}: {module} cannot be imported ({error}). Run where it can be, or install it."
        ) from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise GeneratorError(f"{text}: {module} has no {attribute}.")
        found = getattr(found, part)
    return _checked(found, text)


def _checked(found: Any, text: str) -> Any:
    """The object with ``generate`` that something is or gives."""
    if not inspect.isclass(found) and callable(getattr(found, "generate", None)):
        return found
    if not callable(found):
        raise GeneratorError(f"{text} is a {type(found).__name__}, expected something with generate(batch, …).")
    if not inspect.isclass(found) and _required(found):
        return _Function(found)
    if _required(found):
        raise GeneratorError(f"{text} needs {', '.join(_required(found))}. Name a function that makes one without.")
    made = found()
    if not callable(getattr(made, "generate", None)):
        raise GeneratorError(f"{text} gives a {type(made).__name__} without generate(batch, reactions, seed, online).")
    return made


def _required(function: Callable[..., Any]) -> list[str]:
    """Names of arguments that a call has to give."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.kind in kinds and each.default is inspect.Parameter.empty]


def _title(generator: Any) -> str:
    if isinstance(getattr(generator, "config", None), ModelConfig):
        from reference_models.checkpoints import registered_name

        name = registered_name(generator)
        if name:
            return find_model(name).title
    return str(getattr(generator, "title", type(generator).__name__))
