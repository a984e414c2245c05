"""FRDist: warped distance to the nearest appropriate reaction (appropriateness)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipView
from react_eval.kernels.nearest_series import nearest_series
from react_eval.metrics.arguments import clip_set
from react_eval.observing import measured
from react_eval.registry import Measurement, Metric, Observed, mean_over_clips, register

if TYPE_CHECKING:
    from react_eval.gpu_batch import GpuBatch

__all__ = ["FRDIST", "FRDistSettings", "frdist"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True)
class FRDistSettings:
    """What a protocol fixes about FRDist.

    Attributes:
        groups: ``"schema"`` warps each group of channels on its own and adds with the schema's weights; ``"whole"``
            warps all channels at once with weight 1.
        combine: ``"sum"`` or ``"mean"`` over the reactions of a clip.
        scale: Factor of the value.
        per_frame: Divide by the square root of the mean length of the pair.
        neighbours: ``"all"``, or ``"personal"`` for those that are the same listener person.
        alignment: Name of the aligner of listeners of another length; ``"none"`` warps them as they are.
    """

    groups: Literal["schema", "whole"] = "schema"
    combine: Literal["sum", "mean"] = "sum"
    scale: float = 1.0
    per_frame: bool = False
    neighbours: Literal["all", "personal"] = "all"
    alignment: str = "none"


def frdist(
    predictions: Sequence[NDArray[np.float32]],
    listener: Sequence[NDArray[np.float32]],
    neighbours: Sequence[Indices] | NDArray[np.bool_],
    *,
    settings: FRDistSettings = FRDistSettings(),
) -> float:
    r"""Facial reaction distance: how far each reaction is from the nearest appropriate real reaction, after warping.

    .. math::
        \mathrm{FRDist} = \frac1N \sum_k \sum_i \min_{n \in A(k)} \sum_g w_g\, \mathrm{DTW}_g(x, y)

    DTW takes steps (1, 0), (0, 1), (1, 1) without a window and is the square root of the summed squared distance. The
    groups of the challenge's 25 channels are action units (weight 1/15), valence and arousal (1), expressions (1/8).

    Args:
        predictions: (N, α, T, C) float32, or N arrays (α, T, C).
        listener: (M, T, C) float32, or M arrays (T, C); lengths may differ.
        neighbours: (N, M) bool, or for each clip the indices of its appropriate listeners.
        settings: The protocol's choices; those of ``react2024`` by default.

    Returns:
        The score >= 0, lower is better; 0 for appropriate real reactions.

    Raises:
        InputError: If shapes, types or neighbours do not fit, or a value is not finite.

    References:
        Song et al., REACT 2024. Official code: baseline_react2024, metric/FRD.py at 0c3ce58.

    Example:
        >>> flat = np.zeros((1, 4, 1), dtype=np.float32)
        >>> frdist(flat[:, None] + 3, flat, np.array([[True]]))
        6.0
    """
    clips = clip_set(predictions, listener=listener, neighbours=neighbours)
    return measured(FRDIST, clips, settings).value


@dataclass(frozen=True)
class _Nearest:
    """Distance of each reaction to its nearest neighbour, and that listener's number."""

    distances: Array
    listeners: Indices


def _observe(view: ClipView, settings: FRDistSettings) -> _Nearest:
    divided = _is_divided(view, settings)
    found = view.shared(_key(settings, divided), lambda: _search(view, settings, divided))
    if settings.per_frame and not divided:
        return _Nearest(found.distances / np.sqrt(view.reactions.shape[1]), found.listeners)
    return found


def _is_divided(view: ClipView, settings: FRDistSettings) -> bool:
    """Whether the search compares distances by frame.

    Division by one length cannot change which neighbour is nearest, so protocols with and without it share a search.
    """
    frames = view.reactions.shape[1]
    numbers = view.neighbours(settings.neighbours)
    lengths = (len(view.aligned_listener(int(number), settings.alignment)) for number in numbers)
    return settings.per_frame and any(length != frames for length in lengths)


