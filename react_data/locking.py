"""A lock between processes that ends with the process which holds it, whatever ends that process."""

from __future__ import annotations

import errno
import json
import os
import platform
import sys
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

__all__ = ["Lock", "describe_holder", "try_lock"]

_NO_LOCKS_HERE = {errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}
_LONGEST_RECORD = 1000
_NO_FOLLOWING = getattr(os, "O_NOFOLLOW", 0)


@dataclass(frozen=True)
class _Holder:
    process: int
    machine: str
    since: str


class Lock:
    """A lock that is held until it is released, collected, or its process ends.

    Args:
        file: The lock file, which says who holds it.
        descriptor: The open file, if the system has locked it; else the file's existence is the lock.
        record: What the file says.
    """

    def __init__(self, file: Path, descriptor: int | None, record: bytes) -> None:
        self._release = weakref.finalize(self, _let_go, file, descriptor, record, os.getpid())

    def release(self) -> None:
        """Let others have it, and remove the file; does nothing the second time."""
        self._release()


def try_lock(file: Path) -> Lock | None:
    """Take a lock without waiting.

    Where the file system knows locks, the system ends one with its process. Elsewhere the existence of the file is the
    lock, and one whose process has ended on this machine is taken over.

    Args:
        file: The lock file; made if it is not there. Its folder exists.

    Returns:
        The lock, or None if it is held already, be it by this process.

    Raises:
        OSError: If the file cannot be made, or is a link.
    """
    while True:
        descriptor, is_new = _open(file)
        keep_open = False
        try:
            locked = _system_lock(descriptor)
            if locked is False or (locked is None and not is_new and _may_be_held(file)):
                return None
            if locked is None and not is_new:
                file.unlink(missing_ok=True)  # abandoned: begin anew, against others who do the same
            elif _is_still(file, descriptor):
                keep_open = locked is True
                return Lock(file, descriptor if keep_open else None, _write_record(descriptor))
        finally:
            if not keep_open:
                os.close(descriptor)


def describe_holder(file: Path) -> str:
    """Who holds a lock, for messages.

    Args:
        file: The lock file.

    Returns:
        Such as ``"process 123 of this machine, since 2026-11-21T09:00:00+00:00"``.
    """
    holder = _read_holder(file)
    if holder is None:
        return "an unknown process"
    if holder.machine != platform.node():
        return f"process {holder.process} of the machine {holder.machine}, since {holder.since}"
    who = "this very process" if holder.process == os.getpid() else f"process {holder.process} of this machine"
    return f"{who}, since {holder.since}"


def _open(file: Path) -> tuple[int, bool]:
    """Open the file, and say whether it was made."""
    while True:
        try:
            return os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644), True
        except FileExistsError:
            with suppress(FileNotFoundError):  # released between the two calls
                return os.open(file, os.O_RDWR | _NO_FOLLOWING), False


def _system_lock(descriptor: int) -> bool | None:
    """Whether the system gives the lock; None if it, or this file system, has none to give."""
    if fcntl is None:
        return None
    try:
        # unlike fcntl.lockf, flock also tells two holders within one process apart
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _NO_LOCKS_HERE:
            return None
        raise
    return True


def _is_still(file: Path, descriptor: int) -> bool:
    """Whether what was locked is what others find; its last holder may have removed it in between."""
    try:
        return os.path.samestat(file.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_record(descriptor: int) -> bytes:
    holder = _Holder(os.getpid(), platform.node(), datetime.now().astimezone().isoformat(timespec="seconds"))
    record = json.dumps(asdict(holder)).encode()
    os.ftruncate(descriptor, 0)
    os.write(descriptor, record)
    return record


def _read_holder(file: Path) -> _Holder | None:
    try:
        with file.open("rb") as stream:
            plain = json.loads(stream.read(_LONGEST_RECORD))
        return _Holder(int(plain["process"]), str(plain["machine"]), str(plain["since"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _may_be_held(file: Path) -> bool:
    holder = _read_holder(file)
    return holder is None or holder.machine != platform.node() or _is_running(holder.process)


def _is_running(process: int) -> bool:
    if sys.platform == "win32":  # where os.kill(process, 0) would end it
        import ctypes

        handle = ctypes.windll.kernel32.OpenProcess(0x1000, False, process)  # may be asked, nothing else
        if handle:
            ctypes.windll.kernel32.CloseHandle(handle)
        return bool(handle)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _let_go(file: Path, descriptor: int | None, record: bytes, process: int) -> None:
    if os.getpid() == process:  # a forked process drops its copy, and leaves the lock to its parent
        if file.is_file() and file.read_bytes() == record:
            file.unlink(missing_ok=True)
        if descriptor is not None and fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    if descriptor is not None:
        os.close(descriptor)
