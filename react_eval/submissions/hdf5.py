"""Predictions in HDF5 or netCDF-4: everything that could reach out of the file is refused before a value is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from react_data.clips import suggest
from react_data.problems import abbreviate
from react_eval.errors import UnreadableFileError
from react_eval.submissions.checks import check_not_empty, check_same_clips, check_shape, check_size
from react_eval.submissions.decoding import OpenedArray, OpenedFile, Slices
from react_eval.submissions.hdf5_objects import check_storage, check_values, float_type, open_datasets
from react_eval.submissions.hdf5_text import read_attributes, read_names
from react_eval.submissions.layout import KINDS, ArrayLayout, Layout
from react_eval.submissions.limits import ReadingLimits

__all__ = ["open_hdf5"]

_NAME_AXES = {"prediction": "emotion", "prediction_3dmm": "coefficient"}
_CACHE_BYTES = (64 * 2**20, 2**30)


def open_hdf5(file: Path, limits: ReadingLimits) -> OpenedFile:
    """Check an HDF5 file.

    Args:
        file: The private copy.
        limits: Bounds to keep.

    Returns:
        The file, ready to be decoded.

    Raises:
        UnreadableFileError: If it holds no predictions, reaches out of itself, or breaks a limit.
    """
    try:
        root = h5py.File(file, "r")
    except OSError as error:
        raise UnreadableFileError(
            f"it is an HDF5 file that was cut short or damaged ({str(error)[:200]}). Copy or write it again."
        ) from None
    datasets = open_datasets(root, limits)
    found = {name: datasets[name] for name in KINDS if name in datasets}
    if not found:
        hint = suggest("prediction", datasets) if datasets else "The file is empty."
        raise UnreadableFileError(f"it has no dataset 'prediction' or 'prediction_3dmm'. {hint}")
    layouts = tuple(_array_layout(name, dataset, datasets, limits) for name, dataset in found.items())
    check_same_clips(layouts)
    row_sizes = _row_sizes(datasets, layouts, limits)
    number = layouts[0].shape[0] if row_sizes is None else len(row_sizes)
    if "clip" not in datasets:
        raise UnreadableFileError(
            f"it has no coordinate 'clip' with the ids of the {number} clips. Write it with react_eval.save_submission."
        )
    clips = read_names(datasets["clip"], number, "clip", limits)
    attributes, notes = read_attributes(root, limits)
    arrays = [
        OpenedArray(layout, _reader(file, name, layout, dataset), dataset.chunks or (1,) * dataset.ndim)
        for layout, (name, dataset) in zip(layouts, found.items(), strict=True)
    ]
    return OpenedFile(Layout("HDF5", layouts, clips, row_sizes, attributes, notes), arrays)


def _array_layout(
    name: str, dataset: h5py.Dataset, datasets: dict[str, h5py.Dataset], limits: ReadingLimits
) -> ArrayLayout:
    dtype = float_type(dataset, name)
    shape: tuple[int, ...] = tuple(dataset.shape or ())
    ragged = "row_size" in datasets and len(shape) == 3
    if ragged:
        check_not_empty(shape, name)
    else:
        check_shape(shape, f"dataset {name!r}")
    check_size(shape, 0 if ragged else shape[0], f"dataset {name!r}", limits)
    check_storage(dataset, name, limits)
    check_values(dataset, name)
    axis = _NAME_AXES[name]
    named = axis in datasets and datasets[axis].shape == (shape[-1],) and datasets[axis].dtype.kind in "SUO"
    channels = read_names(datasets[axis], shape[-1], axis, limits) if named else None
    return ArrayLayout(KINDS[name], shape, dtype.name, channels)


def _row_sizes(
    datasets: dict[str, h5py.Dataset], layouts: tuple[ArrayLayout, ...], limits: ReadingLimits
) -> tuple[int, ...] | None:
    forms = {len(layout.shape) for layout in layouts}
    if forms == {4}:
        return None
    if forms != {3}:
        raise UnreadableFileError("prediction and prediction_3dmm differ in form: one has rows, the other clips.")
    sizes = datasets["row_size"]
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu" or not 0 < sizes.shape[0] <= limits.clips:
        raise UnreadableFileError(
            f"'row_size' is {sizes.dtype.name} of shape {sizes.shape}, expected the frames of each clip as integers."
        )
    check_storage(sizes, "row_size", limits)
    counts = [int(count) for count in sizes[()]]
    wrong = [f"row_size[{number}] = {count}" for number, count in enumerate(counts) if count < 1]
    if wrong:
        raise UnreadableFileError(f"every clip needs at least one frame, but {abbreviate(wrong, 5)}.")
    if sum(counts) != layouts[0].shape[0]:
        raise UnreadableFileError(
            f"'row_size' adds up to {sum(counts)} rows, but {abbreviate([tuple(each.shape) for each in layouts])} "
            "is the shape of what it describes."
        )
    return tuple(counts)


def _reader(file: Path, name: str, layout: ArrayLayout, dataset: h5py.Dataset) -> Any:
    """A function that reads a box, through a handle whose cache holds all chunks that a row of boxes touches."""
    chunks = dataset.chunks or (1,) * dataset.ndim
    band = chunks[0] * int(np.prod(layout.shape[1:])) * dataset.dtype.itemsize
    cache = min(max(_CACHE_BYTES[0], band), _CACHE_BYTES[1])
    source = h5py.File(file, "r", rdcc_nbytes=cache, rdcc_nslots=10_007)[name]

    def read(slices: Slices) -> NDArray[Any]:
        values: NDArray[Any] = source[slices]
        return values

    return read
