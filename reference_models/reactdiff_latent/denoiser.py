"""The denoiser: a U-Net whose channels are frames, and a guess from the speaker that it can correct."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference_models.blocks.diffusion import Diffusion
from reference_models.blocks.unet1d import UNet1d
from reference_models.reactdiff_latent.config import ReactDiffConfig

__all__ = ["WindowDenoiser", "expected"]


class WindowDenoiser(UNet1d):
    """Tells the noise, or the clean latents, of windows.

    Args:
        config: What the model is made of.
        diffusion: Its schedule.
    """

    def __init__(self, config: ReactDiffConfig, diffusion: Diffusion) -> None:
        super().__init__(
            config.window,
            config.denoiser_width,
            config.denoiser_multipliers,
            config.denoiser_blocks,
            config.denoiser_attended,
            config.condition_width,
            config.groups,
        )
        self._diffusion = diffusion
        self.guess = _guess(config) if config.guessed else None

    def forward(self, noisy: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        """What the U-Net tells; with a guess that is what latents differ by from those that are expected.

        Args:
            noisy: (N, window, latent_width), scaled.
            steps: One for all, or (N,).
            condition: (N, condition_width).

        Returns:
            (N, window, latent_width).
        """
        told = super().forward(noisy, steps, condition)
        return told if self.guess is None else told + expected(self._diffusion, noisy, steps, self.guess(condition))


def expected(diffusion: Diffusion, noisy: Tensor, steps: Tensor, guess: Tensor) -> Tensor:
    """Clean data expected of noisy ones, where x_0 is Gaussian about a guess g: √ᾱ_t x_t + (1 - ᾱ_t) g.

    Args:
        diffusion: Its schedule.
        noisy: (N, …).
        steps: One for all, or (N,).
        guess: (N, …), from which clean data deviate by 1.
    """
    signal = diffusion.add_noise(torch.ones_like(noisy), torch.zeros_like(noisy), steps)
    return signal * noisy + (1 - signal.square()) * guess


def _guess(config: ReactDiffConfig) -> nn.Sequential:
    told, latents = config.condition_width, (config.window, config.latent_width)
    return nn.Sequential(
        nn.Linear(told, told), nn.SiLU(), nn.Linear(told, latents[0] * latents[1]), nn.Unflatten(1, latents)
    )
