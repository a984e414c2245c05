"""What the scaling study measures: every metric, what it should cost, and the sizes it is measured at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import Dyads, predict_all, synthetic_dyads
from react_eval import metrics

__all__ = ["AXES", "METRICS", "Scaled", "Size"]

Series = NDArray[np.float32]

AXES = ("clips", "reactions", "frames", "neighbours")


@dataclass(frozen=True)
class Size:
    """How much there is to score; the fields are `AXES`."""

    clips: int
    reactions: int
    frames: int
    neighbours: int

    def inputs(self, family: str) -> tuple[Series, Dyads]:
        """Predictions of a family, and the clips that they are for."""
        dyads = synthetic_dyads(self.clips, self.frames, self.neighbours)
        return predict_all(family, dyads, self.reactions), dyads


@dataclass(frozen=True)
class Scaled:
    """A metric of the study.

    Attributes:
        measure: Computes it.
        cost: Its asymptotic cost in N clips, α reactions, T frames, C channels, K neighbours a clip and L lags.
        exponents: What that cost says for each axis.
        base: What every axis is varied around; takes some tens of milliseconds, so that a call's overhead is small.
        family: Of the predictions.
    """

    measure: Callable[[Series, Dyads], float]
    cost: str
    exponents: Mapping[str, int]
    base: Size
    family: str = "blended"


def _diversity(function: Callable[[Any], float]) -> Scaled:
    base = Size(clips=100, reactions=10, frames=375, neighbours=4)
    return Scaled(lambda predictions, _: function(predictions), "N α T C", _exponents(1, 1, 1, 0), base)


def _frcorr(predictions: Any, dyads: Dyads) -> float:
    return metrics.frcorr(predictions, dyads.listener, dyads.neighbours)


def _frdist(predictions: Any, dyads: Dyads) -> float:
    return metrics.frdist(predictions, dyads.listener, dyads.neighbours)


def _frsyn(predictions: Any, dyads: Dyads) -> float:
    return metrics.frsyn(predictions, dyads.speaker, settings=metrics.FRSynSettings(reactions="all"))


def _exponents(*values: int) -> dict[str, int]:
    return dict(zip(AXES, values, strict=True))


_WARPED = Size(clips=8, reactions=4, frames=375, neighbours=10)
_COMPARED = Size(clips=20, reactions=10, frames=750, neighbours=20)

METRICS = {
    "FRCorr": Scaled(_frcorr, "N α K T C", _exponents(1, 1, 1, 1), _COMPARED),
    "FRDist, blended": Scaled(_frdist, "N α K T² C", _exponents(1, 1, 2, 1), _WARPED),
    "FRDist, near-mean": Scaled(_frdist, "N α K T² C", _exponents(1, 1, 2, 1), _WARPED, "near-mean"),
    "FRDiv": _diversity(metrics.frdiv),
    "FRVar": _diversity(metrics.frvar),
    "FRDvs": _diversity(metrics.frdvs),
    "FRSyn, all reactions": Scaled(_frsyn, "N α T C L", _exponents(1, 1, 1, 0), _COMPARED),
}
