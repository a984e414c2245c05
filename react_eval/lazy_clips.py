"""Predictions that are computed when they are read: a dask array with a clip axis."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LazyClips", "is_dask"]

Values = NDArray[np.float32]

_BLOCKS_KEPT = 4


def is_dask(values: Any) -> bool:
    """Whether something is a dask array; dask itself need not be installed."""
    return type(values).__module__.partition(".")[0] == "dask" and hasattr(values, "chunks")


class LazyClips:
    """The clips of a dask array, read block by block; the last few blocks are kept, so clips in order compute it once.

    Args:
        array: (N, α, T, C) dask array of any chunks.
    """

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape: tuple[int, ...] = tuple(array.shape)
        self.dtype = array.dtype
        self._ends = list(accumulate(array.chunks[0]))
        self._blocks: OrderedDict[int, Values] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Values]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int, /) -> Values:
        block = self.block_of(index)
        begin = self._ends[block - 1] if block else 0
        clip: Values = self._computed(block, begin)[index - begin]
        return clip

    def block_of(self, index: int) -> int:
        """Which chunk along the clip axis a clip is in."""
        return bisect_right(self._ends, index)

    def lazily(self, indices: Sequence[int]) -> Any:
        """Some clips as a dask array that is not computed yet."""
        return self.array[list(indices)]

    def _computed(self, block: int, begin: int) -> Values:
        with self._lock:
            if block not in self._blocks:
                values = self.array[begin : self._ends[block]].compute()
                self._blocks[block] = np.asarray(values).astype(np.float32, order="C", copy=False)
                while len(self._blocks) > _BLOCKS_KEPT:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end(block)
            found: Values = self._blocks[block]
        return found
