"""Finite scalar quantisation: a few numbers a vector, each rounded to one of a few levels, are its code.

Conventions: level counts L_1 … L_n give ∏ L_i codes. The token of a code is Σ_i l_i · ∏_{j<i} L_j, of levels l_i that
are counted from 0. No codebook is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

__all__ = ["FiniteScalarQuantiser"]

_MARGIN = 1e-3


class FiniteScalarQuantiser(nn.Module):
    """Vectors to codes and tokens, and back.

    Args:
        width: Channels C of the vectors.
        levels: Levels of each number of a code, at least 2 each.
    """

    levels: Tensor
    places: Tensor

    def __init__(self, width: int, levels: Sequence[int]) -> None:
        super().__init__()
        self.codes = prod(levels)
        self.inwards = nn.Linear(width, len(levels))
        self.outwards = nn.Linear(len(levels), width)
        places = [prod(levels[:number]) for number in range(len(levels))]
        self.register_buffer("levels", torch.tensor(levels), persistent=False)
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def bounded(self, vectors: Tensor) -> Tensor:
        """(…, n): the numbers of vectors (…, C) before they are rounded; h tanh(x + s) - o, of as many integers as L.

        h = (L - 1)(1 + 10⁻³) / 2, and o is 1/2 where L is even, else 0; s = artanh(o / h) makes 0 stay 0.
        """
        half = (self.levels - 1) * (1 + _MARGIN) / 2
        offset = 0.5 * (1 - self.levels % 2)
        return torch.tanh(self.inwards(vectors) + torch.atanh(offset / half)) * half - offset

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise.

        Args:
            vectors: (…, C).

        Returns:
            (…, C) what codes become, through which gradients flow as if nothing was rounded; and (…) tokens.
        """
        with torch.autocast(vectors.device.type, enabled=False):
            bounded = self.bounded(vectors.float())
            rounded = bounded.round()
            steps = self.levels // 2
            tokens = ((rounded.long() + steps) * self.places).sum(-1)
            return self.outwards((bounded + (rounded - bounded).detach()) / steps), tokens

    def numbers(self, tokens: Tensor) -> Tensor:
        """(…, n): codes of tokens (…), each number in -1 … 1; tokens of no code count modulo the number of codes."""
        steps = self.levels // 2
        return (tokens[..., None] // self.places % self.levels - steps) / steps

    def vectors(self, tokens: Tensor) -> Tensor:
        """(…, C): what the codes of tokens (…) become."""
        found: Tensor = self.outwards(self.numbers(tokens))
        return found
