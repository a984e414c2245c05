"""Layers of transformers whose norms come first, and the gated layer that attends to another stream as well.

Conventions: a mask is added to the scores, (B, 1, 1, S) or (B, heads, 1, S). A stream of one item serves a whole batch
of queries. Where only the last rows are wanted, only those are queries.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["CrossModalLayer", "SelfAttentionLayer", "cross_modal_stack", "hiding_mask", "initialise", "stack"]

_USUAL_WIDTH = 360


def hiding_mask(known: Tensor | None, like: Tensor, *, heads: int, mixed: bool = False) -> Tensor | None:
    """A mask that hides the keys that are not known; a query that may see no key sees all of them alike.

    Args:
        known: (B, S) bool; None if all are known.
        like: What gives it its type of numbers.
        heads: Heads of attention.
        mixed: Whether rows of the batch are confused, as published: head h of item b has the mask of item
            (b · heads + h) mod B.

    Returns:
        (B, 1, 1, S), or (B, heads, 1, S) if rows are confused; None if nothing is hidden.
    """
    if known is None:
        return None
    hidden = (~known).to(like.dtype) * torch.finfo(like.dtype).min
    if mixed:
        batch = len(known)
        rows = torch.arange(batch * heads, device=known.device) % batch
        return hidden[rows].view(batch, heads, 1, -1)
    return hidden[:, None, None]


class _SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, *, bias: bool) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.joined = nn.Linear(width, 3 * width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)

    def forward(self, series: Tensor, mask: Tensor | None, rows: int) -> Tensor:
        queries, keys, values = self.joined(series).chunk(3, -1)
        found: Tensor = self.output(_attended(self, queries[:, -rows:], keys, values, mask))
        return found


class _CrossAttention(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float, *, bias: bool) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.asked = nn.Linear(width, width, bias=bias)
        self.known = nn.Linear(width, 2 * width, bias=bias)
        self.output = nn.Linear(width, width, bias=bias)

    def forward(self, series: Tensor, other: Tensor, mask: Tensor | None) -> Tensor:
        keys, values = self.known(other).chunk(2, -1)
        found: Tensor = self.output(_attended(self, self.asked(series), keys, values, mask))
        return found


class _Layer(nn.Module):
    """What both kinds of layers have: attention A among the rows and a feed-forward network F, each after a norm."""

    def __init__(self, width: int, heads: int, dropout: float, *, bias: bool) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, bias=bias)
        self.attention = _SelfAttention(width, heads, dropout, bias=bias)
        self.feed_norm = nn.LayerNorm(width, bias=bias)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width, bias=bias), nn.GELU(), nn.Linear(4 * width, width, bias=bias)
        )
        self.dropout = nn.Dropout(dropout)

    def attended(self, series: Tensor, mask: Tensor | None, rows: int) -> Tensor:
        """A(norm x) of the last rows."""
        found: Tensor = self.dropout(self.attention(self.norm(series), mask, rows))
        return found

    def fed(self, x: Tensor) -> Tensor:
        """The sum x + F(norm x)."""
        found: Tensor = x + self.dropout(self.feed(self.feed_norm(x)))
        return found


class SelfAttentionLayer(_Layer):
    """x + A(norm x), then x + F(norm x), of attention A among the rows and a feed-forward network F.

    Args:
        width: Channels C.
        heads: Heads of attention, which divide C.
        dropout: Share dropped in training.
        bias: Whether linear layers and norms have biases.
    """

    def forward(self, series: Tensor, mask: Tensor | None = None) -> Tensor:
        """Series (B, T, C) after the layer."""
        return self.fed(series + self.attended(series, mask, series.shape[1]))


class CrossModalLayer(_Layer):
    """x + a + γ X(norm a, norm y), with a = A(norm x), then x + F(norm x): attention X to another stream y is gated.

    Args:
        width: Channels C.
        heads: Heads of attention, which divide C.
        dropout: Share dropped in training.
        gate: γ before training.
    """

    def __init__(self, width: int, heads: int, dropout: float, gate: float) -> None:
        super().__init__(width, heads, dropout, bias=True)
        self.other_norm = nn.LayerNorm(width)
        self.cross = _CrossAttention(width, heads, dropout, bias=True)
        self.gate = nn.Parameter(torch.tensor(float(gate)))

    def forward(
        self, series: Tensor, other: Tensor, mask: Tensor | None, cross_mask: Tensor | None, rows: int | None = None
    ) -> Tensor:
        """Series (B, T, C) that attend to themselves and to others (B, S, C) or (1, S, C), as (B, rows, C)."""
        wanted = series.shape[1] if rows is None else rows
        own = self.attended(series, mask, wanted)
        foreign = self.dropout(self.cross(self.norm(own), self.other_norm(other), cross_mask))
        return self.fed(series[:, -wanted:] + own + self.gate * foreign)


def stack(layers: nn.ModuleList, series: Tensor, mask: Tensor | None = None) -> Tensor:
    """Series (B, T, C) through layers of attention, one after another."""
    for layer in layers:
        series = layer(series, mask)
    return series


def cross_modal_stack(
    layers: nn.ModuleList,
    series: Tensor,
    other: Tensor,
    mask: Tensor | None = None,
    cross_mask: Tensor | None = None,
    *,
    kept: bool,
    rows: int | None = None,
) -> Tensor:
    """Series through gated layers.

    Args:
        layers: Of `CrossModalLayer`.
        series: (B, T, C).
        other: (B, S, C) or (1, S, C).
        mask: Hides rows of the series.
        cross_mask: Hides rows of the other stream.
        kept: Whether all layers attend to the other stream; if not, those after the first attend to the series.
        rows: How many of the last rows are wanted; all if None.

    Returns:
        (B, rows, C).
    """
    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        attended = other if kept or not number else series
        series = layer(series, attended, mask, cross_mask, rows if last else None)
    return series


def initialise(module: nn.Module, width: int, layers: int) -> None:
    """Draw weights as GPT-2 does: N(0, 0.02²) at the published width, wider for narrower ones; biases are 0.

    Args:
        module: What is drawn.
        width: Its channels.
        layers: Its layers; weights into residual sums are smaller by √(2 · layers).
    """
    deviation = 0.02 * (_USUAL_WIDTH / width) ** 0.5
    for name, part in module.named_modules():
        if isinstance(part, (nn.Linear, nn.Embedding)):
            residual = name.endswith((".output", ".feed.2"))
            nn.init.normal_(part.weight, std=deviation / (2 * layers) ** 0.5 if residual else deviation)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)


def _attended(
    part: _SelfAttention | _CrossAttention, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None
) -> Tensor:
    """(B, T, C): attention of several heads."""

    def split(each: Tensor) -> Tensor:
        return each.reshape(*each.shape[:2], part.heads, -1).transpose(1, 2)

    asked, known, taken = (split(each) for each in (queries, keys, values))
    batch = max(len(asked), len(known))
    asked, known, taken = (each.expand(batch, -1, -1, -1) for each in (asked, known, taken))
    found = functional.scaled_dot_product_attention(
        asked, known, taken, attn_mask=mask, dropout_p=part.dropout if part.training else 0.0
    )
    return found.transpose(1, 2).flatten(2)
