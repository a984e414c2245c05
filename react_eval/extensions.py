"""What installed packages add through entry points: loaded once in a process; what is broken is left out, aloud."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from threading import RLock
from typing import Any

from react_eval.errors import InputError, ReactError

__all__ = ["load_extensions", "why_left_out"]

# Why something is left out, by entry-point group and name. A group is here as soon as its loading begins, so that a
# package may look up what is registered while it is being loaded.
_LEFT_OUT: dict[str, dict[str, str]] = {}
# Other threads wait until what is installed is loaded; the one that loads may ask again.
_LOADING = RLock()


def load_extensions(
    group: str, kind: type[Any], name_of: Callable[[Any], str], register: Callable[[Any], object]
) -> None:
    """Register what installed packages add to a group; does nothing after the first call.

    A package that cannot be loaded or registered is left out with a warning that names it. So is a name that several
    packages define differently, since the order in which they are found must not decide what a score means.

    Args:
        group: Such as ``"react_eval.metrics"``.
        kind: What an entry point has to be.
        name_of: The name under which it is registered.
        register: Registers it; raises a `ReactError` if it must not be.
    """
    with _LOADING:
        if group not in _LEFT_OUT:
            _load_group(group, kind, name_of, register)


def _load_group(group: str, kind: type[Any], name_of: Callable[[Any], str], register: Callable[[Any], object]) -> None:
    left_out = _LEFT_OUT[group] = {}
    found: dict[str, list[tuple[str, Any]]] = {}
    for point in entry_points(group=group):
        package = point.dist.name if point.dist is not None else point.value
        try:
            value = _load(point, kind)
        except Exception as error:
            left_out[point.name] = f"{point.name!r} of package {package!r} is left out: {_described(error)}"
        else:
            found.setdefault(name_of(value), []).append((package, value))
    for name, given in found.items():
        reason = _register(name, given, register)
        if reason:
            left_out[name] = reason
    for reason in left_out.values():
        warnings.warn(reason, RuntimeWarning, stacklevel=3)


def why_left_out(group: str, name: str) -> str:
    """Why something of that name is left out.

    Args:
        group: Such as ``"react_eval.metrics"``.
        name: A name, in any case, or a protocol's id.

    Returns:
        The reason; empty if nothing of that name is left out.
    """
    asked = _bare(name)
    return next((reason for left, reason in _LEFT_OUT.get(group, {}).items() if _bare(left) == asked), "")


def _bare(name: str) -> str:
    return name.lower().partition("@")[0]


def _load(point: EntryPoint, kind: type[Any]) -> Any:
    value = point.load()
    if not isinstance(value, kind):
        raise InputError(f"it is a {type(value).__name__}, expected a {kind.__name__}.")
    return value


def _register(name: str, given: list[tuple[str, Any]], register: Callable[[Any], object]) -> str:
    """Register what is found under a name; returns why not."""
    package, value = given[0]
    if any(other != value for _, other in given[1:]):
        packages = " and ".join(repr(package) for package, _ in given)
        return f"{name!r} is defined by the packages {packages}. Uninstall one, or ask for another name."
    try:
        register(value)
    except ReactError as error:
        return f"{name!r} of package {package!r} is left out: {_described(error)}"
    return ""


def _described(error: Exception) -> str:
    return error.message if isinstance(error, ReactError) else f"{type(error).__name__}: {error}"
