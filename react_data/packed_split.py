"""Opening a packed file, which takes as long as reading its ids; any number of processes may read it at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xarray as xr
from xarray.core import indexing

from react_data.modalities import ROLES
from react_data.neighbour_files import read_neighbour_group
from react_data.packed_arrays import OpenedPack, PersonClips, PersonRows, PersonSound, opened_pack
from react_data.packed_sources import SOUND
from react_data.packed_writing import BY_CLIP

__all__ = ["is_packed", "open_packed_split", "packed_kinds", "packed_splits"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PERSON = "person_"
# Attributes that are there for the reader of the file, not of the data set; some are HDF5's.
_OF_THE_PACK = frozenset({"kinds", "index_sha256"})
_OF_THE_SERIES = frozenset({"dims", "roles", "CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST"})


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


def packed_kinds(path: Path, split: str) -> list[str]:
    """The kinds of series of a packed split, in the order of the data set that was packed.

    Args:
        path: The file.
        split: Name of the split.

    Raises:
        PackError: If it is no packed file.
    """
    with opened_pack(path) as file:
        return _kinds(file[split])


def open_packed_split(path: str | Path, split: str, *, modalities: Sequence[str] | None = None) -> xr.Dataset:
    """Open a split of a packed file; see `react_data.open_split`.

    Args:
        path: The file.
        split: Name of the split.
        modalities: Which kinds of series; all if not given.

    Returns:
        The data set, equal to that of the folder that was packed but for ``attrs["root"]``.

    Raises:
        PackError: If it is no packed file, or is damaged.
    """
    pack = OpenedPack(Path(path))
    with opened_pack(Path(path)) as file:
        group = file[split]
        coordinates = {name: xr.Variable("clip", _texts(group, name)) for name in BY_CLIP if name in group}
        variables: dict[str, xr.Variable] = {}
        for kind in _kinds(group) if modalities is None else modalities:
            for role in group[f"{_PERSON}{kind}"].attrs["roles"].split():
                variables |= _series(pack, group, role, kind)
        used = {str(dim) for variable in variables.values() for dim in variable.dims}
        named = (dim for dim in used - {"clip"} if dim in group and h5py.check_string_dtype(group[dim].dtype))
        coordinates |= {dim: xr.Variable(dim, _texts(group, dim)) for dim in named}
        if "neighbours" in group:
            table = read_neighbour_group(group["neighbours"])
            variables["neighbours"] = xr.Variable(("clip", "listener"), table.to_matrix())
            coordinates["listener"] = xr.Variable("listener", list(table.listeners))
        return xr.Dataset(variables, coordinates, _attributes(group, _OF_THE_PACK) | {"root": str(path)})


def _kinds(group: h5py.Group) -> list[str]:
    return str(group.attrs["kinds"]).split()


def _series(pack: OpenedPack, group: h5py.Group, role: str, kind: str) -> dict[str, xr.Variable]:
    """A kind of series of a role, and how many rows each clip has where they differ."""
    stored = group[f"{_PERSON}{kind}"]
    dims = [dim.replace(ROLES[0], role, 1) if dim.endswith("_row") else dim for dim in stored.attrs["dims"].split()]
    persons, said = group[f"{role}_of"][:], _attributes(stored, _OF_THE_SERIES)
    if dims[0] == "clip":
        clips = PersonClips(pack, stored.name, persons, (stored.shape[2], stored.shape[1]))
        return {f"{role}_{kind}": xr.Variable(dims, indexing.LazilyIndexedArray(clips), said)}
    sizes = group[f"{kind}_row_size"][:]
    rows = (
        PersonSound(pack, stored.name, persons, sizes, ())
        if kind == SOUND
        else PersonRows(pack, stored.name, persons, sizes, stored.shape[:1])
    )
    return {
        f"{dims[0]}_size": xr.Variable("clip", sizes[persons], {"sample_dimension": dims[0]}),
        f"{role}_{kind}": xr.Variable(dims, indexing.LazilyIndexedArray(rows), said),
    }


def _attributes(described: h5py.Group | h5py.Dataset, own: Collection[str]) -> dict[str, Any]:
    """What the data set said, without what is there for the file."""
    return {
        name: value.item() if np.size(value) == 1 and not isinstance(value, str) else value
        for name, value in described.attrs.items()
        if name not in own and not name.startswith("_")
    }


def _texts(group: h5py.Group, name: str) -> list[str]:
    return [str(value) for value in group[name].asstr()[:]]
