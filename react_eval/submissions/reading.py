"""Read submissions that strangers wrote: a process with limits opens the file, this one only maps plain numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from react_eval.errors import InputError, UnreadableFileError
from react_eval.submissions.asking import decode_in_child
from react_eval.submissions.layout import ArrayLayout, Layout
from react_eval.submissions.limits import ReadingLimits
from react_eval.submissions.private_copy import copy_and_hash
from react_eval.submissions.private_folder import PrivateFolder

__all__ = ["Submission", "read_submission"]

Values = NDArray[np.float32] | Sequence[NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Submission:
    """A submission as plain arrays that are read from disk when they are used.

    Its private folder is removed when it is closed, garbage-collected, or Python ends; arrays must not be used then.

    Attributes:
        path: The file as it was given.
        sha256: Hash of exactly the bytes that were read.
        format: ``"HDF5"``, ``"npy"``, ``"npz"`` or ``"torch"``.
        clips: N ids, or None where only the order tells.
        arrays: By kind (``"emotion"``, ``"coefficients"``): (N, α, T, C) float32, or N arrays (α, T, C).
        channels: Channel names by kind, where the file has them.
        attributes: What the file says of itself: method, split, track, run_seed, created_by, …
        notes: What a person should know: casts, order taken on trust.
        stored_dtype: Type of the values in the file by kind, such as ``"float64"``.
        private_folder: Owns the decoded values.
    """

    path: Path
    sha256: str
    format: str
    clips: tuple[str, ...] | None = field(repr=False)
    arrays: Mapping[str, Values] = field(repr=False)
    channels: Mapping[str, tuple[str, ...]] = field(repr=False)
    attributes: Mapping[str, str]
    notes: tuple[str, ...]
    stored_dtype: Mapping[str, str]
    private_folder: PrivateFolder = field(repr=False)

    @property
    def folder(self) -> Path:
        """Where the decoded values lie."""
        return self.private_folder.path

    def __enter__(self) -> Submission:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the private folder."""
        self.private_folder.remove()


def read_submission(
    path: str | os.PathLike[str],
    *,
    largest: int | None = None,
    limits: ReadingLimits | None = None,
    show_progress: bool | None = None,
) -> Submission:
    """Read a submission safely, whoever wrote it.

    The bytes are copied once and hashed; a fresh process with bounds on memory and time checks the structure and
    decodes that copy to plain numbers, which this process maps. Nothing is ever unpickled.

    Args:
        path: HDF5 or netCDF-4 as `save_submission` writes it, ``.npy``, ``.npz``, or torch ``.pt``; told by content.
        largest: Most bytes that its values may take as float32, where that is known: clips × reactions × frames ×
            channels × 4, and some more for clips that are too long.
        limits: Bounds; those of `ReadingLimits` if not given.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        The submission; use it as a context manager to remove its private folder early.

    Raises:
        UnreadableFileError: If the file is missing, damaged, no submission, or beyond the limits.
        InputError: If `largest` is not positive.
    """
    bounds = limits or ReadingLimits()
    if largest is not None:
        if largest < 1:
            raise InputError(f"largest is {largest}, expected a positive number of bytes, or None.")
        bounds = replace(bounds, expected_bytes=largest)
    private = PrivateFolder()
    try:
        return _read(Path(path), private, bounds, show_progress)
    except BaseException:
        private.remove()
        raise


def _read(path: Path, private: PrivateFolder, limits: ReadingLimits, show_progress: bool | None) -> Submission:
    copy = private.path / "submission"
    sha256 = copy_and_hash(path, copy, limits, show_progress)
    try:
        layout = decode_in_child(copy, private.path, path.name, limits, show_progress)
        arrays = {each.kind: _map(private.path, each, layout) for each in layout.arrays}
    except UnreadableFileError as error:
        raise UnreadableFileError(f"{path}: {error.message}") from None
    private.keep_only({each.file_name for each in layout.arrays})
    return Submission(
        path=path,
        sha256=sha256,
        format=layout.format,
        clips=layout.clips,
        arrays=arrays,
        channels={each.kind: each.channels for each in layout.arrays if each.channels is not None},
        attributes=layout.attributes,
        notes=(*layout.notes, *_cast_notes(layout)),
        stored_dtype={each.kind: each.stored_dtype for each in layout.arrays},
        private_folder=private,
    )


def _map(folder: Path, array: ArrayLayout, layout: Layout) -> Values:
    file = folder / array.file_name
    if not file.is_file() or file.is_symlink() or file.stat().st_size != array.decoded_bytes:
        raise UnreadableFileError("the process that reads the file did not decode all of its values.")
    values = np.memmap(file, "<f4", "r")
    if layout.row_sizes is None:
        return values.reshape(array.shape)
    _, reactions, channels = array.shape
    stops = np.cumsum(layout.row_sizes) * reactions * channels
    parts = np.split(values, stops[:-1])
    return [part.reshape(reactions, -1, channels) for part in parts]


def _cast_notes(layout: Layout) -> tuple[str, ...]:
    return tuple(
        f"{each.kind} predictions were cast from {each.stored_dtype} to float32"
        for each in layout.arrays
        if each.stored_dtype != "float32"
    )
