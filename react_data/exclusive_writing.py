"""One writer at a time for a folder that is filled piece by piece; whoever comes second is told so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from react_data.errors import ReactError
from react_data.locking import Lock, describe_holder, try_lock

__all__ = ["LOCK", "sole_writer"]

LOCK = ".writing"


@contextmanager
def sole_writer(folder: Path, error: type[ReactError]) -> Iterator[None]:
    """Keep others from writing into a folder; a run that is killed does not.

    Args:
        folder: The folder; made if it is not there.
        error: What is raised.

    Raises:
        ReactError: `error`, if somebody else is writing into the folder.
        OSError: If it cannot be written.
    """
    lock = _locked(folder)
    if lock is None:
        holder = describe_holder(folder / LOCK)
        raise error(f"{folder} is being written by another run ({holder}). Wait for it, or choose another name.")
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            folder.rmdir()  # only an empty one goes, in which nothing was written


def _locked(folder: Path) -> Lock | None:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        # Whoever held the folder may remove it in between.
        with suppress(FileNotFoundError):
            return try_lock(folder / LOCK)
