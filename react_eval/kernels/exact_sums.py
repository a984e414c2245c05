"""Sums over clips that are exact, so that neither batching nor order nor merging can change a bit.

Each element keeps Σx and Σx² as two float64 each, a value and what rounding took from it (double-double, 106 bits). The
square of a float32 has 48, so over 2¹⁴ clips nothing at all is lost while an element's values span less than 2²⁰;
beyond that some 2⁻¹⁰⁰ of the sum may be, which the score, a float64, does not show.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled_as_written

__all__ = ["add_clips", "empty_sums", "merge_sums", "spread_between"]

Array = NDArray[np.float64]

_BLOCK = 512  # elements whose sums stay in the first-level cache while clip after clip is added


def empty_sums(elements: int) -> Array:
    """Sums over no clips.

    Args:
        elements: Values of one clip.

    Returns:
        (4, elements): Σx, its remainder, Σx², its remainder.
    """
    return np.zeros((4, elements))


@compiled_as_written
def add_clips(sums: Array, clips: NDArray[np.float32]) -> None:
    """Add clips to the sums, in place.

    Args:
        sums: (4, E).
        clips: (N, E) values.
    """
    elements = sums.shape[1]
    for begin in range(0, elements, _BLOCK):
        block = sums[:, begin : min(begin + _BLOCK, elements)].copy()
        plain, squared = (block[0], block[1]), (block[2], block[3])
        for clip in range(len(clips)):
            values = clips[clip, begin : begin + block.shape[1]]
            _add(plain[0], plain[1], values, False)
            _add(squared[0], squared[1], values, True)
        for row in (0, 2):
            for element in range(block.shape[1]):
                total = block[row, element] + block[row + 1, element]
                sums[row + 1, begin + element] = block[row + 1, element] - (total - block[row, element])
                sums[row, begin + element] = total


@compiled_as_written
def _add(sums: Array, rests: Array, values: NDArray[np.float32], squared: bool) -> None:
    """Add values, and what rounding takes from the sums (Knuth's TwoSum) to the rests."""
    for element in range(len(values)):
        value = np.float64(values[element])
        if squared:
            value = value * value
        before = sums[element]
        total = before + value
        taken = total - before
        rests[element] += (before - (total - taken)) + (value - taken)
        sums[element] = total


@compiled_as_written
def merge_sums(sums: Array, others: Array) -> None:
    """Add the sums over other clips, in place.

    Args:
        sums: (4, E).
        others: (4, E).
    """
    for row in (0, 2):
        for element in range(sums.shape[1]):
            before, value = sums[row, element], others[row, element]
            total = before + value
            taken = total - before
            rest = sums[row + 1, element] + others[row + 1, element]
            rest += (before - (total - taken)) + (value - taken)
            sums[row, element] = total + rest
            sums[row + 1, element] = rest - (sums[row, element] - total)


@compiled_as_written
def spread_between(sums: Array, count: int) -> float:
    r"""Mean squared difference over elements and ordered pairs of different clips.

    .. math:: \frac{2}{N(N-1)} \, \mathrm{mean}_e \bigl(N \textstyle\sum x^2 - (\sum x)^2\bigr)

    Args:
        sums: (4, E).
        count: N clips, at least 2.

    Returns:
        The mean >= 0; exactly 0 where all clips are equal.
    """
    total = 0.0
    for element in range(sums.shape[1]):
        left, left_rest = _product(np.float64(count), sums[2, element])
        right, right_rest = _product(sums[0, element], sums[0, element])
        left_rest += count * sums[3, element]
        right_rest += 2 * sums[0, element] * sums[1, element]
        total += max((left - right) + (left_rest - right_rest), 0.0)
    return float(2 * total / sums.shape[1] / count / (count - 1))


@compiled_as_written
def _product(one: float, other: float) -> tuple[float, float]:
    """A product and its rounding error, from halves of 26 bits (Dekker, Veltkamp)."""
    product = one * other
    high, low = _halves(one)
    other_high, other_low = _halves(other)
    return product, ((high * other_high - product) + high * other_low + low * other_high) + low * other_low


@compiled_as_written
def _halves(value: float) -> tuple[float, float]:
    scaled = value * 134217729.0  # 2²⁷ + 1
    high = scaled - (scaled - value)
    return high, value - high
