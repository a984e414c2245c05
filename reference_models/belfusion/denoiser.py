"""The denoiser: a deep network that sees the noisy latent anew in every layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.belfusion.config import BeLFusionConfig
from reference_models.blocks.layers import feed_forward
from reference_models.blocks.positions import sinusoidal_positions

__all__ = ["Denoiser", "LastLayer", "ModulatedLayer"]


class ModulatedLayer(nn.Module):
    """A linear layer whose output is scaled by what the time and the condition say, normed and activated.

    Args:
        entering: Channels of the input.
        leaving: Channels of the output.
        width: Channels of the time, and of the condition.
    """

    def __init__(self, entering: int, leaving: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(entering, leaving)
        self.modulation = nn.Linear(2 * width, leaving)
        self.norm = nn.LayerNorm(leaving)
        for each in (self.linear, self.modulation):
            nn.init.kaiming_normal_(each.weight, nonlinearity="relu")

    def forward(self, series: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Apply.

        Args:
            series: (…, N, entering).
            time: (1 or N, width), activated.
            condition: (N, width), activated; the same for everything before N.

        Returns:
            (…, N, leaving).
        """
        of_time, of_condition = self.modulation.weight.chunk(2, 1)
        # In two parts, so that neither is repeated for every reaction.
        scale = functional.linear(condition, of_condition, self.modulation.bias) + functional.linear(time, of_time)
        return functional.silu(self.norm(self.linear(series) * (1 + scale)))


class LastLayer(nn.Module):
    """A linear layer and nothing else, with the name that it has in other layers.

    Args:
        entering: Channels of the input.
        leaving: Channels of the output.
    """

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.linear = nn.Linear(entering, leaving)

    def forward(self, series: Tensor) -> Tensor:
        """(…, leaving) of (…, entering)."""
        found: Tensor = self.linear(series)
        return found


class Denoiser(nn.Module):
    """Tells clean latents of noisy ones.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: BeLFusionConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.denoiser_width
        self.time_channels = config.time_channels
        self.time = feed_forward((config.time_channels, width, width), nn.SiLU)
        self.condition = feed_forward((config.windows_seen * width, width, width), nn.SiLU)
        widths = [2 * width] + [hidden + width] * (config.denoiser_layers - 2)
        modulated = (ModulatedLayer(entering, hidden, width) for entering in widths)
        self.layers = nn.ModuleList([*modulated, LastLayer(hidden + width, width)])

    def forward(self, noisy: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        """Denoise.

        Args:
            noisy: (…, N, width) scaled latents with noise.
            steps: Step of diffusion: one for all, or (N,).
            condition: (N, windows seen · width) scaled latents of the speaker; the same for everything before N.

        Returns:
            (…, N, width) estimates of the clean latents.
        """
        *modulated, last = self.layers
        time = functional.silu(self.time(self._waves(steps.reshape(-1)).to(noisy)))
        given = functional.silu(self.condition(condition))
        series = noisy
        for layer in modulated:
            series = layer(torch.cat([series, noisy], -1), time, given)
        found: Tensor = last(torch.cat([series, noisy], -1))
        return found

    def _waves(self, steps: Tensor) -> Tensor:
        """Sinusoids in the published order: all cosines, then all sines."""
        waves = sinusoidal_positions(steps, self.time_channels)
        return torch.cat([waves[:, 1::2], waves[:, ::2]], -1)
