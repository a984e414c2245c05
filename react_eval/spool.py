"""Predictions that have passed by and may be needed again, in a temporary file instead of memory."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from react_eval.errors import TemporaryFolderError

__all__ = ["Spool"]

Values = NDArray[np.float32]


class Spool(Mapping[str, Values]):
    """Arrays by clip id in a temporary file without a name, which goes away with the last user.

    A spool never changes: `grown` makes one that holds more in the same file. Only the one grown last may be grown
    again; after a failure, it writes over what the failed one has left. A forked process reads what its parent wrote,
    and begins a file of its own. Pickled or copied, a spool takes its arrays along.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._file: _File | None = None
        self._end = 0

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __getitem__(self, clip: str) -> Values:
        place = self._places[clip]
        stored = place.file.read(place.begin, 4 * int(np.prod(place.shape)))
        return np.frombuffer(stored, dtype=np.float32).reshape(place.shape)

    def __reduce__(self) -> tuple[Callable[..., Spool], tuple[list[tuple[str, Values]]]]:
        return _spooled, (list(self.items()),)

    def grown(self, clips: Iterable[tuple[str, Values]]) -> Spool:
        """This spool with more clips.

        Args:
            clips: Ids and arrays; each is written before the next one is asked for.

        Raises:
            TemporaryFolderError: If the disk does not take them.
        """
        other = Spool()
        other._places, other._file, other._end = dict(self._places), self._file, self._end
        try:
            for clip, values in clips:
                other._append(clip, np.ascontiguousarray(values, dtype=np.float32))
        except OSError as error:
            if self._file is not None:
                self._file.cut(self._end)
            raise TemporaryFolderError(
                f"predictions that are needed again at the end could not be written to the temporary folder "
                f"{tempfile.tempdir or 'that TMPDIR names'}: {error}. Nothing of this batch was added: make room and "
                "add it again, or start with TMPDIR naming another folder."
            ) from error
        return other

    def _append(self, clip: str, values: Values) -> None:
        if self._file is None or self._file.process != os.getpid():
            self._file, self._end = _File(), 0
        self._file.write(self._end, values.data.cast("B"))
        self._places[clip] = _Place(self._file, self._end, values.shape)
        self._end += values.nbytes


def _spooled(clips: Iterable[tuple[str, Values]]) -> Spool:
    return Spool().grown(clips)


@dataclass(frozen=True)
class _Place:
    """Where an array is."""

    file: _File
    begin: int
    shape: tuple[int, ...]


class _File:
    """A temporary file without a name; the process that made it writes, forked ones only read."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._file = tempfile.TemporaryFile(prefix="react-eval-spool-", buffering=0)  # noqa: SIM115  closed below
        self._lock = Lock()
        weakref.finalize(self, self._file.close)

    def write(self, begin: int, stored: memoryview) -> None:
        with self._lock:
            self._file.seek(begin)
            while stored:
                stored = stored[self._file.write(stored) :]

    def read(self, begin: int, size: int) -> bytes:
        if hasattr(os, "pread"):  # leaves the position alone, which forked processes share
            return os.pread(self._file.fileno(), size, begin)
        with self._lock:
            self._file.seek(begin)
            return self._file.read(size)

    def cut(self, end: int) -> None:
        """Give the room beyond `end` back."""
        with suppress(OSError):
            self._file.truncate(end)
