"""How many digits of a value people see."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["digits_for", "rounded"]


def digits_for(values: Iterable[float]) -> int:
    """Digits after the point for values that are read beside each other.

    Args:
        values: The values; NaN is left out.

    Returns:
        Four if any is below 1 and not 0, or none reaches 1; else two.

    Example:
        >>> digits_for([0.25, 97.0]), digits_for([12.0, 97.0])
        (4, 2)
    """
    defined = [abs(value) for value in values if not math.isnan(value)]
    return 4 if any(0 < value < 1 for value in defined) or not any(value >= 1 for value in defined) else 2


def rounded(value: float | None, digits: int) -> str:
    """A number as text; nothing for None, a dash for undefined.

    Args:
        value: The number.
        digits: Digits after the point.

    Example:
        >>> rounded(0.12345, 4), rounded(float("nan"), 2)
        ('0.1235', '–')
    """
    if value is None:
        return ""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
