"""Moments of prediction and listener series, from which concordance correlations are made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["centred", "covariances", "moments"]

Array = NDArray[np.float64]


@compiled
def covariances(first: Array, second: Array) -> Array:
    """Covariances (ddof 0) of several series with one, channel by channel.

    Args:
        first: (α, T, C) deviations from the means.
        second: (T, C) deviations from the means.

    Returns:
        (α, C).
    """
    count, frames, channels = first.shape
    result = np.zeros((count, channels))
    for index in range(count):
        for frame in range(frames):
            for channel in range(channels):
                result[index, channel] += first[index, frame, channel] * second[frame, channel]
    result /= frames
    return result


@compiled
def centred(series: NDArray[np.float32]) -> tuple[Array, Array]:
    """Means over frames and deviations from them.

    A constant float32 series deviates by exactly 0: the float64 sum of up to 2²⁹ equal float32 values is exact.

    Args:
        series: (T, C) values.

    Returns:
        Means (C,) and deviations (T, C).
    """
    frames, channels = series.shape
    means = np.zeros(channels)
    for frame in range(frames):
        for channel in range(channels):
            means[channel] += np.float64(series[frame, channel])
    means /= frames
    deviations = np.empty((frames, channels))
    for frame in range(frames):
        for channel in range(channels):
            deviations[frame, channel] = np.float64(series[frame, channel]) - means[channel]
    return means, deviations


def moments(series: NDArray[np.float32]) -> tuple[Array, Array, Array]:
    """Means, deviations and variances (ddof 0) over frames of several series.

    Variances come from the kernel of the covariances, so the covariance of a series with itself is its variance to the
    last bit.

    Args:
        series: (α, T, C) values.

    Returns:
        Means (α, C), deviations (α, T, C), variances (α, C).
    """
    parts = [centred(np.ascontiguousarray(each)) for each in series]
    deviations = np.stack([each for _, each in parts])
    variances = np.concatenate([covariances(each[None], each) for each in deviations])
    return np.stack([means for means, _ in parts]), deviations, variances
