"""FRDiv: how different the reactions to one clip are (diversity)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.kernels.spread import spread_of_reactions
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, mean_over_clips, register

if TYPE_CHECKING:
    from react_eval.gpu_batch import GpuBatch

__all__ = ["FRDIV", "FRDivSettings", "frdiv"]


@dataclass(frozen=True)
class FRDivSettings:
    """FRDiv leaves a protocol nothing to choose."""


def frdiv(predictions: Sequence[NDArray[np.float32]]) -> float:
    r"""Facial reaction diversity: mean squared difference between the reactions to the same clip.

    .. math::
        \mathrm{FRDiv} = \frac1N \sum_k \frac{1}{\alpha(\alpha-1)} \sum_{i \ne j}
        \frac{1}{TC} \lVert x_{ki} - x_{kj} \rVert^2

    computed as twice the unbiased variance over reactions, in float64.

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).

    Returns:
        The score >= 0 in squared channel units; 0 for one reaction, 1/6 for uniform noise on [0, 1]. It says nothing
        alone: noise has more of it than real reactions.

    Raises:
        InputError: If shape or type do not fit, or a value is not finite.

    References:
        Song et al., REACT 2024. Official code: baseline_react2024, metric/FRDiv.py (S-MSE) at 0c3ce58.

    Example:
        >>> frdiv(np.array([0.0, 1.0], dtype=np.float32).reshape(1, 2, 1, 1).repeat(3, axis=2))
        1.0
    """
    return measured(FRDIV, clip_set(predictions), FRDivSettings()).value


def _observe(view: ClipView, _settings: FRDivSettings) -> float:
    return view.shared("FRDiv", lambda: spread_of_reactions(view.reactions) if len(view.reactions) > 1 else 0.0)


def _on_gpu(batch: GpuBatch, _settings: FRDivSettings) -> None:
    from react_eval.kernels.gpu.diversity import spread_of_reactions as spread_on_gpu

    for view, spread in zip(batch.views, spread_on_gpu(batch.reactions).tolist(), strict=True):
        view.provide("FRDiv", spread)


def _conclude(observed: Observed, _settings: FRDivSettings) -> Measurement:
    spread = np.array(observed.found)
    return Measurement(value=mean_over_clips(spread), per_clip={"FRDiv": spread})


FRDIV = register(
    Metric(
        name="FRDiv",
        title="difference between reactions to one clip",
        facet="diversity",
        better="unranked",
        unit="squared channel units",
        needs=(),
        settings=FRDivSettings,
        observe=_observe,
        conclude=_conclude,
        on_gpu=_on_gpu,
        reading=(
            "How different are the reactions to the same clip? Alone it says nothing: uniform noise scores 1/6, more "
            "than any good model; read it beside FRCorr."
        ),
        function="frdiv",
        aliases=("S-MSE", "SMSE"),
    )
)
