"""Windows of clips: drawn, cut out, and put together again.

Conventions: windows are (N, window, C). Those of a clip follow one another.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["Spans", "clip_lengths", "cut", "draw_starts", "join"]

Spans = list[tuple[int, int]]
"""First frame of each window in its clip, and the first of its frames that is used."""


def clip_lengths(batch: Mapping[str, Tensor], series: Tensor) -> Tensor:
    """(B,) frames of the clips of a batch.

    Args:
        batch: Perhaps with ``frame_mask`` (B, T).
        series: (B, T, C), of which all frames are there if the batch says nothing.
    """
    if "frame_mask" in batch:
        return batch["frame_mask"].sum(1)
    return torch.full((len(series),), series.shape[1], device=series.device)


def draw_starts(shape: tuple[int, ...], lengths: Tensor, window: int) -> Tensor:
    """Where windows begin, (B, n), drawn uniformly over clips of these lengths (B,); 0 where a clip is shorter."""
    share = torch.rand(shape, device=lengths.device)
    return (share * (lengths[:, None] - window + 1).clamp_min(1)).long()


def cut(series: Tensor, starts: Tensor, window: int) -> Tensor:
    """(B · n, window, C): windows of series (B, T, C) from starts (B, n) on."""
    frames = starts[..., None] + torch.arange(window, device=series.device)
    items = torch.arange(len(series), device=series.device)[:, None, None]
    return series[items, frames].flatten(0, 1)


def join(windows: Tensor, found: Spans, frames: int) -> Tensor:
    """Clips of windows: what a window has beyond the next one's first used frame fades into that.

    Args:
        windows: (R, W, window + fade, C).
        found: The windows.
        frames: T frames of the clip.

    Returns:
        (R, T, C).
    """
    stops = [*(used for _, used in found[1:]), frames]
    parts: list[Tensor] = []
    tail = windows[:, 0, :0]
    for number, ((start, used), stop) in enumerate(zip(found, stops, strict=True)):
        own = windows[:, number, used - start : stop - start]
        # A clip that ends while it fades begins as a longer one.
        fade = min(tail.shape[1], own.shape[1])
        weight = torch.arange(1, fade + 1, device=own.device, dtype=own.dtype)[:, None] / (tail.shape[1] + 1)
        blended = tail[:, :fade] + weight * (own[:, :fade] - tail[:, :fade])
        parts.append(torch.cat([blended, own[:, fade:]], 1))
        tail = windows[:, number, stop - start :]
    return torch.cat(parts, 1)
