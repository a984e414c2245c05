"""Arrays whose clips are read from their files when they are indexed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from react_data.errors import AnnotationError

__all__ = ["ClipFiles"]

_READERS = 4


class ClipFiles(BackendArray):
    """A (clip, frame, channel) array over one file a clip, for xarray's lazy indexing."""

    def __init__(
        self, paths: Sequence[Path], read: Callable[[Path], NDArray[np.float32]], frames: int, channels: int
    ) -> None:
        self._paths = list(paths)
        self._read_file = read
        self.shape = (len(paths), frames, channels)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[np.float32]:
        read: Any = indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)
        values: NDArray[np.float32] = read
        return values

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        clips, frames, channels = key
        chosen = np.arange(self.shape[0])[clips]
        if chosen.ndim == 0:
            return np.asarray(self._clip(int(chosen))[frames][..., channels])
        shape = (len(chosen), *np.empty(self.shape[1:], dtype=bool)[frames][..., channels].shape)
        values = np.empty(shape, dtype=self.dtype)

        def fill(row: int) -> None:
            values[row] = self._clip(int(chosen[row]))[frames][..., channels]

        with ThreadPoolExecutor(_READERS) as readers:
            list(readers.map(fill, range(len(chosen))))
        return values

    def _clip(self, clip: int) -> NDArray[np.float32]:
        values = self._read_file(self._paths[clip])
        if len(values) < self.shape[1]:
            raise AnnotationError(
                f"{self._paths[clip]} has {len(values)} frames, expected at least {self.shape[1]}. "
                f"Open the split with frames={len(values)}, or repair the file."
            )
        return values[: self.shape[1]]
