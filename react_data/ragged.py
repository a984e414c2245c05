"""Clips of unequal length one after the other along one axis of rows, as CF's contiguous ragged form has it.

Conventions: ``speaker_emotion`` has dims ``(speaker_row, emotion)``, and ``speaker_row_size`` (clip) says how many rows
each clip has; listeners likewise. Sound and EEG have rows of their own: ``speaker_audio`` has the dim
``speaker_audio_row``, with ``speaker_audio_row_size`` (clip). Nothing is padded.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from react_data.errors import AnnotationError

__all__ = ["ClipSeries", "RaggedFiles", "RaggedRows", "clip_series", "ragged_variables"]

Series = NDArray[np.float32]

_READERS = 4


class RaggedRows(BackendArray):
    """An array of the rows of all clips, for xarray's lazy indexing; only the clips that are asked for are read.

    Args:
        sizes: Rows of each clip.
        channels: The shape of a row: (C,), or () for rows of one number.
    """

    def __init__(self, sizes: NDArray[np.integer[Any]], channels: tuple[int, ...]) -> None:
        self._ends = np.cumsum(sizes, dtype=np.int64)
        self._begins = self._ends - sizes
        self.shape = (int(self._ends[-1]) if len(self._ends) else 0, *channels)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Series:
        read: Any = indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)
        values: Series = read
        return values

    @abstractmethod
    def _part(self, clip: int, first: int, last: int) -> Series:
        """Rows `first` up to, not including, `last` of a clip."""

    def _read(self, key: tuple[Any, ...]) -> Series:
        rows, *channels = key
        if isinstance(rows, slice):
            values = self._stretch(range(self.shape[0])[rows])
        else:
            values = self._scattered(np.atleast_1d(rows))
            values = values if np.ndim(rows) else values[0]
        return values[(..., *channels)]

    def _stretch(self, rows: range) -> Series:
        """Rows at equal distances: sound has so many that their indices are never written out."""
        if rows.step < 0:
            return self._stretch(rows[::-1])[::-1]
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)

        def fill(clip: int) -> None:
            begin, end = int(self._begins[clip]), int(self._ends[clip])
            start, stop = (min(max(-(-(edge - rows.start) // rows.step), 0), len(rows)) for edge in (begin, end))
            if start < stop:
                values[start:stop] = self._part(clip, rows[start] - begin, rows[stop - 1] - begin + 1)[:: rows.step]

        if rows:
            first, last = np.searchsorted(self._ends, [rows[0], rows[-1]], side="right").tolist()
            _in_threads(fill, range(first, last + 1))
        return values

    def _scattered(self, rows: NDArray[np.integer[Any]]) -> Series:
        if rows.size and not (-self.shape[0] <= rows.min() and rows.max() < self.shape[0]):
            raise IndexError(f"rows {rows.min()} to {rows.max()} are asked for, but there are {self.shape[0]}.")
        wanted = np.where(rows < 0, rows + self.shape[0], rows)
        values = np.empty((len(wanted), *self.shape[1:]), self.dtype)
        clips = np.searchsorted(self._ends, wanted, side="right")

        def fill(clip: int) -> None:
            places = clips == clip
            inside = wanted[places] - self._begins[clip]
            first = int(inside.min())
            values[places] = self._part(clip, first, int(inside.max()) + 1)[inside - first]

        _in_threads(fill, np.unique(clips).tolist())
        return values


class RaggedFiles(RaggedRows):
    """A (row, channel) array over one file a clip.

    Args:
        paths: The clips' files.
        sizes: Rows of each clip.
        read: Reads a file, (rows, channels).
        channels: Channels of every file.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        sizes: NDArray[np.integer[Any]],
        read: Callable[[Path], Series],
        channels: int,
    ) -> None:
        super().__init__(sizes, (channels,))
        self._paths, self._read_file = list(paths), read

    def _part(self, clip: int, first: int, last: int) -> Series:
        values = self._read_file(self._paths[clip])
        size = int(self._ends[clip] - self._begins[clip])
        if len(values) != size:
            raise AnnotationError(
                f"{self._paths[clip]} has {len(values)} frames, expected {size} as when the split was opened. Open it "
                "again, or restore the file."
            )
        return values[first:last]


class ClipSeries:
    """The clips of a ragged variable, each read when it is used.

    Args:
        variable: (row,) or (row, channel).
        sizes: Rows of each clip.
    """

    def __init__(self, variable: xr.Variable, sizes: NDArray[np.integer[Any]]) -> None:
        self._variable = variable
        self._ends = np.cumsum(sizes, dtype=np.int64)
        self._sizes = np.asarray(sizes, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, clip: int) -> Series:
        end = self._ends[clip]
        rows = slice(int(end - self._sizes[clip]), int(end))
        return np.asarray(self._variable[rows].values, dtype=np.float32)

    def __iter__(self) -> Iterator[Series]:
        return (self[clip] for clip in range(len(self)))


class _EqualClips:
    """The clips of a variable (clip, …), each read when it is used."""

    def __init__(self, variable: xr.Variable) -> None:
        self._variable = variable

    def __len__(self) -> int:
        return len(self._variable)

    def __getitem__(self, clip: int) -> Series:
        return np.asarray(self._variable[clip].values, dtype=np.float32)

    def __iter__(self) -> Iterator[Series]:
        return (self[clip] for clip in range(len(self)))


def clip_series(dataset: xr.Dataset, name: str) -> Any:
    """The series of a variable by clip, for data sets of equal and of unequal lengths alike.

    Args:
        dataset: What `react_data.open_split` returned.
        name: Such as ``"speaker_emotion"`` or ``"listener_audio"``.

    Returns:
        A sequence of (T, C) float32 by clip, of (samples,) for audio; indexing reads one clip.

    Raises:
        KeyError: If the data set has no such variable.
    """
    variable = dataset[name].variable
    rows = str(variable.dims[0])
    if rows.endswith("_row"):
        return ClipSeries(variable, dataset[f"{rows}_size"].values)
    return _EqualClips(variable)


def ragged_variables(
    name: str,
    rows: RaggedRows | Series,
    sizes: Sequence[int],
    channels: Sequence[str],
    attributes: dict[str, Any],
) -> dict[str, xr.Variable]:
    """A series with rows of its own, and how many of them each clip has.

    Args:
        name: Of the variable, such as ``"speaker_audio"``.
        rows: Its values, by row.
        sizes: Rows of each clip.
        channels: Dims after the rows.
        attributes: Of the variable.

    Returns:
        The two variables by name.
    """
    dim = f"{name}_row"
    values = indexing.LazilyIndexedArray(rows) if isinstance(rows, RaggedRows) else rows
    return {
        name: xr.Variable((dim, *channels), values, attributes),
        f"{dim}_size": xr.Variable("clip", np.array(sizes, dtype=np.int64), {"sample_dimension": dim}),
    }


def _in_threads(work: Callable[[int], None], clips: Iterable[int]) -> None:
    waiting = list(clips)
    if len(waiting) == 1:
        work(waiting[0])
        return
    with ThreadPoolExecutor(_READERS) as readers:
        list(readers.map(work, waiting))
