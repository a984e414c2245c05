"""FRDvs: how different the reactions to different speakers are (diversity)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_data.progress import track
from react_eval.clip_set import ClipSet
from react_eval.metrics.arguments import clip_set
from react_eval.registry import Measurement, Metric, register

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
    return _measure(clip_set(predictions), FRDvsSettings()).value


def _measure(clips: ClipSet, _settings: FRDvsSettings) -> Measurement:
    if len(clips) < 2:
        return Measurement(math.nan, reason="FRDvs needs at least two clips")
    first = clips.predictions[0]
    if any(clips.predictions[clip].shape != first.shape for clip in range(len(clips))):
        return Measurement(math.nan, reason="FRDvs is not defined for clips of unequal length")
    # Welford's sums, one clip after the other: the order is that of the clips, however they are read.
    mean = np.zeros(first.shape)
    squares = np.zeros(first.shape)
    for count in track(range(1, len(clips) + 1), "FRDvs", show=clips.show_progress):
        reactions = clips.predictions[count - 1]
        offset = reactions - mean
        mean += offset / count
        squares += offset * (reactions - mean)
    return Measurement(2 * float(squares.mean()) / (len(clips) - 1))


FRDVS = register(
    Metric(
        name="FRDvs",
        title="difference between reactions to different speakers",
        facet="diversity",
        better="near real",
        unit="squared channel units",
        needs=(),
        settings=FRDvsSettings,
        measure=_measure,
        reading=(
            "Do different speakers get different reactions? Best near the value of real reactions (row GT); 0 means "
            "that the speaker is ignored, uniform noise has 1/6."
        ),
        function="frdvs",
    )
)
