"""Losses of FaceAIS."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["FACE_PARTS", "face_loss", "masked_absolute_error"]

FACE_PARTS = (5, 8, 10, 18, 20, 22, 26, 43, 45, 49, 52, 55)
"""Where parts of the 58 coefficients begin: brows, cheeks, blinking, gaze, squinting, wide eyes, jaw, mouth, smile,
mouth again, nose and tongue, rotation, translation."""


def masked_absolute_error(made: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """Mean absolute error of the frames that are there.

    Args:
        made: (B, T, C).
        targets: (B, T, C).
        there: (B, T) bool.
    """
    errors = (made.float() - targets).abs().mean(-1)
    return (errors * there).sum() / there.sum().clamp_min(1)


def face_loss(made: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """The sum over 13 parts of the face of their mean absolute errors, so that small parts count as much.

    Args:
        made: (B, T, 58).
        targets: (B, T, 58).
        there: (B, T) bool.
    """
    parts = zip(made.tensor_split(FACE_PARTS, -1), targets.tensor_split(FACE_PARTS, -1), strict=True)
    return torch.stack([masked_absolute_error(ours, theirs, there) for ours, theirs in parts]).sum()