def _key(settings: FRDistSettings, divided: bool) -> tuple[FRDistSettings, bool]:
    return replace(settings, combine="sum", scale=1.0, per_frame=False), divided


def _on_gpu(batch: GpuBatch, settings: FRDistSettings) -> None:
    if settings.alignment != "none" and (batch.listeners[1] != batch.reactions.shape[2]).any():
        return  # aligned clip by clip
    by_frame = [_is_divided(view, settings) for view in batch.views]
    for divided in set(by_frame):
        _search_on_gpu(batch.part([n for n, each in enumerate(by_frame) if each == divided]), settings, divided)


def _search_on_gpu(batch: GpuBatch, settings: FRDistSettings, divided: bool) -> None:
    import torch  # as optional as the GPU

    from react_eval.kernels.gpu.warping import nearest_series as nearest_on_gpu

    lists = batch.neighbours(settings.neighbours)
    clip = torch.tensor([clip for clip, numbers in enumerate(lists) for _ in numbers], device=batch.device)
    listener = torch.tensor([number for numbers in lists for number in numbers], device=batch.device)
    starts, stops, weights = (each.tolist() for each in _groups(batch.views[0], settings))
    found = nearest_on_gpu(batch.reactions, *batch.listeners, clip, listener, starts, stops, weights, divided)
    distances, nearest = (each.cpu().numpy() for each in found)
    for number, view in enumerate(batch.views):
        view.provide(_key(settings, divided), _Nearest(distances[number], nearest[number]))


def _search(view: ClipView, settings: FRDistSettings, divided: bool) -> _Nearest:
    neighbours = view.neighbours(settings.neighbours)
    others = [view.aligned_listener(int(number), settings.alignment) for number in neighbours]
    frames = view.reactions.shape[1]
    compared = np.array([frames if settings.alignment == "none" else len(each) for each in others])
    least, listeners = np.full(len(view.reactions), np.inf), np.zeros(len(view.reactions), dtype=np.intp)
    for length in np.unique(compared)[::-1]:
        alike = np.flatnonzero(compared == length)
        first = np.ascontiguousarray(view.reactions[:, :length])
        distances, nearest = nearest_series(first, [others[n] for n in alike], *_groups(view, settings), divided)
        listeners = np.where(distances < least, neighbours[alike[nearest]], listeners)
        least = np.minimum(distances, least)
    return _Nearest(least, listeners)


def _groups(view: ClipView, settings: FRDistSettings) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
    if settings.groups == "whole":
        return np.array([0]), np.array([len(view.schema)]), np.array([1.0])
    groups = view.schema.groups
    return (
        np.array([group.start for group in groups]),
        np.array([group.stop for group in groups]),
        np.array([float(group.weight) for group in groups]),
    )


def _conclude(observed: Observed, settings: FRDistSettings) -> Measurement:
    found: Sequence[_Nearest] = observed.found
    distances = np.array([each.distances for each in found])
    reactions = observed.reactions if settings.combine == "sum" else 1
    return Measurement(
        value=mean_over_clips(distances.mean(axis=1)) * reactions * settings.scale,
        per_clip={"FRDist": distances, "FRDist_neighbour": np.array([each.listeners for each in found])},
    )


FRDIST = register(
    Metric(
        name="FRDist",
        title="distance to appropriate reactions",
        facet="appropriateness",
        better="lower",
        unit="warped channel distance",
        needs=("listeners", "neighbours"),
        settings=FRDistSettings,
        observe=_observe,
        conclude=_conclude,
        on_gpu=_on_gpu,
        reading=(
            "Is a reaction near at least one appropriate real reaction, up to timing? Motionless averages score well: "
            "compare with B_MeanSeq before claiming progress."
        ),
        function="frdist",
        aliases=("FRD", "FRdist"),
    )
)
