"""The official scorer's way of computing, pair by pair, written from the definitions: what our ratios are against.

It costs what the official code costs, for the same reasons: three `tslearn` calls a warped comparison, one
`numpy.corrcoef` a channel for concordance, one a channel and lag for synchrony, explicit pairs for diversity. One
thread does it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from tslearn.metrics import dtw

from react_data.channels import EMOTION_25

__all__ = ["best_lag", "concordance", "frcorr", "frdist", "frdiv", "frdvs", "frsyn", "frvar", "warped_distance"]

Series = NDArray[np.float32]
Neighbours = Sequence[NDArray[np.intp]]

_LONGEST_LAG = 49
_EPSILON = 1e-8


def warped_distance(first: Series, second: Series) -> float:
    """Weighted sum of the groups' warping distances of two series (T, 25)."""
    return sum(
        group.weight * float(dtw(first[:, group.start : group.stop], second[:, group.start : group.stop]))
        for group in EMOTION_25.groups
    )


def frdist(predictions: Series, listener: Series, neighbours: Neighbours) -> float:
    """FRDist by comparing every reaction with every neighbour."""
    return float(
        np.mean(
            [
                sum(min(warped_distance(reaction, listener[n]) for n in nearby) for reaction in reactions)
                for reactions, nearby in zip(predictions, neighbours, strict=True)
            ]
        )
    )


def concordance(first: Series, second: Series) -> float:
    """Mean concordance correlation over the channels of two series (T, C); 0 where a channel is constant."""
    values = []
    for channel in range(first.shape[1]):
        x, y = first[:, channel].astype(np.float64), second[:, channel].astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            rho = np.nan_to_num(np.corrcoef(x, y)[0, 1])
        spread = np.var(x) + np.var(y) + (np.mean(x) - np.mean(y)) ** 2
        values.append(2 * rho * np.std(x) * np.std(y) / (spread + _EPSILON))
    return float(np.mean(values))


def frcorr(predictions: Series, listener: Series, neighbours: Neighbours) -> float:
    """FRCorr by comparing every reaction with every neighbour."""
    return float(
        np.mean(
            [
                sum(max(concordance(reaction, listener[n]) for n in nearby) for reaction in reactions)
                for reactions, nearby in zip(predictions, neighbours, strict=True)
            ]
        )
    )


def best_lag(prediction: Series, speaker: Series) -> int:
    """The lag in frames at which two series (T, C) correlate best; the first that is undefined, if one is."""
    frames, channels = prediction.shape
    means = []
    for lag in range(-_LONGEST_LAG, _LONGEST_LAG + 1):
        ahead = prediction[max(lag, 0) : frames + min(lag, 0)]
        behind = speaker[max(-lag, 0) : frames - max(lag, 0)]
        with np.errstate(invalid="ignore", divide="ignore"):
            r = [np.corrcoef(ahead[:, channel], behind[:, channel])[0, 1] for channel in range(channels)]
        means.append(np.asarray(r, dtype=np.float32).mean())
    return int(np.argmax(means)) - _LONGEST_LAG


def frsyn(predictions: Series, speaker: Series) -> float:
    """Mean distance |lag| over clips and reactions."""
    lags = [
        [best_lag(reaction, own) for reaction in reactions] for reactions, own in zip(predictions, speaker, strict=True)
    ]
    return float(np.abs(lags).mean())


def frdiv(predictions: Series) -> float:
    """Mean squared difference over the pairs of reactions to each clip."""
    return float(np.mean([_mean_over_pairs(reactions) for reactions in predictions]))


def frdvs(predictions: Series) -> float:
    """Mean squared difference over the pairs of clips, for each number of a reaction."""
    return float(np.mean([_mean_over_pairs(predictions[:, number]) for number in range(predictions.shape[1])]))


def _mean_over_pairs(series: Series) -> float:
    return float(np.mean([np.mean((first - second) ** 2) for first, second in combinations(series, 2)]))


def frvar(predictions: Series) -> float:
    """Mean variance over frames."""
    return float(np.mean([np.var(reactions, axis=1, ddof=1).mean() for reactions in predictions]))
