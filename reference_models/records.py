"""The registry of models: one record each, from which the command line, the docs and comparisons are made."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from react_data.clips import suggest
from reference_models.errors import ConfigError, UnknownModelError
from reference_models.model_config import ModelConfig
from reference_models.training.recipes import Recipe

if TYPE_CHECKING:  # they import torch, which listing models does without
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from reference_models.generator import ReactionModel
    from reference_models.key_map import KeyMap

__all__ = ["ModelCard", "ModelRecord", "find_model", "models", "register_model"]


@dataclass(frozen=True)
class Glance:
    """What a table that compares models says of one.

    Attributes:
        ahead: How much of the speaker's future a frame depends on, as published and clean if they differ.
        agreement: With what outputs were compared, and how near they are.
        seconds: Processor seconds that ten reactions to a clip of 30 s take at the published size, on one thread; None
            if that was not measured.
    """

    ahead: str
    agreement: str
    seconds: float | None = None


@dataclass(frozen=True)
class ModelCard:
    """What a person has to know of a model.

    Attributes:
        paper: Authors, title, venue, year.
        code: The official repository and commit that was read.
        summary: What it does, in two or three sentences.
        inputs: What it takes, with rates and widths.
        outputs: What it generates.
        code_licence: Licence of the official code, ``"none stated"`` where there is none.
        weights: Where published weights are and under which licence, or that there are none.
        verified: What was checked against the official code, and how.
        defects: Known defects of the official code and what we do; traps of the configuration are listed beside.
        causality: What online generation sees of the future, in both answers.
        cost: Parameters, and seconds a clip with the machine they were measured on.
        glance: The same in a few words.
    """

    paper: str
    code: str
    summary: str
    inputs: str
    outputs: str
    code_licence: str
    weights: str
    verified: str
    defects: tuple[str, ...]
    causality: str
    cost: str
    glance: Glance = Glance("", "")


@dataclass(frozen=True)
class ModelRecord:
    """A model.

    Attributes:
        name: Such as ``"reactface"``.
        title: As tables print it.
        config: Class of its configurations, as ``module:name``; imported when it is used, as torch takes a second.
        model: Class of the model, as ``module:name``.
        card: What to know of it.
        keys: How keys of published checkpoints correspond to ours, as ``module:name`` of a `KeyMap`.
        wrappers: Prefixes and entries under which published files keep the state, such as ``"state_dict"``.
        entries: Other entries of published files that hold tensors of the model by name: the tensor ``min`` of
            ``"statistics"`` has the published key ``statistics.min``.
        reader: Reads a published file that is more than weights, as ``module:name`` of a function that takes the file
            and returns its tensors by published key, or None for a file of the usual kind; empty where all are.
        recipe: How it trains, as ``module:name`` of a `Recipe`; empty where it does not.
        base: Name of the model that this one adds something to: its weights are a beginning for this one's, and its
            configuration is a part of this one's; empty where there is none.
        aliases: Other names in use, in lower case.
    """

    name: str
    title: str
    config: str
    model: str
    card: ModelCard
    keys: str
    wrappers: tuple[str, ...] = ("state_dict",)
    entries: tuple[str, ...] = ()
    reader: str = ""
    recipe: str = ""
    base: str = ""
    aliases: tuple[str, ...] = field(default=())

    def config_class(self) -> type[ModelConfig]:
        """The class of its configurations."""
        found: type[ModelConfig] = _imported(self.config)
        return found

    def model_class(self) -> type[ReactionModel]:
        """The class of the model."""
        found: type[ReactionModel] = _imported(self.model)
        return found

    def key_map(self) -> KeyMap:
        """How keys of published checkpoints correspond to ours."""
        found: KeyMap = _imported(self.keys)
        return found

    def read_unusual(self, file: Path) -> Mapping[str, Tensor] | None:
        """The tensors of a published file that is read in a way of its own; None if it is not.

        Args:
            file: The file.
        """
        found: Mapping[str, Tensor] | None = _imported(self.reader)(file) if self.reader else None
        return found

    def training_recipe(self, *, tiny: bool = False) -> Recipe:
        """How it trains.

        Args:
            tiny: Whether its ``tiny()`` configuration is meant, which may have a recipe of its own.

        Raises:
            ConfigError: If it does not.
        """
        if not self.recipe:
            raise ConfigError(f"{self.title} has no recipe: there is nothing to train.")
        found: Recipe = _imported(self.recipe)
        return (found.tiny or found) if tiny else found


def _imported(place: str):  # type: ignore[no-untyped-def]  # whatever the record names
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


_MODELS: dict[str, ModelRecord] = {}


def register_model(record: ModelRecord) -> ModelRecord:
    """Add a model.

    Args:
        record: Its record.

    Raises:
        UnknownModelError: If another model has its name.
    """
    if _MODELS.setdefault(record.name, record) != record:
        raise UnknownModelError(f"there is a model {record.name!r} already. Choose another name.")
    return record


def models() -> dict[str, ModelRecord]:
    """Every model by name."""
    import reference_models.known_models  # noqa: F401  registers ours

    return dict(_MODELS)


def find_model(name: str) -> ModelRecord:
    """The model of a name or alias.

    Args:
        name: Such as ``"reactface"``.

    Raises:
        UnknownModelError: If there is none; suggests the nearest.
    """
    known = models()
    found = next((each for each in known.values() if name.lower() in (each.name, *each.aliases)), None)
    if found is None:
        raise UnknownModelError(f"there is no model {name!r}. {suggest(name, known)}")
    return found
