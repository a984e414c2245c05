"""Checks of a packed file: every chunk against its checksum, every series against its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from react_data.errors import PackError
from react_data.packed_split import opened_pack, packed_splits
from react_data.packing import KINDS
from react_data.problems import ProblemKind, ProblemReport
from react_data.progress import track

__all__ = ["verify_pack"]

BAD_PACK = ProblemKind("RD131", "A packed file is incomplete, or no packed file. Copy it again, or pack anew.")
DAMAGED_SERIES = ProblemKind(
    "RD132", "A series in a packed file is not what was packed: bytes have changed. Copy the file again."
)


def verify_pack(path: Path, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None) -> None:
    """Find every series of a packed file that is not what was packed.

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
            kinds = [kind for kind in KINDS if f"person_{kind}" in file[split]]
            count = len(file[split]["clip"])
            report.checked[split] = (
                f"{count} clips of {len(file[split]['person_clip'])} persons' clips; {', '.join(kinds)}"
            )
            for kind in kinds:
                _check_series(file[split], split, kind, report, show_progress)


def _check_series(group: h5py.Group, split: str, kind: str, report: ProblemReport, show_progress: bool | None) -> None:
    stored, names = group[f"person_{kind}"], group["person_clip"].asstr()[:]
    expected = group[f"{kind}_sha256"].asstr()[:]
    ends = np.cumsum(group[f"{kind}_row_size"][:]) if stored.ndim == 2 else None
    for number in track(range(len(names)), f"verifying {kind} of {split}", show=show_progress):
        where = f"{split}, {names[number]}, {kind}"
        try:
            values = stored[number] if ends is None else stored[:, ends[number - 1] if number else 0 : ends[number]]
        except OSError:
            report.error(DAMAGED_SERIES, "cannot be read: its checksum is wrong. Copy the file again.", where)
            continue
        if hashlib.sha256(np.ascontiguousarray(values.T, dtype="<f4").data).hexdigest() != expected[number]:
            report.error(DAMAGED_SERIES, "is not what was packed: its hash differs. Copy the file again.", where)
