"""A layer of a transformer decoder whose biases need no copy for every item of a batch.

Conventions: parameters have the names of `torch.nn.TransformerDecoderLayer`, and the numbers are the same. A memory of
one item serves a whole batch of queries.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.weight_shifts import WeightShift, shifted_linear

__all__ = ["Attention", "DecoderLayer"]


class Attention(nn.Module):
    """Attention of several heads.

    Args:
        width: Channels C.
        heads: Number of heads, which divides C.
        dropout: Share of attention weights that are dropped in training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        bias: Tensor | None = None,
        *,
        values: Tensor | None = None,
        shift: WeightShift | None = None,
    ) -> Tensor:
        """Attend.

        Args:
            queries: (B, T, C).
            memory: (B, S, C) or (1, S, C).
            bias: (heads, T, S) added to the scores, or (T, S), or (B, 1, T, S), bool that is True where a query sees a
                key.
            values: What is taken of the memory, as large as it, where that is not the memory itself.
            shift: Changes of ``in_proj_weight`` by listener; None for the layer as it is.

        Returns:
            (B, T, C).
        """
        width = queries.shape[-1]
        asked = self._mapped(queries, 0, width, shift)
        if values is None:  # keys and values in one product
            known = self._mapped(memory, width, 3 * width, shift).chunk(2, -1)
        else:
            known = self._mapped(memory, width, 2 * width, shift), self._mapped(values, 2 * width, 3 * width, shift)
        keys, taken = (self._split(each).expand(len(queries), -1, -1, -1) for each in known)
        if bias is not None and bias.is_floating_point():
            bias = bias[None].to(asked.dtype)  # of 4 dimensions, which the fast kernels of processors need
        attended = functional.scaled_dot_product_attention(
            self._split(asked), keys, taken, attn_mask=bias, dropout_p=self.dropout if self.training else 0.0
        )
        found: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return found

    def _mapped(self, series: Tensor, first: int, last: int, shift: WeightShift | None) -> Tensor:
        """Some of the outputs of the map to queries, keys and values."""
        weight, bias = self.in_proj_weight[first:last], self.in_proj_bias[first:last]
        return shifted_linear(series, weight, bias, None if shift is None else shift.rows(first, last))

    def _split(self, values: Tensor) -> Tensor:
        batch, rows, _ = values.shape
        return values.view(batch, rows, self.heads, -1).transpose(1, 2)


class DecoderLayer(nn.Module):
    """Attention among the queries, attention to a memory, and a feed-forward network; norms follow each of them.

    Args:
        width: Channels C.
        heads: Number of heads.
        feed_forward: Width of the feed-forward network.
        dropout: Share dropped in training.
    """

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, heads, dropout)
        self.multihead_attn = Attention(width, heads, dropout)
        self.linear1, self.linear2 = nn.Linear(width, feed_forward), nn.Linear(feed_forward, width)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        own_bias: Tensor | None = None,
        memory_bias: Tensor | None = None,
        *,
        memory_shift: WeightShift | None = None,
    ) -> Tensor:
        """Decode.

        Args:
            queries: (B, T, C).
            memory: (B, S, C) or (1, S, C).
            own_bias: Of the attention among the queries; see `Attention`.
            memory_bias: Of the attention to the memory.
            memory_shift: Changes of the weights of that attention by listener.

        Returns:
            (B, T, C).
        """
        x = self.norm1(queries + self.dropout(self.self_attn(queries, queries, own_bias)))
        x = self.norm2(x + self.dropout(self.multihead_attn(x, memory, memory_bias, shift=memory_shift)))
        fed = self.linear2(self.dropout(functional.relu(self.linear1(x))))
        found: Tensor = self.norm3(x + self.dropout(fed))
        return found
