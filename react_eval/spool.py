"""Predictions that have passed by and may be needed again, in a temporary file instead of memory."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from threading import Lock

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spool"]

Values = NDArray[np.float32]


class Spool:
    """Arrays by clip id in a temporary file without a name, which goes away with the last user."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="react-eval-spool-")  # noqa: SIM115  lives as long as the spool
        weakref.finalize(self, self._file.close)
        self._places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, clip: object) -> bool:
        return clip in self._places

    def __setitem__(self, clip: str, values: Values) -> None:
        with self._lock:
            place = self._file.seek(0, 2)
            self._file.write(np.ascontiguousarray(values, dtype=np.float32).data)
            self._places[clip] = place, values.shape

    def __getitem__(self, clip: str) -> Values:
        place, shape = self._places[clip]
        with self._lock:
            self._file.seek(place)
            stored = self._file.read(4 * int(np.prod(shape)))
        return np.frombuffer(stored, dtype=np.float32).reshape(shape)
