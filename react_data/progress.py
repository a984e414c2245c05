"""Progress on stderr for work that takes long: what is done, how much is left, an estimate of when."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

__all__ = ["track"]

T = TypeVar("T")


def track(
    items: Iterable[T], label: str, *, total: int | None = None, unit: str = "clip", show: bool | None = None
) -> Iterable[T]:
    """Iterate with a progress bar on stderr.

    Args:
        items: What to iterate over.
        label: What is being done.
        total: How many items there are, where `items` does not say.
        unit: What one item is.
        show: True or False, or None to show only on a terminal.

    Returns:
        The same items.
    """
    disable = None if show is None else not show
    return tqdm(items, desc=label, total=total, unit=unit, file=sys.stderr, disable=disable, leave=False)
