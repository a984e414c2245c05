"""Arrays that are read from a packed file when they are indexed, for xarray's lazy indexing."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from react_data.errors import PackError
from react_data.packed_writing import FORMAT
from react_data.ragged import RaggedRows
from react_data.wave_files import one_channel

__all__ = ["OpenedPack", "PersonClips", "PersonRows", "PersonSound", "opened_pack"]


def opened_pack(path: Path) -> h5py.File:
    """A packed file, to be closed by who asks for it.

    Args:
        path: The file.

    Raises:
        PackError: If it is no packed file, or not complete.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise PackError(f"{path} is not a complete HDF5 file ({error}). Copy it again.") from None
    found = file.attrs.get("format", "nothing")
    if found != FORMAT:
        file.close()
        what = "made by another version" if str(found).startswith(FORMAT.partition("@")[0]) else "no packed data set"
        raise PackError(f"{path} is {what}: its format is {found!r}, expected {FORMAT!r}. Pack the data set again.")
    return file


class OpenedPack:
    """A packed file that is opened when it is first read, and anew in each process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._process = -1
        self._stored: dict[str, h5py.Dataset] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[OpenedPack], tuple[Path]]:
        return OpenedPack, (self._path,)

    def read(self, name: str, *key: Any) -> NDArray[Any]:
        """A part of one of the file's arrays.

        Args:
            name: The array.
            *key: What h5py takes.

        Raises:
            PackError: If it is damaged.
        """
        with self._lock:
            if self._process != os.getpid():
                self._process, self._file, self._stored = os.getpid(), opened_pack(self._path), {}
            if name not in self._stored:
                self._stored[name] = self._file[name]
            try:
                values: NDArray[Any] = self._stored[name][key]
            except OSError as error:
                raise PackError(f"{self._path}: {name} cannot be read ({error}). Copy the file again.") from None
        return values


class PersonClips(BackendArray):
    """(clip, frame, channel) of stored (person_clip, channel, frame).

    Args:
        pack: The file.
        name: Name of the stored array.
        persons: Which person's clip each clip takes.
        shape: Frames and channels.
    """

    def __init__(self, pack: OpenedPack, name: str, persons: NDArray[np.int32], shape: tuple[int, int]) -> None:
        self._pack, self._name, self._persons = pack, name, persons
        self.shape = (len(persons), *shape)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        clips, frames, channels = key
        chosen = self._persons[clips]
        if not np.ndim(chosen):
            return np.asarray(self._clip(int(chosen))[frames][..., channels])
        if not len(chosen):
            return np.empty((0, *self.shape[1:]), self.dtype)[:, frames][..., channels]
        return np.stack([self._clip(int(person))[frames][..., channels] for person in chosen])

    def _clip(self, person: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(self._pack.read(self._name, person).T)


class PersonRows(RaggedRows):
    """(row, channel) of clips one after the other, of stored (channel, row) of persons' clips.

    Args:
        pack: The file.
        name: Name of the stored array.
        persons: Which person's clip each clip takes.
        sizes: Rows of each person's clip.
        channels: The shape of a row.
    """

    def __init__(
        self,
        pack: OpenedPack,
        name: str,
        persons: NDArray[np.int32],
        sizes: NDArray[np.int64],
        channels: tuple[int, ...],
    ) -> None:
        super().__init__(sizes[persons], channels)
        self._pack, self._name = pack, name
        self._starts = (np.cumsum(sizes) - sizes)[persons]

    def _part(self, clip: int, first: int, last: int) -> NDArray[np.float32]:
        start = int(self._starts[clip])
        stored = self._pack.read(self._name, slice(None), slice(start + first, start + last))
        return np.ascontiguousarray(stored.T)


class PersonSound(PersonRows):
    """(row,) of clips one after the other, of stored (row, sound channel) of persons' clips."""

    def _part(self, clip: int, first: int, last: int) -> NDArray[np.float32]:
        start = int(self._starts[clip])
        return one_channel(self._pack.read(self._name, slice(start + first, start + last)))
