"""What the operating system refuses, such as a folder without permission, as an error of this project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from react_data.errors import FileAccessError, ReactError

__all__ = ["file_access", "seen"]


@contextmanager
def file_access() -> Iterator[None]:
    """Turn what the operating system refuses into a `FileAccessError`; also a decorator.

    Raises:
        FileAccessError: If a file or folder cannot be read or written.

    Example:
        >>> with file_access():
        ...     open("no-such-folder/file")
        Traceback (most recent call last):
        react_data.errors.FileAccessError: no-such-folder/file cannot be read or written: No such file or directory. ...
    """
    try:
        yield
    except (ReactError, BrokenPipeError):  # a pipe whose reader has left is nothing to tell anyone
        raise
    except OSError as error:
        raise FileAccessError(_described(error)) from error


def seen(look: Callable[[], bool]) -> bool:
    """Whether something is there to be seen.

    Args:
        look: A look at a path, such as ``path.is_dir``.

    Returns:
        What it says; False where the system does not let us look.

    Example:
        >>> from pathlib import Path
        >>> seen(Path(".").is_dir)
        True
    """
    try:
        return look()
    except OSError:
        return False


def _described(error: OSError) -> str:
    advice = "Check permissions and free space, or name another place."
    if error.filename is not None and error.strerror:
        return f"{error.filename} cannot be read or written: {error.strerror}. {advice}"
    return f"a file cannot be read or written: {' '.join(str(error).split()).rstrip('.')}. {advice}"
