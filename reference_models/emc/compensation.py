"""Compensatory modality alignment: what a missing modality would be like, given the other one and chance."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference_models.blocks.gaussian import Gaussian
from reference_models.emc.config import EMCFields

__all__ = ["Compensation"]


class _SeriesNetwork(nn.Module):
    """A linear map and a norm, convolutions over frames, and a linear map; SiLU between them."""

    def __init__(self, channels: int, made: int, width: int, config: EMCFields) -> None:
        super().__init__()
        kernel = config.compensation_kernel
        self.inwards, self.norm = nn.Linear(channels, width), nn.LayerNorm(width)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(config.compensation_layers)
        )
        self.outwards, self.active = nn.Linear(width, made), nn.SiLU()

    def forward(self, series: Tensor) -> Tensor:
        """(B, T, made) of a series (B, T, channels)."""
        x = self.active(self.norm(self.inwards(series)))
        for convolution in self.convolutions:
            x = self.active(convolution(x.mT)).mT
        found: Tensor = self.outwards(x)
        return found


class Compensation(nn.Module):
    """A conditional variational autoencoder of one modality, given the other.

    Args:
        config: What it is made of.
        missing: Channels of the modality that it makes.
        other: Channels of the other one.
        width: Channels of its networks.
    """

    def __init__(self, config: EMCFields, missing: int, other: int, width: int) -> None:
        super().__init__()
        self.latent = max(1, round(config.latent_share * width))
        self.encoder = _SeriesNetwork(missing + other, 2 * self.latent, width, config)
        self.decoder = _SeriesNetwork(self.latent + other, missing, width, config)

    def posterior(self, missing: Tensor, other: Tensor) -> Gaussian:
        """(B, T, latent) Gaussians of what both modalities, (B, T, …), have in common with chance."""
        return Gaussian(*self.encoder(torch.cat([missing, other], -1)).chunk(2, -1))

    def decode(self, latent: Tensor, other: Tensor) -> Tensor:
        """(B, T, missing) of latents, (B, T, latent) or of a shape that broadcasts to that, and the other modality."""
        found: Tensor = self.decoder(torch.cat([latent.expand(*other.shape[:2], -1), other], -1))
        return found
