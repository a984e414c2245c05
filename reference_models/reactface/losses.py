"""The losses of ReactFace.

Conventions: predictions are (B, T, C), targets (B, k, T, C) of which some are not there. Distances of coefficients are
taken apart for the expression and for the pose.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

__all__ = [
    "LOSS_WEIGHTS",
    "diversity_loss",
    "nearest_target_loss",
    "smoothness_loss",
]

LOSS_WEIGHTS: Mapping[str, float] = {
    "expression": 1.0,
    "pose": 10.0,
    "emotion": 1.0,
    "divergence": 1e-5,
    "diversity": 100.0,
    "smoothness": 10.0,
    "speaker": 1.0,
    "concordance": 0.0,  # ours; neither the paper nor the code has it
}


def nearest_target_loss(predictions: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """Mean over speakers of the smooth L1 distance to the nearest appropriate reaction.

    Args:
        predictions: (B, T, C).
        targets: (B, k, T, C).
        there: (B, k, T) bool, which frames of which targets are there; a target without frames counts for nothing.

    Returns:
        A scalar.

    Example:
        >>> targets = torch.tensor([0.0, 3.0]).reshape(1, 2, 1, 1)
        >>> nearest_target_loss(torch.ones(1, 1, 1), targets, torch.ones(1, 2, 1, dtype=torch.bool))
        tensor(0.5000)
    """
    distances = functional.smooth_l1_loss(predictions[:, None].expand_as(targets), targets, reduction="none").mean(-1)
    shares = there / there.sum(-1, keepdim=True).clamp(min=1)
    by_target = (distances * shares).sum(-1).masked_fill(~there.any(-1), torch.inf)
    nearest = by_target.amin(1)
    return torch.where(nearest.isinf(), 0.0, nearest).mean()


def diversity_loss(samples: Tensor, scale: float) -> Tensor:
    """How alike reactions to one speaker are: the sum over pairs of exp(-‖a - b‖² / scale), mean over speakers.

    Args:
        samples: (S, B, T, C), S reactions to each speaker.
        scale: Squared distance at which the loss falls to 1/e.

    Returns:
        A scalar.
    """
    first, second = torch.triu_indices(len(samples), len(samples), 1, device=samples.device)
    distances = (samples[first] - samples[second]).square().sum((-2, -1))
    return torch.exp(-distances / scale).mean(1).sum()


def smoothness_loss(predictions: Tensor, expressions: int) -> Tensor:
    """How much speeds change from frame to frame, of the pose and, at a tenth, of the expression.

    Args:
        predictions: (B, T, C) coefficients.
        expressions: How many of them are of the expression.

    Returns:
        A scalar.
    """
    speeds = predictions.diff(dim=1)
    expression, pose = (
        functional.smooth_l1_loss(part[:, 1:], part[:, :-1]) for part in speeds.tensor_split([expressions], -1)
    )
    return pose + 0.1 * expression
