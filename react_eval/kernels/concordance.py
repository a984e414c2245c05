"""Moments of prediction and listener series, from which concordance correlations are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["covariances", "moments"]

Array = NDArray[np.float64]

_TOGETHER = 5


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
def covariances(ours: Array, theirs: Array, begins: NDArray[np.int64]) -> Array:
    """Covariances (ddof 0) of several series with several others, channel by channel.

    That of a series with itself is its variance to the last bit.

    Args:
        ours: (α, C, T) deviations from the means.
        theirs: Deviations of the others, (C, T) each, one after the other.
        begins: (K,) where each of them begins.

    Returns:
        (K, α, C).
    """
    count, channels, frames = ours.shape
    result = np.empty((len(begins), count, channels))
    for channel in range(channels):
        for low in range(0, count, _TOGETHER):  # so many stay in the first-level cache
            for number in range(len(begins)):
                begin = begins[number] + channel * frames
                other = theirs[begin : begin + frames]
                for index in range(low, min(low + _TOGETHER, count)):
                    result[number, index, channel] = _mean_product(ours[index, channel], other)
    return result


@compiled
def _mean_product(first: Array, second: Array) -> float:
    total = 0.0
    for frame in range(len(first)):
        total += first[frame] * second[frame]
    return total / len(first)
