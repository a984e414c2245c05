"""Losses of REGNN: how far the mean of a speaker's window is from appropriate reactions, all of them encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from reference_models.blocks.concordance import concordance_loss
from reference_models.errors import MissingInputError

__all__ = [
    "LOSS_WEIGHTS",
    "EasyWindows",
    "Targets",
    "discordance",
    "group_spread",
    "least_by_group",
    "per_number",
    "targets_of",
]

LOSS_WEIGHTS: Mapping[str, float] = {
    "nearest": 1.0,
    "spread": 1.0,
    "volume": 1.0,
    "likelihood": 1.0,
    "concordance": 0.0,
}
"""Concordance is ours."""


class Targets(NamedTuple):
    """Appropriate reactions to B windows of speakers.

    Attributes:
        windows: (n, 25, T).
        groups: (n,) which of the B windows each of them is a reaction to.
        numbers: (n,) which of the reactions to that window it is.
    """

    windows: Tensor
    groups: Tensor
    numbers: Tensor


def targets_of(batch: Mapping[str, Tensor]) -> Targets:
    """The reactions of neighbours, or else the listener's own, as far as they are there in all frames.

    Args:
        batch: Of training.

    Raises:
        MissingInputError: If the batch has neither.
    """
    if "target_emotion" in batch:
        targets, there = batch["target_emotion"], batch["target_mask"]
        if "target_frame_mask" in batch:
            there = there & batch["target_frame_mask"].all(-1)
    elif "listener_emotion" in batch:
        targets = batch["listener_emotion"][:, None]
        there = torch.ones(targets.shape[:2], dtype=torch.bool, device=targets.device)
    else:
        raise MissingInputError("the loss of REGNN needs target_emotion or listener_emotion, the batch has neither.")
    if "frame_mask" in batch:
        there = there & batch["frame_mask"].all(-1, keepdim=True)
    return Targets(targets[there].transpose(-2, -1), *there.nonzero(as_tuple=True))


def least_by_group(values: Tensor, groups: Tensor, count: int) -> Tensor:
    """(count,): the least of the values (n,) of each group (n,), 0 where a group has none.

    Example:
        >>> least_by_group(torch.tensor([3.0, 2.0, 5.0]), torch.tensor([0, 0, 2]), 3)
        tensor([2., 0., 5.])
    """
    least = values.new_full((count,), torch.inf).scatter_reduce(0, groups, values, "amin")
    return torch.where(least.isinf(), 0.0, least)


def group_spread(latents: Tensor, groups: Tensor, count: int) -> Tensor:
    """Mean squared distance of latents (n, …) to the mean of their group (n,)."""
    sizes = torch.bincount(groups, minlength=count).clamp(min=1)
    sums = latents.new_zeros(count, *latents.shape[1:]).index_add(0, groups, latents)
    means = sums / sizes.reshape(-1, *[1] * (latents.ndim - 1))
    return (latents - means[groups]).square().sum() / max(latents.numel(), 1)


def discordance(made: Tensor, latents: Tensor, targets: Targets) -> Tensor:
    """1 - CCC over frames to the latent of the most concordant reaction, the mean over nodes and windows; ours.

    Args:
        made: (B, 25, T) latents of windows.
        latents: (n, 25, T) of reactions.
        targets: To which windows those are reactions.
    """
    if not len(latents):
        return made.sum() * 0
    shape = (len(made), int(targets.numbers.max()) + 1)
    reactions = latents.new_zeros(*shape, *latents.mT.shape[1:])
    there = torch.zeros(*reactions.shape[:3], dtype=torch.bool, device=latents.device)
    place = (targets.groups, targets.numbers)
    return concordance_loss(made.mT, reactions.index_put(place, latents.mT), there.index_put(place, there.new_ones(())))


def per_number(values: Tensor, latents: Tensor) -> Tensor:
    """The mean of values (m,) of some latents, for one number of a latent (n, 25, T); 0 of nothing."""
    return values.sum() / max(len(values) * latents.shape[1:].numel(), 1)


class EasyWindows(nn.Module):
    """Distances of windows, of which small ones count as 0; what is small, earlier distances tell.

    Args:
        share: Of the mean of the last `steps` steps of training, below which a distance is small; 0 for none.
        steps: Steps over which the mean is taken before it counts.
    """

    threshold: Tensor
    total: Tensor
    count: Tensor

    def __init__(self, share: float, steps: int) -> None:
        super().__init__()
        self.share, self.steps = share, steps
        for name in ("threshold", "total", "count"):
            self.register_buffer(name, torch.zeros(()))

    def forward(self, distances: Tensor) -> Tensor:
        """The mean of distances (B,)."""
        mean = torch.where(distances > self.threshold, distances, 0.0).mean()
        if self.training and self.share:
            self._remember(mean.detach())
        return mean

    @torch.no_grad()
    def _remember(self, mean: Tensor) -> None:
        self.total += mean
        self.count += 1
        due = self.count >= self.steps
        self.threshold.copy_(torch.where(due, self.share * self.total / self.count, self.threshold))
        for sums in (self.total, self.count):
            sums.masked_fill_(due, 0)
