"""Bounds that the reading process puts on itself before it opens a file; none where the system knows no such bounds."""

from __future__ import annotations

import ctypes
import math
import signal
import sys
from contextlib import suppress
from pathlib import Path

from react_eval.submissions.limits import ReadingLimits

try:
    import resource
except ImportError:  # not POSIX: the parent's clock is what bounds the process
    HAS_LIMITS = False
else:
    HAS_LIMITS = True

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG

__all__ = ["allow_library", "end_with_parent", "limit_after_library", "limit_resources"]


def limit_resources(limits: ReadingLimits, file_bytes: int) -> None:
    """Bound memory, processor time, core dumps and the files that are written.

    Args:
        limits: The bounds.
        file_bytes: Size of the file, which may be mapped in addition to the memory that is allowed.
    """
    if not HAS_LIMITS:
        return
    most = limits.most_decoded_bytes(file_bytes)
    seconds = math.ceil(limits.library_seconds + limits.seconds_to_decode(most))
    memory = limits.address_space + file_bytes
    _limit(resource.RLIMIT_CORE, 0, 0)
    _limit(resource.RLIMIT_CPU, seconds, seconds)
    _limit(resource.RLIMIT_FSIZE, *(2 * most + 2**20,) * 2)  # an archive may unpack to float64 before it is decoded
    _limit(resource.RLIMIT_AS, memory, memory + limits.library_address_space)


def end_with_parent() -> None:
    """Have this process killed when the one that started it ends, however that ends; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def allow_library() -> None:
    """Let a large library be mapped: one that can use a GPU takes more address space than any submission."""
    if HAS_LIMITS:
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        _limit(resource.RLIMIT_AS, hard, hard)


def limit_after_library(limits: ReadingLimits, file_bytes: int) -> None:
    """Bound memory again, to what the library took and as much beside it as any other file gets."""
    pages = Path("/proc/self/statm")
    if HAS_LIMITS and pages.is_file():
        taken = int(pages.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _limit(resource.RLIMIT_AS, *(taken + limits.address_space + file_bytes,) * 2)


def _limit(kind: int, soft: int, hard: int) -> None:
    with suppress(ValueError, OSError):  # a stricter limit is in force already, or the system has none of this kind
        resource.setrlimit(kind, (soft, hard))
