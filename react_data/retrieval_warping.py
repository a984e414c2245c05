"""Comparing behaviours by dynamic time warping, with the kernels of react_eval."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from react_data.retrieval_behaviour import HALF_UNIT, Array, Behaviour, Measure, Series

__all__ = ["Warping"]

_SEGMENTS = 25


class Warping(Measure):
    """Σ_g w_g · DTW_g as FRDist has it, by kernels of react_eval.

    A pair is ruled out by the float32 distance of boxes of frames in the group of channels that tells most for its
    costs, then by the distance in that group, and so on group by group with what is left of the limit.
    """

    similarity = False
    _BOX: ClassVar[int] = 8

    def __init__(self, behaviour: Behaviour) -> None:
        from react_eval.kernels.dynamic_time_warping import columns_of  # numba is loaded only for this measure

        self._behaviour = behaviour
        self._bounds = behaviour.starts, behaviour.stops, behaviour.weights
        self._columns = [columns_of(each) for each in behaviour.series]
        self._sketches = _sketches(behaviour)
        self._order = [self._group(number) for number in self._most_telling()]

    def bounds(self, rows: slice) -> Array:
        """Zeros: there is no bound that is cheap for whole blocks."""
        return np.zeros((rows.stop - rows.start, len(self._columns)))

    def estimates(self, rows: slice) -> Array:
        """Squared distances of sketches."""
        mine, squares = self._sketches[rows], np.square(self._sketches).sum(axis=1)
        return np.asarray(squares[rows, None] + squares - 2 * mine @ self._sketches.T)

    def parts(self, first: int, second: int) -> Array:
        """Weighted distance of each group."""
        from react_eval.kernels.dynamic_time_warping import weighted_dtw

        one, other = (self._behaviour.series[clip].astype(np.float64) for clip in (first, second))
        groups = [self._group(number) for number in range(len(self._behaviour.groups))]
        found = np.array([weighted_dtw(one, other, *group, np.inf) for group in groups])
        return found / self._scale(first, second)

    def from_clip(self, first: int) -> Callable[[int, float], float]:
        """The distance of this clip and another one, where it is not above a limit."""
        from react_eval.kernels.dynamic_time_warping import boxes_of, rows_of, warp

        mine = self._behaviour.series[first]
        frames = len(mine)
        rows, boxes, exact = rows_of(mine), boxes_of(mine, self._BOX), rows_of(mine.astype(np.float64))
        # Below 1e-18 float32 squares lose digits to underflow, so nothing closer is ruled out.
        slack = 1e-18 * self._behaviour.weights.sum()

        def beyond(second: int, limit: float) -> bool:
            theirs = self._columns[second]
            # Sums of T1 + T2 + C terms, each rounded; twice the first-order bound.
            error = (frames + len(self._behaviour.series[second]) + mine.shape[1] + 8) * HALF_UNIT
            left = (limit + slack) / (1 - error)
            if warp(boxes, theirs, -(-frames // self._BOX), *self._order[0], left) == np.inf:
                return True
            for group in self._order:
                left -= warp(rows, theirs, frames, *group, left)
                if left <= 0:
                    return True
            return False

        def cost(second: int, limit: float) -> float:
            if second == first:
                return 0.0
            scale = self._scale(first, second)
            if limit < np.inf and beyond(second, limit * scale):
                return np.inf
            found = warp(exact, self._columns[second].astype(np.float64), frames, *self._bounds, np.inf) / scale
            return float(found) if found <= limit else np.inf

        return cost

    def _group(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        starts, stops, weights = self._bounds
        chosen = slice(number, number + 1)
        return starts[chosen], stops[chosen], weights[chosen]

    def _scale(self, first: int, second: int) -> float:
        lengths = len(self._behaviour.series[first]) + len(self._behaviour.series[second])
        return float(np.sqrt(lengths / 2)) if self._behaviour.per_frame else 1.0

    def _most_telling(self) -> list[int]:
        """Groups in order of their share of the distances of a few pairs, for the time that their channels take."""
        starts, stops, weights = self._bounds
        count = len(self._columns)
        pairs = [(n, (n + count // 2) % count) for n in range(0, count, -(-count // 8)) if count > 1]
        shares = np.sum([self.parts(*pair) for pair in pairs], axis=0) if pairs else weights
        order = np.argsort(-shares / (stops - starts + 4), kind="stable")
        return [int(group) for group in order]


def _sketches(behaviour: Behaviour) -> Array:
    """(N, S·C) weighted means over segments of each clip: what is cheap to compare, and tells roughly who is near."""
    count = min(_SEGMENTS, *(len(each) for each in behaviour.series))
    weights = behaviour.channel_weights

    def sketch(series: Series) -> Array:
        edges = np.linspace(0, len(series), count + 1).astype(int)[:-1]
        sizes = np.diff([*edges, len(series)])[:, None]
        means = np.add.reduceat(series.astype(np.float64), edges, axis=0) / sizes
        return np.ravel(means * weights)

    return np.stack([sketch(each) for each in behaviour.series])
