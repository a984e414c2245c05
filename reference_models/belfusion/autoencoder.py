"""The auto-encoder: a window of facial attributes to a latent and back, and 3DMM coefficients of facial attributes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.belfusion.config import BeLFusionConfig
from reference_models.blocks.gaussian import Gaussian
from reference_models.blocks.layers import feed_forward, gru_step

__all__ = ["COEFFICIENTS", "EMOTION", "AutoEncoder", "WindowDecoder"]

COEFFICIENTS, EMOTION = 58, 25


class WindowDecoder(nn.Module):
    """Decodes a latent frame by frame; each frame knows the latent and the frame before.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: BeLFusionConfig) -> None:
        super().__init__()
        self.from_latent = nn.Linear(config.width, config.width)
        self.cell = nn.GRUCell(config.width + EMOTION, config.width)
        self.head = feed_forward((config.width, *config.head_widths), nn.Tanh)
        self.output = nn.Linear(config.head_widths[-1], EMOTION)

    def forward(self, latent: Tensor, frames: int) -> Tensor:
        """Decode.

        Args:
            latent: (N, width).
            frames: T.

        Returns:
            (N, T, 25).
        """
        width, output = self.cell.hidden_size, self.output
        of_latent, of_frame = self.cell.weight_ih[:, :width], self.cell.weight_ih[:, width:]
        first = functional.linear(self.from_latent(latent), of_latent, self.cell.bias_ih)
        # A frame enters the next step linearly, so what it is made of can enter in its place, and the latent is the
        # same in all steps: both are mapped once.
        later, of_features = first + functional.linear(output.bias, of_frame), (of_frame @ output.weight).T
        state, entering = torch.zeros_like(latent), first
        made: list[Tensor] = []
        for _ in range(frames):
            state = gru_step(entering, state, self.cell.weight_hh, self.cell.bias_hh)
            made.append(torch.tanh(self.head(state)))
            entering = torch.addmm(later, made[-1], of_features)
        found: Tensor = output(torch.stack(made, 1))
        return found


class AutoEncoder(nn.Module):
    """The parts of the auto-encoder.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: BeLFusionConfig) -> None:
        super().__init__()
        self.encoder = nn.GRU(EMOTION, config.width, batch_first=True)
        self.mean = nn.Linear(config.width, config.width)
        self.log_variance = nn.Linear(config.width, config.width)
        self.decoder = WindowDecoder(config)
        self.coefficients = feed_forward((EMOTION, config.coefficient_width, COEFFICIENTS), nn.Tanh)

    def state(self, windows: Tensor) -> Tensor:
        """(N, width): the encoder's state after the last frame of windows (N, T, 25)."""
        _, last = self.encoder(windows)
        found: Tensor = last[0]
        return found

    def gaussian(self, state: Tensor) -> Gaussian:
        """(N, width): where the latents of windows are, by the encoder's states (N, width)."""
        return Gaussian(self.mean(state), self.log_variance(state))

    def decode(self, latent: Tensor, frames: int) -> Tensor:
        """(N, T, 25): windows of facial attributes of latents (N, width)."""
        made: Tensor = self.decoder(latent, frames)
        return made
