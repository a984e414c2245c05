"""A temporary folder for one reading, removed with it; one whose process was killed is removed by the next reading."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path

from react_data.locking import Lock, try_lock

__all__ = ["PrivateFolder"]

_PREFIX = "react-eval-reading-"
_NAME = re.compile(_PREFIX + r"[a-z0-9_]{8}")  # what tempfile.mkdtemp makes of the prefix
_LOCK = "reader.lock"
_SECONDS_TO_BE_LOCKED = 60.0


class PrivateFolder:
    """A folder that only its user can enter; it lasts until it is removed, collected, or Python ends.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        _remove_abandoned(Path(tempfile.gettempdir()))
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = try_lock(self.path / _LOCK)
        self._remove = weakref.finalize(self, _remove, self.path, lock, os.getpid())

    def remove(self) -> None:
        """Remove the folder; does nothing the second time."""
        self._remove()

    def keep_only(self, names: set[str]) -> None:
        """Remove all files but these."""
        for file in self.path.iterdir():
            if file.name not in names | {_LOCK}:
                with suppress(OSError):
                    file.unlink()


def _remove(folder: Path, lock: Lock | None, process: int) -> None:
    if os.getpid() != process:
        return  # a forked process; the folder is its parent's
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        lock.release()


def _remove_abandoned(parent: Path) -> None:
    """Remove folders of this user whose lock no process holds any more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another process removes it at the same time
            if _NAME.fullmatch(folder.name) and _is_mine_and_old(folder):
                lock = try_lock(folder / _LOCK)
                if lock is not None:
                    _remove(folder, lock, os.getpid())


def _is_mine_and_old(folder: Path) -> bool:
    status, lock = folder.lstat(), (folder / _LOCK).lstat()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    # one that is younger may have been made, and not yet locked
    old = time.time() - lock.st_mtime > _SECONDS_TO_BE_LOCKED
    return stat.S_ISDIR(status.st_mode) and stat.S_ISREG(lock.st_mode) and mine and old
