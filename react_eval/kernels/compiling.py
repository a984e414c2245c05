"""How kernels are compiled.

Invariants: kernels release the GIL and never start threads of their own, so any number of Python threads may run them.
Only contraction and reassociation are allowed of fastmath: the kernels rely on infinities and NaN being respected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "reassoc"}}


def compiled(function: Function) -> Function:
    """Compile a kernel, keeping the machine code on disk where a cache folder can be written.

    Args:
        function: A function of arrays and numbers.

    Returns:
        Its compiled form; compilation happens at the first call.
    """
    try:
        return cast(Function, numba.njit(cache=True, **_OPTIONS)(function))
    except RuntimeError:  # neither the package's folder nor the user's cache folder is writable
        return cast(Function, numba.njit(**_OPTIONS)(function))
