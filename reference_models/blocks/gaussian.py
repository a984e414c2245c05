"""Conditional Gaussians: heads that say what a latent is like, samples of it, and how far it is from N(0, 1)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from reference_models.blocks.encoder_layer import EncoderLayer
from reference_models.blocks.positions import sinusoidal_positions

__all__ = ["Gaussian", "GaussianTokens", "standard_noise"]


def standard_noise(shape: Sequence[int], like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Draws of N(0, 1).

    Args:
        shape: Shape of the noise.
        like: What gives it device and type of numbers.
        generator: On the CPU, so that the same seed gives the same noise on every device; torch's own of the device of
            `like` if None.

    Example:
        >>> standard_noise((2, 3), torch.zeros(1), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3])
    """
    if generator is None:
        return torch.randn(*shape, dtype=like.dtype, device=like.device)
    return torch.randn(*shape, generator=generator).to(like)


class Gaussian(NamedTuple):
    """Independent Gaussians.

    Attributes:
        mean: (…) μ.
        log_variance: (…) log σ².
    """

    mean: Tensor
    log_variance: Tensor

    @property
    def deviation(self) -> Tensor:
        """(…) σ."""
        return torch.exp(0.5 * self.log_variance)

    def sample(self, noise: Tensor) -> Tensor:
        """μ + σ · noise, through which gradients flow.

        Args:
            noise: Draws of N(0, 1) of a shape to which the Gaussians broadcast.
        """
        return self.mean + self.deviation * noise

    def divergence(self) -> Tensor:
        """(…) KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² - 1 - log σ²) of each."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)


class GaussianTokens(nn.Module):
    """A Gaussian for a series: two learned tokens before it gather, by self-attention, its mean and log variance.

    Args:
        width: Channels of the series and of the latent.
        heads: Heads of attention.
        feed_forward: Width of feed-forward networks.
        layers: Layers of self-attention.
        dropout: Share of activations that training drops.
        ordered: Whether frames are told apart by how long before the last one they are. If not, a series is a set.
        deviation: σ where the second token says 0.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward: int,
        layers: int = 1,
        dropout: float = 0.1,
        *,
        ordered: bool = False,
        deviation: float = 1.0,
    ) -> None:
        super().__init__()
        self.mean_token = nn.Parameter(torch.randn(width))
        self.log_variance_token = nn.Parameter(torch.randn(width))
        self.linear = nn.Linear(width, width)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, feed_forward, dropout) for _ in range(layers))
        self.ordered, self.offset = ordered, 2 * math.log(deviation)

    def forward(self, series: Tensor) -> Gaussian:
        """(B, width) Gaussians of series (B, T, width)."""
        mapped = self.linear(series)
        if self.ordered:
            ages = torch.arange(mapped.shape[1] - 1, -1, -1, device=mapped.device)
            mapped = mapped + sinusoidal_positions(ages, mapped.shape[2])
        tokens = torch.stack([self.mean_token, self.log_variance_token]).expand(len(mapped), 2, -1)
        gathered = torch.cat([tokens.to(mapped), mapped], dim=1)
        *first, last = self.layers
        for layer in first:
            gathered = layer(gathered)
        mean, log_variance = last(gathered, rows=2).unbind(1)
        return Gaussian(mean, log_variance + self.offset)
