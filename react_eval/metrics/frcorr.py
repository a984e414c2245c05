"""FRCorr: concordance with the best matching appropriate reaction (appropriateness)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.errors import LengthError
from react_eval.kernels.concordance import covariances, moments
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, mean_over_clips, register

if TYPE_CHECKING:
    from react_eval.gpu_batch import GpuBatch

__all__ = ["FRCORR", "FRCorrSettings", "frcorr"]

Array = NDArray[np.float64]


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
        alignment: Name of the aligner of listeners of another length; ``"none"`` refuses them.
        identical: ``"one"`` counts a reaction that equals an appropriate one as 1, though it may have channels that
            never vary; ``"computed"`` leaves it as it comes out.
    """

    epsilon: float = 1e-8
    combine: Literal["sum", "mean"] = "sum"
    scale: float = 1.0
    constant_listener: Literal["zero", "leave out"] = "zero"
    neighbours: Literal["all", "personal"] = "all"
    alignment: str = "none"
    identical: Literal["computed", "one"] = "computed"


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
    return measured(FRCORR, clips, settings).value


@dataclass(frozen=True)
class _Best:
    """Largest concordance of each reaction, the listener that gives it (-1: none), and how many channels were 0/0."""

    values: Array
    nearest: NDArray[np.intp]
    zero_by_zero: int


def _observe(view: ClipView, settings: FRCorrSettings) -> _Best:
    return view.shared(_key(settings), lambda: _best(view, settings))


def _key(settings: FRCorrSettings) -> FRCorrSettings:
    """What decides on the best listener; protocols that differ in nothing else share the search."""
    return replace(settings, combine="sum", scale=1.0)


def _on_gpu(batch: GpuBatch, settings: FRCorrSettings) -> None:
    from torch import tensor  # as optional as the GPU

    from react_eval.kernels.gpu.concordance import best_concordance

    unequal = (batch.listeners[1] != batch.reactions.shape[2]).any()
    if unequal or settings.identical == "one":  # lengths are aligned, or said not to fit, clip by clip
        return
    lists = batch.neighbours(settings.neighbours)
    longest = max(len(numbers) for numbers in lists)
    padded = tensor([numbers + [-1] * (longest - len(numbers)) for numbers in lists], device=batch.device)
    leave_out = settings.constant_listener == "leave out"
    found = best_concordance(batch.reactions, batch.listener_moments, padded, settings.epsilon, leave_out)
    best, nearest, zero_by_zero = (each.cpu().numpy() for each in found)
    for number, view in enumerate(batch.views):
        view.provide(_key(settings), _Best(best[number], nearest[number], int(zero_by_zero[number])))


def _best(view: ClipView, settings: FRCorrSettings) -> _Best:
    neighbours = view.neighbours(settings.neighbours)
    values, zero_by_zero = _concordance(view, neighbours, settings)
    if settings.identical == "one":
        values[_identical(view, neighbours, settings.alignment)] = 1.0
    values[np.isnan(values)] = -np.inf  # a neighbour that varies in no channel is no candidate
    first = values.argmax(axis=0)
    best = np.take_along_axis(values, first[None], axis=0)[0]
    none = best == -np.inf
    return _Best(np.where(none, np.nan, best), np.where(none, -1, neighbours[first]), zero_by_zero)


def _concordance(view: ClipView, neighbours: NDArray[np.intp], settings: FRCorrSettings) -> tuple[Array, int]:
    """Mean concordance over channels by neighbour and reaction (NaN: no channel), and the number of 0/0."""
    frames = view.reactions.shape[1]
    shared = view.clips.shared_of_data("moments", lambda: _Listeners.of(_all_listeners(view)))
    if (shared.frames[neighbours] == frames).all():
        return _concordance_with(view, shared, neighbours, settings)
    if settings.alignment == "none":
        neighbour = neighbours[shared.frames[neighbours] != frames][0]
        raise LengthError(
            f"clip {view.id!r} has {frames} predicted frames, its neighbour {neighbour} has "
            f"{shared.frames[neighbour]}. FRCorr compares frame by frame: align or cut them to one length."
        )
    series = [view.aligned_listener(int(number), settings.alignment) for number in neighbours]
    lengths = np.array([len(each) for each in series])
    values, zero_by_zero = np.empty((len(neighbours), len(view.reactions))), 0
    for length in np.unique(lengths):
        places = np.flatnonzero(lengths == length)
        alike = _Listeners.of([series[place] for place in places])
        values[places], zeros = _concordance_with(view, alike, np.arange(len(places)), settings)
        zero_by_zero += zeros
    return values, zero_by_zero


