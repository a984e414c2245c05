"""Dynamic time warping of one group of channels within a limit: only cells through which a path may stay below it.

A pass in one direction of time leaves behind what every path has paid at each strip of frames, which is what is ahead
of a pass in the other direction. Where what was paid and what is ahead exceed the limit, cells are left out. So boxes,
which are cheap, narrow the way for float32, and float32, which is all but exact, leaves little to do for float64.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.dynamic_time_warping import Bounds, Series, aligned, first_step, fresh_state, least, rows_of
from react_eval.kernels.wavefront import LANES, MARGIN, TILE, sweep

__all__ = ["BOX", "backwards", "cost_of_boxes", "cost_within", "rows_backwards"]

Values = NDArray[np.float32]

# Frames a box; boxes end where strips of frames do.
BOX = 8
_STEPS = 8 * TILE  # between two looks whether anything is left in the corridor


@compiled
def backwards(columns: Values, starts: Bounds, stops: Bounds) -> Values:
    """What `columns_of` would make of one group of the series with time running backwards; no other is filled."""
    turned = np.empty_like(columns)
    width = columns.shape[1]
    for channel in range(starts[0], stops[0]):
        for place in range(width):
            turned[channel, place] = columns[channel, width - 1 - place]
    return turned


@compiled
def rows_backwards(series: Values) -> Values:
    """Strips of frames from the last to the first, which hold the same frames as those of `rows_of`.

    Args:
        series: (T, C).

    Returns:
        (ceil(T / LANES), C, LANES); the first strip holds what is left over by the others.
    """
    rows = rows_of(series)
    turned = aligned(rows.size, series).reshape(rows.shape)
    for strip in range(len(rows)):
        held = min(LANES, len(series) - strip * LANES)
        for channel in range(rows.shape[1]):
            for lane in range(LANES):
                turned[len(rows) - 1 - strip, channel, lane] = rows[strip, channel, max(held - 1 - lane, 0)]
    return turned


@compiled
def cost_of_boxes(boxes: Values, columns: Values, frames: int, starts: Bounds, stops: Bounds, ahead: Values) -> float:
    """A lower bound of the least cost, and of what is ahead of a pass backwards.

    A strip of boxes spans `BOX` strips of frames, whose last boxes tell what is paid there.

    Args:
        boxes: What `boxes_of` made, with `BOX` frames a box.
        columns: What `columns_of` made.
        frames: Frames of the rows' series.
        starts: (1,) first channel of the group.
        stops: (1,) one past its last channel.
        ahead: (strips, M), to be filled for `cost_within` with rows and columns backwards.

    Returns:
        A cost: summed squared distances.
    """
    end, count, total = columns.shape[1] - 2 * MARGIN - 1, -(-frames // BOX), len(ahead)
    boundary, cells, corners = fresh_state(1, columns)
    record = np.empty((columns.shape[1], 1, LANES), dtype=columns.dtype)
    for strip in range(len(boxes)):
        cells[:] = np.inf
        corners[:] = np.inf
        last = end + min(LANES, count - strip * LANES) - 1
        sweep(boxes[strip], columns, boundary, cells, corners, record, starts, stops, first_step(-1, last), last)
        for column in range(end + 1):
            for rest in range(max(total - BOX * (strip + 1), 0), total - BOX * strip):
                lane = (min((total - rest) * (LANES // BOX), count) - 1) % LANES
                ahead[rest, end - column] = record[MARGIN + column + lane, 0, lane]
    return float(cells[0, (count - 1) % LANES])


@compiled
def cost_within(
    rows: Series,
    columns: Series,
    held: int,
    frames: int,
    ahead: Values,
    starts: Bounds,
    stops: Bounds,
    limit: float,
    left: Values,
) -> float:
    """The least cost of a path, and what is ahead of a pass in the other direction.

    Args:
        rows: What `rows_of` or `rows_backwards` made.
        columns: What `columns_of` or `backwards` made.
        held: Frames in the first strip.
        frames: Frames of the rows' series.
        ahead: (strips, M) what a path has to pay at least from each column of each strip's first frame on.
        starts: (1,) first channel of the group.
        stops: (1,) one past its last channel.
        limit: The result is not needed where it is above this.
        left: (strips, M), to be filled with what `ahead` is in the other direction; or (0, M).

    Returns:
        A cost: summed squared distances; infinity or some cost above `limit` where the least cost is above it.
    """
    end = columns.shape[1] - 2 * MARGIN - 1
    boundary, cells, corners = fresh_state(1, columns)
    record = np.empty((columns.shape[1], 1, LANES), dtype=columns.dtype)
    stride = _STEPS if limit < np.inf else columns.shape[1] // TILE * TILE + TILE
    begin, until, done = -1, -1, 0  # columns of the boundary that hold costs; all others are infinite
    for strip in range(len(rows)):
        low, high = _alive(boundary[0], ahead[strip], begin, until, limit)
        if low > high:
            return np.inf
        held = min(LANES, frames - done) if strip else held
        done += held
        cells[:] = np.inf
        corners[:] = np.inf
        last, recorded = end + held - 1, record[: len(record) * (held < LANES)]
        step = first = first_step(low, last)
        while step <= last:
            after = min(step + stride, last + 1)
            sweep(rows[strip], columns, boundary, cells, corners, recorded, starts, stops, step, after - 1)
            step = after
            past = step > high + 1 and strip < len(rows) - 1
            if past and _all_dead(cells[0], corners[0], ahead[strip + 1], step - 1, limit):
                break
        _tidy(boundary[0], recorded, held, first, step, begin, until)
        begin, until = max(first + 1 - held, 0), min(step - held, end)
        if len(left):
            for column in range(end + 1):
                left[len(rows) - 1 - strip, end - column] = boundary[0, MARGIN + column]
    return float(cells[0, held - 1])


@compiled
def _tidy(boundary: Series, recorded: Series, held: int, first: int, after: int, begin: int, until: int) -> None:
    """Make a boundary of what a strip left: infinite but for what its last frame reached from one step to another."""
    if len(recorded) == 0:
        boundary[MARGIN + begin : MARGIN + first + 1 - LANES] = np.inf
        boundary[MARGIN + after + 1 - LANES : MARGIN + until + 1] = np.inf
        return
    boundary[:] = np.inf
    for column in range(max(first + 1 - held, 0), min(after - held, len(boundary) - 2 * MARGIN - 1) + 1):
        boundary[MARGIN + column] = recorded[MARGIN + column + held - 1, 0, held - 1]


@compiled
def _alive(boundary: Series, ahead: Values, begin: int, until: int, limit: float) -> tuple[int, int]:
    """First and last column above a strip through which a path within the limit may go; the first is larger if none."""
    if limit == np.inf:
        return begin, until
    low, high = len(ahead), -2
    for column in range(begin, until + 1):
        following = ahead[column + 1] if column + 1 < len(ahead) else np.inf  # a path may go on diagonally
        straight = ahead[column] if column >= 0 else np.inf
        if boundary[MARGIN + column] + min(straight, following) <= limit:
            low, high = min(low, column), column
    return low, high


@compiled
def _all_dead(cells: Series, corners: Series, ahead: Values, step: int, limit: float) -> bool:
    """Whether no path within the limit is among the lanes; `ahead` is of the strip after them."""
    paid = min(least(cells), least(corners))
    # Whatever lane it is in, a path enters the next strip at this column or a later one.
    column = min(max(step - LANES, 0), len(ahead) - 1)
    while column < len(ahead) and paid + ahead[column] > limit:
        column += 1
    return column == len(ahead)
