"""Arrays in ``.npy`` form: the header is checked against the file before any value is read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from react_eval.errors import UnreadableFileError
from react_eval.submissions.checks import check_shape, check_size, check_type, trusted_order
from react_eval.submissions.decoding import OpenedArray, OpenedFile, Slices
from react_eval.submissions.layout import ArrayLayout, Layout, human_bytes, kind_of
from react_eval.submissions.limits import ReadingLimits

__all__ = ["NpyHeader", "npy_reader", "open_npy", "prediction_layout", "read_header", "stored_box"]


@dataclass(frozen=True)
class NpyHeader:
    """What the header says.

    Attributes:
        shape: Sizes of the axes.
        fortran: Whether the first axis varies fastest.
        dtype: Type of a value, byte order included.
        offset: Where the values begin.
    """

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int


def open_npy(file: Path, limits: ReadingLimits) -> OpenedFile:
    """Check a ``.npy`` file.

    Raises:
        UnreadableFileError: If it is no array of predictions, or its header does not fit the file.
    """
    with file.open("rb") as stream:
        header = read_header(stream, file.stat().st_size, "the array")
    layout = prediction_layout(header, kind_of(header.shape[-1] if header.shape else 0), "the array", limits)
    array = OpenedArray(layout, npy_reader(file, header), stored_box(header))
    return OpenedFile(Layout("npy", (layout,), notes=trusted_order(None)), (array,))


def read_header(
    stream: BinaryIO, size: int, where: str, check: Callable[[np.dtype[Any], str], None] = check_type
) -> NpyHeader:
    """Read a header, and check that exactly the values it announces follow.

    Args:
        stream: At the beginning of the array.
        size: Bytes of the whole array, header included.
        where: What the array is called in messages.
        check: Refuses types that are not expected.

    Returns:
        The header.

    Raises:
        UnreadableFileError: If it is malformed, or size and header contradict each other.
    """
    try:
        version = npy_format.read_magic(stream)
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        if version not in readers:
            raise UnreadableFileError(f"{where} has the .npy version {version}; save it with numpy.save.")
        shape, fortran, dtype = readers[version](stream)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        reason = re.sub(r"\s+", " ", str(error))[:200]
        raise UnreadableFileError(f"{where} has a malformed .npy header ({reason}).") from None
    check(dtype, where)
    header = NpyHeader(tuple(int(axis) for axis in shape), fortran, dtype, stream.tell())
    if min(header.shape, default=1) < 0:
        raise UnreadableFileError(f"{where} has a malformed .npy header: its shape is {header.shape}.")
    announced, there = prod(header.shape) * dtype.itemsize, size - header.offset
    if announced != there:
        relation = "was cut short, or its header lies" if there < announced else "holds more than its header says"
        raise UnreadableFileError(
            f"{where} {relation}: the header announces shape {header.shape} of {dtype.name}, which is "
            f"{human_bytes(announced)}, but {human_bytes(there)} follow."
        )
    return header


def prediction_layout(header: NpyHeader, kind: str, where: str, limits: ReadingLimits) -> ArrayLayout:
    """The layout of predictions, checked."""
    check_shape(header.shape, where)
    check_size(header.shape, header.shape[0], where, limits)
    return ArrayLayout(kind, header.shape, header.dtype.name)


def stored_box(header: NpyHeader) -> tuple[int, ...]:
    """What lies together: along the fastest axis."""
    return (header.shape[0], 1, 1, 1) if header.fortran else (1, 1, 1, header.shape[-1])


def npy_reader(file: Path, header: NpyHeader) -> Any:
    """A function that reads a box of the array; in C order the box must lie together, as blocks of decoding do."""

    def read_run(slices: Slices) -> NDArray[Any]:
        sizes = [part.stop - part.start for part in slices]
        first = int(np.ravel_multi_index([part.start for part in slices], header.shape))
        offset = header.offset + first * header.dtype.itemsize
        return np.fromfile(file, header.dtype, prod(sizes), offset=offset).reshape(sizes)

    def read_strided(slices: Slices) -> NDArray[Any]:
        mapped = np.memmap(file, header.dtype, "r", header.offset, header.shape, "F")
        return np.asarray(mapped[slices])

    return read_strided if header.fortran else read_run
