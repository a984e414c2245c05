"""FRVar: how much reactions move over time (diversity)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.errors import InputError
from react_eval.kernels.spread import movement
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, mean_over_clips, register

if TYPE_CHECKING:
    from react_eval.gpu_batch import GpuBatch

__all__ = ["FRVAR", "FRVarSettings", "frvar"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FRVarSettings:
    """What a protocol fixes about FRVar.

    Attributes:
        ddof: Frames less `ddof` divide the summed squares; 1 in the official scorer. At least 0, and less than frames.

    Raises:
        InputError: If it is negative.
    """

    ddof: int = 1

    def __post_init__(self) -> None:
        if self.ddof < 0:
            raise InputError(f"FRVar.ddof is {self.ddof}, expected at least 0.")


def frvar(predictions: Sequence[NDArray[np.float32]], *, settings: FRVarSettings = FRVarSettings()) -> float:
    r"""Facial reaction variance: how much every channel of a reaction moves over the frames.

    .. math:: \mathrm{FRVar} = \frac{1}{N\alpha C} \sum_{k,i,c} \operatorname{Var}_t\, x_{kitc}

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).
        settings: The protocol's choices; ddof 1 by default.

    Returns:
        The score >= 0 in squared channel units; 0 for motionless reactions, 1/12 for uniform noise on [0, 1]. Best near
        the value of real reactions.

    Raises:
        InputError: If shape or type do not fit, a value is not finite, or a clip has no more frames than ddof.

    References:
        Song et al., REACT 2024. Official code: baseline_react2024, metric/FRVar.py at 0c3ce58.

    Example:
        >>> frvar(np.array([0.0, 1.0], dtype=np.float32).reshape(1, 1, 2, 1))
        0.5
    """
    return measured(FRVAR, clip_set(predictions), settings).value


def _observe(view: ClipView, settings: FRVarSettings) -> Array:
    frames = view.reactions.shape[1]
    if frames <= settings.ddof:
        raise InputError(f"clip {view.id!r} has {frames} frames, expected more than FRVar.ddof = {settings.ddof}.")
    return view.shared(("FRVar", settings.ddof), lambda: movement(view.reactions, settings.ddof))


def _on_gpu(batch: GpuBatch, settings: FRVarSettings) -> None:
    from react_eval.kernels.gpu.diversity import movement as movement_on_gpu

    if batch.reactions.shape[2] <= settings.ddof:
        return  # what does not fit is said clip by clip
    for view, moved in zip(batch.views, movement_on_gpu(batch.reactions, settings.ddof).cpu().numpy(), strict=True):
        view.provide(("FRVar", settings.ddof), moved)


def _conclude(observed: Observed, _settings: FRVarSettings) -> Measurement:
    moved = np.array(observed.found)
    return Measurement(value=mean_over_clips(moved.mean(axis=1)), per_clip={"FRVar": moved})


FRVAR = register(
    Metric(
        name="FRVar",
        title="movement over time",
        facet="diversity",
        better="near real",
        unit="squared channel units",
        needs=(),
        settings=FRVarSettings,
        observe=_observe,
        conclude=_conclude,
        on_gpu=_on_gpu,
        reading=(
            "How much do the faces move? Best near the value of real reactions (row GT): less is a frozen face, more "
            "is jitter; uniform noise has 1/12."
        ),
        function="frvar",
    )
)
