"""Weights that differ by listener: changes of a linear layer that are computed, never written into the layer.

Conventions: a batch holds the rows of N listeners one listener after another, equally many of each. N = 1 serves a
whole batch. With M a layer's weight and Δ a listener's change, the listener's weight is M + Δ (``"shift"``),
M · (1 + Δ) element by element (``"offset"``), or Δ itself (``"weight"``).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["EDITS", "WeightShift", "shifted_linear"]

EDITS = ("shift", "offset", "weight")
"""How a change enters a weight."""


@dataclass(frozen=True)
class WeightShift:
    """Changes Δ of one weight for N listeners: whole, or as a product of two thin matrices.

    Attributes:
        left: (N, out, in) Δ, or with `right` (N, out, rank).
        right: (N, rank, in), so that Δ = left · right; None if `left` is whole.
        edit: One of `EDITS`.
    """

    left: Tensor
    right: Tensor | None = None
    edit: str = "shift"

    def __len__(self) -> int:
        return len(self.left)

    def whole(self) -> Tensor:
        """(N, out, in) Δ."""
        return self.left if self.right is None else self.left @ self.right

    def rows(self, first: int, last: int) -> WeightShift:
        """The change of outputs `first` to before `last`."""
        return WeightShift(self.left[:, first:last], self.right, self.edit)

    def listeners(self, first: int, last: int) -> WeightShift:
        """The changes of listeners `first` to before `last`."""
        right = None if self.right is None else self.right[first:last]
        return WeightShift(self.left[first:last], right, self.edit)

    def weights(self, base: Tensor) -> Tensor:
        """(N, out, in): every listener's weight, of the layer's (out, in)."""
        change = self.whole()
        if self.edit == "shift":
            return base + change
        return base * (1 + change) if self.edit == "offset" else change


def shifted_linear(series: Tensor, weight: Tensor, bias: Tensor | None, shift: WeightShift | None) -> Tensor:
    """A linear layer whose weight may differ by listener.

    Args:
        series: (B, …, in), where N divides B.
        weight: (out, in) of the layer.
        bias: (out,), the same for all listeners.
        shift: Changes for N listeners; None for the layer as it is.

    Returns:
        (B, …, out).

    Example:
        >>> shift = WeightShift(torch.tensor([[[1.0]], [[2.0]]]))
        >>> shifted_linear(torch.ones(4, 1), torch.ones(1, 1), None, shift).flatten().tolist()
        [2.0, 2.0, 3.0, 3.0]
    """
    if shift is None:
        return functional.linear(series, weight, bias)
    if shift.right is not None and shift.edit == "shift":
        # Thin matrices are never multiplied out: a listener costs rank · (in + out) numbers.
        change = _by_listener(_by_listener(series, shift.right), shift.left)
        return functional.linear(series, weight, bias) + change
    if len(shift) == 1:
        return functional.linear(series, shift.weights(weight)[0], bias)
    found = _by_listener(series, shift.weights(weight))
    return found if bias is None else found + bias


def _by_listener(series: Tensor, weights: Tensor) -> Tensor:
    """(B, …, out): rows (B, …, in) of each listener times its own (out, in) of (N, out, in)."""
    rows = series.reshape(len(weights), -1, series.shape[-1])
    return torch.bmm(rows, weights.transpose(1, 2)).reshape(*series.shape[:-1], -1)
