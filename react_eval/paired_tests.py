"""Statistics of paired differences between clips that come in groups: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["holm", "is_exact", "sign_flip_p_value", "smallest_p_value"]

Array = NDArray[np.float64]

_BLOCK = 1000
_ROUNDING = 1e-10  # of the summed sizes: sums in another order are still equal


def is_exact(groups: int, permutations: int) -> bool:
    """Whether all patterns of signs are looked at; half of the 2^G do, as a total and its negative count alike.

    Args:
        groups: G groups.
        permutations: How many patterns may be looked at.
    """
    return groups <= 1 or 2 ** (groups - 1) <= permutations


def smallest_p_value(groups: int, permutations: int) -> float:
    """The smallest p-value that `sign_flip_p_value` can return.

    Args:
        groups: G groups.
        permutations: How many patterns may be looked at.

    Returns:
        A share in (0, 1].

    Example:
        >>> smallest_p_value(5, 10_000)
        0.0625
    """
    return min(1.0, 2.0 ** (1 - groups)) if is_exact(groups, permutations) else 1 / (permutations + 1)


def sign_flip_p_value(sums: Array, permutations: int, seed: int) -> float:
    r"""Two-sided p-value of a sum of differences, from flipping the signs of whole groups.

    If two methods can be swapped within each group without anything changing, every pattern of signs is as likely:

    .. math:: p = \frac{\#\{s \in \{-1, 1\}^G : |\sum_g s_g D_g| \ge |\sum_g D_g|\}}{2^G}

    over all patterns where there are few, else over random ones with the observed pattern added to both counts, so that
    the test keeps its level.

    Args:
        sums: (G,) the difference summed over the clips of each group.
        permutations: How many patterns may be looked at; all of them are, where 2^(G-1) are no more.
        seed: Seed of random patterns.

    Returns:
        A share in (0, 1]; 1 where there is no difference.

    Example:
        >>> sign_flip_p_value(np.array([1.0, 2.0, 0.5, 1.5, 3.0]), 10_000, seed=0)
        0.0625
    """
    least = abs(sums.sum()) - _ROUNDING * np.abs(sums).sum()
    exact = is_exact(len(sums), permutations)
    patterns = _all_signs(len(sums)) if exact else _random_signs(len(sums), permutations, seed)
    as_large = looked_at = 0
    for signs in patterns:
        as_large += int((np.abs(signs @ sums) >= least).sum())
        looked_at += len(signs)
    return as_large / looked_at if exact else (as_large + 1) / (looked_at + 1)


def _all_signs(groups: int) -> Iterator[Array]:
    """Every pattern whose last sign is +; the others are their negatives."""
    count = 2 ** max(groups - 1, 0)
    for begin in range(0, count, _BLOCK):
        numbers = np.arange(begin, min(begin + _BLOCK, count))
        yield np.where(numbers[:, None] >> np.arange(groups) & 1, -1.0, 1.0)


def _random_signs(groups: int, permutations: int, seed: int) -> Iterator[Array]:
    generator = np.random.default_rng(seed)
    for begin in range(0, permutations, _BLOCK):
        size = (min(_BLOCK, permutations - begin), groups)
        yield np.where(generator.integers(0, 2, size=size), -1.0, 1.0)


def holm(p_values: Array) -> Array:
    r"""Holm's step-down adjustment: the chance of one or more false findings in the family stays below the level.

    .. math:: \tilde p_{(i)} = \min\bigl(1, \max_{j \le i} (m - j + 1)\, p_{(j)}\bigr)

    Args:
        p_values: (m,) p-values of one family.

    Returns:
        (m,) adjusted p-values, in the same order.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = np.arange(len(p_values), 0, -1) * p_values[order]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
