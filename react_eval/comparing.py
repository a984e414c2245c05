"""Compare methods clip by clip: is a difference more than what the choice of conversations makes?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from react_eval.comparison import Comparison, PairedDifference
from react_eval.errors import InputError
from react_eval.intervals import (
    RESAMPLES,
    means_of_resamples,
    percentile_interval,
    resampled_weights,
    scale_of,
    sums_by_group,
    values_by_clip,
)
from react_eval.methods import Method, check_comparable, gather_methods
from react_eval.paired_tests import holm, sign_flip_p_value, smallest_p_value
from react_eval.protocol import MetricUse
from react_eval.result import ScoreResult

__all__ = ["compare_results"]

Array = NDArray[np.float64]

PERMUTATIONS = 10_000
_ROUNDING = 1e-12


def compare_results(
    results: Iterable[ScoreResult],
    *,
    metrics: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Comparison:
    r"""Compare methods on the same clips: every pair of them, on every metric that has values by clip.

    With d_k the difference on clip k and D_g its sum over group g (a conversation, whose clips depend on each other):

    .. math:: \bar d = \frac1N \sum_k d_k, \quad
        p = \Pr_{s \in \{-1,1\}^G}\Bigl(\bigl|\textstyle\sum_g s_g D_g\bigr| \ge \bigl|\sum_g D_g\bigr|\Bigr)

    The interval is a percentile bootstrap over groups; Holm's correction is over all pairs and metrics together.

    Where the best value is that of real reactions (FRVar, FRDvs), compared is the distance of a method's mean to GT's,
    as tables rank it. Two means are equally far from a third, g, if they are equal or g is their middle, so p is the
    larger of those of a_k - b_k and a_k + b_k - 2 g_k. Wins there are clips on which the method is nearer to the clip's
    own GT.

    Args:
        results: Full results of `react_eval.score` under one protocol. Several run seeds of one method are averaged
            clip by clip, as in a table.
        metrics: Result keys, names or aliases; all if not given. Fewer mean a smaller correction.
        resamples: Resamples of the intervals.
        permutations: Patterns of signs a test looks at; where 2^(G-1) are no more, it looks at all, and p is exact.
        seed: Seed of the resamples and patterns.

    Returns:
        What was found, and what could not be compared.

    Raises:
        InputError: If there are fewer than two methods, results are public, or they do not compare: they differ in
            protocol, data or clips.
        UnknownNameError: If a metric is not known or was not computed.

    Example:
        >>> from react_eval import score_arrays
        >>> noise = np.random.default_rng(0).random((6, 2, 60, 25), dtype=np.float32)
        >>> pair = [score_arrays(noise * size, method=f"noise × {size}") for size in (1, 0.5)]
        >>> found = compare_results(pair, metrics=["FRDiv"]).differences[0]
        >>> found.p_value, found.smallest_p
        (0.03125, 0.03125)
    """
    given = list(results)
    _check(given, resamples, permutations)
    order = {id(result): number for number, result in enumerate(given)}
    methods = sorted(gather_methods(given), key=lambda row: order[id(row.runs[0])])
    if len(methods) < 2:
        raise InputError(
            f"only {methods[0].name!r} was given, and a comparison needs two methods. Pass results of another; runs of "
            "one name with different run seeds are one method."
        )
    first = given[0]
    names = list(first) if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    keys = list(dict.fromkeys(_key(first, name) for name in names))
    draws = _Draws.of(first, resamples, permutations, seed)
    found: list[PairedDifference] = []
    not_compared: list[str] = []
    for key in keys:
        differences, reasons = _compare_metric(first.use(key), methods, _real(given, key), draws)
        found += differences
        not_compared += reasons
    return Comparison(
        differences=tuple(_corrected(found)),
        not_compared=tuple(not_compared),
        values={row.name: {key: _mean([run[key] for run in row.runs]) for key in keys} for row in methods},
        protocol=first.protocol.id,
        split=str(first.facts.get("split") or ""),
        synthetic=bool(first.facts.get("synthetic")),
        signature=first.signature,
        clips=len(first.clips),
        groups=draws.weights.shape[1],
        group_kind=first.group_kind,
        resamples=resamples,
        permutations=permutations,
        seed=seed,
    )


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _key(result: ScoreResult, name: str) -> str:
    result[name]  # says why, where it was not computed
    return result.use(name).key


@dataclass(frozen=True)
class _Draws:
    """Groups of the clips, and what is drawn from them.

    Attributes:
        groups: (N,) number of each clip's group.
        weights: (resamples, G) how often each group is in each resample.
        permutations: Patterns of signs that a test looks at.
        seed: Their seed.
    """

    groups: NDArray[np.intp]
    weights: Array
    permutations: int
    seed: int

    @classmethod
    def of(cls, result: ScoreResult, resamples: int, permutations: int, seed: int) -> _Draws:
        groups = np.array(result.groups, dtype=np.intp)
        return cls(groups, resampled_weights(int(groups.max()) + 1, resamples, seed), permutations, seed)


def _check(results: Sequence[ScoreResult], resamples: int, permutations: int) -> None:
    check_comparable(results)
    for name, value in (("resamples", resamples), ("permutations", permutations)):
        if value < 1:
            raise InputError(f"{name} is {value}, expected at least 1.")
    public = [result for result in results if not result.clips]
    if public:
        raise InputError(
            f"{len(public)} of {len(results)} results hold no values by clip, since they are public. Methods are "
            "compared clip by clip: pass the results as `score` returned them, before .public()."
        )
    if len({(result.clips, result.groups) for result in results}) > 1:
        raise InputError("the results are of other clips, or of the same in another order: nothing can be paired.")


def _compare_metric(
    use: MetricUse, methods: Sequence[Method], real: Array | None, draws: _Draws
) -> tuple[list[PairedDifference], list[str]]:
    """Every pair of methods on one metric, and what cannot be compared."""
    series: dict[str, Array] = {}
    reasons = []
    for row in methods:
        values = _by_clip(use, row)
        unranked = [run for run in row.runs if not run.measurements[use.key].rankable]
        if values is None and use.record.resampled == "pairs of clips":
            return [], [f"{use.key} is a mean over pairs of clips, and these results keep no values of it by clip."]
        if values is None:
            return [], [f"{use.key} is not the mean of values by clip."]
        if unranked:
            reasons.append(f"{use.key} of {row.name} is not rankable: {unranked[0].measurements[use.key].reason}.")
        elif np.isnan(values).all():
            reasons.append(f"{use.key} of {row.name} is undefined in every clip.")
        else:
            series[row.name] = values
    found = [_paired(use, pair, series, real, draws) for pair in combinations(series, 2)]
    reasons += [
        f"{use.key} of {each.first} and {each.second}: no clip is defined for both." for each in found if not each.clips
    ]
    return [each for each in found if each.clips], reasons


def _by_clip(use: MetricUse, row: Method) -> Array | None:
    """A method's values by clip, means over its runs."""
    runs = [values_by_clip(use, run.measurements[use.key], run.facts["reactions"]) for run in row.runs]
    there = [values for values in runs if values is not None]
    return np.mean(there, axis=0) if len(there) == len(runs) else None


