"""EEG of MARS (REACT 2026): a row a second, in csv files or in one archive of them.

Conventions: seconds without a measurement are NaN; nothing is filled. The four potentials are divided by 1000, as the
challenge's loader does. A video's frame t belongs to the row ⌊t / frames a second⌋.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from react_data.errors import RecordingFormatError
from react_data.problems import abbreviate
from react_data.ragged import ragged_variables

__all__ = ["EEG_CHANNELS", "eeg_by_frame", "eeg_variables", "read_eeg"]

_POTENTIALS = ("TP9", "AF7", "AF8", "TP10")
_BANDS = ("Delta", "Theta", "Alpha", "Beta", "Gamma")
EEG_CHANNELS = (*_POTENTIALS, *(f"{band}_{place}" for place in ("TP9", "TP10") for band in _BANDS))

_LARGEST_FILE = 1 << 24  # two days of rows
_LARGEST_ARCHIVE = 1 << 31  # unpacked
_ATTRIBUTES = {"rows_per_second": 1, "scaling": "TP9, AF7, AF8 and TP10 are divided by 1000, as the challenge does"}

Series = NDArray[np.float32]


def read_eeg(path: Path) -> Series:
    """Read a person's EEG of a clip.

    Args:
        path: A csv with one header row, then one row a second of 14 columns in the order of `EEG_CHANNELS`, or with
            these names in any order; blank where nothing was measured.

    Returns:
        (seconds, 14) float32, the first four channels divided by 1000; NaN where nothing was measured.

    Raises:
        RecordingFormatError: If the file is missing, too large or not such a csv, or holds infinite values.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise RecordingFormatError(f"{path} has over {_LARGEST_FILE} bytes, too many for a clip's EEG.")
        return _parsed(path.read_bytes(), path)
    except FileNotFoundError:
        raise RecordingFormatError(f"{path} does not exist. Copy the clip's EEG there.") from None
    except OSError as error:
        raise RecordingFormatError(f"{path} cannot be read: {error}.") from None


def eeg_by_frame(
    eeg: NDArray[np.floating], frames: int, frames_per_second: float = 30
) -> tuple[Series, NDArray[np.bool_]]:
    """EEG at the rate of the video, as the challenge's models take it: frame t takes row ⌊t / frames a second⌋.

    Args:
        eeg: (seconds, C), a row a second, NaN where nothing was measured.
        frames: Frames of the video, at least 1.
        frames_per_second: Of the video, above 0.

    Returns:
        (frames, C) float32 with 0 where nothing was measured or the EEG has ended, and (frames, C) bool, True where a
        value was measured.

    Raises:
        RecordingFormatError: If `eeg` has no rows and channels, or another argument is out of range.

    Example:
        >>> values, measured = eeg_by_frame(np.array([[1.0], [np.nan]]), frames=5, frames_per_second=2)
        >>> values[:, 0].tolist(), measured[:, 0].tolist()
        ([1.0, 1.0, 0.0, 0.0, 0.0], [True, True, False, False, False])
    """
    if eeg.ndim != 2 or frames < 1 or not frames_per_second > 0:
        raise RecordingFormatError(
            f"EEG of shape {eeg.shape}, {frames} frames and {frames_per_second:g} frames a second were given, expected "
            "(seconds, channels), at least 1 frame and a rate above 0."
        )
    rows = np.floor(np.arange(frames) / frames_per_second).astype(np.int64)
    there = rows < len(eeg)
    values = np.full((frames, eeg.shape[1]), np.nan, dtype=np.float32)
    values[there] = eeg[rows[there]]
    measured = ~np.isnan(values)
    return np.where(measured, values, np.float32(0)), measured


def eeg_variables(
    files: Mapping[str, Sequence[tuple[str, Path]]], archive: Path | None = None
) -> tuple[dict[str, xr.Variable], xr.Variable]:
    """The EEG of a split, read at once: an hour of a person takes 0.2 MB.

    Args:
        files: By role, the person's clip id and csv file for each clip.
        archive: A tar.gz that holds the csv files; their paths end as those in `files` do.

    Returns:
        For each role ``{role}_eeg`` (row, eeg) float32 and ``{role}_eeg_row_size`` (clip); and the channels' names.

    Raises:
        RecordingFormatError: If files are missing or unusable; lists them.
    """
    clips = {path: clip for persons in files.values() for clip, path in persons}
    series = _read_files(clips) if archive is None else _read_archive(archive, clips)
    variables: dict[str, xr.Variable] = {}
    for role, persons in files.items():
        parts = [series[path] for _, path in persons]
        sizes = [len(part) for part in parts]
        variables |= ragged_variables(f"{role}_eeg", np.concatenate(parts), sizes, ("eeg",), _ATTRIBUTES)
    return variables, xr.Variable("eeg", list(EEG_CHANNELS))


