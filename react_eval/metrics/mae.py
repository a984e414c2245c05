"""MAE: how far reactions are from the real listener's, frame by frame (accuracy; REACT 2025 and 2026)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.errors import LengthError
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, mean_over_clips, register

__all__ = ["MAE", "MAESettings", "mae"]


@dataclass(frozen=True)
class MAESettings:
    """What a protocol fixes about MAE.

    Attributes:
        channels: ``"no action units"`` compares valence, arousal and expressions (all channels, where a schema has no
            action units); ``"all"`` compares every channel.
        alignment: Name of the aligner of a listener of another length; ``"none"`` refuses it.
    """

    channels: Literal["no action units", "all"] = "no action units"
    alignment: str = "none"


def mae(
    predictions: Sequence[NDArray[np.float32]],
    listener: Sequence[NDArray[np.float32]],
    *,
    settings: MAESettings = MAESettings(),
) -> float:
    r"""Mean absolute error against the listener who really answered.

    .. math::
        \mathrm{MAE} = \frac1N \sum_k \frac{1}{\alpha T C} \sum_{i,t,c} |x_{kitc} - y_{ktc}|

    over valence, arousal and the expressions, in float64.

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).
        listener: (N, T, C) float32, or N arrays (T, C): the listener of each clip.
        settings: The protocol's choices.

    Returns:
        The score >= 0 in channel units, lower is better; 0 for the real listener.

    Raises:
        InputError: If shapes or types do not fit, or a value is not finite.
        LengthError: If a prediction and its listener differ in length and no aligner is named.

    References:
        The official code of REACT 2025 has such a function and does not call it (formats.md 3.3), so what it is taken
        against is our reading: the paired listener, every reaction.

    Example:
        >>> still = np.zeros((1, 4, 25), dtype=np.float32)
        >>> mae(still[:, None] + 0.5, still)
        0.5
    """
    return measured(MAE, clip_set(predictions, listener=listener), settings).value


def _observe(view: ClipView, settings: MAESettings) -> NDArray[np.float64]:
    numbers = view.clips.paired
    if numbers is None:
        raise LengthError("MAE compares each clip with its own listener: pass one listener for each clip, in order.")
    listener = view.aligned_listener(numbers[view.index], settings.alignment)
    frames = view.reactions.shape[1]
    if settings.alignment == "none" and len(listener) != frames:
        raise LengthError(
            f"clip {view.id!r} has {frames} predicted frames, its listener {len(listener)}. MAE compares frame by "
            "frame: align or cut them to one length, or name an aligner."
        )
    chosen = _channels(view, settings)
    apart = view.reactions[:, : len(listener), chosen].astype(np.float64) - listener[:, chosen]
    return np.asarray(np.abs(apart).mean(axis=(1, 2)))


def _channels(view: ClipView, settings: MAESettings) -> NDArray[np.intp]:
    groups = [group for group in view.schema.groups if settings.channels == "all" or group.name != "action units"]
    return np.concatenate([np.arange(group.start, group.stop) for group in groups or view.schema.groups])


def _conclude(observed: Observed, _settings: MAESettings) -> Measurement:
    apart = np.array(observed.found)
    return Measurement(value=mean_over_clips(apart.mean(axis=1)), per_clip={"MAE": apart})


MAE = register(
    Metric(
        name="MAE",
        title="error against the own listener",
        facet="appropriateness",
        better="lower",
        unit="channel units",
        needs=("listeners", "paired"),
        settings=MAESettings,
        observe=_observe,
        conclude=_conclude,
        reading=(
            "How far is a reaction from the one that was really given? Only one of many appropriate reactions counts, "
            "so an average face does well."
        ),
        function="mae",
    )
)
