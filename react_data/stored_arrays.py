"""Opening ``.npy`` files from several threads at once."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["open_array"]

# CPython 3.11 counts the depth of a parse for all threads together, so two headers parsed at once can fail with a
# SystemError; the values are read outside the lock.
_one_header_at_a_time = Lock()


def open_array(path: Path) -> NDArray[Any]:
    """A ``.npy`` file as an array that reads its values from disk when they are used; nothing is unpickled.

    Args:
        path: The file.

    Returns:
        A read-only array.

    Raises:
        OSError: If the file is missing or cannot be read.
        ValueError: If it is no ``.npy`` file, is shorter than it says, or holds objects or several arrays.
        EOFError: If it is empty.
    """
    with _one_header_at_a_time:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    if not isinstance(loaded, np.ndarray):
        loaded.close()
        raise ValueError("it holds several arrays, expected one")
    return loaded
