"""The speaker's face as tokens: from video by 3-D convolutions, or from series such as facial attributes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.standardisation import Standardisation

__all__ = ["SeriesEncoder", "VideoEncoder"]

_SIDE = 28


class VideoEncoder(nn.Module):
    """Five convolutions over space and time, a mean over space, and a linear layer; a token sees 7 frames around it.

    Args:
        width: Channels C of a token, a multiple of 4.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // 4
        self.coarse = nn.Conv3d(3, narrow, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False)
        self.wide = nn.Conv3d(narrow, width, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False)
        self.halved = nn.Conv3d(width, width, 3, (1, 2, 2), 1, bias=False)
        self.residual = nn.Conv3d(width, width, 3, 1, 1, bias=False)
        self.quartered = nn.Conv3d(width, width, 3, (1, 2, 2), 1, bias=False)
        self.head = nn.Linear(width, width)

    def forward(self, video: Tensor) -> Tensor:
        """Encode.

        Args:
            video: (B, T, 3, H, W) in [-1, 1], published for 224 × 224 pixels.

        Returns:
            (B, T, C).
        """
        return torch.cat([self._encoded(clip) for clip in torch.split(video, 1)])

    def _encoded(self, clip: Tensor) -> Tensor:
        # On processors, pooling and norms are ten times as fast with channels last.
        x = clip.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        x = _normalised(self.coarse(x))
        x = functional.max_pool3d(x, (1, 3, 3), (1, 2, 2))
        x = _normalised(self.wide(x))
        if x.shape[-1] != _SIDE:
            x = functional.interpolate(x, (x.shape[2], _SIDE, _SIDE))
        x = _normalised(self.halved(x))
        x = x + _normalised(self.residual(x))
        x = _normalised(self.quartered(x))
        found: Tensor = self.head(x.mean((3, 4)).transpose(1, 2))
        return found


class SeriesEncoder(nn.Module):
    """Series of a face, frame by frame, as tokens.

    Args:
        channels: Channels of all series together.
        width: Channels C of a token.
        standardised: Whether series are standardised by what the training data are like.
    """

    def __init__(self, channels: int, width: int, *, standardised: bool) -> None:
        super().__init__()
        self.scaling = Standardisation(channels, kept=standardised)
        self.layers = nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, series: Tensor) -> Tensor:
        """Encode.

        Args:
            series: (B, T, channels).

        Returns:
            (B, T, C).
        """
        found: Tensor = self.layers(self.scaling(series))
        return found


def _normalised(x: Tensor) -> Tensor:
    """The instance norm of one clip, which is a batch norm; that one knows channels that come last."""
    return functional.relu(functional.batch_norm(x, None, None, training=True, eps=1e-5))
