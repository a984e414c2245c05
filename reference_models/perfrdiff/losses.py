"""Losses of PerFRDiff."""

from __future__ import annotations

from torch import Tensor

from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.gaussian import Gaussian

__all__ = ["clip_discordance", "divergence_of", "error_where"]


def clip_discordance(made: Tensor, targets: Tensor, there: Tensor, windows: int) -> Tensor:
    """The mean over clips of 1 - CCC between all windows of a clip and the same windows of an appropriate reaction.

    It is ours; see `reference_models.blocks.concordance.concordance_loss`.

    Args:
        made: (M, k, T, C), those of a clip one after another.
        targets: (M, k, T, C) of k reactions.
        there: (M, k, T) bool; which of their frames count.
        windows: Of each clip.
    """
    found, real = (_by_clip(each, windows) for each in (made.float(), targets))
    return concordance_loss(found, real[:, None], _by_clip(there[..., None], windows)[:, None, :, 0])


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


def _by_clip(series: Tensor, windows: int) -> Tensor:
    """(B · k, windows · T, C): each of k series of a clip as one, of its windows (B · windows, k, T, C)."""
    by_clip = series.reshape(-1, windows, *series.shape[1:])
    return by_clip.transpose(1, 2).flatten(2, 3).flatten(0, 1)
