"""Libraries that only some features need: loaded when one is used, with an error that says what to install."""

from __future__ import annotations

import importlib
from typing import Any

from react_data.errors import ReactError

__all__ = ["LibraryMissingError", "optional_library"]


class LibraryMissingError(ReactError, ImportError):
    """A library that this feature needs is not installed, or cannot be loaded; the message says how to install it."""

    code = "RD020"


def optional_library(module: str, *, extra: str, purpose: str) -> Any:
    """Import a library that is not among the required ones.

    Args:
        module: Name to import, such as ``"soxr"``.
        extra: The extra of ``react-eval`` that installs it.
        purpose: What needs it, as the start of a sentence.

    Returns:
        The module.

    Raises:
        LibraryMissingError: If it cannot be imported.

    Example:
        >>> optional_library("no_such_library", extra="audio", purpose="Resampling")
        Traceback (most recent call last):
        ...
        react_data.optional_libraries.LibraryMissingError: Resampling needs no_such_library, which cannot be imported
        (No module named 'no_such_library'): pip install 'react-eval[audio]'. [RD020]
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise LibraryMissingError(
            f"{purpose} needs {module}, which cannot be imported ({error}): pip install 'react-eval[{extra}]'."
        ) from None