def _read_files(clips: Mapping[Path, str]) -> dict[Path, Series]:
    series: dict[Path, Series] = {}
    problems = []
    for path, clip in clips.items():
        try:
            series[path] = read_eeg(path)
        except RecordingFormatError as error:
            problems.append(f"{clip}: {error.message}")
    _refuse(problems)
    return series


def _read_archive(archive: Path, clips: Mapping[Path, str]) -> dict[Path, Series]:
    """The wanted members, read in one pass and never unpacked to disk."""
    wanted = {path.parts[-3:]: path for path in clips}
    series: dict[Path, Series] = {}
    problems: dict[Path, str] = {}
    try:
        with gzip.open(archive) as stream, tarfile.open(fileobj=_Limited(stream, archive), mode="r|") as members:
            for member in members:
                path = wanted.get(PurePosixPath(member.name).parts[-3:])
                if path in series:
                    problems[path] = f"{archive}: {member.name} comes twice. Keep one split in it."
                elif path is not None:
                    try:
                        series[path] = _member(members, member, archive)
                    except RecordingFormatError as error:
                        problems[path] = error.message
    except RecordingFormatError:
        raise
    except (OSError, EOFError, ValueError, OverflowError, tarfile.TarError, zlib.error) as error:
        raise RecordingFormatError(f"{archive} is no complete tar.gz: {error}. Copy it again.") from None
    absent = {path: f"{archive} holds no {'/'.join(key)}." for key, path in wanted.items() if path not in series}
    _refuse(f"{clips[path]}: {problem}" for path, problem in (absent | problems).items())
    return series


def _member(members: tarfile.TarFile, member: tarfile.TarInfo, archive: Path) -> Series:
    where = f"{archive}: {member.name}"
    content = members.extractfile(member) if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
    if content is None:
        raise RecordingFormatError(f"{where} is a link or no file. Pack the csv itself.")
    if member.size > _LARGEST_FILE:
        raise RecordingFormatError(f"{where} has {member.size} bytes, too many for a clip's EEG.")
    return _parsed(content.read(), where)


class _Limited(io.RawIOBase):
    """A stream that ends in an error where it holds more than an archive of EEG can: it was made to exhaust memory."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, archive: Path) -> None:
        self._stream, self._archive, self._left = stream, archive, _LARGEST_ARCHIVE

    def read(self, size: int = -1) -> bytes:
        content = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise RecordingFormatError(f"{self._archive} unpacks to over {_LARGEST_ARCHIVE} bytes. Is it the EEG?")
        return content


def _parsed(content: bytes, where: object) -> Series:
    header, _, rows = content.partition(b"\n")
    try:
        names = [name.strip() for name in header.decode("utf-8-sig").split(",")]
        table = pd.read_csv(
            io.BytesIO(rows), header=None, dtype=np.float32, skip_blank_lines=False, skipinitialspace=True
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise RecordingFormatError(f"{where} is not a csv with a header and rows of numbers: {error}.") from None
    if table.shape[1] != len(EEG_CHANNELS) or len(names) != len(EEG_CHANNELS):
        raise RecordingFormatError(
            f"{where} has {len(names)} columns in its header and {table.shape[1]} in its rows, expected "
            f"{len(EEG_CHANNELS)}: {', '.join(EEG_CHANNELS)}."
        )
    values = table.to_numpy(dtype=np.float32)
    if set(names) == set(EEG_CHANNELS):
        values = values[:, [names.index(name) for name in EEG_CHANNELS]]
    infinite = np.argwhere(np.isinf(values))
    if infinite.size:
        row, column = infinite[0]
        raise RecordingFormatError(
            f"{where} holds {len(infinite)} infinite values, the first in second {row}, {EEG_CHANNELS[column]}. Leave "
            "seconds without a measurement blank."
        )
    values[:, : len(_POTENTIALS)] /= 1000
    return values


def _refuse(problems: Iterable[str]) -> None:
    found = list(problems)
    if found:
        raise RecordingFormatError(f"{len(found)} EEG files cannot be used: {abbreviate(found, 10)}")
