"""Pearson correlation of two multichannel series at every lag."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from react_eval.kernels.compiling import compiled

__all__ = ["lag_correlations"]

Array = NDArray[np.float64]
Series = NDArray[np.float32]

# Sums over an overlap come from sums over the whole series where the variance there is at least this share of the
# sum of squares, so that cancellation takes no more than 6 of 16 digits; elsewhere they are taken directly.
_LEAST_SHARE = 1e-6


@compiled
def lag_correlations(prediction: Series, speaker: Series, longest: int) -> Array:
    """r(lag) = Pearson(prediction[lag:], speaker[:-lag]), and the reverse for negative lags, channel by channel.

    Args:
        prediction: (T, C) series.
        speaker: (T, C) series; T exceeds `longest` + 1.
        longest: Largest lag in frames.

    Returns:
        (2·longest + 1, C) for lags -longest … longest; NaN where either side is constant over the overlap.
    """
    frames, channels = prediction.shape
    result = np.empty((2 * longest + 1, channels))
    for channel in range(channels):
        ours, ours_sums, ours_squares = _centred(prediction, channel)
        theirs, theirs_sums, theirs_squares = _centred(speaker, channel)
        ours_ends, theirs_ends = _constant_ends(prediction[:, channel]), _constant_ends(speaker[:, channel])
        products = _lagged_products(ours, theirs, longest)
        for lag in range(-longest, longest + 1):
            # For a lag > 0 the overlap is the end of the prediction and the beginning of the speaker.
            here, there, overlap = max(lag, 0), max(-lag, 0), frames - abs(lag)
            side = 1 if lag > 0 else 0
            if ours_ends[side] >= overlap or theirs_ends[1 - side] >= overlap:
                result[longest + lag, channel] = np.nan
                continue
            mean = (ours_sums[here + overlap] - ours_sums[here]) / overlap
            their_mean = (theirs_sums[there + overlap] - theirs_sums[there]) / overlap
            spread = ours_squares[here + overlap] - ours_squares[here] - overlap * mean * mean
            their_spread = theirs_squares[there + overlap] - theirs_squares[there] - overlap * their_mean * their_mean
            if spread < _LEAST_SHARE * ours_squares[frames] or their_spread < _LEAST_SHARE * theirs_squares[frames]:
                first, second = prediction[here : here + overlap, channel], speaker[there : there + overlap, channel]
                result[longest + lag, channel] = _directly(first, second)
            else:
                product = products[longest + lag] - overlap * mean * their_mean
                result[longest + lag, channel] = product / np.sqrt(spread) / np.sqrt(their_spread)
    return result


@compiled
def _lagged_products(ours: Array, theirs: Array, longest: int) -> Array:
    """Σ ours[t + lag] · theirs[t] for lags -longest … longest; four at a time share each load of `theirs`."""
    lags = 2 * longest + 1
    framed = np.zeros(len(ours) + lags + 3)
    framed[longest : longest + len(ours)] = ours
    products = np.empty(lags + 3)
    for lag in range(0, lags, 4):
        # Slices from 0 let the compiler see that no index is negative, without which it does not vectorise.
        one, two, three, four = framed[lag:], framed[lag + 1 :], framed[lag + 2 :], framed[lag + 3 :]
        sum_one, sum_two, sum_three, sum_four = 0.0, 0.0, 0.0, 0.0
        for frame in range(len(theirs)):
            value = theirs[frame]
            sum_one += one[frame] * value
            sum_two += two[frame] * value
            sum_three += three[frame] * value
            sum_four += four[frame] * value
        products[lag : lag + 4] = sum_one, sum_two, sum_three, sum_four
    return products[:lags]


@compiled
def _directly(first: Series, second: Series) -> float:
    """Pearson correlation of two series, from deviations from their means."""
    mean, second_mean = 0.0, 0.0
    for frame in range(len(first)):
        mean += np.float64(first[frame])
        second_mean += np.float64(second[frame])
    mean /= len(first)
    second_mean /= len(first)
    product, spread, second_spread = 0.0, 0.0, 0.0
    for frame in range(len(first)):
        x, y = np.float64(first[frame]) - mean, np.float64(second[frame]) - second_mean
        product += x * y
        spread += x * x
        second_spread += y * y
    return float(product / np.sqrt(spread) / np.sqrt(second_spread))


@compiled
def _centred(series: Series, channel: int) -> tuple[Array, Array, Array]:
    """A channel's deviations from its mean, and sums of them and of their squares over its first 0 … T frames."""
    frames = len(series)
    values, sums, squares = np.empty(frames), np.zeros(frames + 1), np.zeros(frames + 1)
    mean = 0.0
    for frame in range(frames):
        mean += np.float64(series[frame, channel])
    mean /= frames
    for frame in range(frames):
        values[frame] = np.float64(series[frame, channel]) - mean
        sums[frame + 1] = sums[frame] + values[frame]
        squares[frame + 1] = squares[frame] + values[frame] * values[frame]
    return values, sums, squares


@compiled
def _constant_ends(values: Series) -> tuple[int, int]:
    """Lengths of the runs of one value that a series begins and ends with."""
    frames = len(values)
    first, last = 1, 1
    while first < frames and values[first] == values[0]:
        first += 1
    while last < frames and values[frames - 1 - last] == values[frames - 1]:
        last += 1
    return first, last
