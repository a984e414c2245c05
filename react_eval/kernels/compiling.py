"""How kernels are compiled, and where the machine code is kept.

Invariants: kernels release the GIL and never start threads of their own, so any number of Python threads may run them.
Only contraction and reassociation are allowed of fastmath: the kernels rely on infinities and NaN being respected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, TypeVar, cast

import numba
from numba.core import event

from react_eval.kernels.machine_code import KernelCache

__all__ = ["announcing_compilation", "compiled", "compiled_as_written"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a kernel, keeping the machine code on disk where a cache folder can be written.

    Args:
        function: A function of arrays and numbers.

    Returns:
        Its compiled form; compilation happens at the first call.
    """
    return _compiled(function, fastmath={"contract", "reassoc"})


def compiled_as_written(function: Function) -> Function:
    """Compile a kernel whose operations must stay as they are, since it computes with rounding errors.

    Args:
        function: A function of arrays and numbers.

    Returns:
        Its compiled form; compilation happens at the first call.
    """
    return _compiled(function, fastmath=False)


def _compiled(function: Function, **options: Any) -> Function:
    dispatcher = numba.njit(nogil=True, **options)(function)
    if dispatcher is not function:  # the same where compilation is switched off
        with suppress(RuntimeError):  # neither the package's folder nor the user's can be used
            dispatcher._cache = KernelCache(function)  # type: ignore[no-untyped-call]
    return cast(Function, dispatcher)


@contextmanager
def announcing_compilation(say: Callable[[], None]) -> Iterator[None]:
    """Call `say` if a kernel has to be compiled meanwhile, rather than loaded; once a process, whoever waits for it.

    Args:
        say: Tells a person that this takes a while.
    """
    listener = _FirstCompilation(say)
    event.register("numba:compile", listener)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)  # type: ignore[no-untyped-call]


_not_said_yet = Lock()  # taken by whoever says it, and kept


class _FirstCompilation(event.Listener):
    def __init__(self, say: Callable[[], None]) -> None:
        self._say = say

    def on_start(self, _event: Any) -> None:
        if _not_said_yet.acquire(blocking=False):
            self._say()

    def on_end(self, _event: Any) -> None:
        """Compilation has ended, which needs no words."""
