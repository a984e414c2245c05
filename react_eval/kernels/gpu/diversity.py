"""Spread of values over reactions and over frames, for a batch of clips."""

from __future__ import annotations

from torch import Tensor

from react_eval.kernels.gpu.ordered_sums import ordered_mean, ordered_sum

__all__ = ["movement", "spread_of_reactions"]


def spread_of_reactions(reactions: Tensor) -> Tensor:
    """Mean over frames and channels of the squared differences between different reactions.

    Twice the variance (ddof 1). Values are taken relative to the first reaction, so equal ones differ by exactly 0.

    Args:
        reactions: (B, α, T, C) float32.

    Returns:
        (B,) float64, >= 0; 0 for a single reaction.
    """
    count = reactions.shape[1]
    squares = _squared_deviations(reactions, 1)
    return ordered_mean(ordered_sum(squares, 1).flatten(1), 1) * (2 / max(count - 1, 1))


def movement(reactions: Tensor, ddof: int) -> Tensor:
    """Mean over channels of each reaction's variance over frames.

    Values are taken relative to the first frame, so a motionless channel moves by exactly 0.

    Args:
        reactions: (B, α, T, C) float32, T above `ddof`.
        ddof: Subtracted from the number of frames.

    Returns:
        (B, α) float64, >= 0.
    """
    frames = reactions.shape[2]
    return ordered_mean(ordered_sum(_squared_deviations(reactions, 2), 2), 2) * (1 / (frames - ddof))


def _squared_deviations(reactions: Tensor, axis: int) -> Tensor:
    """Squared deviations from the mean over an axis; exactly 0 where all are equal."""
    offsets = reactions.double() - reactions.narrow(axis, 0, 1).double()
    deviations = offsets - ordered_mean(offsets, axis).unsqueeze(axis)
    return deviations * deviations
