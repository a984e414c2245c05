"""Instance norms over space and time: what their statistics are computed of.

Conventions: a norm has no parameters. Moments are the means of x and of x² over the pixels of each frame, (B, T, C)
float32; a norm's statistics are means of them over frames.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

__all__ = ["ClipStatistics", "Moments", "RunningStatistics", "Statistics", "normalise", "pixel_moments"]

_EPSILON = 1e-5


class Moments(NamedTuple):
    """Means of x and of x², (B, T, C) or (B, 1, C)."""

    first: Tensor
    second: Tensor

    def until(self, frames: int | None) -> Moments:
        """Those of the first frames."""
        return Moments(self.first[:, :frames], self.second[:, :frames])


class Statistics(Protocol):
    """Says what a layer is normalised by."""

    def __call__(self, layer: int, moments: Moments) -> Moments:
        """Statistics of a layer's frames, (B, T, C) or (B, 1, C)."""


def pixel_moments(images: Tensor, clips: int) -> Moments:
    """Moments of every frame.

    Args:
        images: (B · T, C, H, W).
        clips: B.
    """
    images = images.float()
    found = images.mean((-2, -1)), images.square().mean((-2, -1))
    return Moments(*(each.view(clips, -1, images.shape[1]) for each in found))


def normalise(images: Tensor, statistics: Moments) -> Tensor:
    """(x - μ) / √(σ² + 1e-5).

    Args:
        images: (B · T, C, H, W).
        statistics: (B, T, C) or (B, 1, C).
    """
    clips = len(statistics.first)
    variance = (statistics.second - statistics.first.square()).clamp_min(0)
    scale = torch.rsqrt(variance + _EPSILON)
    shift = -statistics.first * scale
    shape = clips, len(images) // clips, images.shape[1]
    scale, shift = (each.expand(shape).flatten(0, 1)[..., None, None].to(images) for each in (scale, shift))
    return torch.addcmul(shift, images, scale)


class ClipStatistics:
    """Over all frames that are given."""

    def __call__(self, layer: int, moments: Moments) -> Moments:  # noqa: ARG002  the same for every layer
        """(B, 1, C)."""
        return Moments(*(each.mean(1, keepdim=True) for each in moments))


class RunningStatistics:
    """Over the frames up to each frame; goes on where the last call of a layer ended."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[int, Moments]] = {}

    def __call__(self, layer: int, moments: Moments) -> Moments:
        """(B, T, C)."""
        frames, before = self._sums.get(layer, (0, Moments(*(torch.zeros_like(each[:, :1]) for each in moments))))
        sums = Moments(*(each.cumsum(1) + start for each, start in zip(moments, before, strict=True)))
        total = frames + moments.first.shape[1]
        self._sums[layer] = total, Moments(*(each[:, -1:] for each in sums))
        counts = torch.arange(frames + 1, total + 1, device=moments.first.device)[:, None]
        return Moments(*(each / counts for each in sums))
