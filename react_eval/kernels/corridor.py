"""Dynamic time warping within a limit: only the corridor of cells through which a path may still stay below it.

Going backwards over boxes of frames first, which is cheap, bounds what every path still has to pay from each column on,
strip by strip. Going forwards, a cell is left out where what was paid and what is still to pay exceed the limit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.dynamic_time_warping import (
    Bounds,
    Series,
    boxes_of,
    first_step,
    fresh_state,
    least,
    reached_total,
)
from react_eval.kernels.wavefront import LANES, MARGIN, TILE, sweep

__all__ = ["BOX", "boxes_backwards", "costs_to_go", "least_total", "warp_within"]

Array = NDArray[np.float64]
Values = NDArray[np.float32]

# Frames a box; boxes end where strips of frames do.
BOX = 8
_BOXES = LANES // BOX  # a strip of frames
_STEPS = 8 * TILE  # between two looks whether anything is left in the corridor


@compiled
def costs_to_go(boxes: Values, columns: Values, count: int, starts: Bounds, stops: Bounds) -> Values:
    """Lower bounds of what a path still has to pay where it enters a strip of frames.

    Args:
        boxes: What `boxes_backwards` made.
        columns: What `columns_of` made of the other series.
        count: Boxes in all.
        starts: First channel of each group.
        stops: One past the last channel of each group.

    Returns:
        (strips of boxes, M + 2·MARGIN, G, LANES): the cells after each step; see `_to_go`.
    """
    turned = _turned(columns)
    groups, frames = len(starts), columns.shape[1] - 2 * MARGIN
    boundary, cells, corners = fresh_state(groups, columns)
    record = np.empty((len(boxes), columns.shape[1], groups, LANES), dtype=columns.dtype)
    for strip in range(len(boxes)):
        cells[:] = np.inf
        corners[:] = np.inf
        last = frames - 1 + min(LANES, count - strip * LANES) - 1
        first = first_step(-1, last)
        sweep(boxes[strip], turned, boundary, cells, corners, record[strip], starts, stops, first, last)
    return record


@compiled
def boxes_backwards(series: Values) -> Values:
    """Boxes of frames from the last to the first, which end where strips of frames begin.

    Args:
        series: (T, C).

    Returns:
        See `boxes_of`; ceil(T / BOX) boxes.
    """
    return boxes_of(series[::-1].copy(), BOX, -len(series) % BOX)


@compiled
def least_total(record: Values, count: int, weights: Array) -> float:
    """A lower bound of the whole distance.

    Args:
        record: What `costs_to_go` found.
        count: Boxes in all.
        weights: Weight of each group.
    """
    costs = np.empty(len(weights))
    for group in range(len(weights)):
        costs[group] = _to_go(record, count, 0, group)[record.shape[1] - 2 * MARGIN - 1]
    return reached_total(costs, weights)


@compiled
def _turned(columns: Values) -> Values:
    turned = np.empty_like(columns)
    width = columns.shape[1]
    for channel in range(len(columns)):
        for place in range(width):
            turned[channel, place] = columns[channel, width - 1 - place]
    return turned


@compiled
def _to_go(record: Values, count: int, strip: int, group: int) -> Values:
    """What a path has to pay from each column of a strip's first frame on; columns backwards.

    That is what the lane of the strip's first box reached, which is at column c after step c + lane.
    """
    box = count - 1 - _BOXES * strip
    lane = box % LANES
    return record[box // LANES, MARGIN + lane : record.shape[1] - MARGIN + lane, group, lane]


@compiled
def warp_within(
    rows: Series,
    columns: Series,
    frames: int,
    record: Values,
    starts: Bounds,
    stops: Bounds,
    weights: Array,
    limit: float,
) -> float:
    """`warp`, for a limit that is not infinite.

    Args:
        rows: What `rows_of` made.
        columns: What `columns_of` made.
        frames: Frames of the rows' series.
        record: What `costs_to_go` found.
        starts: First channel of each group.
        stops: One past the last channel of each group.
        weights: Weight of each group, >= 0.
        limit: The result is not needed where it is above this.

    Returns:
        The weighted sum, or infinity where it is above `limit`.
    """
    groups, end = len(starts), columns.shape[1] - 2 * MARGIN - 1
    count = -(-frames // BOX)
    boundary, cells, corners = fresh_state(groups, columns)
    nothing = np.empty((0, groups, LANES), dtype=columns.dtype)
    budgets = np.empty(groups)
    begin, until = -1, -1  # columns of the boundary that hold costs; all others are infinite
    for strip in range(len(rows)):
        low, high = _alive(boundary, record, count, strip, weights, limit, begin, until, budgets)
        if low > high:
            return np.inf
        cells[:] = np.inf
        corners[:] = np.inf
        final = min(LANES, frames - strip * LANES) - 1
        first = first_step(low, end + final)
        step = first
        while step <= end + final:
            after = min(step + _STEPS, end + final + 1)
            sweep(rows[strip], columns, boundary, cells, corners, nothing, starts, stops, step, after - 1)
            step = after
            past = step > high + 1 and strip < len(rows) - 1
            if past and _all_dead(cells, corners, record, count, strip + 1, step - 1, end, budgets):
                break
        boundary[:, MARGIN + begin : MARGIN + first + 1 - LANES] = np.inf
        boundary[:, MARGIN + step + 1 - LANES : MARGIN + until + 1] = np.inf
        begin, until = max(first + 1 - LANES, 0), min(step - LANES, end)
    total = reached_total(cells[:, (frames - 1) % LANES], weights)
    return total if total <= limit else np.inf


@compiled
def _alive(
    boundary: Series,
    record: Values,
    count: int,
    strip: int,
    weights: Array,
    limit: float,
    begin: int,
    until: int,
    budgets: Array,
) -> tuple[int, int]:
    """First and last column above a strip through which a path within the limit may go; the first is larger if none.

    Sets what each group may cost in all, if the others cost no more than they must.
    """
    groups, end = len(weights), boundary.shape[1] - 2 * MARGIN - 1
    must, costs = np.empty(groups), np.empty((groups, until + 1 - begin))
    for group in range(groups):
        to_go = _to_go(record, count, strip, group)
        for column in range(until, begin - 1, -1):
            following = to_go[end - column - 1] if column < end else np.inf  # a path may go on diagonally
            straight = to_go[end - column] if column >= 0 else np.inf
            costs[group, column - begin] = boundary[group, MARGIN + column] + min(straight, following)
        must[group] = least(costs[group])
    total = reached_total(must, weights)
    low, high = until + 1, begin - 1
    if total > limit:
        return low, high
    for group in range(groups):
        budgets[group] = np.inf
        if weights[group] > 0:
            budgets[group] = ((limit - total) / weights[group] + np.sqrt(must[group])) ** 2
        for column in range(begin, until + 1):
            if costs[group, column - begin] <= budgets[group]:
                low, high = min(low, column), max(high, column)
    return low, high


@compiled
def _all_dead(
    cells: Series, corners: Series, record: Values, count: int, strip: int, step: int, end: int, budgets: Array
) -> bool:
    """Whether no path within its budget is among the lanes, where the strip after them is `strip`."""
    for group in range(len(budgets)):
        paid = min(least(cells[group]), least(corners[group]))
        # Whatever lane it is in, a path enters the next strip at this column or a later one.
        column = min(max(step - LANES, 0), end)
        to_go = _to_go(record, count, strip, group)
        ahead = np.inf
        for place in range(end - column + 1):
            ahead = min(ahead, to_go[place])
            if paid + ahead <= budgets[group]:
                return False
    return True
