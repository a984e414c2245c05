"""Weighted sum of dynamic-time-warping distances over groups of channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["weighted_dtw"]

Array = NDArray[np.float64]
Series = NDArray[np.float32] | Array


@compiled
def weighted_dtw(
    first: Series,
    second: Series,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    weights: Array,
    limit: float,
) -> float:
    r"""Σ_g w_g · DTW_g, where DTW_g is the square root of the least summed squared distance along a warping path.

    Steps (1, 0), (0, 1), (1, 1); no window; each group warps on its own. Memory is two rows.

    Args:
        first: (T1, C) series; distances are summed in float64.
        second: (T2, C) series.
        starts: First channel of each group.
        stops: One past the last channel of each group.
        weights: Weight of each group, >= 0.
        limit: The result is not needed where it is not below this.

    Returns:
        The weighted sum, or infinity where it is not below `limit`.
    """
    total = 0.0
    for group in range(starts.shape[0]):
        # Contiguous copies let the channel loop run over neighbouring values.
        one = first[:, starts[group] : stops[group]].astype(np.float64)
        other = second[:, starts[group] : stops[group]].astype(np.float64)
        total = _add_group(one, other, total, weights[group], limit)
        if total >= limit:
            return np.inf
    return total


@compiled
def _add_group(one: Array, other: Array, total: float, weight: float, limit: float) -> float:
    """`total` + weight · DTW(one, other), or infinity as soon as that cannot be below `limit`."""
    rows, channels = one.shape
    columns = other.shape[0]
    previous = np.full(columns + 1, np.inf)
    current = np.full(columns + 1, np.inf)
    previous[0] = 0.0
    for row in range(rows):
        current[0] = np.inf
        least = np.inf
        for column in range(columns):
            distance = 0.0
            for channel in range(channels):
                difference = one[row, channel] - other[column, channel]
                distance += difference * difference
            reached = previous[column]
            if previous[column + 1] < reached:
                reached = previous[column + 1]
            if current[column] < reached:
                reached = current[column]
            reached += distance
            current[column + 1] = reached
            if reached < least:
                least = reached
        # Costs only grow along a path, also after rounding, so this group cannot end below the row's least cell, and
        # the groups that remain add nothing negative.
        if total + weight * np.sqrt(least) >= limit:
            return np.inf
        previous, current = current, previous
    return float(total + weight * np.sqrt(previous[columns]))
