"""Read submissions that strangers wrote: a process with limits opens the file, this one only maps plain numbers."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from react_eval.errors import UnreadableFileError
from react_eval.submissions.asking import decode_in_child
from react_eval.submissions.layout import ArrayLayout, Layout
from react_eval.submissions.limits import ReadingLimits
from react_eval.submissions.private_copy import copy_and_hash

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
        folder: Where the decoded values lie.
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
    folder: Path = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_remove", weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True))

    def __enter__(self) -> Submission:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Remove the private folder."""
        remove: weakref.finalize[..., Submission] = vars(self)["_remove"]
        remove()


def read_submission(
    path: str | os.PathLike[str], *, limits: ReadingLimits | None = None, show_progress: bool | None = None
) -> Submission:
    """Read a submission safely, whoever wrote it.

    The bytes are copied once and hashed; a fresh process with bounds on memory and time checks the structure and
    decodes that copy to plain numbers, which this process maps. Nothing is ever unpickled.

    Args:
        path: HDF5 or netCDF-4 as `save_submission` writes it, ``.npy``, ``.npz``, or torch ``.pt``; told by content.
        limits: Bounds; those of `ReadingLimits` if not given.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        The submission; use it as a context manager to remove its private folder early.

    Raises:
        UnreadableFileError: If the file is missing, damaged, no submission, or beyond the limits.
    """
    bounds = limits or ReadingLimits()
    given = Path(path)
    folder = Path(tempfile.mkdtemp(prefix="react-eval-"))
    try:
        sha256 = copy_and_hash(given, folder / "submission", bounds, show_progress)
        try:
            layout = decode_in_child(folder / "submission", folder, given.name, bounds, show_progress)
            arrays = {each.kind: _map(folder, each, layout) for each in layout.arrays}
        except UnreadableFileError as error:
            raise UnreadableFileError(f"{given}: {error.message}") from None
        (folder / "submission").unlink()
        return Submission(
            path=given,
            sha256=sha256,
            format=layout.format,
            clips=layout.clips,
            arrays=arrays,
            channels={each.kind: each.channels for each in layout.arrays if each.channels is not None},
            attributes=layout.attributes,
            notes=(*layout.notes, *_cast_notes(layout)),
            stored_dtype={each.kind: each.stored_dtype for each in layout.arrays},
            folder=folder,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


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
