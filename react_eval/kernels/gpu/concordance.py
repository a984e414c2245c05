"""Concordance with the best matching listener, for all reactions of a batch of clips.

Products are taken element by element and summed in a fixed order, clip by clip, not as matrix products: their order of
summation, and so their last bits, would depend on shapes and device. On an H200 that costs little: 644,800 pairs of
750 × 25 are 1.2e10 products of 8 bytes, written once and then read and halved ten times, some 400 GB of memory traffic
or 0.1 s; launching some 50 kernels a clip takes the host 0.4 s.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from react_eval.kernels.gpu.ordered_sums import ordered_mean, ordered_sum

__all__ = ["Concordance", "Moments", "best_concordance", "series_moments"]

_PRODUCTS = 2**26  # at a time: half a gigabyte


class Moments(NamedTuple):
    """Means (N, C), deviations (N, C, T) and variances (N, C; ddof 0) over frames, float64."""

    means: Tensor
    deviations: Tensor
    variances: Tensor


class Concordance(NamedTuple):
    """What the best listeners of a batch are.

    Attributes:
        best: (B, α) largest mean concordance over channels, in [-1, 1]; NaN where no neighbour is a candidate.
        nearest: (B, α) number of the listener that gives it, the first of equals; -1 for none.
        zero_by_zero: (B,) channels that were constant at one value on both sides, over all pairs.
    """

    best: Tensor
    nearest: Tensor
    zero_by_zero: Tensor


def series_moments(series: Tensor) -> Moments:
    """Means, deviations and variances over frames.

    Values are taken relative to the first frame, so a constant series deviates by exactly 0 from its exact mean.

    Args:
        series: (N, T, C) float32.

    Returns:
        Means, deviations and variances.
    """
    values = series.double().transpose(1, 2)
    first = values[..., :1]
    mean = ordered_mean(values - first, 2)[..., None]
    deviations = (values - first - mean).contiguous()
    return Moments((first + mean)[..., 0], deviations, ordered_mean(deviations * deviations, 2))


def best_concordance(
    reactions: Tensor, listeners: Moments, neighbours: Tensor, epsilon: float, leave_out_constant: bool
) -> Concordance:
    r"""Largest mean concordance over channels of each reaction with its clip's neighbours.

    .. math:: \frac{2\,\mathrm{cov}(x, y)}{\sigma_x^2 + \sigma_y^2 + (\mu_x - \mu_y)^2 + \varepsilon}

    A channel that is constant at one value on both sides counts 0.

    Args:
        reactions: (B, α, T, C) float32.
        listeners: Moments of all listeners, with the same T.
        neighbours: (B, K) int64 numbers of listeners, filled up with -1 at the end.
        epsilon: Added to the denominator.
        leave_out_constant: Leave out channels in which the listener is constant, and listeners that vary in none;
            nothing is 0/0 then. Otherwise such a channel counts 0.

    Returns:
        The best concordances, the listeners that give them, and how many channels were 0/0.
    """
    moments = series_moments(reactions.flatten(0, 1))
    by_clip = zip(*(each.view(*reactions.shape[:2], *each.shape[1:]) for each in moments), strict=True)
    counts = (neighbours >= 0).sum(1).tolist()
    found = [
        _of_clip(Moments(*ours), numbers[:count], listeners, epsilon, leave_out_constant)
        for ours, numbers, count in zip(by_clip, neighbours, counts, strict=True)
    ]
    return Concordance(*(torch.stack(parts) for parts in zip(*found, strict=True)))


def _of_clip(
    ours: Moments, numbers: Tensor, listeners: Moments, epsilon: float, leave_out_constant: bool
) -> tuple[Tensor, Tensor, Tensor]:
    their_variances = listeners.variances[numbers]
    offsets = ours.means[:, None] - listeners.means[numbers]
    spread = ours.variances[:, None] + their_variances + offsets * offsets
    zero_by_zero = (spread == 0).sum() * (not leave_out_constant)
    if not len(numbers):
        count = (len(ours.means),)
        return ours.means.new_full(count, torch.nan), numbers.new_full(count, -1), zero_by_zero
    covariances = _covariances(ours.deviations, listeners.deviations, numbers)
    channels = 2 * covariances / torch.where(spread == 0, 1.0, spread + epsilon)
    varies = (their_variances > 0) | (not leave_out_constant)
    counts = varies.sum(1)
    values = ordered_sum(torch.where(varies, channels, 0.0), 2) / counts.double()
    values = torch.where(counts > 0, values, -torch.inf)
    best, first = values.max(1).values, values.argmax(1)
    none = best == -torch.inf
    return torch.where(none, torch.nan, best), torch.where(none, -1, numbers[first]), zero_by_zero


def _covariances(ours: Tensor, theirs: Tensor, numbers: Tensor) -> Tensor:
    """(α, K, C) mean products of deviations; that of a series with itself is its variance to the last bit."""
    size = max(1, _PRODUCTS // ours.numel())
    parts = [numbers[begin : begin + size] for begin in range(0, len(numbers), size)]
    return torch.cat([ordered_mean(ours[:, None] * theirs[part], 3) for part in parts], 1)
