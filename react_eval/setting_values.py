"""Values of metric settings, checked by the types that a settings class gives its fields."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from contextlib import suppress
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from react_data.clips import suggest
from react_eval.errors import InputError

__all__ = ["setting_from_text", "setting_value"]


def setting_value(settings: Any, name: str, value: object, where: str) -> Any:
    """A value for a field of settings, if it is of the field's type.

    Args:
        settings: The settings as they are.
        name: The field.
        value: The value; an int is taken for a float, and a list for a tuple.
        where: Name of the metric, for messages.

    Returns:
        The value as the field's type.

    Raises:
        InputError: If it is of another type, or none of the values that the field allows.
    """
    kind = _kind(settings, name)
    try:
        return _converted(value, kind)
    except TypeError:
        raise _refused(kind, name, value, where) from None


def setting_from_text(settings: Any, name: str, text: str, where: str) -> Any:
    """The same from text, as on a command line.

    Args:
        settings: The settings as they are.
        name: The field.
        text: Such as ``"all"``, ``"24"``, ``"1e-8"``, ``"True"``, ``"None"``; a tuple as ``"1,2"``.
        where: Name of the metric, for messages.

    Returns:
        The value as the field's type.

    Raises:
        InputError: If the text is no value of the field.
    """
    kind = _kind(settings, name)
    try:
        return _read(text, kind)
    except TypeError:
        raise _refused(kind, name, text, where) from None


def _kind(settings: Any, name: str) -> Any:
    """The field's type; that of its value where a third party's annotation cannot be resolved."""
    with suppress(NameError, TypeError, AttributeError):
        return get_type_hints(type(settings))[name]
    current = getattr(settings, name)
    return Any if current is None else type(current)


def _refused(kind: Any, name: str, value: object, where: str) -> InputError:
    if get_origin(kind) is Literal:
        allowed = [str(choice) for choice in get_args(kind)]
        return InputError(f"{where}.{name} = {value!r} is not known. {suggest(str(value), allowed)}")
    described = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)
    return InputError(f"{where}.{name} = {value!r} is not of type {described}.")


def _converted(value: Any, kind: Any) -> Any:
    """The value as a type; TypeError if it is of another."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal:
        fits = any(type(choice) is type(value) and choice == value for choice in arguments)
    elif origin in (Union, UnionType):
        return _first_that_fits([(value, arm) for arm in arguments])
    elif tuple in (origin, kind) and isinstance(value, (tuple, list)):
        return tuple(_converted(each, part) for each, part in _paired(value, arguments))
    elif kind is float and type(value) is int:
        return float(value)
    elif kind is bool or not isinstance(value, bool):
        kind = NoneType if kind is None else origin or kind
        fits = kind is Any or not isinstance(kind, type) or isinstance(value, kind)
    else:
        fits = kind is Any
    if not fits:
        raise TypeError(value)
    return value


def _read(text: str, kind: Any) -> Any:
    readings = [(reading, kind) for reading in (*([None] if text == "None" else []), text, _literal(text))]
    with suppress(TypeError):
        return _first_that_fits(readings)
    arms = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    for arm in arms:
        if tuple in (arm, get_origin(arm)):
            parts = [part.strip() for part in text.split(",")]
            return tuple(_read(each, part) for each, part in _paired(parts, get_args(arm)))
    raise TypeError(text)


def _first_that_fits(readings: Sequence[tuple[Any, Any]]) -> Any:
    for value, kind in readings:
        with suppress(TypeError):
            return _converted(value, kind)
    raise TypeError(readings)


def _paired(values: Sequence[Any], kinds: tuple[Any, ...]) -> list[tuple[Any, Any]]:
    """The entries of a tuple with their types; TypeError if there are too many or too few."""
    repeated = not kinds or kinds[-1] is Ellipsis
    listed = [kinds[0] if kinds else Any] * len(values) if repeated else list(kinds)
    if len(listed) != len(values):
        raise TypeError(values)
    return list(zip(values, listed, strict=True))


def _literal(text: str) -> Any:
    truth = {"true": True, "false": False}
    if text.lower() in truth:
        return truth[text.lower()]
    with suppress(ValueError, SyntaxError, MemoryError, RecursionError):
        return ast.literal_eval(text)
    return text
