"""Sums over clips in fractions, which round nowhere."""

from fractions import Fraction

__all__ = ["spread_between"]


def spread_between(clips):
    """Mean squared difference over elements and ordered pairs of different clips, as a fraction."""
    count, elements = clips.shape
    total = Fraction(0)
    for element in range(elements):
        values = [Fraction(float(value)) for value in clips[:, element]]
        total += sum((one - other) ** 2 for one in values for other in values)
    return total / elements / count / (count - 1)
