"""Configurations: frozen dataclasses that say everything that decides what a model is, and JSON of them.

Conventions: a *trap* is a point where the published code does something that its paper does not say, or that is a
mistake. It is a field with two answers: the published code's (*compat*) and ours (*clean*, the default).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, Self

from react_data.clips import suggest
from reference_models.errors import ConfigError

__all__ = ["ModelConfig", "Trap", "trap"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Trap:
    """A point where published code and good sense differ.

    Attributes:
        name: The field of the configuration.
        compat: What the published code does.
        clean: What we do by default.
        about: What the two answers mean, in a sentence or two.
    """

    name: str
    compat: Any
    clean: Any
    about: str


def trap(compat: Any, clean: Any, about: str) -> Any:
    """A field of a configuration with a published and a clean answer, which is the default.

    Args:
        compat: What the published code does.
        clean: What we do by default.
        about: What the two answers mean.
    """
    return field(default=clean, metadata={"compat": compat, "clean": clean, "about": about})


@dataclass(frozen=True)
class ModelConfig:
    """What every configuration can do; each model has its own fields."""

    @classmethod
    def published(cls) -> Self:
        """The configuration of the published system, traps answered as its code does."""
        return cls().answered("compat")

    @classmethod
    def tiny(cls) -> Self:
        """A small configuration that trains on two processor cores in minutes, traps answered cleanly.

        Raises:
            ConfigError: If the model has none.
        """
        raise ConfigError(f"{cls.__name__} has no tiny configuration. Choose 'clean' or 'published'.")

    @classmethod
    def traps(cls) -> tuple[Trap, ...]:
        """Every trap of this model."""
        marked = [each for each in fields(cls) if "about" in each.metadata]
        return tuple(Trap(name=each.name, **each.metadata) for each in marked)

    def answered(self, how: Literal["compat", "clean"]) -> Self:
        """The same configuration with every trap answered one way."""
        return replace(self, **{each.name: getattr(each, how) for each in self.traps()})

    def check(self, answers: Mapping[str, Collection[Any]] = _NOTHING, least: Mapping[str, float] = _NOTHING) -> None:
        """Refuse values that fields cannot have; for ``__post_init__``.

        Args:
            answers: Fields with the values that they may have.
            least: Fields with their smallest values.

        Raises:
            ConfigError: If a field has another one.
        """
        for name, known in answers.items():
            if getattr(self, name) not in known:
                expected = ", ".join(map(repr, known))
                raise ConfigError(f"{name} is {getattr(self, name)!r}, expected one of {expected}.")
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least {smallest}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; tuples become lists."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The configuration of plain data.

        Args:
            given: Field values by name; fields that are left out keep their defaults.

        Raises:
            ConfigError: If there is no such field, or a value has another type than the default.
        """
        known = {each.name: getattr(cls(), each.name) for each in fields(cls)}
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ConfigError(f"{cls.__name__} has no field {unknown[0]!r}. {suggest(unknown[0], known)}")
        return cls(**{name: _typed(cls.__name__, name, value, known[name]) for name, value in given.items()})


def _typed(owner: str, name: str, value: Any, usual: Any) -> Any:
    if isinstance(usual, tuple) and isinstance(value, (list, tuple)):
        return tuple(value)
    number = isinstance(usual, float) and isinstance(value, int) and not isinstance(value, bool)
    if usual is not None and type(value) is not type(usual) and not number:
        raise ConfigError(f"{owner}.{name} is {value!r}, expected {type(usual).__name__} such as {usual!r}.")
    return float(value) if number else value
