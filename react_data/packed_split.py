"""Opening a packed file: milliseconds, whatever its size; any number of processes may read it at once."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock
from typing import Any

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from react_data.errors import PackError
from react_data.packing import FORMAT, KINDS

__all__ = ["is_packed", "open_packed_split", "opened_pack", "packed_splits"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


class _Stored:
    """A dataset of a packed file, opened when it is first read, and anew in each process."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._opened: tuple[int, h5py.File] | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[_Stored], tuple[Path, str]]:
        return _Stored, (self._path, self._name)

    def read(self, *key: Any) -> NDArray[np.float32]:
        with self._lock:
            if self._opened is None or self._opened[0] != os.getpid():
                self._opened = os.getpid(), opened_pack(self._path)
            dataset = self._opened[1][self._name]
            try:
                return np.asarray(dataset[key], dtype=np.float32)
            except OSError as error:
                raise PackError(f"{self._path}: {self._name} cannot be read ({error}). Copy the file again.") from None


class _PersonClips(BackendArray):
    """(clip, frame, channel) of stored (person_clip, channel, frame): which person's clip each clip takes."""

    def __init__(self, stored: _Stored, persons: NDArray[np.int32], shape: tuple[int, int]) -> None:
        self._stored, self._persons = stored, persons
        self.shape = (len(persons), *shape)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        clips, frames, channels = key
        chosen = self._persons[clips]
        if np.ndim(chosen) == 0:
            return np.asarray(np.ascontiguousarray(self._stored.read(int(chosen)).T)[frames][..., channels])
        # h5py wants indices that increase and do not repeat.
        unique, back = np.unique(chosen, return_inverse=True)
        runs = np.split(unique, np.flatnonzero(np.diff(unique) != 1) + 1)
        if not len(unique):
            return np.empty((0, *self.shape[1:]), self.dtype)[:, frames][..., channels]
        values = np.concatenate([self._stored.read(slice(int(run[0]), int(run[-1]) + 1)) for run in runs])
        return np.ascontiguousarray(values[back].swapaxes(1, 2))[:, frames][..., channels]


class _PersonRows(BackendArray):
    """(row, channel) of clips one after the other, of stored (channel, row) of persons' clips."""

    def __init__(self, stored: _Stored, persons: NDArray[np.int32], sizes: NDArray[np.int64], channels: int) -> None:
        starts = np.cumsum(sizes) - sizes
        self._stored, self._starts, self._sizes = stored, starts[persons], sizes[persons]
        self._ends = np.cumsum(self._sizes)
        self.shape = (int(self._ends[-1]), channels)
        self.dtype = np.dtype(np.float32)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> NDArray[np.float32]:
        rows, channels = key
        chosen = np.arange(self.shape[0])[rows]
        wanted = np.atleast_1d(chosen)
        values = np.empty((len(wanted), self.shape[1]), self.dtype)
        clips = np.searchsorted(self._ends, wanted, side="right")
        for clip in np.unique(clips):
            places = clips == clip
            begin = self._ends[clip] - self._sizes[clip]
            start = int(self._starts[clip])
            stored = self._stored.read(slice(None), slice(start, start + int(self._sizes[clip]))).T
            values[places] = stored[wanted[places] - begin]
        return (values if chosen.ndim else values[0])[..., channels]


def is_packed(path: Path) -> bool:
    """Whether a file is HDF5; what is in it is looked at when it is opened.

    Args:
        path: Any path.
    """
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(len(_SIGNATURE)) == _SIGNATURE


def packed_splits(path: Path) -> list[str]:
    """The splits of a packed file.

    Args:
        path: The file.

    Raises:
        PackError: If it is no packed file.
    """
    with opened_pack(path) as file:
        return [name for name, member in file.items() if isinstance(member, h5py.Group)]


def open_packed_split(path: str | Path, split: str) -> xr.Dataset:
    """Open a split of a packed file; see `react_data.open_split`.

    Args:
        path: The file.
        split: Name of the split.

    Returns:
        The data set, equal to that of the folder that was packed but for ``attrs["root"]``.

    Raises:
        PackError: If it is no packed file, or is damaged.
    """
    with opened_pack(Path(path)) as file:
        group = file[split]
        attributes = {name: _plain(value) for name, value in group.attrs.items() if not name.startswith("_Netcdf4")}
        coordinates = {name: _texts(group, name) for name in _by_clip(group)}
        variables: dict[str, xr.Variable] = {}
        for role in ("speaker", "listener"):
            if f"{role}_of" in group:
                variables |= _series(Path(path), group, role)
        coordinates |= {
            dim: _texts(group, dim) for dim in KINDS.values() if any(dim in each.dims for each in variables.values())
        }
        if "neighbour_clip" in group:
            count = len(group["clip"])
            matrix = np.zeros((count, count), dtype=np.bool_)
            matrix[group["neighbour_clip"][:], group["neighbour_listener"][:]] = True
            variables["neighbours"] = xr.Variable(("clip", "listener"), matrix)
            coordinates["listener"] = xr.Variable("listener", coordinates["clip"].values)
    return xr.Dataset(variables, coordinates, attributes | {"root": str(path)})


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
    if file.attrs.get("format") != FORMAT:
        found = file.attrs.get("format", "nothing")
        file.close()
        raise PackError(f"{path} is no packed data set: its format is {found!r}, expected {FORMAT!r}.")
    return file


def _by_clip(group: h5py.Group) -> list[str]:
    texts = (name for name, member in group.items() if h5py.check_string_dtype(member.dtype))
    count = len(group["clip"])
    return [name for name in texts if _dimension(group[name]) == "clip" and len(group[name]) == count]


def _dimension(dataset: h5py.Dataset) -> str:
    if dataset.is_scale:
        return str(dataset.name).rsplit("/", 1)[-1]
    scales = dataset.dims[0].values()
    return str(scales[0].name).rsplit("/", 1)[-1] if scales else ""


def _texts(group: h5py.Group, name: str) -> xr.Variable:
    return xr.Variable(_dimension(group[name]), [str(value) for value in group[name].asstr()[:]])


def _series(path: Path, group: h5py.Group, role: str) -> dict[str, xr.Variable]:
    persons = group[f"{role}_of"][:]
    found: dict[str, xr.Variable] = {}
    for kind, dim in KINDS.items():
        if f"person_{kind}" not in group:
            continue
        whole, name = group[f"person_{kind}"], f"{role}_{kind}"
        stored = _Stored(path, whole.name)
        if whole.ndim == 3:
            clips = _PersonClips(stored, persons, (whole.shape[2], whole.shape[1]))
            found[name] = xr.Variable(("clip", "frame", dim), indexing.LazilyIndexedArray(clips))
            continue
        sizes = group[f"{kind}_row_size"][:]
        rows = _PersonRows(stored, persons, sizes, whole.shape[0])
        found[name] = xr.Variable((f"{role}_row", dim), indexing.LazilyIndexedArray(rows))
        about = {"sample_dimension": f"{role}_row"}
        found[f"{role}_row_size"] = xr.Variable("clip", sizes[persons], about)
    return found


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
