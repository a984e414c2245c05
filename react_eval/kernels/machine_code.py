"""Where numba keeps the machine code of kernels.

Numba's own cache ties code to the file of a kernel, but code holds the kernels that it calls too, and it turns away
from a folder that cannot be written even if the code is there. Here code is tied to all kernels, and what
`react-eval warm` put into the package's folder is found when that is read-only later, as in a container.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from numba.core import caching

__all__ = ["KernelCache"]


def _numba_class(name: str) -> Any:
    """A class of numba's cache; older versions have it with an underscore."""
    return getattr(caching, name, None) or getattr(caching, f"_{name}")


@cache
def _stamp() -> str:
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


class _Stamped:
    """Ties code to the sources of all kernels."""

    def get_source_stamp(self) -> str:
        return _stamp()


class _ChosenFolder(_Stamped, _numba_class("UserProvidedCacheLocator")):  # type: ignore[misc]
    """The folder that NUMBA_CACHE_DIR names."""


class _PackageFolder(_Stamped, _numba_class("InTreeCacheLocator")):  # type: ignore[misc]
    """The package's own folder, if it can be written or was filled before."""

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> Any:
        filled = cls(py_func, py_file)
        if any(Path(filled.get_cache_path()).glob("*.nbi")):
            return filled
        return super().from_function(py_func, py_file)


class _UserFolder(_Stamped, _numba_class("UserWideCacheLocator")):  # type: ignore[misc]
    """The user's cache folder."""


class _Files(_numba_class("CompileResultCacheImpl")):  # type: ignore[misc]
    _locator_classes: Any = (_ChosenFolder, _PackageFolder, _UserFolder)


class _UserFiles(_Files):
    _locator_classes = (_UserFolder,)


class _FolderCache(caching.FunctionCache):
    """The machine code of one kernel in one folder."""

    _impl_class: Any = _Files

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Code that was kept; None where there is none, or what a full disk or a kill left of it cannot be read."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # whatever reading a damaged pickle raises
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code; a folder that has become read-only or full costs time at the next start, nothing else."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


class _UserCache(_FolderCache):
    _impl_class = _UserFiles


class KernelCache(_FolderCache):
    """The machine code of one kernel.

    Where the package's folder cannot be written and what it has is of no use here, since it is of another processor or
    release or was damaged, the user's folder takes its place.
    """

    @cached_property
    def _in_place(self) -> _UserCache | None:
        """The user's folder, if the package's was chosen for what is in it and cannot be written."""
        locator = self._impl.locator
        if isinstance(locator, _PackageFolder):
            try:
                locator.ensure_cache_path()
            except OSError:
                with suppress(RuntimeError):  # the user's folder cannot be used either
                    return _UserCache(self._py_func)  # type: ignore[no-untyped-call]
        return None

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Code that was kept, or None."""
        found = super().load_overload(sig, target_context)
        if found is None and self._in_place is not None:
            self._cache_path = self._in_place.cache_path
            found = self._in_place.load_overload(sig, target_context)
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep compiled code where that is possible."""
        if self._in_place is None:
            super().save_overload(sig, data)
        else:
            self._in_place.save_overload(sig, data)
