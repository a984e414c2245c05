"""What a model scores under one condition: means over seeds, and their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean

import numpy as np

from react_data.missing_conditions import MissingCondition
from react_eval.intervals import (
    RESAMPLES,
    Interval,
    means_of_resamples,
    percentile_interval,
    resampled_weights,
    sums_by_group,
    values_by_clip,
)
from react_eval.protocol import MetricUse
from react_eval.result import ScoreResult

__all__ = ["ConditionScores"]

_REASON = 60


@dataclass(frozen=True, eq=False)
class ConditionScores:
    """What a model scores under one condition.

    Attributes:
        model: Its name in tables.
        condition: The condition.
        runs: Results, one a seed; none where the model fails.
        unaffected: What the model does not take, so that the condition changes nothing: ``"takes no speech"``; empty
            elsewhere.
        failure: Why the model fails; empty elsewhere.
    """

    model: str
    condition: MissingCondition
    runs: tuple[ScoreResult, ...] = ()
    unaffected: str = ""
    failure: str = ""

    @property
    def status(self) -> str:
        """``"scored"``, ``"unaffected"`` or ``"fails"``."""
        return "fails" if self.failure else "unaffected" if self.unaffected else "scored"

    @property
    def note(self) -> str:
        """What a table says beside the values."""
        if not self.failure:
            return self.unaffected
        clause = self.failure.partition(". ")[0].partition("; ")[0].rstrip(".")
        return f"fails: {clause if len(clause) <= _REASON else clause[: _REASON - 1] + '…'}"

    def value(self, key: str) -> float:
        """The mean over seeds; NaN where the model fails."""
        return fmean(run[key] for run in self.runs) if self.runs else math.nan

    def deviation(self, key: str) -> float:
        """The standard deviation over seeds; NaN where there are fewer than two."""
        return float(np.std([run[key] for run in self.runs], ddof=1)) if len(self.runs) > 1 else math.nan

    @cached_property
    def intervals(self) -> Mapping[str, Interval]:
        """95 % intervals of the means over seeds, by result key: conversations are drawn with replacement."""
        if not self.runs:
            return {}
        first = self.runs[0]
        found = {key: _interval(first.use(key), self.runs) for key in first}
        return {key: interval for key, interval in found.items() if interval is not None}


def _interval(use: MetricUse, runs: Sequence[ScoreResult]) -> Interval | None:
    """That of the mean over runs; None where the metric is no mean over clips or there is one group of them."""
    first = runs[0]
    groups = np.asarray(first.groups, dtype=np.intp)
    count = int(groups.max()) + 1
    values = [values_by_clip(use, run.measurements[use.key], run.facts["reactions"]) for run in runs]
    there = [each for each in values if each is not None and not np.isnan(each).all()]
    if count < 2 or len(there) < len(runs):
        return None
    sums = sums_by_group(np.mean(there, axis=0), groups, count)
    means = means_of_resamples(*sums, resampled_weights(count, RESAMPLES, seed=0))
    return Interval(*percentile_interval(means), count, first.group_kind)
