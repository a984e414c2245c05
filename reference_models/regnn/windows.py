"""Windows of a clip, which overlap by half, and the clip that they become.

Conventions: clips shorter than a window go on with their last frame, and are cut again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from reference_models.errors import ModelInputError
from reference_models.regnn.config import REGNNConfig

__all__ = ["cut", "join", "window_starts"]


def window_starts(frames: int, config: REGNNConfig) -> list[int]:
    """First frames of the windows that make up a clip.

    Args:
        frames: Frames of the clip, at least 1.
        config: What the model is made of.

    Raises:
        ModelInputError: If no whole windows make it up, and the configuration refuses that.

    Example:
        >>> window_starts(110, REGNNConfig())
        [0, 25, 50, 60]
    """
    window = config.window
    starts = list(range(0, frames - window + 1, window // 2)) or [0]
    left = frames - window - starts[-1]
    if left and config.other_lengths == "refused":
        raise ModelInputError(
            f"a clip of {frames} frames is not made up by windows of {window} that overlap by half, which the "
            "published REGNN needs. Cut it, or take other_lengths='overlapping'."
        )
    return [*starts, frames - window] if left > 0 else starts


def cut(series: Tensor, starts: list[int], window: int) -> Tensor:
    """(…, W, window, C): windows of series (…, T, C)."""
    frames = torch.arange(window, device=series.device) + torch.tensor(starts, device=series.device)[:, None]
    return series[..., frames.clamp(max=series.shape[-2] - 1), :]


def join(windows: Tensor, starts: list[int], frames: int) -> Tensor:
    """(…, T, C): clips whose frames are the means of what windows (…, W, window, C) say of them."""
    window = windows.shape[-2]
    length = max(frames, starts[-1] + window)
    total = windows.new_zeros(*windows.shape[:-3], length, windows.shape[-1])
    counts = windows.new_zeros(length, 1)
    for number, start in enumerate(starts):
        total[..., start : start + window, :] += windows[..., number, :, :]
        counts[start : start + window] += 1
    return (total / counts)[..., :frames, :]
