"""FRSyn: at which lag a reaction correlates best with the speaker (synchrony)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.errors import InputError, LengthError
from react_eval.kernels.lag_correlation import lag_correlations
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, mean_over_clips, register

if TYPE_CHECKING:
    from react_eval.gpu_batch import GpuBatch

__all__ = ["FRSYN", "FRSynSettings", "frsyn"]

Array = NDArray[np.float64]
_NEAR_TIE = 1e-7
_LEAST_COVERAGE = 0.5


@dataclass(frozen=True)
class FRSynSettings:
    """What a protocol fixes about FRSyn.

    Attributes:
        reactions: ``"first"`` looks at reaction 0 only, as the official parallel code does; ``"all"`` at every one.
        undefined: ``"first lag"``: a constant channel makes a lag undefined, and the first undefined lag wins, as the
            official code has it. ``"leave out"``: channels whose speaker is constant over the clip are left out at
            every lag, any other constant counts as correlation 0.
        longest_lag: Largest lag in frames, at least 1; 49 is 2 s at 25 frames a second, exclusive.

    Raises:
        InputError: If the longest lag is less than 1.
    """

    reactions: Literal["first", "all"] = "first"
    undefined: Literal["first lag", "leave out"] = "first lag"
    longest_lag: int = 49

    def __post_init__(self) -> None:
        if self.longest_lag < 1:
            raise InputError(f"FRSyn.longest_lag is {self.longest_lag}, expected at least 1 frame.")


def frsyn(
    predictions: Sequence[NDArray[np.float32]],
    speaker: Sequence[NDArray[np.float32]],
    *,
    settings: FRSynSettings = FRSynSettings(),
) -> float:
    r"""Facial reaction synchrony: the lag, in frames, at which a reaction correlates best with the speaker.

    .. math::
        \mathrm{FRSyn} = \frac1N \sum_k |\mathrm{lag}^*_k|, \quad
        \mathrm{lag}^* = \arg\max_{|\mathrm{lag}| \le 49} \frac1C \sum_c \rho(x_{t+\mathrm{lag},c},\, s_{t,c})

    with x the prediction, s the speaker and ρ Pearson's correlation over the overlap. A positive lag follows the
    speaker.

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).
        speaker: (N, T, C) float32, or N arrays (T, C).
        settings: The protocol's choices; those of ``react2024`` by default, where one channel that never varies makes a
            clip score 49 whatever the model did.

    Returns:
        Mean |lag| in frames, in [0, 49], lower is better. NaN where no clip is defined.

    Raises:
        InputError: If shapes or types do not fit, or a value is not finite.
        LengthError: If a prediction and its speaker differ in length, or are not longer than the largest lag.

    References:
        Song et al., REACT 2024. Official code: baseline_react2024, metric/TLCC.py at 0c3ce58.

    Example:
        >>> speaker = np.random.default_rng(0).normal(size=(1, 200, 2)).astype(np.float32)
        >>> frsyn(np.roll(speaker, 7, axis=1)[:, None], speaker)
        7.0
    """
    return measured(FRSYN, clip_set(predictions, speaker=speaker), settings).value


class _Lags(NamedTuple):
    """Best lags of a clip's reactions, the correlation there, and what was undefined.

    A channel counts as constant if it is so over the overlap of some lag.
    """

    lags: Array
    peaks: Array
    near_ties: int
    speaker_constant: NDArray[np.bool_]
    prediction_constant: NDArray[np.bool_]
    speaker_silent: bool
    coverage: float


def _conclude(observed: Observed, settings: FRSynSettings) -> Measurement:
    found: Sequence[_Lags] = observed.found
    lags = np.array([each.lags for each in found])
    distances = np.abs(lags)
    undefined = int(np.isnan(lags).all(axis=1).sum())
    details = _details(found, settings) | {"clips_undefined": undefined}
    rankable = details.get("coverage", 1.0) >= _LEAST_COVERAGE
    reasons = [f"{undefined} clips have a speaker that never varies"] if undefined else []
    reasons += [] if rankable else [f"only {details['coverage']:.0%} of the channels vary on both sides"]
    return Measurement(
        value=mean_over_clips(distances.mean(axis=1)),
        per_clip={"FRSyn": distances, "FRSyn_lag": lags, "FRSyn_peak": np.array([each.peaks for each in found])},
        details=details,
        reason="; ".join(reasons),
        rankable=rankable,
    )


def _details(found: Sequence[_Lags], settings: FRSynSettings) -> dict[str, float]:
    speaker = np.array([each.speaker_constant.any() for each in found])
    prediction = np.array([each.prediction_constant.any() for each in found])
    facts: dict[str, float] = {
        "share_undefined": float(np.mean([np.isnan(each.peaks).any() for each in found])),
        "share_speaker_constant": float(speaker.mean()),
        "share_prediction_constant": float(prediction.mean()),
        "near_ties": sum(each.near_ties for each in found),
    }
    if settings.undefined == "first lag":
        silent = float(np.mean([each.speaker_silent for each in found]))
        return facts | {"share_speaker_silent": silent, "floor": settings.longest_lag * silent}
    lags = np.concatenate([each.lags for each in found])
    peaks = np.concatenate([each.peaks for each in found])
    defined = ~np.isnan(lags)
    return facts | {
        "coverage": float(np.mean([each.coverage for each in found])),
        "mean_lag": float(lags[defined].mean()) if defined.any() else float("nan"),
        "mean_peak": float(peaks[defined].mean()) if defined.any() else float("nan"),
    }


def _observe(view: ClipView, settings: FRSynSettings) -> _Lags:
    speaker = view.speaker
    reactions = view.reactions[: 1 if settings.reactions == "first" else None]
    frames = reactions.shape[1]
    if frames != len(speaker) or frames <= settings.longest_lag + 1:
        raise LengthError(
            f"clip {view.id!r} has {frames} predicted frames and {len(speaker)} frames of its speaker. FRSyn needs "
            f"equal lengths of more than {settings.longest_lag + 1} frames: cut or align them first."
        )
    speaker_constant = (speaker == speaker[0]).all(axis=0)
    prediction_constant = (reactions == reactions[:, :1]).all(axis=1)
    choose = _official_lag if settings.undefined == "first lag" else _corrected_lag
    chosen = [
        choose(_correlations(view, reaction, settings.longest_lag), speaker_constant)
        for reaction in range(len(reactions))
    ]
    return _Lags(
        lags=np.array([index - settings.longest_lag for index, _, _ in chosen]),
        peaks=np.array([peak for _, peak, _ in chosen]),
        near_ties=sum(ties for _, _, ties in chosen),
        speaker_constant=_constant_at_some_lag(speaker, settings.longest_lag),
        prediction_constant=_constant_at_some_lag(reactions, settings.longest_lag),
        speaker_silent=bool(speaker_constant.any()),
        coverage=float((~speaker_constant & ~prediction_constant).mean()),
    )


def _on_gpu(batch: GpuBatch, settings: FRSynSettings) -> None:
    from react_eval.kernels.gpu.synchrony import lag_correlations as correlations_on_gpu

    frames = {len(view.speaker) for view in batch.views}
    if frames != {batch.reactions.shape[2]} or min(frames) <= settings.longest_lag + 1:
        return  # what does not fit is said clip by clip
    chosen = batch.reactions[:, :1] if settings.reactions == "first" else batch.reactions
    found = correlations_on_gpu(chosen, batch.speakers, settings.longest_lag).cpu().numpy()
    for view, by_reaction in zip(batch.views, found, strict=True):
        for reaction, correlations in enumerate(by_reaction):
            view.provide(("lag correlations", reaction, settings.longest_lag), correlations)


def _correlations(view: ClipView, reaction: int, longest: int) -> Array:
    key = ("lag correlations", reaction, longest)
    return view.shared(key, lambda: lag_correlations(view.reactions[reaction], view.speaker, longest))


def _constant_at_some_lag(series: NDArray[np.float32], longest: int) -> NDArray[np.bool_]:
    """Which channels are constant over the first or the last frames that the longest lag leaves."""
    head, tail = series[..., :-longest, :], series[..., longest:, :]
    ends = (head == head[..., :1, :]).all(axis=-2) | (tail == tail[..., :1, :]).all(axis=-2)
    return np.asarray(ends)


def _official_lag(r: Array, _speaker_constant: NDArray[np.bool_]) -> tuple[float, float, int]:
    """Index of the first largest mean correlation, NaN counting as largest; the correlation; near-ties at other |lag|.

    The official code rounds each correlation and their mean to float32 before it looks for the largest.
    """
    correlations = np.clip(r, -1, 1).astype(np.float32).mean(axis=1, dtype=np.float32)
    undefined = np.isnan(correlations)
    index = int(np.argmax(undefined)) if undefined.any() else int(np.argmax(correlations))
    ties = 0 if undefined.any() else _near_ties(correlations, index)
    return float(index), float(correlations[index]), ties


def _corrected_lag(r: Array, speaker_constant: NDArray[np.bool_]) -> tuple[float, float, int]:
    """The same over the channels whose speaker varies, with 0 for a correlation that is undefined."""
    if speaker_constant.all():
        return float("nan"), float("nan"), 0
    correlations = np.nan_to_num(np.clip(r[:, ~speaker_constant], -1, 1)).mean(axis=1)
    index = int(np.argmax(correlations))
    return float(index), float(correlations[index]), _near_ties(correlations, index)


def _near_ties(correlations: NDArray[np.floating], index: int) -> int:
    """1 if a lag of another size comes within 1e-7 of the largest correlation, else 0."""
    close = np.flatnonzero(correlations >= correlations[index] - _NEAR_TIE)
    centre = len(correlations) // 2
    return int((np.abs(close - centre) != abs(index - centre)).any())


FRSYN = register(
    Metric(
        name="FRSyn",
        title="lag behind the speaker",
        facet="synchrony",
        better="lower",
        unit="frames",
        needs=("speakers",),
        settings=FRSynSettings,
        observe=_observe,
        conclude=_conclude,
        on_gpu=_on_gpu,
        reading=(
            "By how many frames is a reaction shifted against the speaker where both agree best? In the official "
            "protocols every clip with a channel that never varies scores 49, so read it beside the undefined share."
        ),
        function="frsyn",
        aliases=("TLCC",),
    )
)
