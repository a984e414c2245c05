"""Tables of neighbours in HDF5: plain arrays that open in xarray, in a group of any file or in a file of their own.

Conventions: ``clip`` and ``listener`` are coordinates. ``row_size`` (clip) counts the pairs of each clip in order,
``neighbour`` (pair) is the position of a pair's listener, and ``distance`` or ``similarity`` (pair) is its value, where
there are values. The attribute ``source`` holds the provenance as JSON.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.errors import NeighbourMatrixError
from react_data.neighbour_source import NeighbourSource
from react_data.neighbour_table import NeighbourTable
from react_data.synthetic_files import whole_file

if TYPE_CHECKING:
    import h5py

__all__ = ["load_neighbours", "read_neighbour_group", "save_neighbours", "write_neighbour_group"]

_FORMAT = "react-data neighbours 1"
_PACKED = {"compression": "gzip", "shuffle": True, "fletcher32": True}
_PAIR_DIMENSION = "This is a netCDF dimension but not a netCDF variable. %10d"  # the words that netCDF-4 prescribes


def write_neighbour_group(table: NeighbourTable, group: h5py.Group) -> None:
    """Write a table into an empty HDF5 group.

    Args:
        table: The table.
        group: The group.
    """
    import h5py

    text = h5py.string_dtype("utf-8")
    for name, ids in (("clip", table.clips), ("listener", table.listeners)):
        group.create_dataset(name, data=np.array(ids, dtype=object), dtype=text).make_scale(name)
    group.create_dataset("pair", shape=(len(table),), dtype="f4").make_scale(_PAIR_DIMENSION % len(table))
    arrays: dict[str, tuple[str, NDArray[Any]]] = {
        "row_size": ("clip", table.counts.astype(np.int64)),
        "neighbour": ("pair", table.positions.astype(np.int32)),
    }
    if table.values is not None:
        arrays[table.source.values] = ("pair", table.values)
    for name, (dimension, values) in arrays.items():
        packed = _PACKED if dimension == "pair" and len(table) else {}
        group.create_dataset(name, data=values, **packed).dims[0].attach_scale(group[dimension])
    group["row_size"].attrs["sample_dimension"] = "pair"
    group.attrs.update(format=_FORMAT, source=json.dumps(table.source.to_dict()), title=str(table.source))


def read_neighbour_group(group: h5py.Group) -> NeighbourTable:
    """Read what `write_neighbour_group` wrote.

    Args:
        group: The group.

    Returns:
        The table.

    Raises:
        NeighbourMatrixError: If the group holds no table, or a damaged one.
    """
    where = f"{group.file.filename}, group {group.name}"
    if group.attrs.get("format") != _FORMAT:
        raise NeighbourMatrixError(f"{where} holds no neighbours as {_FORMAT!r} describes them.")
    try:
        source = NeighbourSource.from_dict(json.loads(group.attrs["source"]))
        clips, listeners = (tuple(group[name].asstr()[:].tolist()) for name in ("clip", "listener"))
        starts = np.concatenate([[0], np.cumsum(group["row_size"][:])]).astype(np.intp)
        values = None if source.values == "none" else group[source.values][:].astype(np.float64)
        return NeighbourTable(clips, listeners, starts, group["neighbour"][:].astype(np.intp), values, source)
    except (KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise NeighbourMatrixError(f"{where} is damaged: {error}. Make the neighbours again.") from None


def save_neighbours(table: NeighbourTable, path: str | os.PathLike[str]) -> None:
    """Write a table into a file of its own, which appears when it is complete.

    Args:
        table: The table.
        path: The HDF5 file; replaced if it is there.
    """
    import h5py

    written = io.BytesIO()
    with h5py.File(written, "w") as file:
        write_neighbour_group(table, file)
    with whole_file(Path(path)) as handle:
        handle.write(written.getvalue())


def load_neighbours(path: str | os.PathLike[str], split: str | None = None) -> NeighbourTable:
    """Read what `save_neighbours` wrote, or the neighbours of a packed data set.

    Args:
        path: The HDF5 file.
        split: Which split's, for a packed data set.

    Returns:
        The table.

    Raises:
        NeighbourMatrixError: If the file is missing or damaged, or holds no table.
    """
    import h5py

    name = "/" if split is None else f"{split}/neighbours"
    try:
        with h5py.File(path, "r") as file:
            if name not in file:
                raise NeighbourMatrixError(f"{os.fspath(path)} has no {name}: is it packed, with neighbours?")
            return read_neighbour_group(file[name])
    except OSError as error:
        raise NeighbourMatrixError(f"{os.fspath(path)} is not a file of neighbours: {error}.") from None
