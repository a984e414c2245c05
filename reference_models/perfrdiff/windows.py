"""Windows of PerFRDiff: those that reactions are made from, and those that training learns from.

Conventions: a window of a reaction is made from the speaker just before it; what is before the first frame of a clip is
0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.blocks.windows import Spans, clip_lengths, cut, draw_starts
from reference_models.errors import MissingInputError, ModelInputError
from reference_models.perfrdiff.config import PerFRDiffConfig

__all__ = ["Lesson", "conditions_at", "draw_lesson", "draw_own_windows", "spans"]


class Lesson(NamedTuple):
    """Windows that the denoiser learns from.

    Attributes:
        conditions: (M, context, C) of speakers by kind of series.
        targets: (M, k, window, 25) of appropriate listeners.
        there: (M, k, window) bool; which of their frames count.
    """

    conditions: dict[str, Tensor]
    targets: Tensor
    there: Tensor


def spans(frames: int, config: PerFRDiffConfig) -> Spans:
    """Windows that make up a clip.

    Args:
        frames: Frames of the clip, at least 1.
        config: What the model is made of.

    Raises:
        ModelInputError: If the clip is not whole windows, and the configuration refuses that.

    Example:
        >>> spans(120, PerFRDiffConfig(cross_fade=5))
        [(0, 0), (45, 45), (90, 90)]
    """
    stride = config.window - config.cross_fade
    if config.other_lengths == "refused" and frames % stride:
        raise ModelInputError(
            f"a clip of {frames} frames is not whole windows of {stride}, which the published PerFRDiff needs. Cut it, "
            "or take other_lengths='cut'."
        )
    return [(start, start) for start in range(0, frames, stride)]


def conditions_at(series: Mapping[str, Tensor], starts: Tensor, context: int) -> dict[str, Tensor]:
    """What is known of speakers for windows of reactions.

    Args:
        series: (B, T, C) by kind.
        starts: (B, n) first frames of the windows of reactions.
        context: Frames before them.

    Returns:
        (B · n, context, C) by kind.
    """
    return {kind: cut(functional.pad(each, (0, 0, context, 0)), starts, context) for kind, each in series.items()}


def draw_lesson(batch: Mapping[str, Tensor], config: PerFRDiffConfig) -> Lesson:
    """Windows that a step of training learns from.

    Args:
        batch: ``speaker_K`` (B, T, C), and ``target_emotion`` (B, k, T, 25) with masks or ``listener_emotion``.
        config: What the model is made of.

    Raises:
        MissingInputError: If the batch lacks one.
        ModelInputError: If clips are too short.
    """
    window = config.window
    series = {kind: _series(batch, f"speaker_{kind}", window) for kind in config.speaker_inputs}
    targets, there = _targets(batch, window)
    frames = min(targets.shape[2], next(iter(series.values())).shape[1])
    if config.training_starts == "shared":
        # What is known of the speaker is wholly within the clip.
        latest = max(1, frames - config.context - window)
        starts = (torch.randint(latest, (1, config.windows_a_clip)) + config.context).clamp_max(frames - window)
        starts = starts.expand(len(targets), -1).to(targets.device)
    else:
        lengths = clip_lengths(batch, targets[:, 0]).clamp_max(frames)
        starts = draw_starts((len(targets), config.windows_a_clip), lengths, window)
    conditions = conditions_at(series, starts, config.context)
    return Lesson(conditions, _of_each(targets, starts, window), _of_each(there[..., None], starts, window)[..., 0])


def draw_own_windows(batch: Mapping[str, Tensor], config: PerFRDiffConfig) -> tuple[dict[str, Tensor], Tensor]:
    """Windows of listeners that the auto-encoder learns from, as many of each clip as it has whole ones.

    Args:
        batch: ``listener_emotion`` (B, T, 25) and ``listener_3dmm`` (B, T, 58).
        config: What the model is made of.

    Returns:
        (B · n, window, C) of the same frames by kind, and (B · n,) bool, which of them are wholly within their clip.

    Raises:
        MissingInputError: If the batch lacks one.
        ModelInputError: If clips are too short.
    """
    window = config.window
    series = {kind: _series(batch, f"listener_{kind}", window) for kind in ("emotion", "3dmm")}
    emotion = series["emotion"]
    lengths = clip_lengths(batch, emotion)
    starts = draw_starts((len(emotion), emotion.shape[1] // window), lengths, window)
    there = (starts + window <= lengths[:, None]).flatten()
    return {kind: cut(each, starts, window) for kind, each in series.items()}, there


def _of_each(targets: Tensor, starts: Tensor, window: int) -> Tensor:
    """(B · n, k, window, C): windows of targets (B, k, T, C), at the same starts (B, n) in all k of a clip."""
    clips, copies = targets.shape[:2]
    cuts = cut(targets.flatten(0, 1), starts.repeat_interleave(copies, 0), window)
    return cuts.view(clips, copies, -1, *cuts.shape[1:]).transpose(1, 2).flatten(0, 1)


def _targets(batch: Mapping[str, Tensor], least: int) -> tuple[Tensor, Tensor]:
    """(B, k, T, 25) appropriate reactions, and (B, k, T) bool which of their frames are there."""
    if "target_emotion" in batch:
        targets = batch["target_emotion"]
        _check_frames(targets.shape[2], "target_emotion", least)
        return targets, batch["target_frame_mask"] & batch["target_mask"][..., None]
    targets = _series(batch, "listener_emotion", least)
    there = batch.get("frame_mask", torch.ones(targets.shape[:2], dtype=torch.bool, device=targets.device))
    return targets[:, None], there[:, None]


def _series(batch: Mapping[str, Tensor], name: str, least: int) -> Tensor:
    if name not in batch:
        raise MissingInputError(f"the training batch has no {name}, which PerFRDiff learns from.")
    _check_frames(batch[name].shape[1], name, least)
    return batch[name]


def _check_frames(frames: int, name: str, least: int) -> None:
    if frames < least:
        raise ModelInputError(f"{name} has {frames} frames, but PerFRDiff learns from at least {least}.")
