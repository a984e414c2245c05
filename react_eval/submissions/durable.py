"""Files that are either there as a whole or not at all, also after a power cut."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

__all__ = ["make_folder_durably", "replace_durably"]


def replace_durably(temporary: Path, target: Path) -> None:
    """Rename a file that was written under a temporary name, once it is on the disk.

    Args:
        temporary: The complete file.
        target: Its name, in a folder of the same file system; replaced if it is there.

    Raises:
        OSError: If the disk does not take it.
    """
    _flush(temporary, os.O_RDWR)
    temporary.replace(target)
    _flush_folder(target.absolute().parent)


def make_folder_durably(folder: Path) -> None:
    """Make a folder that a power cut does not take away, unless it is there.

    Raises:
        OSError: If it cannot be made.
    """
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.absolute().parent)


def _flush_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened
        with suppress(OSError):  # some file systems flush no folders; what is in them is safe
            _flush(folder, os.O_RDONLY)


def _flush(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
