"""Sums over clips that are exact, as `react_eval.kernels.exact_sums` keeps them, on a GPU.

Every operation is a kernel of its own, which rounds once: code that is fused (``torch.compile``) would break this.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["add_clips"]


def add_clips(sums: Tensor, clips: Tensor) -> Tensor:
    """Add clips to the sums.

    Args:
        sums: (4, E) float64: Σx, its remainder, Σx², its remainder.
        clips: (N, E) float32.

    Returns:
        The new sums, (4, E); those of the CPU to the last bit.
    """
    totals, rests = sums[0::2], sums[1::2]
    for clip in clips:
        plain = clip.double()
        values = torch.stack([plain, plain * plain])
        before, totals = totals, totals + values
        taken = totals - before
        rests = rests + ((before - (totals - taken)) + (values - taken))
    normal = totals + rests
    return torch.stack([normal, rests - (normal - totals)], 1).flatten(0, 1)
