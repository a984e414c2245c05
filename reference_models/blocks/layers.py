"""Plain layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["feed_forward", "gru_step"]


def feed_forward(widths: Sequence[int], activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Linear layers with an activation between each two; the last one has none.

    Args:
        widths: Channels of the input, of every hidden layer, and of the output.
        activation: Makes an activation.

    Returns:
        The layers; linear ones have even places.

    Example:
        >>> feed_forward((2, 3, 1), nn.Tanh)
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): Tanh()
          (2): Linear(in_features=3, out_features=1, bias=True)
        )
    """
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def gru_step(entering: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A step of a gated recurrent unit whose input is already mapped to its gates.

    h' = n + z (h - n) with the reset gate r = σ(i_r + h_r), the update gate z = σ(i_z + h_z) and the candidate
    n = tanh(i_n + r h_n), where i is `entering` and (h_r, h_z, h_n) maps the state. So what stays the same over steps
    is mapped once.

    Args:
        entering: (…, 3 · width) the input mapped by ``weight_ih`` and ``bias_ih`` of `torch.nn.GRUCell`.
        state: (…, width) h.
        weight: ``weight_hh``.
        bias: ``bias_hh``.

    Returns:
        (…, width) the next state.
    """
    width = state.shape[-1]
    held = functional.linear(state, weight, bias)
    gates = torch.sigmoid(entering[..., : 2 * width] + held[..., : 2 * width])
    reset, update = gates.chunk(2, -1)
    candidate = torch.tanh(torch.addcmul(entering[..., 2 * width :], reset, held[..., 2 * width :]))
    return candidate + update * (state - candidate)
