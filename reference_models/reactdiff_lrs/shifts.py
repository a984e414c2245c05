"""What a listener's style changes: some weights of the decoder, by thin matrices, and where latents lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from reference_models.blocks.weight_shifts import WeightShift

__all__ = ["ListenerShifts", "Shifts"]


@dataclass(frozen=True)
class Shifts:
    """Changes for N listeners.

    Attributes:
        latent: (N, width) what is added to each frame's latent.
        weights: Changes of the decoder's weights by name.
    """

    latent: Tensor
    weights: Mapping[str, WeightShift]


class ListenerShifts(nn.Module):
    """Makes shifts of style vectors. Before training all of them are 0.

    A weight W (out, in) becomes W + B A / rank with B (out, rank) and A (rank, in), both linear in what a small network
    makes of the style.

    Args:
        style: Channels of the style vector.
        width: Channels of the small network.
        rank: Rank of changes.
        latent: Channels of latents.
        weights: Weights that are changed, by name.
    """

    def __init__(self, style: int, width: int, rank: int, latent: int, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.rank = rank
        self.trunk = nn.Sequential(nn.Linear(style, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.latent = _zero(nn.Linear(width, latent))
        self.names = {name: name.replace(".", "_") for name in weights}  # names of modules have no dots
        sizes = {self.names[name]: weight.shape for name, weight in weights.items()}
        self.left = nn.ModuleDict({name: _zero(nn.Linear(width, out * rank)) for name, (out, _) in sizes.items()})
        self.right = nn.ModuleDict({name: nn.Linear(width, rank * entering) for name, (_, entering) in sizes.items()})

    def forward(self, style: Tensor) -> Shifts:
        """Shifts of N listeners, by their style vectors (N, style)."""
        known = self.trunk(style)
        weights = {
            name: WeightShift(
                self.left[module](known).unflatten(-1, (-1, self.rank)) / self.rank,
                self.right[module](known).unflatten(-1, (self.rank, -1)),
            )
            for name, module in self.names.items()
        }
        return Shifts(self.latent(known), weights)


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
