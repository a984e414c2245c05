"""Losses of FaceAIS."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["FACE_PARTS", "expected_code_error", "face_loss", "masked_absolute_error"]

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


def expected_code_error(logits: Tensor, codes: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of the codes that distributions of tokens expect, which knows that codes are ordered.

    Args:
        logits: (N, K) of K codes.
        codes: (K, n).
        targets: (N,) which code each is to be; below 0 where nothing is wanted.
    """
    expected = torch.softmax(logits.float(), -1) @ codes
    errors, wanted = (expected - codes[targets.clamp_min(0)]).square().mean(-1), targets >= 0
    return (errors * wanted).sum() / wanted.sum().clamp_min(1)


def face_loss(made: Tensor, targets: Tensor, there: Tensor) -> Tensor:
    """The sum over 13 parts of the face of their mean absolute errors, so that small parts count as much.

    Args:
        made: (B, T, 58).
        targets: (B, T, 58).
        there: (B, T) bool.
    """
    parts = zip(made.tensor_split(FACE_PARTS, -1), targets.tensor_split(FACE_PARTS, -1), strict=True)
    return torch.stack([masked_absolute_error(ours, theirs, there) for ours, theirs in parts]).sum()
