"""What of a clip is known: in generation before each block, in training before the blocks that are learned.

Conventions: tokens are shifted by 2. Training works on whole blocks of frames from a clip's or crop's first frame on.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.faceais.config import FaceAISConfig

__all__ = ["Lesson", "filled", "next_block_lesson", "published_lesson", "stretches", "value_known"]


class Lesson(NamedTuple):
    """What training predicts, and from what.

    Attributes:
        speaker: (N, n) tokens of speakers.
        second: (N, k · n, C) of speech or the like; None if nothing is known beside the face.
        past: (N, m) tokens of listeners.
        targets: (N, rows) tokens of listeners, -1 where nothing is to be predicted.
        known: (N, n) bool, which frames of speakers are known; None if all are.
        past_known: (N, m) bool, the same of listeners.
        items: (N,) which clips of the batch these are.
        starts: (N,) frames that follow the last one of what is known.
        block: Frames of a block, with the last of which the targets end.
    """

    speaker: Tensor
    second: Tensor | None
    past: Tensor
    targets: Tensor
    known: Tensor | None
    past_known: Tensor | None
    items: Tensor
    starts: Tensor
    block: int

    @property
    def frames(self) -> Tensor:
        """(N, rows): which frames of the clips the targets are."""
        rows, block = self.targets.shape[1], self.block
        return self.starts[:, None] + torch.arange(block - rows, block, device=self.starts.device)

    def before(self, series: Tensor, each: int = 1) -> Tensor:
        """(N, each · n, …): other series (B, each · T, …) of the speakers, of the same n frames."""
        return stretches(series, self.items, self.starts, self.speaker.shape[1], each)


def stretches(series: Tensor, items: Tensor, starts: Tensor, frames: int, each: int = 1) -> Tensor:
    """(N, each · frames, …): what ends before some frames, with zeros before a clip.

    Args:
        series: (B, each · T, …).
        items: (N,) of which clips.
        starts: (N,) the frames before which they end.
        frames: How many.
        each: Rows a frame.
    """
    rows = starts[:, None] * each + torch.arange(each * frames, device=series.device)
    return filled(series, series.shape[1] + each * frames)[items[:, None], rows]


def filled(series: Tensor, rows: int) -> Tensor:
    """(B, rows, …): series (B, n, …) with zeros before them, if there are fewer."""
    missing = max(0, rows - series.shape[1])
    return functional.pad(series, (0, 0) * (series.ndim - 2) + (missing, 0))


def value_known(values: Tensor, each: int = 1) -> Tensor:
    """(B, n) bool: frames with a row of which nothing is 0; rows are tokens (B, n) or vectors (B, each · n, C)."""
    there = values != 0 if values.ndim == 2 else (values != 0).all(-1)
    return there.view(len(there), -1, each).any(2)


def next_block_lesson(
    speaker: Tensor, second: Tensor | None, listener: Tensor, there: Tensor, config: FaceAISConfig
) -> Lesson:
    """Blocks anywhere in clips, after all that generation knows before them.

    Args:
        speaker: (B, T) tokens of whole blocks.
        second: (B, k · T, C).
        listener: (B, T) tokens.
        there: (B, T) bool, frames before the clip's end.
        config: What the model is made of.
    """
    block, each = config.block, config.vectors_a_frame
    clips, frames = listener.shape
    context = min(config.context, max(block, frames - block))
    whole = there.reshape(clips, -1, block).all(2).sum(1, keepdim=True).clamp_min(1)
    share = torch.rand(clips, config.blocks_a_clip, device=listener.device)
    starts = (block * (share * whole).long()).flatten()
    items = torch.arange(clips, device=listener.device).repeat_interleave(config.blocks_a_clip)

    ages = torch.arange(context, 0, -1, device=listener.device)
    # Where nothing is known, the padding is all that there is to see.
    known = ages <= starts.clamp_min(block)[:, None]
    rows = starts[:, None] + torch.arange(block, device=listener.device)
    targets = torch.where(there[items[:, None], rows], listener[items[:, None], rows], -1)
    heard = None if second is None else stretches(second, items, starts, context, each)
    own = max(min(config.own_past, context), block)
    past = stretches(listener, items, starts, context)[:, -own:] * bool(config.own_past)
    seen = stretches(speaker, items, starts, context)
    return Lesson(seen, heard, past, targets, known, known[:, -own:], items, starts, block)


def published_lesson(
    speaker: Tensor, second: Tensor | None, listener: Tensor, there: Tensor, config: FaceAISConfig
) -> Lesson:
    """The tokens a block after each of the first frames, of which in some steps only a random number of last is known.

    Args:
        speaker: (B, T) tokens of whole blocks.
        second: (B, k · T, C).
        listener: (B, T) tokens.
        there: (B, T) bool, frames before the clip's end.
        config: What the model is made of.
    """
    block, each = config.block, config.vectors_a_frame
    frames = min(config.context, listener.shape[1] - block)
    later = slice(block, block + frames)
    targets = torch.where(there[:, later], listener[:, later], -1)
    known = None
    if bool(torch.rand(()) < config.past_hidden):
        ages = torch.arange(frames, 0, -1, device=listener.device)
        known = ages <= torch.randint(1, frames + 1, (len(listener), 1), device=listener.device)
    heard = None if second is None else second[:, : each * frames]
    items = torch.arange(len(listener), device=listener.device)
    starts = torch.full_like(items, frames)
    return Lesson(speaker[:, :frames], heard, listener[:, :frames], targets, known, known, items, starts, block)
