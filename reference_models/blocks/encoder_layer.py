"""A layer of a transformer encoder that computes the rows that are wanted only.

Conventions: parameters have the names of `torch.nn.TransformerEncoderLayer`, and the numbers are the same.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.decoder_layer import Attention

__all__ = ["EncoderLayer"]


class EncoderLayer(nn.Module):
    """Attention among the rows of a series, and a feed-forward network; norms follow each of them.

    Args:
        width: Channels C.
        heads: Number of heads.
        feed_forward: Width of the feed-forward network.
        dropout: Share dropped in training.
    """

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, dropout)
        self.linear1, self.linear2 = nn.Linear(width, feed_forward), nn.Linear(feed_forward, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, series: Tensor, rows: int | None = None, seen: Tensor | None = None) -> Tensor:
        """Encode.

        Args:
            series: (B, T, C).
            rows: How many of the first rows are wanted; all if None.
            seen: (B, 1, 1, T) bool, True where a row is there; all are if None.

        Returns:
            (B, rows, C).
        """
        queries = series[:, :rows]
        x = self.norm1(queries + self.dropout(self.self_attn(queries, series, seen)))
        fed = self.linear2(self.dropout(functional.relu(self.linear1(x))))
        found: Tensor = self.norm2(x + self.dropout(fed))
        return found
