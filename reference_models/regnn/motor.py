"""The motor processor: an invertible graph network between windows of reactions and latents.

Conventions: windows and latents are (N, 25, T), edges (N, channels, 25, 25). All is computed in float32, whatever the
precision of the rest, since an inverse in half precision is none.
"""

from __future__ import annotations

import math
import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.errors import GeneratorError
from reference_models.regnn.config import NODES, REGNNConfig

__all__ = ["ActivationNorm", "GraphAttention", "GraphLayer", "Motor"]

_STEPS = {"five": 5, "exact": 50}
_TOLERANCES = {"five": 1e-3, "exact": 1e-5}
_SERIES = 5
_LEAST_SUM = 1e-6


class ActivationNorm(nn.Module):
    """Scales and shifts every node; the first batch of training leaves with mean 0 and deviation 1.

    Args:
        least_deviation: That a node is taken to have at least.
    """

    initialised: Tensor

    def __init__(self, least_deviation: float) -> None:
        super().__init__()
        self.least_deviation = least_deviation
        self.log_scale, self.shift = nn.Parameter(torch.zeros(NODES)), nn.Parameter(torch.zeros(NODES))
        self.register_buffer("initialised", torch.tensor(False))

    def forward(self, windows: Tensor) -> Tensor:
        """(N, 25, T) scaled and shifted."""
        if self.training and not self.initialised:
            self._initialise(windows)
        return windows * self.log_scale.exp()[:, None] + self.shift[:, None]

    def inverse(self, normed: Tensor) -> Tensor:
        """What `forward` gave this for."""
        return (normed - self.shift[:, None]) * (-self.log_scale).exp()[:, None]

    @torch.no_grad()
    def _initialise(self, windows: Tensor) -> None:
        by_node = windows.transpose(0, 1).flatten(1)
        scale = 1 / by_node.std(1).clamp(min=self.least_deviation)
        self.log_scale.copy_(scale.log())
        self.shift.copy_(-by_node.mean(1) * scale)
        self.initialised.fill_(True)


