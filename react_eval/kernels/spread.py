"""Spread of values around their mean, over reactions and over frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["movement", "spread_of_reactions"]

Array = NDArray[np.float64]
Values = NDArray[np.float32]


@compiled
def spread_of_reactions(reactions: Values) -> float:
    """Mean over frames and channels of the squared differences between different reactions.

    Twice the variance (ddof 1). Values are taken relative to the first reaction, so equal ones differ by exactly 0.

    Args:
        reactions: (α, T, C), α at least 2.

    Returns:
        The mean, >= 0.
    """
    count, frames, channels = reactions.shape
    means, squares = np.empty(channels), np.empty(channels)
    total = 0.0
    for frame in range(frames):
        means[:] = 0.0
        squares[:] = 0.0
        for index in range(1, count):
            for channel in range(channels):
                base = np.float64(reactions[0, frame, channel])
                means[channel] += np.float64(reactions[index, frame, channel]) - base
        for index in range(count):
            for channel in range(channels):
                base = np.float64(reactions[0, frame, channel]) + means[channel] / count
                offset = np.float64(reactions[index, frame, channel]) - base
                squares[channel] += offset * offset
        for channel in range(channels):
            total += squares[channel]
    return float(2 * total / (count - 1) / frames / channels)


@compiled
def movement(reactions: Values, ddof: int) -> Array:
    """Mean over channels of each reaction's variance over frames.

    Values are taken relative to the first frame, so a motionless channel moves by exactly 0.

    Args:
        reactions: (α, T, C), T above `ddof`.
        ddof: Subtracted from the number of frames.

    Returns:
        (α,), >= 0.
    """
    count, frames, channels = reactions.shape
    result = np.empty(count)
    means, squares = np.empty(channels), np.empty(channels)
    for index in range(count):
        means[:] = 0.0
        squares[:] = 0.0
        for frame in range(1, frames):
            for channel in range(channels):
                base = np.float64(reactions[index, 0, channel])
                means[channel] += np.float64(reactions[index, frame, channel]) - base
        means /= frames
        for frame in range(frames):
            for channel in range(channels):
                base = np.float64(reactions[index, 0, channel])
                offset = np.float64(reactions[index, frame, channel]) - base - means[channel]
                squares[channel] += offset * offset
        total = 0.0
        for channel in range(channels):
            total += squares[channel]
        result[index] = total / (frames - ddof) / channels
    return result
