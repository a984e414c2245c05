"""Pearson correlation of two multichannel series at every lag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["lag_correlations"]

Array = NDArray[np.float64]


@compiled
def lag_correlations(prediction: Array, speaker: Array, longest: int) -> Array:
    """r(lag) = Pearson(prediction[lag:], speaker[:-lag]), and the reverse for negative lags, channel by channel.

    Means come from prefix sums; an error δ in them enters the centred sums only as δ², so nothing is lost there.

    Args:
        prediction: (T, C) series.
        speaker: (T, C) series; T exceeds `longest` + 1.
        longest: Largest lag in frames.

    Returns:
        (2·longest + 1, C) for lags -longest … longest; NaN where either side is constant over the overlap.
    """
    frames, channels = prediction.shape
    prediction_sums, speaker_sums = _prefix_sums(prediction), _prefix_sums(speaker)
    prediction_runs, speaker_runs = _constant_ends(prediction), _constant_ends(speaker)
    result = np.empty((2 * longest + 1, channels))
    products = np.empty((3, channels))
    means = np.empty((2, channels))
    for index in range(2 * longest + 1):
        lag = index - longest
        overlap = frames - abs(lag)
        here, there = max(lag, 0), max(-lag, 0)
        for channel in range(channels):
            means[0, channel] = (prediction_sums[here + overlap, channel] - prediction_sums[here, channel]) / overlap
            means[1, channel] = (speaker_sums[there + overlap, channel] - speaker_sums[there, channel]) / overlap
        products[:] = 0.0
        for frame in range(overlap):
            for channel in range(channels):
                x = prediction[here + frame, channel] - means[0, channel]
                y = speaker[there + frame, channel] - means[1, channel]
                products[0, channel] += x * y
                products[1, channel] += x * x
                products[2, channel] += y * y
        # For a lag >= 0 the overlap is the end of the prediction and the beginning of the speaker.
        prediction_side, speaker_side = (1, 0) if lag > 0 else (0, 1)
        for channel in range(channels):
            constant = prediction_runs[prediction_side, channel] >= overlap
            constant = constant or speaker_runs[speaker_side, channel] >= overlap
            r = np.nan
            if not constant:
                r = products[0, channel] / np.sqrt(products[1, channel]) / np.sqrt(products[2, channel])
            result[index, channel] = r
    return result


@compiled
def _prefix_sums(series: Array) -> Array:
    frames, channels = series.shape
    sums = np.zeros((frames + 1, channels))
    for frame in range(frames):
        for channel in range(channels):
            sums[frame + 1, channel] = sums[frame, channel] + series[frame, channel]
    return sums


@compiled
def _constant_ends(series: Array) -> NDArray[np.int64]:
    """Lengths of the runs of one value that each channel begins with (row 0) and ends with (row 1)."""
    frames, channels = series.shape
    runs = np.zeros((2, channels), dtype=np.int64)
    for channel in range(channels):
        length = 1
        while length < frames and series[length, channel] == series[0, channel]:
            length += 1
        runs[0, channel] = length
        length = 1
        while length < frames and series[frames - 1 - length, channel] == series[frames - 1, channel]:
            length += 1
        runs[1, channel] = length
    return runs
