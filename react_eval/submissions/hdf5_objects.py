"""Checks on the objects of an HDF5 file: links, storage, filters and types, all from metadata."""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5l, h5o, h5t, h5z

from react_eval.errors import UnreadableFileError
from react_eval.submissions.layout import human_bytes
from react_eval.submissions.limits import ReadingLimits

__all__ = ["check_storage", "check_values", "float_type", "open_datasets"]

_ALLOWED_FILTERS = (h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32, h5z.FILTER_SZIP, h5z.FILTER_LZF)
_CLASSES = {
    h5t.INTEGER: "integers",
    h5t.STRING: "text",
    h5t.OPAQUE: "opaque bytes",
    h5t.COMPOUND: "records",
    h5t.REFERENCE: "references",
    h5t.ENUM: "an enumeration",
    h5t.VLEN: "lists of varying length",
    h5t.ARRAY: "arrays",
    h5t.BITFIELD: "bit fields",
    h5t.TIME: "times",
}
_FLOATS = {
    np.dtype(f"{order}f{size}"): h5t.py_create(np.dtype(f"{order}f{size}")) for order in "<>" for size in (2, 4, 8)
}


def open_datasets(root: h5py.File, limits: ReadingLimits) -> dict[str, h5py.Dataset]:
    """Open the datasets of the root group; anything else there is refused.

    Args:
        root: The file.
        limits: Bounds to keep.

    Returns:
        Datasets by name.

    Raises:
        UnreadableFileError: If there are links to elsewhere, groups, or too many objects.
    """
    group = root.id
    number = group.get_num_objs()
    if number > limits.members:
        raise UnreadableFileError(f"it holds {number} objects; at most {limits.members} are read.")
    names: list[bytes] = []
    group.links.iterate(names.append)
    return {_text(name): _open_dataset(group, name) for name in names}


def _open_dataset(group: Any, name: bytes) -> h5py.Dataset:
    shown = repr(_text(name))
    kind = group.links.get_info(name).type
    if kind == h5l.TYPE_EXTERNAL:
        raise UnreadableFileError(f"{shown} is a link to another file. Copy the values into the submission.")
    if kind != h5l.TYPE_HARD:
        raise UnreadableFileError(f"{shown} is a soft link. Store the dataset itself under that name.")
    if h5o.get_info(group, name).type != h5o.TYPE_DATASET:
        raise UnreadableFileError(
            f"{shown} is a group or a named type. Datasets lie in the root of a submission; remove or move it."
        )
    return h5py.Dataset(h5o.open(group, name))


def _text(name: bytes) -> str:
    return name.decode("utf-8", errors="backslashreplace")[:200]


def float_type(dataset: h5py.Dataset, name: str) -> np.dtype[Any]:
    """The numpy type of a dataset of half, single or double precision values.

    Raises:
        UnreadableFileError: If it holds anything else.
    """
    stored = dataset.id.get_type()
    found = next((dtype for dtype, known in _FLOATS.items() if stored.equal(known)), None)
    if found is None:
        kind = _CLASSES.get(stored.get_class(), "floating-point values of an unusual format or other values")
        hint = " Integers are nearly always a mistake here." if stored.get_class() == h5t.INTEGER else ""
        raise UnreadableFileError(f"dataset {name!r} holds {kind}, expected float32 values.{hint}")
    return found


def check_storage(dataset: h5py.Dataset, name: str, limits: ReadingLimits) -> None:
    """Refuse values that lie outside of the file, need a plugin, or are in chunks beyond the limit.

    Raises:
        UnreadableFileError: If so.
    """
    properties = dataset.id.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL:
        raise UnreadableFileError(f"dataset {name!r} is virtual: its values lie in other files. Copy them here.")
    if properties.get_external_count():
        raise UnreadableFileError(f"dataset {name!r} keeps its values in an external file. Copy them here.")
    for position in range(properties.get_nfilters()):
        code, _, _, label = properties.get_filter(position)
        if code not in _ALLOWED_FILTERS:
            shown = label.decode("utf-8", errors="backslashreplace")[:60] or "unnamed"
            raise UnreadableFileError(
                f"dataset {name!r} uses the filter {code} ({shown}), which is not read. Compress with gzip or lzf."
            )
    if dataset.chunks:
        chunk = prod(dataset.chunks) * dataset.id.get_type().get_size()
        if chunk > limits.chunk_bytes:
            raise UnreadableFileError(
                f"dataset {name!r} has chunks of {human_bytes(chunk)}; at most {human_bytes(limits.chunk_bytes)} are "
                "read. Store one clip a chunk, as react_eval.save_submission does."
            )


def check_values(dataset: h5py.Dataset, name: str) -> None:
    """Refuse a dataset of which parts were never written; they would read as fill values.

    Raises:
        UnreadableFileError: If so.
    """
    if dataset.id.get_storage_size() == 0:
        raise UnreadableFileError(
            f"dataset {name!r} of shape {dataset.shape} was created, but never written: the file holds no value of it."
        )
    if dataset.chunks:
        expected = prod(ceil(size / chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        written = dataset.id.get_num_chunks()
        if written < expected:
            raise UnreadableFileError(
                f"dataset {name!r} was written in part: {written} of {expected} chunks are there. Write all clips."
            )
