"""The distance of one pair of series, step by step: each raises a lower bound of one group, the last finds all of them.

The group whose channels weigh most comes first. Often it makes up most of the distance for a small part of the work, so
that the other groups of most pairs are never looked at but through long boxes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.corridor import BOX, backwards, cost_of_boxes, cost_within, rows_backwards
from react_eval.kernels.dynamic_time_warping import Series, boxes_of, reached_total, rows_of, warp
from react_eval.kernels.wavefront import LANES, MARGIN

__all__ = ["SMALLEST", "Groups", "Passes", "Rows", "keep", "last_step", "measured", "passes_for", "refined", "rows_for"]

Array = NDArray[np.float64]
Values = NDArray[np.float32]
Bounds = NDArray[np.int64]

# Below this distance float32 squares lose digits to underflow.
SMALLEST = 1e-18
# Frames of the boxes that come first: one strip of them for the 750 frames of the challenges. A lone group has to be
# told apart by these boxes, so it gets two strips.
_LONG, _LONG_ALONE = 24, 12
# A corridor is worth its costs where the bound of a cost is no less than this share of its limit.
_TIGHT = 0.5
_STEPS = 3  # a group: long boxes, boxes, frames


class Groups(NamedTuple):
    """Groups of channels: first channels, one past the last, weights >= 0, and the order in which they are refined."""

    starts: Bounds
    stops: Bounds
    weights: Array
    order: Bounds


class Rows(NamedTuple):
    """One series as rows: long boxes, boxes, frames backwards, and frames in float64."""

    frames: int
    length: int
    long: Values
    boxes: Values
    backwards: Values
    exact: Series


class Passes(NamedTuple):
    """What passes leave to each other, (G, strips, M) each.

    Attributes:
        ahead: For the pass backwards over frames; scratch.
        left: What the latest pass backwards left.
        leading: What passes over one pair left, which is likely to be measured.
        owners: (2, G) numbers of the pairs that `left` and `leading` are of, -1 for none.
    """

    ahead: Values
    left: Values
    leading: Values
    owners: Bounds


@compiled
def rows_for(series: Values, groups: int) -> Rows:
    """Lay out one series (T, C) for all that it is compared with."""
    length = _LONG if groups > 1 else _LONG_ALONE
    exact = rows_of(series.astype(np.float64))
    return Rows(len(series), length, boxes_of(series, length), boxes_of(series, BOX), rows_backwards(series), exact)


@compiled
def passes_for(rows: Rows, groups: int, longest: int) -> Passes:
    """Memory for others of at most `longest` frames."""
    shape = (groups, len(rows.backwards), longest)
    ahead, left, leading = np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32)
    return Passes(ahead, left, leading, np.full((2, groups), -1))


@compiled
def last_step(groups: Groups) -> int:
    """The number of steps after which costs are those of frames, for all groups."""
    return _STEPS * len(groups.order)


@compiled
def refined(
    step: int,
    costs: Array,
    number: int,
    rows: Rows,
    columns: Values,
    passes: Passes,
    groups: Groups,
    limit: float,
    error: float,
) -> int:
    """Take one step, which raises the lower bound of one group's cost, or two at once within a finite limit.

    Args:
        step: How many steps were taken.
        costs: (G,) lower bounds of the summed squared distances, after rounding to float32; infinite where the pair is
            found to be beyond the limit.
        number: The pair's number.
        rows: What `rows_for` made.
        columns: What `columns_of` made of the other series.
        passes: What `passes_for` made.
        groups: The groups.
        limit: The result is not needed where the weighted sum of roots of costs is above this.
        error: Largest relative error of a distance in float32.

    Returns:
        How many steps are taken now.
    """
    count = len(groups.order)
    group = groups.order[step if step < count else (step - count) // (_STEPS - 1)]
    start, stop = groups.starts[group : group + 1], groups.stops[group : group + 1]
    if step < count:
        costs[group] = _cost(rows.long, columns, -(-rows.frames // rows.length), start, stop)
        return step + 1
    fresh = (step - count) % (_STEPS - 1) == 0
    if limit == np.inf and fresh:
        costs[group] = max(costs[group], _cost(rows.boxes, columns, -(-rows.frames // BOX), start, stop))
        return step + 1
    most = _most(costs, group, groups.weights, limit, error)
    passes.owners[0, group] = number
    frames = columns.shape[1] - 2 * MARGIN
    ahead, left = passes.ahead[group, :, :frames], passes.left[group, :, :frames]
    if costs[group] < _TIGHT * most:
        most = np.inf
    costs[group] = _cost_backwards(rows, columns, start, stop, most, ahead, left)
    return step + 1 + fresh


@compiled
def _cost(boxes: Values, columns: Values, count: int, start: Bounds, stop: Bounds) -> float:
    return warp(boxes, columns, count, start, stop, np.ones(1), np.inf) ** 2


@compiled
def _most(costs: Array, group: int, weights: Array, limit: float, error: float) -> float:
    """What a group may cost, if the others cost no more than they must."""
    if limit == np.inf or weights[group] == 0:
        return np.inf
    others = reached_total(costs, weights) - weights[group] * np.sqrt(costs[group])
    return _with_rounding((max(limit - others, 0.0) / weights[group]) ** 2, error)


@compiled
def _with_rounding(cost: float, error: float) -> float:
    """The largest cost that float32 may make of a cost, along paths whose two parts are summed on their own."""
    return cost * (1 + 4 * error) + 4 * SMALLEST**2


@compiled
def _cost_backwards(
    rows: Rows, columns: Values, start: Bounds, stop: Bounds, most: float, ahead: Values, left: Values
) -> float:
    """The least cost of a group in float32; infinite where that is above `most`."""
    if most == np.inf:
        ahead[:] = 0
    elif cost_of_boxes(rows.boxes, columns, rows.frames, start, stop, ahead) > most:
        return np.inf
    turned, held = backwards(columns, start, stop), (rows.frames - 1) % LANES + 1
    cost = cost_within(rows.backwards, turned, held, rows.frames, ahead, start, stop, most, left)
    return cost if cost <= most else np.inf


@compiled
def keep(passes: Passes, number: int) -> None:
    """Keep what passes over a pair left: it leads."""
    groups, strips, frames = passes.left.shape
    for group in range(groups):
        if passes.owners[0, group] == number:
            passes.owners[1, group] = number
            for strip in range(strips):
                for frame in range(frames):
                    passes.leading[group, strip, frame] = passes.left[group, strip, frame]


@compiled
def measured(
    costs: Array, number: int, rows: Rows, columns: Values, passes: Passes, groups: Groups, error: float
) -> float:
    """The distance in float64, to the last bit that of `warp`.

    Args:
        costs: (G,) costs in float32, after the last step.
        number: The pair's number.
        rows: What `rows_for` made.
        columns: What `columns_of` made of the other series.
        passes: What `passes_for` made.
        groups: The groups.
        error: Largest relative error of a distance in float32.
    """
    exact_costs, exact_columns = np.empty(len(costs)), columns.astype(np.float64)
    frames = columns.shape[1] - 2 * MARGIN
    for group in range(len(costs)):
        start, stop = groups.starts[group : group + 1], groups.stops[group : group + 1]
        most = _with_rounding(costs[group], error)
        left = passes.leading[group, :, :frames]
        if passes.owners[1, group] != number:
            passes.owners[1, group] = number
            _cost_backwards(rows, columns, start, stop, most, passes.ahead[group, :, :frames], left)
        first = min(LANES, rows.frames)
        exact_costs[group] = cost_within(
            rows.exact, exact_columns, first, rows.frames, left, start, stop, most, left[:0]
        )
    return reached_total(exact_costs, groups.weights)
