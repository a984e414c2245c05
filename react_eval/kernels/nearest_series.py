"""The nearest of several series by warping distance: an exact minimum, for which few distances are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled
from react_eval.kernels.corridor import BOX, boxes_backwards, costs_to_go, least_total, warp_within
from react_eval.kernels.dynamic_time_warping import boxes_of, columns_of, rows_of, warp
from react_eval.kernels.wavefront import MARGIN

__all__ = ["nearest_series"]

Array = NDArray[np.float64]
Values = NDArray[np.float32]
Bounds = NDArray[np.int64]

# Frames a box by which candidates are ordered: two strips of boxes for the 750 frames of the challenges.
_LONG = 12
# A corridor is worth its costs where bounds are no looser than this share of the limit.
_TIGHT = 0.75
# Beyond this magnitude squares may overflow float32, so nothing is screened.
_LARGEST = 1e15
# Below this distance float32 squares lose digits to underflow, so nothing closer is sorted out.
_SMALLEST = 1e-18


def nearest_series(
    reactions: Values, others: Sequence[Values], starts: Bounds, stops: Bounds, weights: Array, per_frame: bool = False
) -> tuple[Array, NDArray[np.int64]]:
    r"""For each reaction the least Σ_g w_g · DTW_g over several series, and the first series that has it.

    Candidates are sorted out by float32 lower bounds before they are measured in float64, so the result is that of
    measuring all: by the distance to boxes, whose cells cost no more than those of the frames within, and by the
    distance itself. Every bound is lowered by the largest rounding error that its sums can have.

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
    screened = max(np.abs(each).max() for each in (reactions, *others)) < _LARGEST
    found = [
        _nearest(reaction, columns, ends, scales, errors, starts, stops, weights, screened) for reaction in reactions
    ]
    return np.array([distance for distance, _ in found]), np.array([number for _, number in found])


@compiled
def _nearest(
    reaction: Values,
    columns: Values,
    ends: NDArray[np.int64],
    scales: Array,
    errors: Array,
    starts: Bounds,
    stops: Bounds,
    weights: Array,
    screened: bool,
) -> tuple[float, int]:
    frames, channels = reaction.shape
    exact, rows, backwards = rows_of(reaction.astype(np.float64)), rows_of(reaction), boxes_backwards(reaction)
    bounds = np.zeros(len(ends))
    if screened and len(ends) > 1:
        long = boxes_of(reaction, _LONG)
        for other in range(len(ends)):
            theirs = _part(columns, ends, channels, other)
            bound = warp(long, theirs, -(-frames // _LONG), starts, stops, weights, np.inf)
            bounds[other] = bound * (1 - errors[other]) / scales[other]
    slack = _SMALLEST * weights.sum()
    best, nearest = np.inf, -1
    for _ in range(len(ends)):
        other = int(bounds.argmin())
        if bounds[other] - slack > best:
            break
        narrow = bounds[other] > _TIGHT * best
        bounds[other] = np.inf
        theirs = _part(columns, ends, channels, other)
        if screened and nearest >= 0:
            limit = (best + slack) * scales[other] / (1 - errors[other])
            if _is_beyond(limit, narrow, rows, backwards, theirs, frames, starts, stops, weights):
                continue
        distance = warp(exact, theirs.astype(np.float64), frames, starts, stops, weights, np.inf) / scales[other]
        if distance < best or (distance == best and other < nearest):
            best, nearest = distance, other
    return best, nearest


@compiled
def _is_beyond(
    limit: float,
    narrow: bool,
    rows: Values,
    backwards: Values,
    columns: Values,
    frames: int,
    starts: Bounds,
    stops: Bounds,
    weights: Array,
) -> bool:
    """Whether the distance is above a limit, told in float32, and in a corridor where that is likely to be narrow."""
    if not narrow:
        return warp(rows, columns, frames, starts, stops, weights, limit) == np.inf
    to_go = costs_to_go(backwards, columns, -(-frames // BOX), starts, stops)
    if least_total(to_go, -(-frames // BOX), weights) > limit:
        return True
    return warp_within(rows, columns, frames, to_go, starts, stops, weights, limit) == np.inf


@compiled
def _part(columns: Values, ends: NDArray[np.int64], channels: int, number: int) -> Values:
    """The columns of one candidate among those of all, which lie one after the other."""
    begin = ends[number - 1] if number else 0
    return columns[begin : ends[number]].reshape(channels, (ends[number] - begin) // channels)
