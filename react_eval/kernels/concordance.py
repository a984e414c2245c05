"""Moments of prediction and listener series, from which concordance correlations are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["covariances", "moments"]

Array = NDArray[np.float64]


@compiled
def moments(series: NDArray[np.float32]) -> tuple[Array, Array, Array]:
    """Means, deviations and variances (ddof 0) over frames of several series, frames innermost.

    A constant float32 series deviates by exactly 0: the float64 sum of up to 2²⁹ equal float32 values is exact.

    Args:
        series: (α, T, C) values.

    Returns:
        Means (α, C), deviations (α, C, T), variances (α, C).
    """
    count, frames, channels = series.shape
    means, variances = np.zeros((count, channels)), np.empty((count, channels))
    deviations = np.empty((count, channels, frames))
    for index in range(count):
        for frame in range(frames):
            for channel in range(channels):
                means[index, channel] += np.float64(series[index, frame, channel])
        for channel in range(channels):
            means[index, channel] /= frames
            mean = means[index, channel]
            for frame in range(frames):
                deviations[index, channel, frame] = np.float64(series[index, frame, channel]) - mean
            variances[index, channel] = _mean_product(deviations[index, channel], deviations[index, channel])
    return means, deviations, variances


@compiled
def covariances(first: Array, second: Array) -> Array:
    """Covariances (ddof 0) of several series with one, channel by channel.

    That of a series with itself is its variance to the last bit.

    Args:
        first: (α, C, T) deviations from the means.
        second: (C, T) deviations from the means.

    Returns:
        (α, C).
    """
    count, channels, _ = first.shape
    result = np.empty((count, channels))
    for channel in range(channels):
        for index in range(count):
            result[index, channel] = _mean_product(first[index, channel], second[channel])
    return result


@compiled
def _mean_product(first: Array, second: Array) -> float:
    total = 0.0
    for frame in range(len(first)):
        total += first[frame] * second[frame]
    return total / len(first)
