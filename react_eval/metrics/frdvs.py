"""FRDvs: how different the reactions to different speakers are (diversity)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.kernels.exact_sums import add_clips, empty_sums, merge_sums, spread_between
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, register

__all__ = ["FRDVS", "FRDvsSettings", "frdvs"]


@dataclass(frozen=True)
class FRDvsSettings:
    """FRDvs leaves a protocol nothing to choose."""


def frdvs(predictions: Sequence[NDArray[np.float32]]) -> float:
    r"""Facial reaction diversity among speakers: mean squared difference between reactions to different clips.

    .. math::
        \mathrm{FRDvs} = \frac{1}{\alpha N(N-1)} \sum_i \sum_{k \ne m} \frac{1}{TC} \lVert x_{ki} - x_{mi} \rVert^2

    computed as twice the unbiased variance over clips, from centred float64 sums in one pass. (The official scorer
    multiplies float32 matrices for more than 25 clips and loses digits there: equal clips differ by 4e-8.)

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).

    Returns:
        The score >= 0 in squared channel units; 0 if every speaker gets the same reactions, 1/6 for uniform noise on
        [0, 1]. Best near the value of real reactions. NaN for one clip, or clips of unequal length.

    Raises:
        InputError: If shape or type do not fit, or a value is not finite.

    References:
        Song et al., REACT 2024. Official code: baseline_react2024, metric/FRDvs.py at 0c3ce58.

    Example:
        >>> frdvs(np.array([0.0, 1.0], dtype=np.float32).reshape(2, 1, 1, 1).repeat(3, axis=2))
        1.0
    """
    return measured(FRDVS, clip_set(predictions), FRDvsSettings()).value


class ExactSums:
    """Sums of values and squares over clips of one shape; merging them in any order gives the same bits."""

    def __init__(self) -> None:
        self.count = 0
        self.shape: tuple[int, ...] = ()
        self.sums = empty_sums(0)

    def add(self, view: ClipView) -> None:
        """Add a clip; one of another shape than the first only makes the metric undefined."""
        if not self.count:
            self.shape, self.sums = view.reactions.shape, empty_sums(view.reactions.size)
        if view.reactions.shape == self.shape:
            add_clips(self.sums, view.reactions.reshape(1, -1))
        self.count += 1

    def merge(self, other: ExactSums) -> None:
        """Add the clips of another pool."""
        if not self.count:
            self.shape, self.sums = other.shape, other.sums.copy()
        elif other.count and other.shape == self.shape:
            merge_sums(self.sums, other.sums)
        self.count += other.count


def _observe(view: ClipView, _settings: FRDvsSettings) -> tuple[int, ...]:
    return view.reactions.shape


def _conclude(observed: Observed, _settings: FRDvsSettings) -> Measurement:
    if len(observed.found) < 2:
        return Measurement(math.nan, reason="FRDvs needs at least two clips")
    if len(set(observed.found)) > 1:
        return Measurement(math.nan, reason="FRDvs is not defined for clips of unequal length")
    return Measurement(spread_between(observed.pool.sums, observed.pool.count))


FRDVS = register(
    Metric(
        name="FRDvs",
        title="difference between reactions to different speakers",
        facet="diversity",
        better="near real",
        unit="squared channel units",
        needs=(),
        settings=FRDvsSettings,
        observe=_observe,
        conclude=_conclude,
        pool=ExactSums,
        resampled="pairs of clips",
        reading=(
            "Do different speakers get different reactions? Best near the value of real reactions (row GT); 0 means "
            "that the speaker is ignored, uniform noise has 1/6."
        ),
        function="frdvs",
    )
)