def _real(results: Sequence[ScoreResult], key: str) -> Array | None:
    """GT's values by clip on the scale of the metric, from our own code alone."""
    use = results[0].use(key)
    if use.record.better != "near real":
        return None
    for result in results:
        beside: Mapping[str, Array] = result.context_per_clip.get("GT", {})
        if key in beside:
            return beside[key] * scale_of(use, result.facts["reactions"])
        if result.facts.get("baseline") == "GT":
            return values_by_clip(use, result.measurements[key], result.facts["reactions"])
    return None


def _paired(
    use: MetricUse, names: tuple[str, str], series: Mapping[str, Array], real: Array | None, draws: _Draws
) -> PairedDifference:
    """Two methods on one metric."""
    one, other = (series[name] for name in names)
    other = np.where(np.isclose(one, other, rtol=_ROUNDING, atol=0), one, other)  # rounding is no difference
    better = {"higher": 1, "lower": -1}.get(use.record.better, 0)
    goodness = (better * one, better * other)
    zero_if_equal = [one - other]
    if real is not None:
        better, one, other = -1, one - real, other - real
        goodness = (-np.abs(one), -np.abs(other))
        zero_if_equal = [one - other, one + other]
    wins, ties, losses = _record(*goodness) if better else (None, None, None)
    both = ~np.isnan(one + other)
    groups = draws.groups[both]
    there, renumbered = np.unique(groups, return_inverse=True)
    sums = [sums_by_group(each[both], renumbered, len(there))[0] for each in zero_if_equal]
    p_value = max(sign_flip_p_value(each, draws.permutations, draws.seed) for each in sums)
    clips = int(both.sum())
    difference, low, high = _estimate(one[both], other[both], groups, real is not None, draws)
    return PairedDifference(
        metric=use.key,
        compared="value" if real is None else "distance to GT",
        better=better,
        first=names[0],
        second=names[1],
        difference=difference,
        low=low,
        high=high,
        p_value=p_value,
        p_holm=p_value,
        smallest_p=smallest_p_value(len(there), draws.permutations),
        wins=wins,
        ties=ties,
        losses=losses,
        clips=clips,
        left_out=len(both) - clips,
        groups=len(there),
    )


def _estimate(
    one: Array, other: Array, groups: NDArray[np.intp], distances: bool, draws: _Draws
) -> tuple[float, float, float]:
    """The difference of two means, or of their distances from 0, and its interval; NaN where nothing tells."""
    if not len(groups):
        return math.nan, math.nan, math.nan
    size = abs if distances else float
    difference = size(float(one.mean())) - size(float(other.mean()))
    if len(np.unique(groups)) < 2:
        return difference, math.nan, math.nan
    count = draws.weights.shape[1]
    means = [means_of_resamples(*sums_by_group(each, groups, count), draws.weights) for each in (one, other)]
    sizes = np.abs(means) if distances else np.array(means)
    return difference, *percentile_interval(sizes[0] - sizes[1])


def _record(first: Array, second: Array) -> tuple[int, int, int]:
    """Clips won, tied and lost, from what is larger where it is better."""
    ties = (first == second) | (np.isnan(first) & np.isnan(second))
    return int((first > second).sum()), int(ties.sum()), int((first < second).sum())


def _corrected(found: Sequence[PairedDifference]) -> list[PairedDifference]:
    adjusted = holm(np.array([each.p_value for each in found]))
    return [replace(each, p_holm=float(p)) for each, p in zip(found, adjusted, strict=True)]
