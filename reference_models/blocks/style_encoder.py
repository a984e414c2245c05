"""A style encoder: how a person behaves, as a vector, of any clip of theirs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.encoder_layer import EncoderLayer
from reference_models.blocks.layers import feed_forward
from reference_models.blocks.positions import sinusoidal_positions

__all__ = ["StyleEncoder"]


class StyleEncoder(nn.Module):
    """A transformer encoder whose first token gathers the clip.

    Args:
        channels: Channels of a clip.
        width: Channels of tokens, of the feature and of the style vector.
        heads: Heads of attention.
        feed_forward_width: Width of feed-forward networks.
        layers: Layers, at least 1.
        dropout: Share of activations that training drops.
    """

    def __init__(
        self, channels: int, width: int, heads: int, feed_forward_width: int, layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(width))
        self.embedding = nn.Linear(channels, width)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, feed_forward_width, dropout) for _ in range(layers))
        self.head = feed_forward((width, width, width), nn.ReLU)
        self.dropout = nn.Dropout(dropout)

    def feature(self, clips: Tensor, there: Tensor | None = None) -> Tensor:
        """What the first token has gathered.

        Args:
            clips: (N, T, channels), of any length.
            there: (N, T) bool, False after a clip's end; all frames are there if None.

        Returns:
            (N, width).
        """
        tokens = torch.cat([self.token.expand(len(clips), 1, -1).to(clips), self.embedding(clips)], 1)
        positions = sinusoidal_positions(torch.arange(tokens.shape[1], device=tokens.device), tokens.shape[2])
        tokens = self.dropout(tokens + positions)
        # (N, 1, 1, 1 + T): the first token is always there.
        seen = None if there is None else functional.pad(there, (1, 0), value=True)[:, None, None]
        *first, last = self.layers
        for layer in first:
            tokens = layer(tokens, seen=seen)
        found: Tensor = last(tokens, rows=1, seen=seen)[:, 0]
        return found

    def forward(self, clips: Tensor, there: Tensor | None = None) -> Tensor:
        """(N, width): style vectors of length 1 of clips; see `feature`."""
        return functional.normalize(self.head(self.feature(clips, there)), dim=-1)
