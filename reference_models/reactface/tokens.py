"""Positions of tokens: plain ones, and ones that begin anew after every period."""

from __future__ import annotations

import torch
from torch import Tensor

from reference_models.blocks.positions import sinusoidal_positions

__all__ = ["periodic_positions", "plain_positions"]


def periodic_positions(frames: int, period: int, like: Tensor) -> Tensor:
    """(frames, C) encodings of 0 … period - 1 again and again, for tokens (…, C) like those given."""
    return sinusoidal_positions(torch.arange(frames, device=like.device) % period, like.shape[-1])


def plain_positions(start: int, frames: int, width: int, device: torch.device) -> Tensor:
    """(frames, width) encodings of `start` and the positions after it."""
    return sinusoidal_positions(torch.arange(start, start + frames, device=device), width)
