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

__all__ = [
    "FEW_GROUPS",
    "LEVEL",
    "RESAMPLES",
    "Interval",
    "bootstrap_intervals",
    "means_of_resamples",
    "percentile_interval",
    "resampled_weights",
    "scale_of",
    "spread_by_clip",
    "sums_by_group",
    "values_by_clip",
]

Array = NDArray[np.float64]

RESAMPLES = 1000
LEVEL = 0.95
FEW_GROUPS = 10  # below this a percentile interval covers less than nine tenths of what it should


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

    Groups of clips are drawn with replacement, 1000 times, and bring what `values_by_clip` or `spread_by_clip` says of
    their clips. Such an interval covers less than 95 % where groups are few: 93 to 94 % with 40, 90 % with 10, 80 %
    with 5, and a little less where values are skewed.

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
    weights = resampled_weights(count, RESAMPLES, seed)
    intervals = {}
    for use in uses:
        found = measured[use.key]
        if not found.defined:
            continue
        by_clip = values_by_clip(use, found, clips.reactions)
        if by_clip is not None:
            means = means_of_resamples(*sums_by_group(by_clip, groups, count), weights)
            intervals[use.key] = Interval(*percentile_interval(means), count, kind)
    return intervals


def values_by_clip(use: MetricUse, found: Measurement, reactions: int) -> Array | None:
    """Values by clip whose mean over the defined clips is the metric's value.

    Args:
        use: The metric.
        found: What it found.
        reactions: Reactions a clip that a sum counts.

    Returns:
        (N,) on the scale of the value, so times the reactions where it is a sum over them; NaN where a clip is
        undefined. None where the value is no mean over clips.
    """
    by_clip = found.by_clip(use.metric)
    if by_clip is None:
        return None
    scaled = by_clip * scale_of(use, reactions)
    value = mean_over_clips(scaled)
    same = math.isclose(found.value, value, rel_tol=1e-6, abs_tol=1e-12) or (math.isnan(value) and not found.defined)
    return np.asarray(scaled) if same else None


def scale_of(use: MetricUse, reactions: int) -> float:
    """What a mean over clips and reactions is multiplied with to be the metric's value.

    Args:
        use: The metric.
        reactions: Reactions a clip that a sum counts.
    """
    return float(getattr(use.settings, "scale", 1.0)) * (reactions if use.sums_reactions else 1)


def resampled_weights(count: int, resamples: int, seed: int) -> Array:
    """How often each group is in each resample.

    Args:
        count: G groups.
        resamples: How many times G groups are drawn with replacement.
        seed: Seed of the draws.

    Returns:
        (resamples, G); every row has the sum G.
    """
    draws = np.random.default_rng(seed).integers(0, count, size=(resamples, count))
    return np.stack([np.bincount(draw, minlength=count) for draw in draws]).astype(np.float64)


def sums_by_group(values: Array, groups: NDArray[np.intp], count: int) -> tuple[Array, Array]:
    """Sums and numbers of the defined values of each group.

    Args:
        values: (N,) by clip, NaN where undefined.
        groups: (N,) number of each clip's group.
        count: G groups.

    Returns:
        (G,) sums and (G,) numbers.
    """
    defined = ~np.isnan(values)
    sums = np.bincount(groups[defined], values[defined], minlength=count).astype(np.float64)
    return sums, np.bincount(groups[defined], minlength=count).astype(np.float64)


def means_of_resamples(sums: Array, counts: Array, weights: Array) -> Array:
    """Means over the defined clips of each resample.

    Args:
        sums: (G,) sums of the groups.
        counts: (G,) numbers of defined clips.
        weights: (R, G) how often each group is in each resample.

    Returns:
        (R,) means; NaN where nothing in a resample is defined.
    """
    drawn = weights @ counts
    return np.asarray(np.divide(weights @ sums, drawn, out=np.full(len(drawn), math.nan), where=drawn > 0))


def percentile_interval(values: Array) -> tuple[float, float]:
    """The middle 95 % of what resamples gave.

    Args:
        values: (R,), NaN where undefined.
    """
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def spread_by_clip(clips: ClipSet) -> Array:
    r"""What each clip adds to FRDvs: twice its squared distance to the mean clip.

    .. math:: f_k = \frac{2N}{N-1} \, \frac{1}{\alpha T C} \lVert x_k - \bar x \rVert^2

    whose mean is FRDvs. Resampled pairs would not do: copies of one conversation are as like each other as its own
    clips are, and an interval made of them lies too low.

    Args:
        clips: At least two clips of one shape.

    Returns:
        (N,) values >= 0.
    """
    first = np.asarray(clips.predictions[0], dtype=np.float64)  # equal clips are at distance 0, not at a rounding error
    total = np.zeros_like(first)
    for values in clips.predictions:
        total += values - first
    mean = first + total / len(clips)
    squares = [float(np.square(values - mean).sum()) for values in clips.predictions]
    return np.array(squares) * (2 * len(clips) / (len(clips) - 1) / first.size)
