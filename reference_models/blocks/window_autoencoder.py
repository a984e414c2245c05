"""A recurrent auto-encoder of windows: a window to a latent and back, and another series of the same face, by frame.

Conventions: published checkpoints of BeLFusion and PerFRDiff hold it under the same keys.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.gaussian import Gaussian
from reference_models.blocks.layers import feed_forward, gru_step

__all__ = ["PUBLISHED_KEYS", "WindowAutoEncoder", "WindowDecoder"]

PUBLISHED_KEYS = {
    "x_rnn.rnn_f.weight_ih": "encoder.weight_ih_l0",
    "x_rnn.rnn_f.weight_hh": "encoder.weight_hh_l0",
    "x_rnn.rnn_f.bias_ih": "encoder.bias_ih_l0",
    "x_rnn.rnn_f.bias_hh": "encoder.bias_hh_l0",
    "fc_mu_enc.": "mean.",
    "fc_logvar_enc.": "log_variance.",
    "fc_z_dec.": "decoder.from_latent.",
    "d_rnn.rnn_f.": "decoder.cell.",
    "d_mlp.affine_layers.0.": "decoder.head.0.",
    "d_mlp.affine_layers.1.": "decoder.head.2.",
    "d_out.": "decoder.output.",
    "coeff_reg.": "coefficients.",
}
"""Prefixes of published keys, and of ours."""


class WindowDecoder(nn.Module):
    """Decodes a latent frame by frame; each frame knows the latent and the frame before.

    Args:
        channels: Channels of a frame.
        width: Channels of the latent and of the recurrent state.
        head_widths: Hidden layers between the state and the frame, at least one.
    """

    def __init__(self, channels: int, width: int, head_widths: Sequence[int]) -> None:
        super().__init__()
        self.from_latent = nn.Linear(width, width)
        self.cell = nn.GRUCell(width + channels, width)
        self.head = feed_forward((width, *head_widths), nn.Tanh)
        self.output = nn.Linear(head_widths[-1], channels)

    def forward(self, latent: Tensor, frames: int) -> Tensor:
        """Decode.

        Args:
            latent: (N, width).
            frames: T.

        Returns:
            (N, T, channels).
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


class WindowAutoEncoder(nn.Module):
    """The parts of the auto-encoder.

    Args:
        channels: Channels of a frame.
        others: Channels of the other series, which is guessed from a frame.
        width: Channels of the latent and of recurrent states.
        head_widths: Hidden layers between the decoder's state and a frame, at least one.
        others_width: Hidden layer between a frame and the other series.
    """

    def __init__(self, channels: int, others: int, width: int, head_widths: Sequence[int], others_width: int) -> None:
        super().__init__()
        self.encoder = nn.GRU(channels, width, batch_first=True)
        self.mean = nn.Linear(width, width)
        self.log_variance = nn.Linear(width, width)
        self.decoder = WindowDecoder(channels, width, head_widths)
        self.coefficients = feed_forward((channels, others_width, others), nn.Tanh)

    def state(self, windows: Tensor) -> Tensor:
        """(N, width): the encoder's state after the last frame of windows (N, T, channels)."""
        _, last = self.encoder(windows)
        found: Tensor = last[0]
        return found

    def gaussian(self, state: Tensor) -> Gaussian:
        """(N, width): where the latents of windows are, by the encoder's states (N, width)."""
        return Gaussian(self.mean(state), self.log_variance(state))

    def decode(self, latent: Tensor, frames: int) -> Tensor:
        """(N, T, channels): windows of latents (N, width)."""
        made: Tensor = self.decoder(latent, frames)
        return made
