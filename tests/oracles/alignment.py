"""Alignment of one channel at a time, and the scores of MARS clip by clip."""

import numpy as np

from oracles.concordance import concordance
from oracles.warping import GROUPS_25, weighted_distance

__all__ = ["cropped", "frcorr", "frdist", "interpolated", "mae"]


def interpolated(reaction, frames, units):
    """(T, C) at `frames` evenly spaced times; the first `units` channels take the nearest frame, the later of two."""
    times = [place * (len(reaction) - 1) / (frames - 1) for place in range(frames)]
    columns = [np.interp(times, np.arange(len(reaction)), channel) for channel in reaction.T.astype(np.float64)]
    for unit in range(units):
        columns[unit] = np.array([reaction[int(np.floor(time + 0.5)), unit] for time in times])
    return np.stack(columns, axis=1).astype(np.float32)


def cropped(reaction, frames):
    return reaction[:frames]


def frcorr(predictions, listener, neighbours, align, identical_is_one=False):
    clips = []
    for clip, reactions in enumerate(predictions):
        others = [align(listener[n], len(reactions[0])) for n in np.flatnonzero(neighbours[clip])]
        total = 0.0
        for reaction in reactions:
            found = []
            for other in others:
                mine = reaction[: len(other)]
                one = identical_is_one and np.array_equal(mine, other)
                channels = [concordance(mine[:, c], other[:, c], 1e-8) for c in range(mine.shape[1])]
                found.append(1.0 if one else np.mean(channels))
            total += max(found)
        clips.append(total)
    return np.mean(clips)


def frdist(predictions, listener, neighbours, align):
    clips = []
    for clip, reactions in enumerate(predictions):
        others = [align(listener[n], len(reactions[0])) for n in np.flatnonzero(neighbours[clip])]
        nearest = [min(weighted_distance(r[: len(o)], o, GROUPS_25) for o in others) for r in reactions]
        clips.append(sum(nearest))
    return np.mean(clips)


def mae(predictions, listener, align):
    clips = []
    for reactions, real in zip(predictions, listener, strict=True):
        other = align(real, len(reactions[0]))[:, 15:].astype(np.float64)
        clips.append(np.mean([np.abs(r[: len(other), 15:] - other).mean() for r in reactions]))
    return np.mean(clips)
