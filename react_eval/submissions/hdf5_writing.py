"""Lay out a submission as netCDF-4: rectangular where clips have one length, else contiguous ragged (CF)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from react_data.channels import schema_for
from react_eval.errors import ShapeError
from react_eval.submissions.layout import VARIABLES
from react_eval.submissions.writing_checks import check_kinds

__all__ = ["write_hdf5"]

ClipValues = Callable[[int], Mapping[str, NDArray[np.float32]]]

_CHANNEL_AXES = {"emotion": "emotion", "coefficients": "coefficient"}
_TEXT = h5py.string_dtype()
_LARGEST_CHUNK = 64 * 2**20


def write_hdf5(path: Path, ids: Sequence[str], clip_values: ClipValues, attributes: Mapping[str, str | int]) -> None:
    """Write a submission, one clip at a time.

    Args:
        path: The file; replaced if it is there.
        ids: Clip ids.
        clip_values: Gives the arrays (α, T, C) of a clip by kind; is asked twice for each.
        attributes: Of the file.

    Raises:
        ShapeError: If clips differ in more than their number of frames.
    """
    shapes = [{kind: values.shape for kind, values in clip_values(position).items()} for position in range(len(ids))]
    _check_alike(ids, shapes)
    frames = [next(iter(shape.values()))[1] for shape in shapes]
    ragged = len(set(frames)) > 1
    with h5netcdf.File(path, "w") as file:
        file.attrs.update(attributes)
        _write_coordinates(file, ids, shapes[0], frames, ragged=ragged)
        variables = {kind: _variable(file, kind, shape, frames, ragged) for kind, shape in shapes[0].items()}
        row = 0
        for position, count in enumerate(frames):
            for kind, values in clip_values(position).items():
                if ragged:
                    variables[kind][row : row + count] = np.swapaxes(values, 0, 1)
                else:
                    variables[kind][position] = values
            row += count


def _check_alike(ids: Sequence[str], shapes: Sequence[Mapping[str, tuple[int, ...]]]) -> None:
    first = shapes[0]
    for clip, shape in zip(ids, shapes, strict=True):
        check_kinds(shape, clip)
        for kind, (reactions, _, channels) in shape.items():
            if (reactions, channels) != (first[kind][0], first[kind][2]):
                raise ShapeError(
                    f"clip {clip!r} has {reactions} reactions of {channels} {kind} channels, but clip {ids[0]!r} has "
                    f"{first[kind][0]} of {first[kind][2]}. Only the number of frames may differ."
                )


def _write_coordinates(
    file: h5netcdf.File,
    ids: Sequence[str],
    first: Mapping[str, tuple[int, ...]],
    frames: Sequence[int],
    *,
    ragged: bool,
) -> None:
    reactions = next(iter(first.values()))[0]
    lengths = {"row": sum(frames)} if ragged else {"frame": frames[0]}
    channels = {_CHANNEL_AXES[kind]: shape[2] for kind, shape in first.items()}
    file.dimensions = {"clip": len(ids), "reaction": reactions, **lengths, **channels}
    file.create_variable("clip", ("clip",), _TEXT)[:] = np.asarray(ids, dtype=object)
    for axis, number in channels.items():
        names = schema_for(number).channels
        file.create_variable(axis, (axis,), _TEXT)[:] = np.asarray(names, dtype=object)
    if ragged:
        row_size = file.create_variable("row_size", ("clip",), "i8")
        row_size[:] = np.asarray(frames)
        row_size.attrs["sample_dimension"] = "row"


def _variable(
    file: h5netcdf.File, kind: str, shape: tuple[int, ...], frames: Sequence[int], ragged: bool
) -> h5netcdf.Variable:
    reactions, _, channels = shape
    axis = _CHANNEL_AXES[kind]
    largest = max(1, _LARGEST_CHUNK // (4 * reactions * channels))
    length = min(largest, int(np.median(frames)))
    if ragged:
        dims, chunks = ("row", "reaction", axis), (length, reactions, channels)
    else:
        dims, chunks = ("clip", "reaction", "frame", axis), (1, reactions, length, channels)  # type: ignore[assignment]
    return file.create_variable(
        VARIABLES[kind], dims, "f4", chunks=chunks, compression="gzip", compression_opts=1, shuffle=True
    )
