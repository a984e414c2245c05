"""FRDiv, FRVar and FRDvs as means over explicit pairs and series."""

from itertools import permutations

import numpy as np

__all__ = ["between_clips", "frdiv", "frdvs", "frvar"]


def difference(first, second):
    """Mean squared difference of two reactions."""
    return np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)


def frdiv(predictions):
    clips = []
    for reactions in predictions:
        pairs = [difference(reactions[i], reactions[j]) for i, j in permutations(range(len(reactions)), 2)]
        clips.append(np.mean(pairs) if pairs else 0.0)
    return np.mean(clips)


def frvar(predictions):
    series = [
        np.var(reaction[:, channel].astype(np.float64), ddof=1)
        for reactions in predictions
        for reaction in reactions
        for channel in range(reaction.shape[1])
    ]
    return np.mean(series)


def between_clips(predictions):
    """(N, N): mean squared difference of the reactions of one number to two clips."""
    clips, reactions = range(len(predictions)), range(len(predictions[0]))
    return np.array(
        [[np.mean([difference(predictions[k][i], predictions[m][i]) for i in reactions]) for m in clips] for k in clips]
    )


def frdvs(predictions):
    pairs = between_clips(predictions)
    return np.mean([pairs[k, m] for k, m in permutations(range(len(predictions)), 2)])
