"""The cognitive processor: the distribution of reactions to a window of a speaker, and the edges of its graph.

Conventions: a graph has 25 nodes, each of which has a series of the frames of a window: (N, 25, T).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from reference_models.blocks.layers import feed_forward
from reference_models.regnn.config import NODES, REGNNConfig

__all__ = ["Cognition", "Edges", "Mixture"]

_LEAST = 1e-16


class Mixture(nn.Module):
    """Gaussians around means that networks make of a window's mean, all equally likely.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        widths = (config.window,) * 3
        self.means = nn.ModuleList(feed_forward(widths, nn.GELU) for _ in range(config.components))
        self.learned = config.noise == "mixture"
        if self.learned:  # the published layout has deviations of 1
            self.log_deviation = nn.Parameter(torch.zeros(NODES))

    def forward(self, mean: Tensor) -> Tensor:
        """(components, N, 25, T): the means of the Gaussians, of a window's mean (N, 25, T)."""
        return torch.stack([make(mean) for make in self.means])

    @property
    def deviation(self) -> Tensor:
        """(25, 1): by node."""
        found: Tensor = self.log_deviation.exp()[:, None]
        return found

    def log_likelihood(self, means: Tensor, latents: Tensor) -> Tensor:
        """Log-densities of latents.

        Args:
            means: (components, N, 25, T) of the Gaussians.
            latents: (N, 25, T).

        Returns:
            (N,).
        """
        densities = -0.5 * ((latents - means) / self.deviation).square() - self.log_deviation[:, None]
        by_component = (densities - 0.5 * math.log(2 * math.pi)).sum((-2, -1), dtype=torch.float32)
        return by_component.logsumexp(0) - math.log(len(means))


class Edges(nn.Module):
    """Edges between nodes, by how alike their series are.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.channels, self.neighbours, self.union = (
            config.edge_channels, config.edge_neighbours, config.edge_mask == "union",
        )  # fmt: skip
        self.embedding = feed_forward((config.window,) * 3, nn.GELU)
        self.queries_keys = nn.Linear(config.window, 2 * config.edge_channels * config.window, bias=False)

    def forward(self, mean: Tensor) -> Tensor:
        """(N, channels, 25, 25): edges R Cᵀ for a window's mean (N, 25, T).

        R says how alike nodes are, with rows that sum to 1; the columns of C, made of R, do so.
        """
        by_channel = self.queries_keys(self.embedding(mean)).unflatten(-1, (2, self.channels, -1))
        queries, keys = by_channel.permute(2, 0, 3, 1, 4)
        alike = torch.softmax(queries @ keys.transpose(-2, -1) / math.sqrt(mean.shape[-1]), -1)
        kept = alike * self._kept(alike.sum(1))[:, None]
        by_row = kept / (kept.sum(-1, keepdim=True) + _LEAST)
        by_column = by_row / (by_row.sum(-2, keepdim=True) + _LEAST)
        return by_row @ by_column.transpose(-2, -1)

    def _kept(self, alike: Tensor) -> Tensor:
        """(N, 25, 25) bool: which nodes a node keeps, itself among them."""
        nearest = alike.topk(self.neighbours, -1).indices
        kept = torch.zeros_like(alike, dtype=torch.bool).scatter(-1, nearest, value=True)
        if self.union:
            kept = kept.any(-2, keepdim=True)
        return kept | torch.eye(NODES, dtype=torch.bool, device=alike.device)


class Cognition(nn.Module):
    """A window's mean, its edges and, where there is one, its mixture.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.nodes = feed_forward((config.fused_width, config.node_width, NODES), nn.GELU)
        self.edges = Edges(config)
        if config.noise == "mixture" or config.unused_parts:
            self.mixture = Mixture(config).requires_grad_(config.noise == "mixture")

    def forward(self, fused: Tensor) -> Tensor:
        """(N, 25, T): the mean of the distribution of reactions to windows (N, T, fused_width)."""
        found: Tensor = self.nodes(fused).transpose(-2, -1)
        return found
