"""Clips of unequal length one after the other along one axis of frames, as CF's contiguous ragged form has it.

Conventions: ``speaker_emotion`` has dims ``(speaker_row, emotion)``, and ``speaker_row_size`` (clip) says how many rows
each clip has; listeners likewise. Nothing is padded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from react_data.errors import AnnotationError

__all__ = ["ClipSeries", "RaggedFiles", "clip_series"]

Series = NDArray[np.float32]

_READERS = 4


class RaggedFiles(BackendArray):
    """A (row, channel) array over one file a clip, for xarray's lazy indexing."""

    def __init__(
        self, paths: Sequence[Path], sizes: NDArray[np.int64], read: Callable[[Path], Series], channels: int
    ) -> None:
        self._paths, self._read_file = list(paths), read
        self._ends = np.cumsum(sizes, dtype=np.intp)
        self.shape = (int(self._ends[-1]) if len(self._ends) else 0, channels)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Series:
        read: Any = indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)
        values: Series = read
        return values

    def _read(self, key: tuple[Any, ...]) -> Series:
        rows, channels = key
        chosen = np.arange(self.shape[0])[rows]
        wanted = np.atleast_1d(chosen)
        values = np.empty((len(wanted), self.shape[1]), self.dtype)
        clips = np.searchsorted(self._ends, wanted, side="right")

        def fill(clip: int) -> None:
            places = clips == clip
            begin = self._ends[clip] - self._size(clip)
            values[places] = self._clip(clip)[wanted[places] - begin]

        with ThreadPoolExecutor(_READERS) as readers:
            list(readers.map(fill, np.unique(clips).tolist()))
        return (values if chosen.ndim else values[0])[..., channels]

    def _size(self, clip: int) -> int:
        return int(self._ends[clip] - (self._ends[clip - 1] if clip else 0))

    def _clip(self, clip: int) -> Series:
        values = self._read_file(self._paths[clip])
        if len(values) != self._size(clip):
            raise AnnotationError(
                f"{self._paths[clip]} has {len(values)} frames, expected {self._size(clip)} as when the split was "
                "opened. Open it again, or restore the file."
            )
        return values


class ClipSeries:
    """The clips of a ragged variable, each read when it is used.

    Args:
        variable: (row, channel).
        sizes: Rows of each clip.
    """

    def __init__(self, variable: xr.DataArray, sizes: NDArray[np.integer[Any]]) -> None:
        self._variable = variable
        self._ends = np.cumsum(sizes, dtype=np.intp)
        self._sizes = np.asarray(sizes, dtype=np.intp)

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, clip: int) -> Series:
        end = self._ends[clip]
        rows = slice(int(end - self._sizes[clip]), int(end))
        return np.asarray(self._variable[rows].values, dtype=np.float32)

    def __iter__(self) -> Iterator[Series]:
        return (self[clip] for clip in range(len(self)))


def clip_series(dataset: xr.Dataset, name: str) -> Any:
    """The series of a variable by clip, for data sets of equal and of unequal lengths alike.

    Args:
        dataset: What `react_data.open_split` returned.
        name: Such as ``"speaker_emotion"``.

    Returns:
        A sequence of (T, C) float32 by clip; indexing reads one clip.

    Raises:
        KeyError: If the data set has no such variable.
    """
    variable = dataset[name]
    role = name.partition("_")[0]
    if variable.dims[0] == f"{role}_row":
        return ClipSeries(variable, dataset[f"{role}_row_size"].values)
    return variable
