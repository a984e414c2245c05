"""The decoder: frames of a reaction from one latent, and from the reaction before where there is one."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.positions import sinusoidal_positions
from reference_models.blocks.temporal_bias import causal_mask
from reference_models.transvae.config import TransVAEConfig

__all__ = ["COEFFICIENTS", "EMOTION", "ContinuingDecoder", "Decoded", "ReactionDecoder"]

COEFFICIENTS, EMOTION = 58, 25

Decoded = tuple[Tensor, Tensor]
"""3DMM coefficients (B, T, 58) and facial attributes (B, T, 25)."""


class ReactionDecoder(nn.Module):
    """Decodes frames that know of each other, and of the latent.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: TransVAEConfig) -> None:
        super().__init__()
        width = config.width
        settings = width, config.heads, config.feed_forward, config.dropout
        self.width, self.masked = width, config.memory_mask == "causal"
        self.from_latent, self.from_frames = DecoderLayer(*settings), DecoderLayer(*settings)
        self.coefficients = nn.Linear(width, COEFFICIENTS)
        # Two linear layers without anything between them, as published.
        self.joined, self.emotion = nn.Linear(COEFFICIENTS + width, width), nn.Linear(width, EMOTION)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, latent: Tensor, frames: int) -> Decoded:
        """Decode a reaction, or its first window.

        Args:
            latent: (B, width), or (B, S, width) where a model has more to say.
            frames: T.
        """
        hidden = self.hidden(latent, frames)
        return self.heads(hidden, hidden)

    def hidden(self, latent: Tensor, frames: int) -> Tensor:
        """(B, T, width): queries that only know their positions, which ask the latent and then each other."""
        queries = sinusoidal_positions(torch.arange(frames, device=latent.device), self.width).to(latent.dtype)
        series = self.dropout(queries.expand(len(latent), -1, -1))
        mask = causal_mask(frames, frames, device=latent.device)
        found = self.from_latent(series, latent if latent.ndim > 2 else latent[:, None], mask)
        refined: Tensor = self.from_frames(found, found, mask, mask if self.masked else None)
        return refined

    def heads(self, hidden: Tensor, before_history: Tensor) -> Decoded:
        """The outputs.

        Args:
            hidden: (B, T, width), from which coefficients are made.
            before_history: (B, T, width), from which facial attributes are made together with the coefficients.
        """
        coefficients = self.coefficients(hidden)
        return coefficients, self.emotion(self.joined(torch.cat([coefficients, before_history], -1)))

    @torch.no_grad()
    def start_at(self, means: Tensor) -> None:
        """Set the outputs' biases.

        Args:
            means: (83,) of facial attributes and coefficients.
        """
        self.emotion.bias.copy_(means[:EMOTION])
        self.coefficients.bias.copy_(means[EMOTION:])


class HistoryLayer(DecoderLayer):
    """A decoder layer over a series that remembers itself, of which the newest rows are wanted only."""

    def newest(self, series: Tensor, rows: int, *, masked: bool) -> Tensor:
        """Refine the last rows.

        Args:
            series: (B, T, C).
            rows: How many.
            masked: Whether attention to the memory does not see later rows either.

        Returns:
            (B, rows, C).
        """
        mask = causal_mask(rows, series.shape[1], device=series.device)
        queries = series[:, -rows:]
        x = self.norm1(queries + self.dropout(self.self_attn(queries, series, mask)))
        x = self.norm2(x + self.dropout(self.multihead_attn(x, series, mask if masked else None)))
        found: Tensor = self.norm3(x + self.dropout(self.linear2(self.dropout(functional.relu(self.linear1(x))))))
        return found


class ContinuingDecoder(ReactionDecoder):
    """Decodes windows, each of which goes on from the coefficients before it.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: TransVAEConfig) -> None:
        super().__init__(config)
        width = config.width
        self.past, self.present = nn.Linear(COEFFICIENTS, width), nn.Linear(width, width)
        self.from_history = HistoryLayer(width, config.heads, config.feed_forward, config.dropout)
        self.smoothing = nn.LSTM(width, width, batch_first=True)

    def window(self, latent: Tensor, frames: int, past: Tensor) -> Decoded:
        """Decode the next window.

        Args:
            latent: (B, width).
            frames: Frames of the window.
            past: (B, T, 58) coefficients of all frames before; T may be 0.
        """
        if not past.shape[1]:
            return self(latent, frames)  # type: ignore[no-any-return]
        hidden = self.hidden(latent, frames)
        before = self.past(past)
        series = torch.cat([before, self.present(hidden)], 1)
        newest = self.from_history.newest(series, frames, masked=self.masked)
        state = before[None, :, -1].contiguous()
        smoothed, _ = self.smoothing(newest, (state, state))
        return self.heads(smoothed, hidden)
