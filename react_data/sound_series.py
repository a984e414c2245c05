"""The sound of the clips of a split as one lazily read series: headers are read at opening, samples when used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.errors import RecordingFormatError
from react_data.problems import abbreviate
from react_data.ragged import RaggedRows, ragged_variables
from react_data.wave_files import WaveFile, open_wave

__all__ = ["sound_variables"]

_READERS = 8


class _SoundRows(RaggedRows):
    """A (row,) array over one wav file a clip; of a file only the samples that are asked for are read."""

    def __init__(self, files: Sequence[WaveFile]) -> None:
        super().__init__(np.array([file.samples for file in files], dtype=np.int64), ())
        self._files = list(files)

    def _part(self, clip: int, first: int, last: int) -> NDArray[np.float32]:
        return self._files[clip].read(first, last)


def sound_variables(files: Mapping[str, Sequence[tuple[str, Path]]]) -> dict[str, xr.Variable]:
    """The sound of a split.

    Args:
        files: By role, the person's clip id and wav file for each clip.

    Returns:
        For each role ``{role}_audio`` (row,) float32 in [-1, 1], the mean over the sound channels at the files' own
        rate, which the attribute ``sample_rate`` names, and ``{role}_audio_row_size`` (clip).

    Raises:
        RecordingFormatError: If files are missing, are no wav or truncated, or differ in sample rate; lists them.
    """
    opened = _opened({path: clip for persons in files.values() for clip, path in persons})
    attributes = {"sample_rate": _common_rate(opened.values()), "units": "full scale"}
    variables: dict[str, xr.Variable] = {}
    for role, persons in files.items():
        waves = [opened[path] for _, path in persons]
        sizes = [wave.samples for wave in waves]
        variables |= ragged_variables(f"{role}_audio", _SoundRows(waves), sizes, (), attributes)
    return variables


def _opened(clips: Mapping[Path, str]) -> dict[Path, WaveFile]:
    """The header of every file; a person who speaks in one clip and listens in another is read once."""

    def attempt(path: Path) -> WaveFile | RecordingFormatError:
        try:
            return open_wave(path)
        except RecordingFormatError as error:
            return error

    with ThreadPoolExecutor(_READERS) as readers:
        found = dict(zip(clips, readers.map(attempt, clips), strict=True))
    problems = [f"{clips[path]}: {each.message}" for path, each in found.items() if not isinstance(each, WaveFile)]
    if problems:
        raise RecordingFormatError(f"{len(problems)} sound files cannot be used: {abbreviate(problems, 10)}")
    return {path: each for path, each in found.items() if isinstance(each, WaveFile)}


def _common_rate(files: Iterable[WaveFile]) -> int:
    rates: dict[int, list[WaveFile]] = {}
    for file in files:
        rates.setdefault(file.sample_rate, []).append(file)
    if len(rates) > 1:
        named = "; ".join(f"{len(some)} of {rate}, such as {some[0].path}" for rate, some in sorted(rates.items()))
        raise RecordingFormatError(f"sound files differ in samples a second: {named}. Convert them to one rate.")
    return next(iter(rates))
