"""OpenFace tracks of two people on one time axis, resampled to the challenge's frame rate."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from react_data.channels import OPENFACE
from react_data.errors import RecordingFormatError
from react_data.official_tree import SYNTHESIS_RECORD
from react_data.paired_recordings import PairedRecording, clips_of_pairs
from react_data.problems import abbreviate

__all__ = ["find_openface_pairs", "read_openface_folder", "read_openface_pair"]

_TRACKING = ("timestamp", "confidence", "success")
_LONGEST_GAP_S = 1.0


def read_openface_pair(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    frames_per_second: float = 25,
    clip_frames: int | None = 750,
) -> xr.Dataset:
    """Read what OpenFace tracked of two people in one conversation, and cut it in clips.

    Frames without a face (``success`` 0) are bridged by interpolation, like the steps between frames.

    Args:
        first: OpenFace csv of the first person: timestamp in seconds, confidence, success, gaze and head rotation in
            radians, action-unit intensities. Other columns are ignored.
        second: The same of the second person, on the same time axis.
        frames_per_second: Rate to which both are resampled, over the time that both cover.
        clip_frames: Frames a clip; an incomplete tail is dropped. None for one clip of full length.

    Returns:
        A data set as `react_data.open_split` gives it, with the channels `react_data.OPENFACE`: first the clips with
        `first` as the speaker, then those with `second`. The only neighbour of a clip is its own listener.

    Raises:
        RecordingFormatError: If columns are missing, values are not finite, timestamps do not increase, a face is lost
            for over a second, or the recording is shorter than a clip.
    """
    return _clips([(Path(first), Path(second))], frames_per_second, clip_frames)


def find_openface_pairs(folder: str | os.PathLike[str]) -> dict[str, tuple[Path, Path]]:
    """Pairs of files of one recording: ``NAME_p0.csv`` and ``NAME_p1.csv``.

    Args:
        folder: Where they lie.

    Returns:
        The two files by NAME.
    """
    firsts = sorted(Path(folder).glob("*_p0.csv"))
    pairs = {file.name.removesuffix("_p0.csv"): (file, file.with_name(file.name[:-5] + "1.csv")) for file in firsts}
    return {name: pair for name, pair in pairs.items() if pair[1].is_file()}


def read_openface_folder(
    folder: str | os.PathLike[str], *, frames_per_second: float = 25, clip_frames: int | None = 750
) -> xr.Dataset:
    """Read every pair of a folder; see `read_openface_pair`.

    Args:
        folder: Holds ``NAME_p0.csv`` and ``NAME_p1.csv`` for each recording.
        frames_per_second: Rate to which all are resampled.
        clip_frames: Frames a clip; an incomplete tail is dropped. None for one clip of full length.

    Returns:
        A data set as `react_data.open_split` gives it.

    Raises:
        RecordingFormatError: If there is no pair, or a file is unusable.
    """
    pairs = find_openface_pairs(folder)
    if not pairs:
        raise RecordingFormatError(f"{folder} holds no pair NAME_p0.csv and NAME_p1.csv. Name the files so.")
    return _clips(list(pairs.values()), frames_per_second, clip_frames)


def _clips(pairs: Sequence[tuple[Path, Path]], frames_per_second: float, clip_frames: int | None) -> xr.Dataset:
    if not frames_per_second > 0:
        raise RecordingFormatError(f"frames_per_second is {frames_per_second}, expected a positive number.")
    recordings = [_recording(pair, frames_per_second) for pair in pairs]
    dataset = clips_of_pairs(
        "openface", recordings, OPENFACE, clip_frames=clip_frames, frames_per_second=frames_per_second
    )
    return dataset.assign_attrs(synthetic=int(pairs[0][0].with_name(SYNTHESIS_RECORD).is_file()))


def _recording(paths: tuple[Path, Path], frames_per_second: float) -> PairedRecording:
    tracks = [_read(path) for path in paths]
    start = max(times[0] for times, _ in tracks)
    stop = min(times[-1] for times, _ in tracks)
    if stop <= start:
        raise RecordingFormatError(f"{paths[0]} and {paths[1]} have no time in common. Are they of one recording?")
    # A frame that falls on the last timestamp belongs to the clip, whatever rounding says.
    instants = start + np.arange(int((stop - start) * frames_per_second + 1e-6) + 1) / frames_per_second
    one, other = (_resampled(times, values, instants) for times, values in tracks)
    persons = (paths[0].stem, paths[1].stem) if paths[0].stem != paths[1].stem else ("first", "second")
    return PairedRecording(paths[0], f"{paths[0].stem}-{paths[1].stem}", persons, (one, other))


def _resampled(
    times: NDArray[np.float64], values: NDArray[np.float64], instants: NDArray[np.float64]
) -> NDArray[np.float32]:
    return np.column_stack([np.interp(instants, times, channel) for channel in values.T]).astype(np.float32)


def _read(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Timestamps (T,) and channels (T, 22) of the frames in which a face was found."""
    table = _read_table(path)
    times = table["timestamp"].to_numpy()
    late = np.flatnonzero(np.diff(times) <= 0)
    if late.size:
        raise RecordingFormatError(
            f"{path}, line {late[0] + 3}: the timestamp {times[late[0] + 1]:g} does not exceed the one before, "
            f"{times[late[0]]:g}. Use a file with one face and one recording."
        )
    found = (table["success"] > 0).to_numpy()
    if found.sum() < 2:
        raise RecordingFormatError(f"{path}: a face was found in {found.sum()} of {len(found)} frames.")
    times, lines = times[found], np.flatnonzero(found) + 2
    gaps = np.flatnonzero(np.diff(times) > _LONGEST_GAP_S)
    if gaps.size:
        named = abbreviate((f"lines {lines[gap]} to {lines[gap + 1]}" for gap in gaps), 5)
        raise RecordingFormatError(f"{path}: no face for over {_LONGEST_GAP_S:g} s in {named}. Cut the file there.")
    return times, table.loc[found, list(OPENFACE.channels)].to_numpy()


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, skip_blank_lines=False, encoding="utf-8")
    except FileNotFoundError:
        raise RecordingFormatError(f"{path} does not exist. Name an OpenFace csv.") from None
    except (ValueError, OSError) as error:
        raise RecordingFormatError(f"{path} is not a csv: {error}.") from None
    # OpenFace writes a space after each comma of the header.
    table.columns = table.columns.str.strip()
    wanted = [*_TRACKING, *OPENFACE.channels]
    missing = [column for column in wanted if column not in table]
    if missing:
        raise RecordingFormatError(f"{path}, line 1: the columns {abbreviate(missing)} are missing. Is it OpenFace's?")
    numbers: pd.DataFrame = table[wanted].apply(pd.to_numeric, errors="coerce")
    wrong = [f"line {row + 2}, {wanted[column]}" for row, column in np.argwhere(~np.isfinite(numbers.to_numpy()))]
    odd = np.flatnonzero((numbers["confidence"] < 0) | (numbers["confidence"] > 1))
    wrong += [f"line {row + 2}, confidence {numbers['confidence'].iloc[row]:g}, expected 0..1" for row in odd]
    if wrong:
        raise RecordingFormatError(f"{path}: expected finite numbers, but not so in {abbreviate(wrong, 5)}.")
    return numbers
