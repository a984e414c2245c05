"""How well a reaction agrees with an appropriate one over time, as a loss; ours."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["concordance_loss"]

_LEAST_VARIANCE = 1e-4


def concordance_loss(predictions: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """Mean over speakers of 1 - CCC to the most concordant appropriate reaction, CCC being the mean over channels.

    Distances alone make predictions that vary too little, as what cannot be foreseen pulls to the mean.

    Args:
        predictions: (B, T, C); deviations far below 0.01 count as none.
        targets: (B, k, T, C).
        there: (B, k, T) bool, which frames of which targets are there; a target without frames counts for nothing.

    Returns:
        A scalar.

    Example:
        >>> targets = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
        >>> concordance_loss(targets[:, 0] + 1, targets, torch.ones(1, 1, 3, dtype=torch.bool))
        tensor(0.4286)
    """
    shares = (there / there.sum(-1, keepdim=True).clamp(min=1))[..., None]
    ours, theirs = predictions[:, None].expand_as(targets), targets
    our_mean, their_mean = ((each * shares).sum(2, keepdim=True) for each in (ours, theirs))
    ours, theirs = ours - our_mean, theirs - their_mean
    covariance, our_variance, their_variance = (
        (product * shares).sum(2) for product in (ours * theirs, ours.square(), theirs.square())
    )
    apart = our_variance + their_variance + (our_mean - their_mean)[:, :, 0].square()
    concordance = (2 * covariance / (apart + _LEAST_VARIANCE)).mean(-1).masked_fill(~there.any(-1), -torch.inf)
    best = concordance.amax(1)
    return torch.where(best.isinf(), 0.0, 1 - best).mean()