class GraphAttention(nn.Module):
    """What nodes learn from each other, a contraction.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.absolute = config.channel_weights == "absolute"
        self.channel_weights = nn.Parameter(torch.ones(config.edge_channels))
        self.queries_keys = nn.Linear(config.window, 2 * config.window)

    def forward(self, windows: Tensor, edges: Tensor, bound: Tensor) -> Tensor:
        """G(x).

        Args:
            windows: (N, 25, T) x.
            edges: (N, channels, 25, 25).
            bound: What `bound` gives.

        Returns:
            (N, 25, T).
        """
        active = torch.sigmoid(functional.elu(windows))
        queries, keys = self.queries_keys(active).chunk(2, -1)
        alike = torch.softmax(queries @ keys.transpose(-2, -1) / math.sqrt(windows.shape[-1]), -1)
        weights = self.channel_weights.abs() if self.absolute else self.channel_weights
        by_row = torch.einsum("nij,ncij->nci", alike, edges).clamp(min=_LEAST_SUM)
        shares = (weights / weights.sum())[:, None] / by_row
        return (alike * torch.einsum("nci,ncij->nij", shares, edges)) @ active / bound

    @torch.no_grad()
    def bound(self) -> Tensor:
        """ℓ = ‖I + 2 W_q W_kᵀ / √T‖₂ + 5, by which G is divided."""
        queries, keys = self.queries_keys.weight.chunk(2)
        matrix = 2 / math.sqrt(len(keys)) * queries @ keys.T
        largest: Tensor = torch.linalg.matrix_norm(matrix + torch.eye(len(keys), device=keys.device), 2)
        return largest + 5


class GraphLayer(nn.Module):
    """y = x + G(x) of normed x.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.norm, self.attention = ActivationNorm(config.least_deviation), GraphAttention(config)
        self.how = config.inverse

    def forward(self, windows: Tensor, edges: Tensor) -> Tensor:
        """(N, 25, T) y of windows (N, 25, T) before the norm."""
        x = self.norm(windows)
        found: Tensor = x + self.attention(x, edges, self.attention.bound())
        return found

    def measured(self, windows: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        """y, and an estimate (N,) of log |det ∂y/∂x|.

        With the Jacobian J of G, log det (I + J) = tr J - tr J² / 2 + tr J³ / 3 - …, whose traces are estimated as
        vᵀ J^k v for a random v of N(0, 1).
        """
        x = self.norm(windows)
        bound, trained = self.attention.bound(), torch.is_grad_enabled()
        with torch.enable_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            change = self.attention(x, edges, bound)
            probe = torch.randn_like(x)
            product, terms = probe, []
            for power in range(1, _SERIES + 1):
                (product,) = torch.autograd.grad(change, x, product, create_graph=trained, retain_graph=True)
                terms.append((-1) ** (power + 1) / power * (product * probe).sum((-2, -1)))
        volume = torch.stack(terms).sum(0) + windows.shape[-1] * self.norm.log_scale.sum()
        return x + change, volume

    def inverse(self, latents: Tensor, edges: Tensor) -> Tensor:
        """Windows (N, 25, T) of y, by the fixed point of x = y - G(x).

        Raises:
            GeneratorError: If the published number of steps does not suffice, where that is asked for.
        """
        bound, tolerance = self.attention.bound(), _TOLERANCES[self.how]
        if self.how == "exact":  # numbers of float32 are no nearer to each other than this
            tolerance = max(tolerance, tolerance * latents.detach().abs().amax().item())
        x, left = latents, math.inf
        for _ in range(_STEPS[self.how]):
            nearer = latents - self.attention(x, edges, bound)
            left, x = (nearer - x).detach().abs().amax().item(), nearer
            if left <= tolerance:
                break
        if not left <= tolerance:
            self._fail(left, tolerance)
        found: Tensor = self.norm.inverse(x)
        return found

    def _fail(self, left: float, tolerance: float) -> None:
        facts = (
            f"REGNN's motor processor cannot be inverted: after {_STEPS[self.how]} steps values still change by "
            f"{left:.3g}, more than {tolerance:.3g}."
        )
        if self.how == "five":
            raise GeneratorError(f"{facts} The published code ends so too. Take inverse='exact'.")
        warnings.warn(f"{facts} Its weights are no contraction; train it longer or again.", RuntimeWarning, 2)


class Motor(nn.Module):
    """The layers, one after another.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GraphLayer(config) for _ in range(config.graph_layers))
        if config.unused_parts:
            self.unused = _UnusedMatrix(config.window)

    @property
    def _ordered(self) -> list[GraphLayer]:
        return [layer for layer in self.layers if isinstance(layer, GraphLayer)]

    def forward(self, windows: Tensor, edges: Tensor) -> Tensor:
        """Latents of windows of reactions."""
        with torch.autocast(windows.device.type, enabled=False):
            latents = windows.float()
            for layer in self._ordered:
                latents = layer(latents, edges.float())
        return latents

    def volume(self, windows: Tensor, edges: Tensor) -> Tensor:
        """(N,): an estimate of log |det ∂z/∂y| of latents z of windows y: by how much latents take more room."""
        with torch.autocast(windows.device.type, enabled=False):
            latents, volumes = windows.float(), []
            for layer in self._ordered:
                latents, more = layer.measured(latents, edges.float())
                volumes.append(more)
        return torch.stack(volumes).sum(0)

    def inverse(self, latents: Tensor, edges: Tensor) -> Tensor:
        """Windows of reactions of latents.

        Raises:
            GeneratorError: If the published number of steps does not suffice, where that is asked for.
        """
        with torch.autocast(latents.device.type, enabled=False):
            windows = latents.float()
            for layer in reversed(self._ordered):
                windows = layer.inverse(windows, edges.float())
        return windows


class _UnusedMatrix(nn.Module):
    """A factorised matrix of the published layout that nothing is multiplied by."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.lower, self.upper = nn.Parameter(torch.zeros(size, size)), nn.Parameter(torch.zeros(size, size))
        self.log_diagonal = nn.Parameter(torch.zeros(size))
        self.register_buffer("permutation", torch.eye(size))
        self.register_buffer("signs", torch.ones(size))
        self.requires_grad_(False)
