"""Checks of recordings of two people: pairs of OpenFace files, and rMEA text files of motion energy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import xarray as xr

from react_data.channels import schema_of
from react_data.checking import attempt, check_each
from react_data.motion_energy import read_motion_energy
from react_data.official_tree import FRAMES_SCORED
from react_data.openface import find_openface_pairs, read_openface_pair
from react_data.problems import ProblemReport
from react_data.verification_of_files import NO_FILE, SHORT
from react_data.verification_of_values import UNREADABLE, check_ranges

__all__ = ["verify_motion_energy", "verify_openface_folder"]

_Pair = tuple[Path, Path]


def verify_openface_folder(
    root: Path,
    splits: Sequence[str] | None,  # noqa: ARG001  there are no splits
    report: ProblemReport,
    show_progress: bool | None,
) -> None:
    """Find every problem of a folder of pairs ``NAME_p0.csv`` and ``NAME_p1.csv``.

    Args:
        root: The folder.
        splits: Not used, since recordings have no splits.
        report: Receives the problems.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
    """
    pairs = list(find_openface_pairs(root).values())
    paired = {path for pair in pairs for path in pair}
    for path in sorted([*root.glob("*_p0.csv"), *root.glob("*_p1.csv")]):
        if path not in paired:
            partner = f"{path.stem[:-1]}{1 - int(path.stem[-1])}.csv"
            report.error(NO_FILE, f"has no partner {partner}, so nobody reacts. Copy it there.", path.name)
    frames = check_each(pairs, _check_pair, report, "verifying", show_progress)
    report.checked["all"] = f"{len(pairs)} pairs, {sum(frames)} frames"


def _check_pair(pair: _Pair, report: ProblemReport) -> int | None:
    where = f"{pair[0].name} and {pair[1].name}"
    trial = ProblemReport("")
    opened = attempt(partial(read_openface_pair, *pair, clip_frames=None), UNREADABLE, pair[0], where, trial)
    if opened is None:
        # The reader stops at the first file that is damaged, and each can be; read against itself, a file has no other.
        for path in pair:
            attempt(partial(read_openface_pair, path, path, clip_frames=None), UNREADABLE, path, path.name, report)
        report.problems += trial.problems if not report.problems else []
        return None
    for number, path in enumerate(pair):
        _check_series(opened, number, path.name, report)
    return _check_frames(opened, where, report)


def verify_motion_energy(
    root: Path,
    splits: Sequence[str] | None,  # noqa: ARG001  there are no splits
    report: ProblemReport,
    show_progress: bool | None,
) -> None:
    """Find every problem of a folder of rMEA text files.

    Args:
        root: The folder, or one file.
        splits: Not used, since recordings have no splits.
        report: Receives the problems.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
    """
    files = sorted(root.glob("*.txt")) if root.is_dir() else [root]
    frames = check_each(files, _check_energy, report, "verifying", show_progress)
    report.checked["all"] = f"{len(files)} recordings, {sum(frames)} frames"


def _check_energy(path: Path, report: ProblemReport) -> int | None:
    opened = attempt(partial(read_motion_energy, path, clip_frames=None), UNREADABLE, path, path.name, report)
    return None if opened is None else _check_frames(opened, path.name, report)


def _check_series(dataset: xr.Dataset, clip: int, where: str, report: ProblemReport) -> None:
    rate = dataset.attrs["frames_per_second"]
    values = dataset["speaker_emotion"].values[clip]
    check_ranges(values, schema_of(dataset, "emotion"), where, lambda frame: f"second {frame / rate:.2f}", report)


def _check_frames(dataset: xr.Dataset, where: str, report: ProblemReport) -> int:
    frames = dataset.sizes["frame"]
    if frames < FRAMES_SCORED:
        message = f"has {frames} frames at {dataset.attrs['frames_per_second']:g} a second, fewer than one clip of"
        report.error(SHORT, f"{message} {FRAMES_SCORED}. Leave it out, or open with a smaller clip_frames=.", where)
    return frames
