"""The encoder of the speaker's video: convolutions over every frame, with instance norms over frames.

Conventions: the kernels of the published code have an axis of one frame, which is left out here. The first norm is an
increasing function of each channel, so the maximum over pixels is taken before it: it is computed of a quarter of the
pixels, and what comes before it does not depend on how many frames there are.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.transvae.frame_statistics import Moments, Statistics, normalise, pixel_moments

__all__ = ["Stem", "VideoEncoder"]

_FRAMES_AT_ONCE = 16
_RESIDUAL = 3


class Stem(NamedTuple):
    """What the first convolution finds in each frame.

    Attributes:
        pooled: (B, T, C, h, w), the largest values of it before its norm.
        moments: What it is to be normalised by, (B, T, C).
    """

    pooled: Tensor
    moments: Moments

    def until(self, frames: int | None) -> Stem:
        """That of the first frames."""
        return Stem(self.pooled[:, :frames], self.moments.until(frames))


class VideoEncoder(nn.Module):
    """Features of the frames of a video.

    Args:
        stem_channels: Channels of the first convolution.
        width: Channels of the others and of the features.
    """

    def __init__(self, stem_channels: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(3, stem_channels, 7, stride=2, padding=3, bias=False),
                nn.Conv2d(stem_channels, width, 7, stride=2, padding=3, bias=False),
                nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False),
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False),
            ]
        )
        self.projection = nn.Linear(width, width)

    def stem(self, video: Tensor) -> Stem:
        """What no norm touches yet.

        Args:
            video: (B, T, 3, H, W) in -1..1.
        """
        if torch.is_grad_enabled():
            return self._stem(video)
        # The first convolution's output is by far the largest: 1.6 MB a frame of 224 pixels.
        parts = [self._stem(part) for part in torch.split(video, _FRAMES_AT_ONCE, 1)]
        firsts, seconds = zip(*(part.moments for part in parts), strict=True)
        return Stem(torch.cat([part.pooled for part in parts], 1), Moments(torch.cat(firsts, 1), torch.cat(seconds, 1)))

    def features(self, stem: Stem, statistics: Statistics) -> Tensor:
        """Features of every frame.

        Args:
            stem: Of these frames.
            statistics: What the norms are computed of.

        Returns:
            (B, T, width).
        """
        clips = len(stem.pooled)
        images = normalise(stem.pooled.flatten(0, 1), statistics(0, stem.moments)).relu()
        for layer, convolution in list(enumerate(self.convolutions))[1:]:
            found = convolution(images)
            found = normalise(found, statistics(layer, pixel_moments(found, clips))).relu()
            images = images + found if layer == _RESIDUAL else found
        features: Tensor = self.projection(images.mean((-2, -1)))
        return features.view(clips, -1, features.shape[-1])

    def _stem(self, video: Tensor) -> Stem:
        found = self.convolutions[0](video.flatten(0, 1))
        pooled = functional.max_pool2d(found, 3, stride=2)
        return Stem(pooled.view(*video.shape[:2], *pooled.shape[1:]), pixel_moments(found, len(video)))
