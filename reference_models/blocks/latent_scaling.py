"""Latents are scaled for diffusion by what they were like in training."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["LatentScaling"]


class LatentScaling(nn.Module):
    """Scales latents, and back. A channel that was constant in training is only shifted.

    Args:
        width: Channels of a latent.
        kind: ``"range"``, ``"deviation"`` or ``"none"``.
    """

    minimum: Tensor
    maximum: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.kind = kind
        for name, value in (("minimum", -1.0), ("maximum", 1.0), ("mean", 0.0), ("deviation", 1.0)):
            self.register_buffer(name, torch.full((width,), value))

    def forward(self, latent: Tensor) -> Tensor:
        """(…, width): scaled latents."""
        centre, size = self._centre_and_size()
        return (latent - centre) / torch.where(size > 0, size, 1.0)

    def undo(self, scaled: Tensor) -> Tensor:
        """(…, width): latents of scaled ones."""
        centre, size = self._centre_and_size()
        return centre + scaled * torch.where(size > 0, size, 1.0)

    @torch.no_grad()
    def measure(self, latents: Iterable[Tensor]) -> None:
        """Take the range, mean and deviation of latents (N, width), which come in parts.

        Nothing changes if there are none.
        """
        count = 0
        for part in latents:
            values = part.double()
            if not len(values):
                continue
            lowest, highest = values.amin(0), values.amax(0)
            if not count:
                origin = values.mean(0)  # keeps sums of squares small
                low, high, total, squares = lowest, highest, torch.zeros_like(origin), torch.zeros_like(origin)
            low, high = torch.minimum(low, lowest), torch.maximum(high, highest)
            total, squares = total + (values - origin).sum(0), squares + (values - origin).square().sum(0)
            count += len(values)
        if not count:
            return
        variance = (squares - total.square() / count) / max(1, count - 1)
        found = (low, high, origin + total / count, variance.clamp_min(0).sqrt())
        for buffer, value in zip((self.minimum, self.maximum, self.mean, self.deviation), found, strict=True):
            buffer.copy_(value)

    def _centre_and_size(self) -> tuple[Tensor, Tensor]:
        if self.kind == "range":
            return (self.maximum + self.minimum) / 2, (self.maximum - self.minimum) / 2
        if self.kind == "deviation":
            return self.mean, self.deviation
        return torch.zeros_like(self.mean), torch.ones_like(self.mean)
