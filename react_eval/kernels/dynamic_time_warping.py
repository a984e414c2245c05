"""Weighted sum of dynamic-time-warping distances over groups of channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.wavefront import LANES, MARGIN, TILE, sweep

__all__ = [
    "aligned",
    "boxes_of",
    "columns_of",
    "first_step",
    "fresh_state",
    "least",
    "reached_total",
    "rows_of",
    "warp",
    "weighted_dtw",
]

Array = NDArray[np.float64]
Series = NDArray[np.floating[Any]]
Bounds = NDArray[np.int64]

_CACHE_LINE = 64


@compiled
def weighted_dtw(first: Series, second: Series, starts: Bounds, stops: Bounds, weights: Array, limit: float) -> float:
    r"""Σ_g w_g · DTW_g, where DTW_g is the square root of the least summed squared distance along a warping path.

    Steps (1, 0), (0, 1), (1, 1); no window; each group warps on its own. Memory is O(T1 + T2). Distances are taken and
    summed in the series' own type: float64 for values that are reported, float32 for screening.

    Args:
        first: (T1, C) series.
        second: (T2, C) series of the same type.
        starts: First channel of each group.
        stops: One past the last channel of each group.
        weights: Weight of each group, >= 0.
        limit: The result is not needed where it is not below this.

    Returns:
        The weighted sum, or infinity where it is not below `limit`.
    """
    return warp(rows_of(first), columns_of(second), len(first), starts, stops, weights, limit)


@compiled
def warp(
    rows: Series, columns: Series, count: int, starts: Bounds, stops: Bounds, weights: Array, limit: float
) -> float:
    """`weighted_dtw` of series laid out for it.

    Args:
        rows: What `rows_of` or `boxes_of` made.
        columns: What `columns_of` made.
        count: Rows in all: frames or boxes.
        starts: First channel of each group.
        stops: One past the last channel of each group.
        weights: Weight of each group, >= 0.
        limit: The result is not needed where it is not below this.

    Returns:
        The weighted sum, or infinity where it is not below `limit`.
    """
    groups, frames = len(starts), columns.shape[1] - 2 * MARGIN
    boundary, cells, corners = fresh_state(groups, columns)
    nothing = np.empty((0, groups, LANES), dtype=columns.dtype)
    for strip in range(len(rows)):
        cells[:] = np.inf
        corners[:] = np.inf
        last = frames - 1 + min(LANES, count - strip * LANES) - 1
        sweep(rows[strip], columns, boundary, cells, corners, nothing, starts, stops, first_step(-1, last), last)
        # Every path crosses the strip's last row, and costs only grow along a path, also after rounding.
        if limit < np.inf and strip < len(rows) - 1:
            reached = 0.0
            for group in range(groups):
                reached += weights[group] * np.sqrt(np.float64(least(boundary[group, MARGIN : MARGIN + frames])))
            if reached >= limit:
                return np.inf
    total = reached_total(cells[:, (count - 1) % LANES], weights)
    return total if total < limit else np.inf


@compiled
def least(values: Series) -> float:
    """The least of several values; four at a time, since each comparison waits for the one before.

    Args:
        values: (N,), N at least 1.
    """
    one = two = three = four = values[0]
    whole = len(values) // 4
    for index in range(whole):
        one = min(one, values[4 * index])
        two = min(two, values[4 * index + 1])
        three = min(three, values[4 * index + 2])
        four = min(four, values[4 * index + 3])
    for index in range(4 * whole, len(values)):
        one = min(one, values[index])
    return float(min(min(one, two), min(three, four)))


@compiled
def reached_total(costs: Series, weights: Array) -> float:
    """Σ_g w_g · √cost_g.

    Args:
        costs: (G,) summed squared distances.
        weights: (G,) weights.
    """
    total = 0.0
    for group in range(len(weights)):
        total += weights[group] * np.sqrt(np.float64(costs[group]))
    return total


@compiled
def fresh_state(groups: int, columns: Series) -> tuple[Series, Series, Series]:
    """What `sweep` carries along, before the first row: boundary, cells and corners.

    Args:
        groups: Number of groups of channels.
        columns: What `columns_of` made.
    """
    boundary = np.full((groups, columns.shape[1]), np.inf, dtype=columns.dtype)
    boundary[:, MARGIN - 1] = 0
    cells = aligned(groups * LANES, columns).reshape(groups, LANES)
    corners = aligned(groups * LANES, columns).reshape(groups, LANES)
    return boundary, cells, corners


@compiled
def first_step(wanted: int, last: int) -> int:
    """The latest first step not after `wanted` from which whole tiles end with `last`."""
    return last + 1 - -(-(last + 1 - wanted) // TILE) * TILE


@compiled
def rows_of(series: Series) -> Series:
    """Strips of `LANES` frames, frames innermost; frames that fill up the last strip are never read.

    Args:
        series: (T, C).

    Returns:
        (ceil(T / LANES), C, LANES).
    """
    frames, channels = series.shape
    strips = -(-frames // LANES)
    rows = aligned(strips * channels * LANES, series).reshape(strips, channels, LANES)
    for frame in range(strips * LANES):
        for channel in range(channels):
            rows[frame // LANES, channel, frame % LANES] = series[min(frame, frames - 1), channel]
    return rows


@compiled
def boxes_of(series: Series, length: int) -> Series:
    """Strips of `LANES` boxes; a box holds the range of each channel over `length` consecutive frames.

    Args:
        series: (T, C).
        length: Frames a box.

    Returns:
        (strips, C, 2, LANES): least and greatest values.
    """
    frames, channels = series.shape
    count = -(-frames // length)
    strips = -(-count // LANES)
    boxes = aligned(strips * channels * 2 * LANES, series).reshape(strips, channels, 2, LANES)
    boxes[:] = 0
    for frame in range(frames):
        box = frame // length
        strip, lane = box // LANES, box % LANES
        fresh = frame % length == 0
        for channel in range(channels):
            value = series[frame, channel]
            low, high = boxes[strip, channel, 0, lane], boxes[strip, channel, 1, lane]
            boxes[strip, channel, 0, lane] = value if fresh else min(low, value)
            boxes[strip, channel, 1, lane] = value if fresh else max(high, value)
    return boxes


@compiled
def columns_of(series: Series) -> Series:
    """Frames backwards and innermost, framed by infinities.

    Args:
        series: (T, C).

    Returns:
        (C, T + 2·MARGIN).
    """
    frames, channels = series.shape
    columns = np.full((channels, frames + 2 * MARGIN), np.inf, dtype=series.dtype)
    for channel in range(channels):
        for frame in range(frames):
            columns[channel, MARGIN + frames - 1 - frame] = series[frame, channel]
    return columns


@compiled
def aligned(size: int, like: Series) -> Series:
    """Uninitialised memory that begins at a cache line, so that no vector straddles two."""
    spare = np.empty(size + _CACHE_LINE // like.itemsize, dtype=like.dtype)
    skipped = (-spare.ctypes.data % _CACHE_LINE) // like.itemsize
    return spare[skipped : skipped + size]
