"""Losses of BeLFusion."""

from __future__ import annotations

import torch
from torch import Tensor

from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.gaussian import Gaussian

__all__ = ["best_of", "clip_discordance", "clip_divergence", "window_error"]


def window_error(made: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """Mean squared error of the windows that are there.

    Args:
        made: (N, T, C).
        targets: (N, T, C), or a number.
        there: (N,) bool.
    """
    errors = (made.float() - targets).square().flatten(1).mean(1)
    return (errors * there).sum() / there.sum().clamp_min(1)


def clip_divergence(gaussian: Gaussian, there: Tensor, clips: int) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)), summed over channels and the windows of a clip, the mean over clips.

    Args:
        gaussian: (N, width).
        there: (N,) bool; which windows count.
        clips: Number of clips of which the windows are.
    """
    return (gaussian.divergence().float().sum(1) * there).sum() / clips


def best_of(errors: Tensor) -> Tensor:
    """The mean over windows of the least error of each window's samples.

    Args:
        errors: (k, N, …) errors of k samples; their mean over all but k and N counts.
    """
    return torch.amin(errors.float().flatten(2).mean(2), 0).mean()


def clip_discordance(made: Tensor, targets: Tensor, clips: int) -> Tensor:
    """The mean over clips of 1 - CCC between all windows of a clip and the most concordant of their samples.

    It is ours; see `reference_models.blocks.concordance.concordance_loss`.

    Args:
        made: (k, N, T, C), windows of k samples, those of a clip one after another.
        targets: (N, T, C).
        clips: Number of clips of which the windows are.
    """
    by_window = made.float().transpose(0, 1)
    samples = by_window.reshape(clips, -1, *by_window.shape[1:]).transpose(1, 2).flatten(2, 3)
    there = torch.ones(samples.shape[:3], dtype=torch.bool, device=samples.device)
    # CCC is the same both ways, so what is made can be among the targets.
    return concordance_loss(targets.reshape(clips, -1, targets.shape[-1]), samples, there)