def _concordance_with(
    view: ClipView, listeners: _Listeners, numbers: NDArray[np.intp], settings: FRCorrSettings
) -> tuple[Array, int]:
    """The same for listeners of one length, over their frames.

    A channel that is constant at one value on both sides is 0/0 for an epsilon of 0 and counts 0. (The official code of
    ReactFace divides in float32, where its 1e-50 is 0.)
    """
    frames = int(listeners.frames[numbers[0]])
    means, deviations, variances = view.shared(("moments", frames), lambda: moments(_first(view.reactions, frames)))
    their_variances = listeners.variances[numbers, None]
    spread = variances + their_variances + (means - listeners.means[numbers, None]) ** 2
    denominator = np.where(spread == 0, 1.0, spread + settings.epsilon)
    key = ("covariances", settings.neighbours, settings.alignment, frames)
    begins = listeners.begins[numbers]
    channels = 2 * view.shared(key, lambda: covariances(deviations, listeners.deviations, begins)) / denominator
    if settings.constant_listener == "zero":
        return channels.mean(axis=2), int((spread == 0).sum())
    varies = np.broadcast_to(their_variances > 0, channels.shape)
    counts = varies.sum(axis=2)
    sums = np.where(varies, channels, 0).sum(axis=2)
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0), 0


def _first(reactions: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    return reactions if reactions.shape[1] == frames else np.ascontiguousarray(reactions[:, :frames])


def _identical(view: ClipView, neighbours: NDArray[np.intp], aligner: str) -> NDArray[np.bool_]:
    """By neighbour and reaction whether they are equal."""
    others = [view.aligned_listener(int(number), aligner) for number in neighbours]
    return np.array([[np.array_equal(mine, other) for mine in view.reactions] for other in others])


def _all_listeners(view: ClipView) -> list[NDArray[np.float32]]:
    count = 0 if view.clips.listeners is None else len(view.clips.listeners)
    return [view.listener(number) for number in range(count)]


@dataclass(frozen=True)
class _Listeners:
    """Means and variances (M, C) of listeners; their deviations one after the other, where each begins, lengths."""

    means: Array
    variances: Array
    deviations: Array
    begins: NDArray[np.int64]
    frames: NDArray[np.int64]

    @classmethod
    def of(cls, series: Sequence[NDArray[np.float32]]) -> _Listeners:
        count, channels = len(series), series[0].shape[1] if series else 0
        frames = np.array([len(each) for each in series], dtype=np.int64)
        ends = np.cumsum(frames * channels)
        found = cls(
            np.empty((count, channels)),
            np.empty((count, channels)),
            np.empty(ends[-1] if count else 0),
            ends - frames * channels,
            frames,
        )
        for number, each in enumerate(series):
            means, deviations, variances = moments(each[None])
            found.means[number], found.variances[number] = means[0], variances[0]
            found.deviations[found.begins[number] : ends[number]] = deviations.ravel()
        return found


def _conclude(observed: Observed, settings: FRCorrSettings) -> Measurement:
    found: Sequence[_Best] = observed.found
    best = np.array([each.values for each in found])
    undefined = int(np.isnan(best).any(axis=1).sum())
    reactions = observed.reactions if settings.combine == "sum" else 1
    return Measurement(
        value=mean_over_clips(best.mean(axis=1)) * reactions * settings.scale,
        per_clip={"FRCorr": best, "FRCorr_neighbour": np.array([each.nearest for each in found])},
        details={
            "clips_undefined": undefined,
            "channels_zero_by_zero": sum(each.zero_by_zero for each in found),
        },
        reason=f"{undefined} clips have no neighbour that varies in any channel" if undefined else "",
    )


FRCORR = register(
    Metric(
        name="FRCorr",
        title="correlation with appropriate reactions",
        facet="appropriateness",
        better="higher",
        unit="concordance correlation",
        needs=("listeners", "neighbours"),
        settings=FRCorrSettings,
        observe=_observe,
        conclude=_conclude,
        on_gpu=_on_gpu,
        reading=(
            "Does a reaction move like at least one appropriate real reaction? Official scorers print the sum over "
            "reactions: .38 with 10 reactions is a mean concordance of .038."
        ),
        function="frcorr",
        aliases=("FRC", "FRcorr"),
    )
)
