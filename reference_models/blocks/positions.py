"""Sinusoidal encodings of positions."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["sinusoidal_positions"]


def sinusoidal_positions(positions: Tensor, width: int, base: float = 10000.0) -> Tensor:
    """Encode positions: e_2k = sin(p · base^(-2k/width)), e_2k+1 = cos(p · base^(-2k/width)).

    Encodings that begin anew after some frames are those of ``positions % period``.

    Args:
        positions: (…) whole numbers or times, of any sign.
        width: Channels of an encoding, even.
        base: The longest wave has 2π · base positions.

    Returns:
        (…, width) float32 in -1..1, on the device of the positions.

    Example:
        >>> sinusoidal_positions(torch.arange(2), 4)
        tensor([[0.0000, 1.0000, 0.0000, 1.0000],
                [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    # Published tables are computed so in float32; other ways to write it differ at far positions.
    frequencies = torch.exp(torch.arange(0, width, 2, device=positions.device).float() * (-math.log(base) / width))
    angles = positions.float()[..., None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
