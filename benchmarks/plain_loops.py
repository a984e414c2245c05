"""Warping in numba without vector instructions of our own: as one writes it first, and as well as loops get."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from react_data.channels import EMOTION_25

__all__ = ["first_attempt", "groups_in_lockstep"]

Series = NDArray[np.float64]


def first_attempt(first: Series, second: Series) -> float:
    """Weighted sum of the groups' warping distances of two series (T, 25), one group after the other."""
    return sum(group.weight * float(_dtw(first, second, group.start, group.stop)) for group in EMOTION_25.groups)


@numba.njit
def _dtw(first: Series, second: Series, start: int, stop: int) -> float:
    above = np.full(len(second) + 1, np.inf)
    above[0] = 0.0
    for i in range(len(first)):
        row = np.full(len(second) + 1, np.inf)
        for j in range(len(second)):
            cost = 0.0
            for channel in range(start, stop):
                cost += (first[i, channel] - second[j, channel]) ** 2
            row[j + 1] = cost + min(above[j], above[j + 1], row[j])
        above = row
    return float(np.sqrt(above[-1]))


def groups_in_lockstep(first: Series, second: Series) -> float:
    """The same with the local costs of a row in one go, and the chains of all three groups side by side."""
    reached = _three_groups(first, np.ascontiguousarray(second.T))
    return sum(group.weight * float(np.sqrt(each)) for group, each in zip(EMOTION_25.groups, reached, strict=True))


_BOUNDS = tuple((group.start, group.stop) for group in EMOTION_25.groups)


@numba.njit(fastmath={"contract", "reassoc"})
def _three_groups(first: Series, columns: Series) -> tuple[float, float, float]:
    count = columns.shape[1]
    above = np.full((3, count + 1), np.inf)
    above[:, 0] = 0.0
    costs = np.empty((3, count))
    for i in range(len(first)):
        costs[:] = 0.0
        for group in range(3):
            for channel in range(_BOUNDS[group][0], _BOUNDS[group][1]):
                for j in range(count):
                    costs[group, j] += (first[i, channel] - columns[channel, j]) ** 2
        corner0, corner1, corner2 = above[0, 0], above[1, 0], above[2, 0]
        left0 = left1 = left2 = np.inf
        above[:, 0] = np.inf
        for j in range(count):
            up0, up1, up2 = above[0, j + 1], above[1, j + 1], above[2, j + 1]
            left0 = costs[0, j] + min(min(corner0, up0), left0)
            left1 = costs[1, j] + min(min(corner1, up1), left1)
            left2 = costs[2, j] + min(min(corner2, up2), left2)
            above[0, j + 1], above[1, j + 1], above[2, j + 1] = left0, left1, left2
            corner0, corner1, corner2 = up0, up1, up2
    return above[0, count], above[1, count], above[2, count]
