"""Reactions of a training batch that are appropriate, and which of their frames are there."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.errors import MissingInputError

__all__ = ["targets_of"]


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
        raise MissingInputError(f"the loss needs target_{kind} or listener_{kind}, the batch has neither.")
    if "frame_mask" in batch:
        there = there & batch["frame_mask"][:, None]
    return targets, there
