"""Sound as encoders of speech take it: mono at 16 kHz, 640 samples a frame, scaled."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["SAMPLES_A_FRAME", "scaled_sound"]

SAMPLES_A_FRAME = 640


def scaled_sound(sound: Tensor, heard: Tensor | None = None) -> Tensor:
    """Sound of zero mean and unit variance: (x - mean) / √(variance + 1e-7).

    Args:
        sound: (B, samples).
        heard: (B, samples) that mean and variance are taken of; the sound itself if not given.

    Returns:
        (B, samples).

    Example:
        >>> scaled_sound(torch.tensor([[1.0, 3.0]])).round().tolist()
        [[-1.0, 1.0]]
    """
    known = sound if heard is None else heard
    variance, mean = torch.var_mean(known, dim=-1, correction=0, keepdim=True)
    return (sound - mean) / torch.sqrt(variance + 1e-7)
