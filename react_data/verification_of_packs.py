"""Checks of a packed file: every chunk against its checksum; every series, and the ids, against their hashes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from react_data.errors import NeighbourMatrixError, PackError
from react_data.neighbour_files import read_neighbour_group
from react_data.packed_arrays import opened_pack
from react_data.packed_sources import SOUND
from react_data.packed_split import packed_kinds, packed_splits
from react_data.packed_writing import BY_CLIP, index_hash, series_hash
from react_data.problems import ProblemKind, ProblemReport
from react_data.progress import track

__all__ = ["verify_pack"]

BAD_PACK = ProblemKind("RD131", "A packed file is incomplete, or no packed file. Copy it again, or pack anew.")
DAMAGED_SERIES = ProblemKind(
    "RD132", "A series in a packed file is not what was packed: bytes have changed. Copy the file again."
)
DAMAGED_INDEX = ProblemKind(
    "RD133", "Ids or neighbours in a packed file are not what was packed: bytes have changed. Copy the file again."
)


def verify_pack(path: Path, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None) -> None:
    """Find everything in a packed file that is not what was packed.

    Args:
        path: The file.
        splits: Splits that have to be there; those that are there, if None.
        report: Receives the problems.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
    """
    try:
        there = packed_splits(path)
    except PackError as error:
        report.error(BAD_PACK, error.message)
        return
    with opened_pack(path) as file:
        for split in there if splits is None else splits:
            if split not in there:
                report.error(BAD_PACK, f"is not there; the file has {', '.join(there)}.", split)
                continue
            try:
                _check_split(file[split], split, packed_kinds(path, split), report, show_progress)
            except (KeyError, ValueError, OSError, RuntimeError) as error:
                report.error(BAD_PACK, f"cannot be read: {error}. Copy the file again.", split)


def _check_split(
    group: h5py.Group, split: str, kinds: Sequence[str], report: ProblemReport, show_progress: bool | None
) -> None:
    count = len(group["clip"])
    about = [", ".join(kinds)] + (["neighbours"] if "neighbours" in group else [])
    report.checked[split] = f"{count} clips of {len(group['person_clip'])} persons' clips; {', '.join(about)}"
    texts = {name: group[name].asstr()[:].tolist() for name in (*BY_CLIP, "person_clip") if name in group}
    indices = {name: group[name][:].tolist() for name in ("speaker_of", "listener_of") if name in group}
    if index_hash(texts | indices) != group.attrs["index_sha256"]:
        report.error(DAMAGED_INDEX, "has other ids than were packed. Copy the file again.", split)
    if "neighbours" in group:
        _check_neighbours(group["neighbours"], texts["clip"], split, report)
    for kind in kinds:
        _check_series(group, split, kind, report, show_progress)


def _check_neighbours(group: h5py.Group, clips: Sequence[str], split: str, report: ProblemReport) -> None:
    try:
        table = read_neighbour_group(group)
    except NeighbourMatrixError as error:
        report.error(DAMAGED_INDEX, error.message, f"{split}, neighbours")
        return
    if list(table.clips) != list(clips):
        report.error(DAMAGED_INDEX, "are those of other clips. Copy the file again.", f"{split}, neighbours")


def _check_series(group: h5py.Group, split: str, kind: str, report: ProblemReport, show_progress: bool | None) -> None:
    stored, names = group[f"person_{kind}"], group["person_clip"].asstr()[:]
    expected = group[f"{kind}_sha256"].asstr()[:]
    sizes = group[f"{kind}_row_size"][:] if f"{kind}_row_size" in group else None
    ends = None if sizes is None else np.cumsum(sizes)
    for number in track(range(len(expected)), f"verifying {kind} of {split}", show=show_progress):
        where = f"{split}, {names[number]}, {kind}"
        rows = slice(None) if ends is None or sizes is None else slice(ends[number] - sizes[number], ends[number])
        try:
            values = _series(stored, kind, number, rows)
        except OSError:
            report.error(DAMAGED_SERIES, "cannot be read: its checksum is wrong. Copy the file again.", where)
            continue
        if series_hash(values) != expected[number]:
            report.error(DAMAGED_SERIES, "is not what was packed: its hash differs. Copy the file again.", where)


def _series(stored: h5py.Dataset, kind: str, number: int, rows: slice) -> NDArray[np.generic]:
    """(rows, channels) of a person's clip."""
    if kind == SOUND:
        values: NDArray[np.generic] = stored[rows]
    else:
        values = (stored[number] if stored.ndim == 3 else stored[:, rows]).T
    return values
