"""Sums whose order depends on the length of an axis alone, so that a clip's numbers are the same in any batch.

Torch's own reductions and matrix products choose their order by the size of the whole tensor and by the device. Halving
an axis again and again by additions of tensors does not, and gives the same bits on every device.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["ordered_mean", "ordered_sum"]


def ordered_sum(values: Tensor, axis: int) -> Tensor:
    """Sum over an axis: its first half is added to its second until one entry is left.

    Args:
        values: Any shape, float64.
        axis: Which axis, of at least one entry.

    Returns:
        The sums; the axis is gone.

    Example:
        >>> ordered_sum(torch.arange(5, dtype=torch.float64), 0)
        tensor(10., dtype=torch.float64)
    """
    while (length := values.shape[axis]) > 1:
        half = length // 2
        folded = values.narrow(axis, 0, half) + values.narrow(axis, half, half)
        rest = values.narrow(axis, 2 * half, length % 2)
        values = torch.cat([folded, rest], axis) if length % 2 else folded
    return values.squeeze(axis)


def ordered_mean(values: Tensor, axis: int) -> Tensor:
    """Mean over an axis.

    Args:
        values: Any shape, float64.
        axis: Which axis, of at least one entry.

    Returns:
        The means; the axis is gone.
    """
    # On a GPU torch multiplies by the reciprocal of a number, but divides by a tensor.
    return ordered_sum(values, axis) / torch.full((), values.shape[axis], dtype=values.dtype, device=values.device)
