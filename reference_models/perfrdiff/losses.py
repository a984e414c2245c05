"""Losses of PerFRDiff."""

from __future__ import annotations

from torch import Tensor

from reference_models.blocks.gaussian import Gaussian

__all__ = ["divergence_of", "error_where"]


def error_where(made: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """Mean squared error of what is there.

    Args:
        made: (…, C).
        targets: (…, C).
        there: (…) bool.
    """
    errors = (made.float() - targets).square().mean(-1)
    return (errors * there).sum() / there.sum().clamp_min(1)


def divergence_of(gaussian: Gaussian, there: Tensor) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)), summed over channels, the mean over the windows that are there.

    Args:
        gaussian: (N, width).
        there: (N,) bool.
    """
    return (gaussian.divergence().float().sum(1) * there).sum() / there.sum().clamp_min(1)
