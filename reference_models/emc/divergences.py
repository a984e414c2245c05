"""How far distributions are from each other, where different things are missing of the same speaker."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from reference_models.blocks.gaussian import Gaussian

__all__ = ["categorical_divergence", "fusion_divergence", "gaussian_divergence", "mean_divergence", "reduced"]


def gaussian_divergence(first: Gaussian, second: Gaussian) -> Tensor:
    """KL(N(μ₁, σ₁²) ‖ N(μ₂, σ₂²)) = ½ (log σ₂²/σ₁² + (σ₁² + (μ₁ - μ₂)²) / σ₂² - 1) of each element.

    Args:
        first: (…).
        second: (…).
    """
    first, second = (Gaussian(*(part.float() for part in each)) for each in (first, second))
    difference = second.log_variance - first.log_variance
    distance = (first.mean - second.mean).square() * torch.exp(-second.log_variance)
    return 0.5 * (difference + torch.exp(-difference) + distance - 1)


def mean_divergence(first: Tensor, second: Tensor, deviation: float) -> Tensor:
    """KL(N(μ₁, σ²) ‖ N(μ₂, σ²)) = (μ₁ - μ₂)² / 2σ² of each element of means (…).

    Example:
        >>> mean_divergence(torch.tensor([0.0]), torch.tensor([2.0]), 1.0)
        tensor([2.])
    """
    return (first - second).square() / (2 * deviation**2)


def categorical_divergence(first: Tensor, second: Tensor) -> Tensor:
    """(…): KL(p ‖ q) = Σ p log(p/q) of distributions with logits (…, K)."""
    ours, theirs = first.float().log_softmax(-1), second.float().log_softmax(-1)
    return (ours.exp() * (ours - theirs)).sum(-1)


def fusion_divergence(distributions: list[Any], divergence: Callable[[Any, Any], Tensor], reduction: str) -> Tensor:
    """The sum over all pairs of how far the later one is from the earlier one.

    Args:
        distributions: Of the same speakers: all is known, speech is compensated, the face is.
        divergence: Gives it by element.
        reduction: See `reduced`.
    """
    pairs = combinations(distributions, 2)
    return torch.stack([reduced(divergence(first, second), reduction) for first, second in pairs]).sum()


def reduced(values: Tensor, reduction: str, weights: Tensor | None = None) -> Tensor:
    """One number of values by element.

    Args:
        values: (B, …).
        reduction: ``"mean"`` over elements; or ``"sum"`` over those of an item, and the mean over items.
        weights: (B, T), of rows of values (B, T, C): 0 for those that do not count.
    """
    values = values.float()
    if weights is not None:
        weights = weights.float()
        values = values * weights[..., None]
    if reduction == "sum":
        return values.flatten(1).sum(1).mean()
    return values.mean() if weights is None else values.sum() / (weights.sum() * values.shape[-1]).clamp_min(1)
