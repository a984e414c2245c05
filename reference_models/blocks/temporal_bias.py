"""Biases and masks of attention over time, added to the scores or handed to `scaled_dot_product_attention`.

Conventions: queries are frames, keys are frames or tokens of which there are several a frame; the last query and the
last key are at the same time. A bias of -∞ hides a key.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["aligned_mask", "causal_mask", "periodic_bias"]


def periodic_bias(
    queries: int, keys: int, heads: int, period: int, *, device: torch.device | str | None = None
) -> Tensor:
    """Less attention to keys that are whole periods ago, none to later ones.

    With the distance d = keys - queries + i - j, head h = 1 … H has -2^(-8h/H) ⌊d / period⌋ for d ≥ 0 and -∞ below.
    For 8 heads the slopes are 1/2, 1/4 … 1/256.

    Args:
        queries: Number of queries.
        keys: Number of keys, at least as many.
        heads: H.
        period: Keys over which the bias stays the same.
        device: Where to make it.

    Returns:
        (heads, queries, keys) float32.

    Example:
        >>> periodic_bias(2, 4, heads=8, period=1)[0].tolist()
        [[-1.0, -0.5, -0.0, -inf], [-1.5, -1.0, -0.5, -0.0]]
    """
    passed = _distance(queries, keys, device)
    slopes = torch.exp2(-8 * torch.arange(1, heads + 1, device=device) / heads)
    bias = -slopes[:, None, None] * torch.div(passed, period, rounding_mode="floor")
    return bias.masked_fill(passed < 0, -torch.inf)


def causal_mask(queries: int, keys: int, *, device: torch.device | str | None = None) -> Tensor:
    """Which keys are not later than a query.

    Args:
        queries: Number of queries.
        keys: Number of keys.
        device: Where to make it.

    Returns:
        (queries, keys) bool, True where a query sees a key.

    Example:
        >>> causal_mask(2, 3).tolist()
        [[True, True, False], [True, True, True]]
    """
    return _distance(queries, keys, device) >= 0


def aligned_mask(frames: int, tokens_a_frame: int, *, device: torch.device | str | None = None) -> Tensor:
    """Which tokens are of the same frame.

    Args:
        frames: Number of frames, which are the queries.
        tokens_a_frame: Tokens of each frame, in order.
        device: Where to make it.

    Returns:
        (frames, frames · tokens_a_frame) bool, True where a frame sees a token.

    Example:
        >>> aligned_mask(2, 2).tolist()
        [[True, True, False, False], [False, False, True, True]]
    """
    own = torch.arange(frames, device=device)
    return own[:, None] == own.repeat_interleave(tokens_a_frame)


def _distance(queries: int, keys: int, device: torch.device | str | None) -> Tensor:
    rows = torch.arange(keys - queries, keys, device=device)
    return rows[:, None] - torch.arange(keys, device=device)
