"""Texts of an HDF5 file: clip ids, channel names and attributes, read a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

import h5py
import numpy as np

from react_eval.errors import UnreadableFileError
from react_eval.submissions.checks import check_texts
from react_eval.submissions.hdf5_objects import check_storage
from react_eval.submissions.limits import ReadingLimits

__all__ = ["read_attributes", "read_names"]

_AT_ONCE = 256


def read_names(dataset: h5py.Dataset, expected: int, what: str, limits: ReadingLimits) -> tuple[str, ...]:
    """Read a coordinate of texts: of variable or fixed length, or a netCDF character array.

    Args:
        dataset: The coordinate.
        expected: How many texts it must hold.
        what: Its name.
        limits: Bounds to keep.

    Returns:
        The texts.

    Raises:
        UnreadableFileError: If it is no such coordinate.
    """
    text = h5py.check_string_dtype(dataset.dtype)
    characters = dataset.ndim == 2 and dataset.dtype == np.dtype("S1")
    if text is None or not (dataset.ndim == 1 or characters):
        raise UnreadableFileError(
            f"coordinate {what!r} is {dataset.dtype.name} of shape {dataset.shape}, expected a list of texts."
        )
    if dataset.shape[0] != expected:
        raise UnreadableFileError(
            f"coordinate {what!r} has {dataset.shape[0]} entries, but there are {expected} of what it names."
        )
    longest = dataset.shape[1] if characters else text.length or 0
    if longest > 4 * limits.text_characters:
        raise UnreadableFileError(
            f"coordinate {what!r} holds texts of up to {longest} bytes; at most {limits.text_characters // 2} "
            "characters are read."
        )
    check_storage(dataset, what, limits)
    return check_texts(_texts(dataset, characters=characters), expected, what, limits)


def _texts(dataset: h5py.Dataset, *, characters: bool) -> Iterator[object]:
    for start in range(0, dataset.shape[0], _AT_ONCE):
        values = dataset[start : start + _AT_ONCE]
        yield from (b"".join(row) for row in values.tolist()) if characters else values.tolist()


def read_attributes(root: h5py.File, limits: ReadingLimits) -> tuple[dict[str, str], tuple[str, ...]]:
    """Read the attributes of the file that are a text or a number.

    Args:
        root: The file.
        limits: Bounds to keep.

    Returns:
        The attributes as text, and a note on those that were passed over.

    Raises:
        UnreadableFileError: If there are too many, or one is too long.
    """
    number = h5py.h5a.get_num_attrs(root.id)
    if number > limits.attributes:
        raise UnreadableFileError(f"it has {number} attributes; at most {limits.attributes} are read.")
    attributes: dict[str, str] = {}
    passed_over: list[str] = []
    for name in root.attrs:
        value = _attribute(root, name, limits)
        if value is None:
            passed_over.append(name[:60])
        elif not name.startswith("_"):
            attributes[name] = value
    notes = (f"the attributes {', '.join(passed_over)[:300]} are neither text nor number, and were not read",)
    return attributes, notes if passed_over else ()


def _attribute(root: h5py.File, name: str, limits: ReadingLimits) -> str | None:
    attribute = h5py.h5a.open(root.id, name.encode())
    kind, size = attribute.get_type().get_class(), attribute.get_storage_size()
    if kind not in (h5py.h5t.STRING, h5py.h5t.INTEGER, h5py.h5t.FLOAT) or attribute.shape not in ((), (1,)):
        return None
    too_long = size > 4 * limits.text_characters or len(name) > limits.text_characters
    value = None if too_long else root.attrs[name]
    value = value.item() if isinstance(value, (np.ndarray, np.generic)) else value
    value = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value
    if too_long or len(str(value)) > limits.text_characters:
        raise UnreadableFileError(
            f"attribute {name[:60]!r} is too long; at most {limits.text_characters} characters are read."
        )
    return str(value)
