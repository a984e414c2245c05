"""The hypernetwork: changes of the denoiser's weights, of a listener's style vector."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.weight_shifts import WeightShift
from reference_models.perfrdiff.components import is_attention
from reference_models.perfrdiff.config import PerFRDiffConfig

__all__ = ["FullBranch", "Hypernetwork", "LowRankBranch"]

_NUMBERS_AT_ONCE = 2**24
"""Numbers of a branch's weight that are used at once: 64 MB, where a published branch takes 3.2 GB."""


class FullBranch(nn.Linear):
    """Every number of a change is a weighted sum of the hidden channels.

    Args:
        hidden: Hidden channels.
        out: Rows of the change.
        entering: Columns of the change.
        starts_at_zero: Whether the change is 0 before training.
    """

    def __init__(self, hidden: int, out: int, entering: int, *, starts_at_zero: bool) -> None:
        super().__init__(hidden, out * entering)
        self.shape = (out, entering)
        if starts_at_zero:
            nn.init.zeros_(self.weight)
            nn.init.zeros_(self.bias)

    def change(self, hidden: Tensor) -> tuple[Tensor, None]:
        """(N, out, entering) changes of hidden channels (N, hidden), whole."""
        rows = max(1, _NUMBERS_AT_ONCE // self.in_features)
        pairs = zip(torch.split(self.weight, rows), torch.split(self.bias, rows), strict=True)
        # In parts, as mixed precision copies what it multiplies by, and mapped weights come from the disk.
        flat = torch.cat([functional.linear(hidden, weight, bias) for weight, bias in pairs], -1)
        return flat.view(len(hidden), *self.shape), None


class LowRankBranch(nn.Module):
    """A change is the product of two thin matrices, ours: rank · (out + entering) rows in place of out · entering.

    Args:
        hidden: Hidden channels.
        out: Rows of the change.
        entering: Columns of the change.
        rank: Rows of one thin matrix and columns of the other.
        starts_at_zero: Whether the change is 0 before training.
    """

    def __init__(self, hidden: int, out: int, entering: int, rank: int, *, starts_at_zero: bool) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(hidden, out * rank), nn.Linear(hidden, rank * entering)
        self.shapes = ((out, rank), (rank, entering))
        if starts_at_zero:
            nn.init.zeros_(self.left.weight)
            nn.init.zeros_(self.left.bias)

    def change(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(N, out, rank) and (N, rank, entering), whose product is the change, of hidden channels (N, hidden)."""
        left, right = self.shapes
        return self.left(hidden).view(-1, *left), self.right(hidden).view(-1, *right)


class Hypernetwork(nn.Module):
    """Maps style vectors to changes of weights, a branch for each weight.

    Args:
        config: What the model is made of.
        shapes: (out, in) of the weights by component, in the order of the branches.
    """

    def __init__(self, config: PerFRDiffConfig, shapes: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        hidden = config.hypernetwork_width
        entering = [config.style_width] + [hidden] * (config.hypernetwork_layers - 1)
        self.shared = nn.ModuleList(nn.Linear(each, hidden) for each in entering)
        self.edit = config.edit
        # Rows of queries, which "kv" leaves as they are.
        self.left_out = {
            name: out // 3 if config.edited_rows == "kv" and is_attention(name) else 0
            for name, (out, _) in shapes.items()
        }
        sizes = [(hidden, out - self.left_out[name], width) for name, (out, width) in shapes.items()]
        zero = config.first_shift == "zero" and config.edit != "weight"
        self.branches = nn.ModuleList(
            LowRankBranch(*size, config.rank, starts_at_zero=zero)
            if config.hypernetwork == "low rank"
            else FullBranch(*size, starts_at_zero=zero)
            for size in sizes
        )

    def forward(self, style: Tensor) -> dict[str, WeightShift]:
        """Changes by component, for N listeners of style vectors (N, style width)."""
        hidden = style
        for layer in self.shared:
            hidden = functional.relu(layer(hidden))
        found: dict[str, WeightShift] = {}
        for (name, rows), branch in zip(self.left_out.items(), self.branches, strict=True):
            left, right = branch.change(hidden)  # type: ignore[operator]  # torch gives parts no types
            found[name] = WeightShift(functional.pad(left, (0, 0, rows, 0)), right, self.edit)
        return found
