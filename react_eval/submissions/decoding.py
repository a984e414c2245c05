"""Decode an opened file, block by block, to plain float32 files (in the reading process)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from react_eval.submissions.layout import ArrayLayout, Layout

__all__ = ["OpenedArray", "OpenedFile", "decode"]

Slices = tuple[slice, ...]

_BLOCK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class OpenedArray:
    """An array of which any part can be read.

    Attributes:
        layout: Its kind, shape and type.
        read: Gives the values of a box of it.
        stored_box: Sizes of a box that is stored together, so that reading whole ones decodes nothing twice.
    """

    layout: ArrayLayout
    read: Callable[[Slices], NDArray[Any]]
    stored_box: tuple[int, ...]


@dataclass(frozen=True)
class OpenedFile:
    """A file whose structure is checked.

    Attributes:
        layout: What it holds.
        arrays: The arrays, in the order of the layout.
        keep: Objects that must live as long as the arrays are read.
        unpacked_bytes: What reading the arrays puts into the private folder beside the decoded values.
    """

    layout: Layout
    arrays: Sequence[OpenedArray]
    keep: tuple[Any, ...] = field(default=(), repr=False)
    unpacked_bytes: int = 0


def decode(opened: OpenedFile, folder: Path) -> Iterator[int]:
    """Write every array of a file as float32.

    Args:
        opened: The file.
        folder: Where the decoded files go.

    Yields:
        Bytes written since the last time.
    """
    for array in opened.arrays:
        with (folder / array.layout.file_name).open("wb") as file:
            if opened.layout.row_sizes is None:
                yield from _decode_boxes(array, file)
            else:
                yield from _decode_ragged(array, file, opened.layout.row_sizes)


def _decode_boxes(array: OpenedArray, file: BinaryIO) -> Iterator[int]:
    shape = array.layout.shape
    box = _grown(array.stored_box, shape)
    for corner in product(*(range(0, size, step) for size, step in zip(shape, box, strict=True))):
        slices = tuple(
            slice(start, min(start + step, size)) for start, step, size in zip(corner, box, shape, strict=True)
        )
        values = _float32(array.read(slices))
        _place(file, values, corner, shape, base=0)
        yield values.nbytes


def _decode_ragged(array: OpenedArray, file: BinaryIO, row_sizes: Sequence[int]) -> Iterator[int]:
    _, reactions, channels = array.layout.shape
    step = max(1, _BLOCK_BYTES // (4 * reactions * channels))
    start = 0
    for frames in row_sizes:
        for frame in range(0, frames, step):
            count = min(step, frames - frame)
            rows = slice(start + frame, start + frame + count)
            values = _float32(np.swapaxes(array.read((rows, slice(None), slice(None))), 0, 1))
            _place(file, values, (0, frame, 0), (reactions, frames, channels), base=start * reactions * channels)
            yield values.nbytes
        start += frames


def _grown(stored_box: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Grow a stored box by whole multiples, last axis first, to a block that is worth a call."""
    box = [max(1, min(step, size)) for step, size in zip(stored_box, shape, strict=True)]
    for axis in reversed(range(len(box))):
        others = 4 * int(np.prod(box, dtype=np.int64)) // box[axis]
        room = _BLOCK_BYTES // (others * box[axis])
        box[axis] = min(shape[axis], box[axis] * max(1, room))
    return tuple(box)


def _float32(values: NDArray[Any]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, which validation reports
        return np.ascontiguousarray(values, dtype="<f4")


def _place(
    file: BinaryIO, values: NDArray[np.float32], corner: Sequence[int], shape: Sequence[int], *, base: int
) -> None:
    """Write a box into the file of a whole array, in runs that lie together there."""
    axis = len(shape) - 1
    while axis > 0 and values.shape[axis] == shape[axis]:
        axis -= 1
    strides = [int(np.prod(shape[n + 1 :], dtype=np.int64)) for n in range(len(shape))]
    for index in np.ndindex(*values.shape[:axis]):
        first = [*(start + step for start, step in zip(corner, index, strict=False)), *corner[axis:]]
        file.seek(4 * (base + sum(start * stride for start, stride in zip(first, strides, strict=True))))
        file.write(values[index].data)
