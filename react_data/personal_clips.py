"""Personalised reaction generation: which clips are its task, and which clip shows the listener's habits.

Conventions: clip 1 of a conversation is the history of its two persons, so it is no task itself. The listener of clip n
is that of the directed clip n, and so the history of a listener is the listener of clip 1 in the same direction.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from react_data.clips import ClipId
from react_data.errors import ClipIdError, ClipListError, LayoutError, NeighbourMatrixError
from react_data.file_access import file_access
from react_data.neighbour_table import NeighbourTable
from react_data.official_tree import OfficialTree, listed_splits
from react_data.opening import find_layout
from react_data.synthetic_files import write_array, write_table

__all__ = ["history_clip", "personal_mask", "personalised_clips", "write_person_specific"]

_FIRST = "1"
_LAYOUTS = ("react2023", "react2024")


def personalised_clips(clips: Iterable[str]) -> list[str]:
    """The clips that personalised generation is trained and tested on: all but clip 1 of every conversation.

    Args:
        clips: Ids of directed clips.

    Returns:
        The ids that are left, in their order.

    Raises:
        ClipIdError: If an id is malformed.

    Example:
        >>> personalised_clips(["RECOLA/group-2/P41/1", "RECOLA/group-2/P41/2"])
        ['RECOLA/group-2/P41/2']
    """
    return [clip for clip in clips if ClipId.parse(clip).clip != _FIRST]


def history_clip(clip: str) -> str:
    """The clip in which the listener of a clip is seen before: clip 1 of the same conversation and direction.

    Args:
        clip: Id of a directed clip.

    Returns:
        Id of the directed clip whose listener is meant.

    Raises:
        ClipIdError: If the id is malformed, or has no clip number, as in MARS.

    Example:
        >>> history_clip("NoXI/065_2016-04-14_Nottingham/Expert_video/7")
        'NoXI/065_2016-04-14_Nottingham/Expert_video/1'
    """
    parsed = ClipId.parse(clip)
    if not parsed.clip:
        raise ClipIdError(f"{clip!r} has no clip number, so the conversation has no clip 1 that could be the history.")
    return str(replace(parsed, clip=_FIRST))


def personal_mask(neighbours: NeighbourTable, persons: Sequence[str]) -> NeighbourTable:
    """The neighbours of personalised generation: appropriate reactions that the clip's own listener gave.

    Args:
        neighbours: Neighbours of N directed clips.
        persons: (N,) person of each clip's listener, such as the data set's ``listener_person``.

    Returns:
        The table of the personalised clips, masked to the same listener person.

    Raises:
        NeighbourMatrixError: If there is not one person a clip.
        ClipIdError: If an id is malformed.

    Example:
        >>> import numpy as np
        >>> clips = [f"RECOLA/group-2/P41/{number}" for number in (1, 2, 3)]
        >>> table = NeighbourTable.from_matrix(np.ones((3, 3), dtype=bool), clips)
        >>> personal_mask(table, ["Anna", "Anna", "Ben"]).to_matrix().astype(int).tolist()
        [[1, 0], [0, 1]]
    """
    if len(persons) != len(neighbours.clips):
        raise NeighbourMatrixError(f"{len(persons)} persons were given for {len(neighbours.clips)} clips.")
    person_of = dict(zip(neighbours.clips, persons, strict=True))
    kept = personalised_clips(neighbours.clips)
    return neighbours.cut(kept).personal([person_of[clip] for clip in kept])


@file_access()
def write_person_specific(
    root: str | os.PathLike[str],
    folder: str | os.PathLike[str] | None = None,
    *,
    splits: Sequence[str] | None = None,
) -> list[Path]:
    """Write the files that personalised generation needs beside those of an official tree.

    ``person_specific_{split}.csv`` is the split's list without clip 1 of every conversation. The matrices are of their
    2N directed clips, 0 and 1 as float32: ``person_specific_masked_neighbour_emotion_{split}.npy``, and for train the
    unmasked ``person_specific_neighbour_emotion_train.npy``.

    Args:
        root: Folder of the REACT 2023 or 2024 tree.
        folder: Where to write; `root` if not given.
        splits: Which splits; those with listeners and an appropriateness matrix if not given.

    Returns:
        The files.

    Raises:
        LayoutError: If `root` is no such tree; a packed file has no lists.
        FileAccessError: If a file cannot be read or written.
        ClipListError: If a list is missing or malformed, hides its listeners, or a file exists already.
        NeighbourMatrixError: If a split has no appropriateness matrix, or one that does not fit.
    """
    source = Path(root)
    layout = find_layout(source)
    if layout.name not in _LAYOUTS:
        raise LayoutError(
            f"{source} is of the layout {layout.name}, but personalised generation goes by the lists of REACT 2023 and "
            "2024. Name the folder that holds train.csv, val.csv and test.csv."
        )
    target = source if folder is None else Path(folder)
    trees = [OfficialTree(source, split) for split in (listed_splits(source) if splits is None else splits)]
    usable = trees if splits is not None else [tree for tree in trees if tree.labelled]
    tables = [(tree, table) for tree in usable if (table := _table(tree, required=splits is not None)) is not None]
    if not tables:
        raise NeighbourMatrixError(f"{source} has no split with listeners and an appropriateness matrix.")
    written = [path for tree, _ in tables for path in _paths(target, tree.split)]
    existing = [path.name for path in written if path.exists()]
    if existing:
        raise ClipListError(f"{target} holds {', '.join(existing)} already. Delete them, or name another folder.")
    for tree, table in tables:
        _write(target, tree, table)
    return written


def _table(tree: OfficialTree, *, required: bool) -> NeighbourTable | None:
    if not tree.labelled:
        raise ClipListError(f"the listeners of {tree.list_path} are not there, so nothing says whose reactions count.")
    matrix = tree.neighbours()
    if matrix is None:
        if required:
            raise NeighbourMatrixError(f"{tree.root} has no appropriateness matrix of {tree.split}. Copy it there.")
        return None
    return NeighbourTable.from_matrix(matrix, tree.clip_ids)


def _paths(folder: Path, split: str) -> tuple[Path, Path]:
    masked = "" if split == "train" else "masked_"
    return folder / f"person_specific_{split}.csv", folder / f"person_specific_{masked}neighbour_emotion_{split}.npy"


def _write(folder: Path, tree: OfficialTree, table: NeighbourTable) -> None:
    list_path, matrix_path = _paths(folder, tree.split)
    with tree.list_path.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    column = header.index("speaker_path")
    kept = set(personalised_clips(table.clips))
    write_table(list_path, header, [row for row in rows if row and row[column].strip() in kept])
    if tree.split == "train":
        chosen = table.cut(personalised_clips(table.clips))
    else:
        chosen = personal_mask(table, [clip.listener.person_path for clip in tree.clips if clip.listener is not None])
    write_array(matrix_path, chosen.to_matrix().astype("float32"))
