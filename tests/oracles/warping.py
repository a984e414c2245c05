"""Dynamic time warping with the full matrix of costs, and FRDist."""

import numpy as np

__all__ = ["GROUPS_25", "corrected_frdist", "distances", "dtw", "frdist", "weighted_distance", "whole"]

GROUPS_25 = ((0, 15, 1 / 15), (15, 17, 1.0), (17, 25, 1 / 8))
"""First channel, one past the last, and weight of action units, valence with arousal, and expressions."""


def whole(channels):
    """All channels in one group of weight 1."""
    return ((0, channels, 1.0),)


def dtw(first, second):
    """Square root of the least summed squared Euclidean distance along a path of steps (1, 0), (0, 1), (1, 1)."""
    difference = first[:, None].astype(np.float64) - second[None].astype(np.float64)
    costs = (difference**2).sum(axis=-1)
    reached = np.full((len(first) + 1, len(second) + 1), np.inf)
    reached[0, 0] = 0.0
    for i in range(len(first)):
        for j in range(len(second)):
            reached[i + 1, j + 1] = costs[i, j] + min(reached[i, j], reached[i, j + 1], reached[i + 1, j])
    return np.sqrt(reached[-1, -1])


def weighted_distance(first, second, groups):
    return sum(weight * dtw(first[:, start:stop], second[:, start:stop]) for start, stop, weight in groups)


def distances(predictions, listener, neighbours, groups, per_frame=False):
    """Distance to the nearest neighbour by clip and reaction."""
    values = []
    for clip, reactions in enumerate(predictions):
        others = [listener[n] for n in np.flatnonzero(neighbours[clip])]
        lengths = [np.sqrt((len(reactions[0]) + len(other)) / 2) if per_frame else 1.0 for other in others]
        values.append(
            [
                min(
                    weighted_distance(reaction, other, groups) / length
                    for other, length in zip(others, lengths, strict=True)
                )
                for reaction in reactions
            ]
        )
    return np.array(values)


def frdist(predictions, listener, neighbours, groups=GROUPS_25):
    return distances(predictions, listener, neighbours, groups).sum(axis=1).mean()


def corrected_frdist(predictions, listener, neighbours, groups=GROUPS_25):
    return distances(predictions, listener, neighbours, groups, per_frame=True).mean()
