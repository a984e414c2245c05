"""The nearest of several series by warping distance: an exact minimum, for which few distances are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.dynamic_time_warping import columns_of, reached_total, warp
from react_eval.kernels.refinement import (
    SMALLEST,
    Groups,
    Rows,
    keep,
    last_step,
    measured,
    passes_for,
    refined,
    rows_for,
)
from react_eval.kernels.wavefront import MARGIN

__all__ = ["nearest_series"]

Array = NDArray[np.float64]
Values = NDArray[np.float32]
Bounds = NDArray[np.int64]

# Beyond this magnitude squares may overflow float32, so nothing is screened.
_LARGEST = 1e15


def nearest_series(
    reactions: Values, others: Sequence[Values], starts: Bounds, stops: Bounds, weights: Array, per_frame: bool = False
) -> tuple[Array, NDArray[np.int64]]:
    r"""For each reaction the least Σ_g w_g · DTW_g over several series, and the first series that has it.

    Candidates are sorted out by float32 lower bounds before they are measured in float64, so the result is that of
    measuring all: by the distance to boxes, whose cells cost no more than those of the frames within, and by the
    distance itself, group by group. It is always the candidate of least bound whose bound is raised next, so none is
    looked at more closely than it takes. Every bound is lowered by the largest rounding error that its sums can have.

    Args:
        reactions: (α, T, C).
        others: K candidates (T, C), whose lengths may differ.
        starts: First channel of each group.
        stops: One past the last channel of each group.
        weights: Weight of each group, >= 0.
        per_frame: Whether a distance is divided by the root of the mean of both lengths.

    Returns:
        Distances (α,) and indices (α,).
    """
    frames, channels = reactions.shape[1:]
    lengths = np.array([len(each) for each in others])
    columns = np.concatenate([columns_of(each).ravel() for each in others])
    ends = np.cumsum(channels * (lengths + 2 * MARGIN))
    scales = np.sqrt((frames + lengths) / 2) if per_frame else np.ones(len(others))
    # Sums of T1 + T2 + C terms, each rounded; twice the first-order bound.
    errors = (frames + lengths + channels + 8) * 2.0**-24
    magnitude = max(np.abs(each).max() for each in (reactions, *others))
    screened = len(others) > 1 and bool(magnitude < _LARGEST)
    # Weight by channel, the greatest first.
    groups = Groups(starts, stops, weights, np.argsort(-weights / (stops - starts), kind="stable"))
    found = [
        _nearest(reaction, columns, ends, int(lengths.max()), scales, errors, groups, screened)
        for reaction in reactions
    ]
    return np.array([distance for distance, _ in found]), np.array([number for _, number in found])


@compiled
def _nearest(
    reaction: Values,
    columns: Values,
    ends: NDArray[np.int64],
    longest: int,
    scales: Array,
    errors: Array,
    groups: Groups,
    screened: bool,
) -> tuple[float, int]:
    channels, last = reaction.shape[1], last_step(groups)
    rows = rows_for(reaction, len(groups.order))
    passes = passes_for(rows, len(groups.order), longest if screened else 0)
    costs, bounds = np.zeros((len(ends), len(groups.order))), np.zeros(len(ends))
    steps = np.full(len(ends), 0 if screened else last)
    slack = SMALLEST * groups.weights.sum()
    best, limit, nearest = np.inf, np.inf, -1
    other = int(bounds.argmin())
    while bounds[other] < np.inf and bounds[other] - slack <= limit:
        theirs, error, scale = _part(columns, ends, channels, other), errors[other], scales[other]
        if steps[other] < last:
            within = (limit + slack) * scale / (1 - error)
            steps[other] = refined(steps[other], costs[other], other, rows, theirs, passes, groups, within, error)
            total = reached_total(costs[other], groups.weights)
            bounds[other] = total * (1 - error) / scale
            at_most = total / (1 - error) / scale + slack
            if steps[other] == last and at_most < limit:
                limit = at_most
                keep(passes, other)
        else:
            bounds[other] = np.inf
            if screened:
                distance = measured(costs[other], other, rows, theirs, passes, groups, error) / scale
            else:
                distance = _distance(rows, theirs, groups) / scale
            if distance < best or (distance == best and other < nearest):
                best, nearest = distance, other
            limit = min(limit, best)
        other = int(bounds.argmin())
    return best, nearest


@compiled
def _distance(rows: Rows, columns: Values, groups: Groups) -> float:
    """The distance in float64, whatever it is."""
    return warp(
        rows.exact, columns.astype(np.float64), rows.frames, groups.starts, groups.stops, groups.weights, np.inf
    )


@compiled
def _part(columns: Values, ends: NDArray[np.int64], channels: int, number: int) -> Values:
    """The columns of one candidate among those of all, which lie one after the other."""
    begin = ends[number - 1] if number else 0
    return columns[begin : ends[number]].reshape(channels, (ends[number] - begin) // channels)
