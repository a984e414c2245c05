"""Series of zero mean and unit variance by channel, as they are in the training data."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["Standardisation"]

_LEAST = 1e-3


class Standardisation(nn.Module):
    """(x - mean) / deviation by channel; nothing happens until it is measured.

    Args:
        channels: C.
        kept: Whether mean and deviation are part of the state.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, *, kept: bool) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels), persistent=kept)
        self.register_buffer("deviation", torch.ones(channels), persistent=kept)

    def forward(self, series: Tensor) -> Tensor:
        """(…, C) standardised."""
        return (series - self.mean) / self.deviation

    def undone(self, standardised: Tensor) -> Tensor:
        """(…, C) as it was."""
        return standardised * self.deviation + self.mean

    @torch.no_grad()
    def measure(self, rows: Iterable[Tensor]) -> None:
        """Take mean and deviation of rows (n, C), batch by batch."""
        count, sums, squares = 0, torch.zeros_like(self.mean).double(), torch.zeros_like(self.mean).double()
        for each in rows:
            count += len(each)
            sums += each.double().sum(0)
            squares += each.double().square().sum(0)
        mean = sums / max(count, 1)
        self.mean.copy_(mean)
        self.deviation.copy_((squares / max(count, 1) - mean.square()).clamp(min=_LEAST**2).sqrt())
