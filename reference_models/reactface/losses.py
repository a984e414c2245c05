"""The losses of ReactFace.

Conventions: predictions are (B, T, C), targets (B, k, T, C) of which some are not there. Distances of coefficients are
taken apart for the expression and for the pose.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.errors import MissingInputError

__all__ = [
    "LOSS_WEIGHTS",
    "concordance_loss",
    "diversity_loss",
    "nearest_target_loss",
    "smoothness_loss",
    "targets_of",
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

_LEAST_VARIANCE = 1e-4


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


def concordance_loss(predictions: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """Mean over speakers of 1 - CCC to the most concordant appropriate reaction, CCC being the mean over channels.

    It is ours. Distances alone make predictions that vary too little, as what cannot be foreseen pulls to the mean.

    Args:
        predictions: (B, T, C), whose channels vary by about 1.
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


def targets_of(batch: Mapping[str, Tensor], kind: str) -> tuple[Tensor, Tensor]:
    """Reactions that are appropriate: those of neighbours, or else the listener's own.

    Args:
        batch: Of training.
        kind: ``"3dmm"`` or ``"emotion"``.

    Returns:
        (B, k, T, C), and which frames (B, k, T) of them are there.

    Raises:
        MissingInputError: If the batch has neither.
    """
    if f"target_{kind}" in batch:
        targets = batch[f"target_{kind}"]
        there = batch["target_mask"][..., None].expand(targets.shape[:3])
        if "target_frame_mask" in batch:
            there = there & batch["target_frame_mask"]
    elif f"listener_{kind}" in batch:
        targets = batch[f"listener_{kind}"][:, None]
        there = torch.ones(targets.shape[:3], dtype=torch.bool, device=targets.device)
    else:
        raise MissingInputError(f"the loss of ReactFace needs target_{kind} or listener_{kind}, the batch has neither.")
    if "frame_mask" in batch:
        there = there & batch["frame_mask"][:, None]
    return targets, there
