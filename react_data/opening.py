"""Layouts: how data sets lie on disk, and `open_split`, which opens any of them as one kind of `xarray.Dataset`.

A package of somebody else adds a layout by naming a `Layout` in the entry-point group ``react_data.layouts``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.clips import suggest
from react_data.errors import LayoutError

if TYPE_CHECKING:
    import xarray as xr

    from react_data.problems import ProblemReport

__all__ = ["Layout", "find_layout", "layouts", "open_split", "register_layout"]

_GROUP = "react_data.layouts"


@dataclass(frozen=True)
class Layout:
    """How a data set lies on disk.

    Attributes:
        name: Such as ``"react2024"``.
        title: What it is, in a few words.
        recognises: Whether a folder or file is of this layout.
        splits: The splits that are there.
        open: Opens a split, ``open(root, split, **options)``, as `open_split` describes.
        verify: Finds problems, ``verify(root, splits, report, show_progress)``; None to have every series read.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    splits: Callable[[Path], Sequence[str]]
    open: Callable[..., xr.Dataset]
    verify: Callable[[Path, Sequence[str] | None, ProblemReport, bool | None], None] | None = None


_LAYOUTS: dict[str, Layout] = {}


def register_layout(layout: Layout) -> Layout:
    """Add a layout.

    Args:
        layout: Its record.

    Returns:
        The same record.

    Raises:
        LayoutError: If another layout has its name.
    """
    if _LAYOUTS.setdefault(layout.name, layout) != layout:
        raise LayoutError(f"there is a layout {layout.name!r} already. Choose another name.")
    return layout


def layouts() -> dict[str, Layout]:
    """Every layout: ours, and those of installed packages.

    Returns:
        Records by name; ours first, in the order in which they are tried.
    """
    import react_data.known_layouts  # noqa: F401  registers ours

    for point in entry_points(group=_GROUP):
        if point.name not in _LAYOUTS:
            loaded = point.load()
            if not isinstance(loaded, Layout):
                raise LayoutError(f"entry point {point.name!r} of {_GROUP} is no Layout, but {type(loaded).__name__}.")
            register_layout(loaded)
    return dict(_LAYOUTS)


def find_layout(root: str | os.PathLike[str], name: str | None = None) -> Layout:
    """The layout of a folder or file.

    Args:
        root: Where the data set lies.
        name: The layout, where it is known; else it is recognised.

    Returns:
        Its record.

    Raises:
        LayoutError: If there is no layout of that name, or none is recognised.

    Example:
        >>> find_layout(".", "react2024").title
        'REACT 2024: NoXI and RECOLA'
    """
    known = layouts()
    if name is not None:
        if name not in known:
            raise LayoutError(f"there is no layout {name!r}. {suggest(name, known)}")
        return known[name]
    path = Path(root)
    found = next((each for each in known.values() if each.recognises(path)), None)
    if found is None:
        titles = "; ".join(f"{each.name} ({each.title})" for each in known.values())
        raise LayoutError(f"{path} is of no layout that is known: {titles}. Is it the right folder? Or force layout=….")
    return found


def open_split(root: str | os.PathLike[str], split: str, *, layout: str | None = None, **options: Any) -> xr.Dataset:
    """Open a split of a data set of any layout; clips are read when they are used.

    Args:
        root: Folder of the data set, or a packed file.
        split: ``"train"``, ``"val"`` or ``"test"``; ``"all"`` for recordings without splits.
        layout: Name of the layout; recognised if not given.
        **options: What the layout's own opener takes, such as ``frames=`` (REACT 2023 and 2024) or ``draw_seed=``
            (MARS).

    Returns:
        Dims ``clip, listener, frame, emotion, coefficient``; variables ``speaker_emotion``, ``listener_emotion``,
        ``speaker_3dmm``, ``listener_3dmm`` (clip, frame, channel) float32 and ``neighbours`` (clip, listener) bool, as
        far as the data set has them; coordinates ``corpus``, ``session``, ``recording``, ``speaker_person`` and
        ``listener_person`` by clip. Where clips differ in length, series are (speaker_row, channel) and
        ``speaker_row_size`` (clip) tells the lengths; `clip_series` reads both forms. ``attrs["labels"]`` is ``"none"``
        for a split with speakers only.

    Raises:
        LayoutError: If the layout is not known, or lacks the split.
        ReactError: What the layout's reader raises for files that are missing or damaged.
    """
    found = find_layout(root, layout)
    there = found.splits(Path(root))
    if split not in there:
        raise LayoutError(f"{root} ({found.name}) has no split {split!r}. {suggest(split, there)}")
    return _completed(found.open(Path(root), split, **options), Path(root), split, found.name)


def _completed(dataset: xr.Dataset, root: Path, split: str, layout: str) -> xr.Dataset:
    """What every data set says of itself, where a reader left it out: clips without a session are their own."""
    labelled = any(str(name).startswith("listener_") for name in dataset.data_vars)
    usual = {"labels": "listeners" if labelled else "none", "synthetic": 0, "neighbour_source": "given by the data set"}
    complete = dataset.assign_attrs({"layout": layout, "split": split, "root": str(root)} | usual | dataset.attrs)
    for name, other in (("session", "clip"), ("recording", "session")):
        if name not in complete.coords and other in complete.coords:
            complete = complete.assign_coords({name: ("clip", complete[other].values)})
    return complete
