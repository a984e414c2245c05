"""Pages of mapped files, which count as a program's memory from when they are read until they are given back."""

from __future__ import annotations

import ctypes
import mmap
import sys

__all__ = ["give_back"]

# Linux's advice that pages may leave memory. Unlike MADV_DONTNEED it loses nothing, whatever the pages hold.
_PAGEOUT = 21


def give_back(address: int, size: int) -> None:
    """Let the pages that lie within a range leave memory; it is only advice, and nothing happens on other systems.

    Args:
        address: Where the range begins.
        size: Its bytes.
    """
    begin = -(-address // mmap.PAGESIZE) * mmap.PAGESIZE
    end = (address + size) // mmap.PAGESIZE * mmap.PAGESIZE
    if sys.platform == "linux" and end > begin:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), _PAGEOUT)
