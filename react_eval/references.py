"""References: generators of installed packages, whose submissions others are compared with.

Conventions: an entry point of the group ``react_eval.generators`` names an object with ``names()``, titles by name, and
``submission(name, data, split=…, …)``, the path of a submission, generated or taken from a cache.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from react_data.clips import suggest
from react_data.location import find_data_root
from react_data.missing_conditions import MissingCondition
from react_eval.errors import UnknownNameError

__all__ = ["ReadyGenerator", "References", "demonstration", "find_references", "prepared_generator", "reference_file"]

_GROUP = "react_eval.generators"
_PERSONALISED = "personalised"


class ReadyGenerator(Protocol):
    """A generator that is ready to react to a split."""

    @property
    def title(self) -> str:
        """Its name in tables."""

    @property
    def told(self) -> bool:
        """Whether it is told what is missing."""

    def affected(self, condition: MissingCondition) -> bool:
        """Whether it takes anything of what a condition affects."""

    def submission(self, condition: MissingCondition, *, seed: int, show_progress: bool | None) -> Path:
        """The submission under a condition; raises GenerationFailedError where it cannot react."""


class References(Protocol):
    """What an entry point of the group names."""

    def names(self) -> Mapping[str, str]:
        """Title of every reference by its name."""

    def submission(self, name: str, data: str | os.PathLike[str], *, split: str, **settings: Any) -> Path:
        """A submission of a reference for a split."""

    def prepared(self, model: Any, data: str | os.PathLike[str], *, split: str, **settings: Any) -> ReadyGenerator:
        """Any generator, loaded once, to react to a split under conditions of missing data."""

    def demonstration(self, data: str | os.PathLike[str], split: str, folder: Path, **settings: Any) -> Path:
        """The submission of a small generator that is trained in `folder` at once, in about a minute."""


def find_references() -> dict[str, References]:
    """Every reference of installed packages.

    Returns:
        By name, the object that makes its submissions.
    """
    found: dict[str, References] = {}
    for point in entry_points(group=_GROUP):
        source: References = point.load()
        for name in source.names():
            found.setdefault(name, source)
    return found


def reference_file(name: str, data: str | os.PathLike[str] | None, *, split: str, **settings: Any) -> Path:
    """A submission of a reference for a split; generating it may take long, so it is kept for the next time.

    Args:
        name: Such as ``"reactface"``; ``"perfrdiff+personalised"`` for one that is shown another clip of each listener.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if None.
        split: Name of the split.
        **settings: ``online``, ``seed``, ``features``, ``device``, … as the package that has it takes them.

    Returns:
        The submission file.

    Raises:
        UnknownNameError: If no installed package has it; suggests the nearest.
    """
    known = find_references()
    base, _, variant = name.partition("+")
    if base not in known:
        there = suggest(base, known) if known else "No installed package has any: pip install 'react-eval[models]'."
        raise UnknownNameError(f"there is no reference {base!r}. {there}")
    if variant not in ("", _PERSONALISED):
        raise UnknownNameError(f"{name!r} is no variant of a reference. {suggest(name, [f'{base}+{_PERSONALISED}'])}")
    if variant:
        settings["personalise"] = True
    return known[base].submission(base, find_data_root(data), split=split, **settings)


def prepared_generator(model: Any, data: str | os.PathLike[str], *, split: str, **settings: Any) -> ReadyGenerator:
    """A generator that is ready to react to a split under conditions of missing data.

    Args:
        model: Name of a reference, a checkpoint, ``module:callable``, or an object with ``generate``.
        data: Folder of the data set, or a packed file.
        split: Name of the split.
        **settings: ``online``, ``reactions``, ``fill``, ``weights``, … as the package that loads it takes them.

    Raises:
        UnknownNameError: If no installed package loads generators.
    """
    source = find_references().get(model) if isinstance(model, str) else None
    return (source or _able("prepared")).prepared(model, data, split=split, **settings)


def demonstration(data: str | os.PathLike[str], split: str, folder: Path, **settings: Any) -> Path:
    """The submission of a small generator that is trained at once, in about a minute.

    Args:
        data: Folder of the data set, or a packed file.
        split: The split whose speakers it reacts to.
        folder: Where the generator and the submission go.
        **settings: ``seed``, ``show_progress``.

    Returns:
        The submission file.

    Raises:
        LibraryMissingError: If a library that training needs is not installed.
        UnknownNameError: If no installed package trains generators.
    """
    return _able("demonstration").demonstration(data, split, folder, **settings)


def _able(method: str) -> References:
    """The first of the installed packages' objects that has a method; those of others need not have all."""
    found = next((source for source in find_references().values() if hasattr(source, method)), None)
    if found is None:
        raise UnknownNameError("no installed package loads or trains generators: pip install 'react-eval[models]'.")
    return found
