"""Verification of a data set of any layout: every problem is reported in one run.

Conventions: an error keeps clips from being used or scored as the challenge does; a warning wants a look.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from react_data.checking import attempt, check_folders
from react_data.errors import ClipListError, LayoutError, ReactError
from react_data.file_access import file_access
from react_data.location import find_data_root
from react_data.modalities import ROLES, series_kinds
from react_data.official_tree import SPLITS, SYNTHESIS_RECORD
from react_data.opening import Layout, find_layout, open_split
from react_data.optional_libraries import LibraryMissingError
from react_data.problems import ProblemKind, ProblemReport
from react_data.progress import track
from react_data.ragged import clip_series
from react_data.verification_of_lists import verify_official_tree

__all__ = ["verify", "verify_official_tree"]

UNUSABLE = ProblemKind(
    "RD109", "A split cannot be opened, or a series cannot be read. The message says which file and what to do."
)


@file_access()
def verify(
    root: str | os.PathLike[str] | None = None,
    splits: Sequence[str] | None = None,
    *,
    layout: str | None = None,
    show_progress: bool | None = None,
) -> ProblemReport:
    """Find every problem of a data set of any layout.

    Args:
        root: Folder of the data set, or a packed file; ``$REACT_DATA`` or config.toml names it, if not given.
        splits: Splits that have to be there; those that are there, if not given.
        layout: Name of the layout; recognised if not given.
        show_progress: Whether to show a progress bar on stderr; only on a terminal, if not given.

    Returns:
        The problems, and in ``checked`` what was looked at. A split with speakers only is no problem, but said there.

    Raises:
        DataRootError: If the data set does not exist.
        ClipListError: If there is no such split.
        LayoutError: If there is no layout of that name, or nothing of any layout in the folder.
        FileAccessError: If the folder or packed file cannot be read.
    """
    place = find_data_root(root)
    report = ProblemReport(str(place))
    found = _layout(place, layout)
    if found is None and place.is_file():
        report.error(UNUSABLE, "is no packed file, and no folder. Copy the pack again, or name the data set's folder.")
    elif found is None:
        verify_official_tree(place, splits, report, show_progress)  # which says what is missing
    else:
        if place.is_dir():
            check_folders(place, splits, report)
        _check(place, found, splits, report, show_progress)
    return report


def _layout(place: Path, name: str | None) -> Layout | None:
    try:
        return find_layout(place, name)
    except LayoutError:
        if name is not None or not (place.is_file() or _is_begun(place)):
            raise
        return None


def _is_begun(place: Path) -> bool:
    """Whether a folder may be an official tree without its lists, which a synthetic one gets last."""
    return (place / SYNTHESIS_RECORD).is_file() or any((place / split).is_dir() for split in SPLITS)


def _check(
    place: Path, layout: Layout, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None
) -> None:
    check = layout.verify or partial(_read_everything, layout)
    try:
        check(place, splits, report, show_progress)
    except (ClipListError, LibraryMissingError):
        raise
    except ReactError as error:
        report.error(UNUSABLE, error.message)
    except Exception as error:
        message = f"verification ended early: {type(error).__name__}: {error}. What it names is damaged."
        report.error(UNUSABLE, message)


def _read_everything(
    layout: Layout, place: Path, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None
) -> None:
    """The check of a layout without one of its own: every series can be read, clip by clip."""
    for split in splits if splits is not None else layout.splits(place):
        dataset = attempt(partial(open_split, place, split, layout=layout.name), UNUSABLE, place, split, report)
        if dataset is None:
            continue
        names = [f"{role}_{kind}" for kind in series_kinds(dataset) for role in ROLES if f"{role}_{kind}" in dataset]
        for name in names:
            series = clip_series(dataset, name)
            clips = dataset["clip"].values
            for number in track(range(len(clips)), f"verifying {name} of {split}", show=show_progress):
                attempt(
                    partial(series.__getitem__, number), UNUSABLE, place, f"{split}, {clips[number]}, {name}", report
                )
        report.checked[split] = f"{dataset.sizes['clip']} clips; {', '.join(names)}"
