"""Confidence intervals: bootstrap over conversations, since clips of one conversation depend on each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipSet
from react_eval.protocol import MetricUse
from react_eval.registry import Measurement, mean_over_clips

__all__ = ["Interval", "bootstrap_intervals"]

Array = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A 95 % percentile interval.

    Attributes:
        low: Lower end.
        high: Upper end.
        clusters: How many groups of clips were resampled.
        kind: What a group is: ``"sessions"``, ``"recordings"`` or ``"clips"``.
    """

    low: float
    high: float
    clusters: int
    kind: str


def bootstrap_intervals(
    clips: ClipSet, uses: Sequence[MetricUse], measured: Mapping[str, Measurement], seed: int = 0
) -> dict[str, Interval]:
    """Intervals of the metrics that are means over clips or pairs of clips.

    Groups of clips are drawn with replacement, 1000 times. A pair of two copies of one clip is left out of a mean over
    pairs of clips.

    Args:
        clips: What was scored, with its groups.
        uses: The metrics.
        measured: What they found, by result key.
        seed: Seed of the draws.

    Returns:
        Intervals by result key; none where there are fewer than two groups, the metric is undefined, or its value is
        not the mean that its record says it is.
    """
    groups, kind = clips.groups()
    count = int(groups.max()) + 1
    if count < 2:
        return {}
    draws = np.random.default_rng(seed).integers(0, count, size=(RESAMPLES, count))
    weights = np.stack([np.bincount(draw, minlength=count) for draw in draws]).astype(np.float64)
    intervals = {}
    for use in uses:
        found = measured[use.key]
        if not found.defined:
            continue
        if use.record.resampled == "pairs of clips":
            values = _spreads_between_clips(clips, groups, weights)
        elif _is_mean_over_clips(use, found, clips.reactions):
            values = _means_of(found.per_clip[use.metric], found.value, groups, weights)
        else:
            continue
        tail = 100 * (1 - LEVEL) / 2
        low, high = np.nanpercentile(values, [tail, 100 - tail])
        intervals[use.key] = Interval(float(low), float(high), count, kind)
    return intervals


def _is_mean_over_clips(use: MetricUse, found: Measurement, reactions: int) -> bool:
    per_clip = found.per_clip.get(use.metric)
    if per_clip is None:
        return False
    factor = getattr(use.settings, "scale", 1.0) * (reactions if use.sums_reactions else 1)
    mean = mean_over_clips(per_clip.reshape(len(per_clip), -1).mean(axis=1))
    return math.isclose(found.value, factor * mean, rel_tol=1e-6, abs_tol=1e-12)


def _means_of(per_clip: NDArray[np.float64], value: float, groups: NDArray[np.intp], weights: Array) -> Array:
    """Means over the defined clips of each resample, on the scale of `value`."""
    by_clip = per_clip.reshape(len(per_clip), -1).mean(axis=1)
    defined = ~np.isnan(by_clip)
    plain = float(by_clip[defined].mean())
    sums = np.bincount(groups[defined], by_clip[defined], minlength=weights.shape[1])
    counts = np.bincount(groups[defined], minlength=weights.shape[1])
    drawn = weights @ counts
    means = np.divide(weights @ sums, drawn, out=np.full(len(drawn), math.nan), where=drawn > 0)
    return np.asarray(means * (value / plain) if plain else means)


def _spreads_between_clips(clips: ClipSet, groups: NDArray[np.intp], weights: Array) -> Array:
    r"""Mean squared difference between clips of each resample, from sums by group.

    With weight w_k for clip k, Σ_{k,m} w_k w_m ‖x_k - x_m‖² = 2 (Σ w · Σ w_k ‖x_k‖² - ‖Σ w_k x_k‖²), and weights are
    equal within a group, so the groups' sums, squares and their Gram matrix are all that is needed.
    """
    count = weights.shape[1]
    squares, gram = np.zeros(count), np.zeros((count, count))
    reactions, frames, channels = clips.predictions[0].shape
    for reaction in range(reactions):
        series = [np.ravel(clips.predictions[clip][reaction]) for clip in range(len(clips))]
        values = np.stack(series).astype(np.float64)
        values -= values.mean(axis=0)
        squares += np.bincount(groups, np.einsum("kf,kf->k", values, values), minlength=count)
        sums = np.stack([values[groups == group].sum(axis=0) for group in range(count)])
        gram += sums @ sums.T
    sizes = np.bincount(groups, minlength=count)
    drawn = weights @ sizes
    pairs = drawn**2 - weights**2 @ sizes
    totals = 2 * (drawn * (weights @ squares) - np.einsum("bs,st,bt->b", weights, gram, weights, optimize=True))
    elements = reactions * frames * channels
    return np.asarray(np.divide(totals, pairs * elements, out=np.full(len(pairs), math.nan), where=pairs > 0))
