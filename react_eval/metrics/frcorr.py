"""FRCorr: concordance with the best matching appropriate reaction (appropriateness)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipSet
from react_eval.errors import LengthError
from react_eval.kernels.concordance import covariances, moments
from react_eval.metrics.arguments import clip_set
from react_eval.registry import Measurement, Metric, mean_over_clips, register

__all__ = ["FRCORR", "FRCorrSettings", "frcorr"]

Array = NDArray[np.float64]
Moments = tuple[Array, Array, Array]


@dataclass(frozen=True)
class FRCorrSettings:
    """What a protocol fixes about FRCorr.

    Attributes:
        epsilon: Added to the denominator of the concordance correlation.
        combine: ``"sum"`` or ``"mean"`` over the reactions of a clip.
        scale: Factor of the value.
        constant_listener: ``"zero"`` counts a channel in which the listener is constant as 0; ``"leave out"`` takes the
            mean over the other channels, and a neighbour that varies in none is no candidate.
        neighbours: ``"all"``, or ``"personal"`` for those that are the same listener person.
    """

    epsilon: float = 1e-8
    combine: Literal["sum", "mean"] = "sum"
    scale: float = 1.0
    constant_listener: Literal["zero", "leave out"] = "zero"
    neighbours: Literal["all", "personal"] = "all"


def frcorr(
    predictions: Sequence[NDArray[np.float32]],
    listener: Sequence[NDArray[np.float32]],
    neighbours: Sequence[NDArray[np.intp]] | NDArray[np.bool_],
    *,
    settings: FRCorrSettings = FRCorrSettings(),
) -> float:
    r"""Facial reaction correlation: how well each reaction follows the best matching appropriate real reaction.

    .. math::
        \mathrm{FRCorr} = \frac1N \sum_k \sum_i \max_{n \in A(k)} \frac1C \sum_c
        \frac{2\,\mathrm{cov}(x, y)}{\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2 + \varepsilon}

    with x the prediction and y the listener in channel c, moments over frames with ddof 0, 0 where either is constant.

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).
        listener: (M, T, C) float32, or M arrays (T, C).
        neighbours: (N, M) bool, or for each clip the indices of its appropriate listeners.
        settings: The protocol's choices; those of ``react2024`` by default.

    Returns:
        The score, higher is better. A sum over reactions lies in [-α, α] (times the scale), a mean in [-1, 1].

    Raises:
        InputError: If shapes, types or neighbours do not fit, or a value is not finite.
        LengthError: If a prediction and a neighbour have different numbers of frames.

    References:
        Song et al., REACT 2024. Official code: baseline_react2024, metric/FRC.py at 0c3ce58.

    Example:
        >>> series = np.sin(np.arange(60, dtype=np.float32)).reshape(1, 60, 1)
        >>> round(frcorr(series[:, None], series, np.array([[True]])), 6)
        1.0
    """
    clips = clip_set(predictions, listener=listener, neighbours=neighbours)
    return _measure(clips, settings).value


def _measure(clips: ClipSet, settings: FRCorrSettings) -> Measurement:
    neighbours = clips.require_neighbours(settings.neighbours)
    listeners = clips.require_listeners()
    known = clips.shared_of_listeners("moments", lambda: [moments(np.asarray(each)[None]) for each in listeners])
    found = clips.map(lambda clip: _best(clips, clip, neighbours[clip], known, settings), "FRCorr")
    best = np.array([values for values, _, _ in found])
    per_clip = best.mean(axis=1)
    undefined = int(np.isnan(per_clip).sum())
    reactions = clips.reactions if settings.combine == "sum" else 1
    return Measurement(
        value=mean_over_clips(per_clip) * reactions * settings.scale,
        per_clip={"FRCorr": best, "FRCorr_neighbour": np.array([which for _, which, _ in found])},
        details={"clips_undefined": undefined, "channels_zero_by_zero": sum(count for _, _, count in found)},
        reason=f"{undefined} clips have no neighbour that varies in any channel" if undefined else "",
    )


def _best(
    clips: ClipSet, clip: int, neighbours: NDArray[np.intp], listeners: list[Moments], settings: FRCorrSettings
) -> tuple[Array, NDArray[np.intp], int]:
    """Largest concordance of each reaction, the listener that gives it (-1: none), and how many channels were 0/0."""
    reactions = moments(clips.predictions[clip])
    count, frames, _ = reactions[1].shape
    best, nearest, zero_by_zero = np.full(count, -np.inf), np.full(count, -1, dtype=np.intp), 0
    for neighbour in neighbours:
        listener = listeners[neighbour]
        if listener[1].shape[1] != frames:
            raise LengthError(
                f"clip {clips.clips[clip]!r} has {frames} predicted frames, its neighbour {neighbour} has "
                f"{listener[1].shape[1]}. FRCorr compares frame by frame: align or cut them to one length."
            )
        values, undefined = _concordance(reactions, listener, settings)
        zero_by_zero += undefined
        better = values > best
        best[better], nearest[better] = values[better], neighbour
    best[nearest < 0] = np.nan
    return best, nearest, zero_by_zero


def _concordance(reactions: Moments, listener: Moments, settings: FRCorrSettings) -> tuple[Array, int]:
    """Mean concordance over channels of every reaction with one listener (NaN: no channel), and the number of 0/0.

    A channel that is constant at one value on both sides is 0/0 for an epsilon of 0 and counts 0. (The official code of
    ReactFace divides in float32, where its 1e-50 is 0.)
    """
    spread = reactions[2] + listener[2] + (reactions[0] - listener[0]) ** 2
    denominator = np.where(spread == 0, 1.0, spread + settings.epsilon)
    channels = 2 * covariances(reactions[1], listener[1][0]) / denominator
    if settings.constant_listener == "zero":
        return channels.mean(axis=1), int((spread == 0).sum())
    varies = listener[2][0] > 0
    if not varies.any():
        return np.full(len(channels), np.nan), 0
    return channels[:, varies].mean(axis=1), 0


FRCORR = register(
    Metric(
        name="FRCorr",
        title="correlation with appropriate reactions",
        facet="appropriateness",
        better="higher",
        unit="concordance correlation",
        needs=("listeners", "neighbours"),
        settings=FRCorrSettings,
        measure=_measure,
        reading=(
            "Does a reaction move like at least one appropriate real reaction? Official scorers print the sum over "
            "reactions: .38 with 10 reactions is a mean concordance of .038."
        ),
        function="frcorr",
        aliases=("FRC", "FRcorr"),
    )
)
