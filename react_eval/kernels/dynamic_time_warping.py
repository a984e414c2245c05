"""Weighted sum of dynamic-time-warping distances over groups of channels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.wavefront import LANES, MARGIN, sweep

__all__ = ["boxes_of", "columns_of", "rows_of", "warp", "weighted_dtw"]

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
    boundary = np.full((groups, columns.shape[1]), np.inf, dtype=columns.dtype)
    cells = aligned(groups * LANES, columns).reshape(groups, LANES)
    corners = aligned(groups * LANES, columns).reshape(groups, LANES)
    lowest = np.empty(groups, dtype=columns.dtype)
    boundary[:, MARGIN - 1] = 0
    for strip in range(len(rows)):
        cells[:] = np.inf
        corners[:] = np.inf
        lowest[:] = np.inf
        final = min(LANES, count - strip * LANES) - 1
        sweep(rows[strip], columns, boundary, cells, corners, lowest, starts, stops, frames - 1 + final)
        # Every path crosses the strip's last row, and costs only grow along a path, also after rounding.
        reached = 0.0
        for group in range(groups):
            least = lowest[group] if strip < len(rows) - 1 else cells[group, final]
            reached += weights[group] * np.sqrt(np.float64(least))
        if reached >= limit:
            return np.inf
    return reached


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
        (ceil(ceil(T / length) / LANES), C, 2, LANES): least and greatest values.
    """
    frames, channels = series.shape
    count = -(-frames // length)
    strips = -(-count // LANES)
    boxes = aligned(strips * channels * 2 * LANES, series).reshape(strips, channels, 2, LANES)
    boxes[:] = 0
    for frame in range(frames):
        box = frame // length
        strip, lane = box // LANES, box % LANES
        for channel in range(channels):
            value = series[frame, channel]
            fresh = frame % length == 0
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
