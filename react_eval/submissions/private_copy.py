"""One copy of a stranger's file, so that the bytes that are hashed are the bytes that are read."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from react_data.progress import track
from react_eval.errors import UnreadableFileError
from react_eval.submissions.layout import human_bytes
from react_eval.submissions.limits import ReadingLimits

__all__ = ["copy_and_hash"]

_BLOCK_BYTES = 8 * 2**20


def copy_and_hash(path: Path, target: Path, limits: ReadingLimits, show_progress: bool | None) -> str:
    """Copy a file once, in blocks, and hash what was copied.

    Args:
        path: The file; a link to a file is followed.
        target: Where the copy goes.
        limits: Bounds on its size.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        SHA-256 of the copy, as hexadecimal digits.

    Raises:
        UnreadableFileError: If it is no regular file, empty, too large, or cannot be read.
    """
    try:
        # without O_NONBLOCK opening a pipe would wait for a writer, for ever
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be opened: {error.strerror}. Check the path.") from None
    try:
        size = _checked_size(path, os.fstat(descriptor), target.parent, limits)
    except UnreadableFileError:
        os.close(descriptor)
        raise
    try:
        with os.fdopen(descriptor, "rb", buffering=0) as source:
            blocks = iter(lambda: source.read(_BLOCK_BYTES), b"")
            shown = track(blocks, "copying", total=-(-size // _BLOCK_BYTES), unit="block", show=show_progress)
            return _copy(path, shown, target, limits)
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be copied to {target.parent.parent}: {error.strerror}.") from None


def _copy(path: Path, blocks: Iterable[bytes], target: Path, limits: ReadingLimits) -> str:
    digest = hashlib.sha256()
    copied = 0
    with target.open("xb") as copy:
        for block in blocks:
            copied += len(block)
            if copied > limits.file_bytes:
                raise UnreadableFileError(f"{path} grows while it is read. Submit it when it is complete.")
            digest.update(block)
            copy.write(block)
    return digest.hexdigest()


def _checked_size(path: Path, status: os.stat_result, folder: Path, limits: ReadingLimits) -> int:
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe or device"
        raise UnreadableFileError(f"{path} is {kind}, expected a file of predictions.")
    if status.st_size == 0:
        raise UnreadableFileError(f"{path} is empty. Write it again with react_eval.save_submission.")
    if status.st_size > limits.file_bytes:
        raise UnreadableFileError(
            f"{path} has {human_bytes(status.st_size)}; at most {human_bytes(limits.file_bytes)} are read."
        )
    free = shutil.disk_usage(folder).free
    if status.st_size > free:
        raise UnreadableFileError(
            f"{path} has {human_bytes(status.st_size)}, but only {human_bytes(free)} are free in {folder.parent} for "
            "the private copy. Set TMPDIR to a folder on a larger disk."
        )
    return status.st_size
