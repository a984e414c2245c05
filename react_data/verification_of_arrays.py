"""Checks of a folder of plain arrays: shapes that fit, finite values in range, names, neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.channels import COEFFICIENTS_58, EMOTION_25, ChannelSchema, schema_for
from react_data.checking import attempt, check_each
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.stored_arrays import open_array
from react_data.verification_of_files import NO_FILE, UNLISTED
from react_data.verification_of_lists import IN_TWO_SPLITS
from react_data.verification_of_matrices import check_matrix
from react_data.verification_of_values import UNREADABLE, check_finite, check_ranges, check_values

__all__ = ["verify_array_folder"]

BAD_SHAPE = ProblemKind(
    "RD127",
    "An array of a folder of plain arrays does not fit: series are floats (clips, frames, channels), with as many "
    "clips and frames as speaker_emotion.npy; listeners have the channels of speakers, and 3DMM has 58.",
)
BAD_NAMES = ProblemKind(
    "RD128",
    "clips.txt, sessions.txt or channels.txt of a folder of plain arrays is no text in UTF-8, or does not have a line "
    "for each clip or channel. Names of clips and channels come once.",
)

_ROLES = ("speaker", "listener")
_FIRST = "speaker_emotion"
_NAMES = {"clips.txt": 0, "sessions.txt": 0, "channels.txt": 2}

_Stored = NDArray[np.floating]


def verify_array_folder(
    root: Path, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None
) -> None:
    """Find every problem of a folder that holds a folder of arrays for each split.

    Args:
        root: The folder.
        splits: Splits that have to be there; those that are there, if None.
        report: Receives the problems.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
    """
    there = sorted({path.parent.name for role in _ROLES for path in root.glob(f"*/{role}_*.npy")})
    first_split: dict[str, str] = {}
    for split in there if splits is None else splits:
        check = partial(_check_split, root, split, report, show_progress)
        for clip in attempt(check, UNREADABLE, root / split, split, report) or []:
            if first_split.setdefault(clip, split) != split:
                where = f"{split}/clips.txt"
                report.error(IN_TWO_SPLITS, f"{clip} is also in {first_split[clip]}. Keep one.", where)


def _check_split(root: Path, split: str, report: ProblemReport, show_progress: bool | None) -> list[str]:
    """Check a split, and return the names of its clips where it has any."""
    if not (root / split).is_dir():
        report.error(NO_FILE, "is not there. Name a folder with arrays.", split)
        return []
    paths = sorted(path for role in _ROLES for path in (root / split).glob(f"{role}_*.npy"))
    arrays = {path.stem: _opened(path, f"{split}/{path.name}", report) for path in paths}
    if _FIRST not in arrays:
        report.error(NO_FILE, "does not exist. Save what the speakers do there.", f"{split}/{_FIRST}.npy")
    usable = {name: array for name, array in arrays.items() if array is not None}
    first = usable.get(_FIRST)
    names = {name: _names(root / split / name, first, axis, report) for name, axis in _NAMES.items()}
    clips = names["clips.txt"]
    known = clips or [f"{split}/{number}" for number in range(0 if first is None else len(first))]
    if first is not None:
        usable = {name: array for name, array in usable.items() if _fits(name, usable, split, report)}
        check_matrix(root / split / "neighbours.npy", known, report, f"{split}/neighbours.npy")
    pieces = [(name, number) for name, array in usable.items() for number in range(len(array))]

    def check(piece: tuple[str, int], own: ProblemReport) -> None:
        name, number = piece
        clip = known[number] if number < len(known) else str(number)
        path, where = root / split / f"{name}.npy", f"{split}/{name}.npy"
        schema = _schema(name, usable[name], names)
        attempt(partial(_check_clip, usable[name][number], schema, where, clip, own), UNREADABLE, path, where, own)

    check_each(pieces, check, report, f"verifying {split}", show_progress, unit="clip")
    _check_unknown(root / split, report)
    report.checked[split] = f"{len(known)} clips; {', '.join(arrays)}"
    return clips


def _opened(path: Path, where: str, report: ProblemReport) -> _Stored | None:
    values = attempt(partial(open_array, path), UNREADABLE, path, where, report)
    if values is not None and (values.ndim != 3 or values.dtype.kind != "f" or 0 in values.shape):
        message = f"holds {values.dtype} of shape {values.shape}, expected floats (clips, frames, channels)."
        report.error(BAD_SHAPE, f"{message} Save them so.", where)
        return None
    return values


def _fits(name: str, arrays: dict[str, _Stored], split: str, report: ProblemReport) -> bool:
    role, _, kind = name.partition("_")
    shape, first = arrays[name].shape, arrays[_FIRST].shape
    partner = arrays.get(f"speaker_{kind}") if role == "listener" else None
    channels = len(COEFFICIENTS_58) if kind == "3dmm" else partner.shape[2] if partner is not None else shape[2]
    expected = (*first[:2], channels)
    if shape != expected:
        message = f"has shape {shape}, expected {expected} as the speakers have. Save the same clips."
        report.error(BAD_SHAPE, message, f"{split}/{name}.npy")
    return bool(shape[2] == channels)


def _names(path: Path, first: _Stored | None, axis: int, report: ProblemReport) -> list[str]:
    """The lines of a text file, if it has one for each clip or channel."""
    if not path.is_file():
        return []
    where = f"{path.parent.name}/{path.name}"
    lines = attempt(lambda: path.read_text(encoding="utf-8").splitlines(), BAD_NAMES, path, where, report)
    if lines is None:
        return []
    wrong = first is not None and len(lines) != first.shape[axis]
    if first is not None and wrong:
        message = f"has {len(lines)} lines, expected {first.shape[axis]}: one for each {path.stem[:-1]}."
        report.error(BAD_NAMES, message, where)
    repeated = [line for line, count in Counter(lines).items() if count > 1]
    if repeated and path.stem != "sessions":
        report.error(BAD_NAMES, f"names {abbreviate(repeated, 5)} more than once. Keep one of each.", where)
    return [] if wrong else lines


def _schema(name: str, array: _Stored, names: dict[str, list[str]]) -> ChannelSchema:
    if name.endswith("_emotion"):
        return schema_for(names["channels.txt"] or array.shape[2])
    return COEFFICIENTS_58 if name.endswith("_3dmm") else schema_for([f"column {n}" for n in range(array.shape[2])])


def _check_clip(values: _Stored, schema: ChannelSchema, where: str, clip: str, report: ProblemReport) -> None:
    series = np.asarray(values, dtype=np.float32)

    def place(frame: int) -> str:
        return f"clip {clip}, frame {frame}"

    if not check_finite(series, schema, where, place, report):
        return
    if schema is EMOTION_25:
        check_values(series, where, place, report)
    else:
        check_ranges(series, schema, where, place, report)


def _check_unknown(folder: Path, report: ProblemReport) -> None:
    known = {"neighbours.npy", *_NAMES}
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    unknown = [name for name in found if name not in known and not name.startswith(tuple(f"{r}_" for r in _ROLES))]
    if unknown:
        report.warning(
            UNLISTED, f"{len(unknown)} files of no known name: {abbreviate(unknown)}. Remove them.", folder.name
        )
