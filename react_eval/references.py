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
from react_eval.errors import UnknownNameError

__all__ = ["References", "find_references", "reference_file"]

_GROUP = "react_eval.generators"


class References(Protocol):
    """What an entry point of the group names."""

    def names(self) -> Mapping[str, str]:
        """Title of every reference by its name."""

    def submission(self, name: str, data: str | os.PathLike[str], *, split: str, **settings: Any) -> Path:
        """A submission of a reference for a split."""


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
        name: Such as ``"reactface"``.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if None.
        split: Name of the split.
        **settings: ``online``, ``seed``, ``features``, ``device``, … as the package that has it takes them.

    Returns:
        The submission file.

    Raises:
        UnknownNameError: If no installed package has it; suggests the nearest.
    """
    known = find_references()
    if name not in known:
        there = suggest(name, known) if known else "No installed package has any: pip install 'react-eval[models]'."
        raise UnknownNameError(f"there is no reference {name!r}. {there}")
    return known[name].submission(name, find_data_root(data), split=split, **settings)
