"""The nearest of several listeners by warping distance, for all reactions of a batch of clips at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from react_eval.kernels.gpu.launching import launch
from react_eval.kernels.gpu.warping_kernel import Layout, sweeping_kernel

__all__ = ["nearest_series"]

# As in the search on the CPU: beyond the largest magnitude squares may overflow float32, and distances below the
# smallest lose digits to underflow.
_LARGEST = 1e15
_SMALLEST = 1e-18
_SCRATCH_BYTES = 2**28
_FEWEST_BLOCKS = 128  # blocks without work end at once


def nearest_series(
    reactions: Tensor,
    listeners: Tensor,
    lengths: Tensor,
    pair_clip: Tensor,
    pair_listener: Tensor,
    starts: Sequence[int],
    stops: Sequence[int],
    weights: Sequence[float],
    per_frame: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""For each reaction the least Σ_g w_g · DTW_g over its clip's listeners, and the first listener that has it.

    .. math:: |d_{32} - d| \le (T_1 + T_2 + C + 8) \, 2^{-23} \, d + 10^{-18} \textstyle\sum_g w_g

    bounds what float32 does to a distance, so those pairs are measured in float64 that may be nearest after float32,
    and the minimum is that of measuring all in float64. A distance depends on its pair alone, not on the batch.

    Args:
        reactions: (B, α, T, C) float32.
        listeners: (M, T_max, C) float32; what lies beyond a listener's length does not count.
        lengths: (M,) frames of each listener.
        pair_clip: (P,) clip of each pair, an index into `reactions`.
        pair_listener: (P,) listener of each pair, an index into `listeners`; P · α below 2³¹.
        starts: First channel of each group.
        stops: One past the last channel of each group; at most 64 channels in all.
        weights: Weight of each group, >= 0.
        per_frame: Whether a distance is divided by the root of the mean of both lengths.

    Returns:
        Distances (B, α) float64 and the listeners' numbers (B, α) int64; infinity and -1 for a clip without pairs.
    """
    pairs = _Pairs.of(reactions, listeners, lengths, pair_clip, pair_listener)
    groups = _Groups(tuple(starts), tuple(stops), torch.tensor(weights, dtype=torch.float64, device=reactions.device))
    scales = ((reactions.shape[2] + pairs.lengths()) / 2).sqrt() if per_frame else torch.ones_like(pairs.lengths())
    exact = _distances(pairs, groups, _undecided(pairs, groups, scales), torch.float64) / scales
    least = pairs.least_by_clip(exact)
    numbers = torch.arange(len(exact), device=exact.device)[:, None].expand_as(exact)
    first = pairs.least_by_clip(torch.where(exact == least[pairs.clip], numbers, len(exact)))
    return least, torch.cat([pairs.listener, pairs.listener.new_tensor([-1])])[first.clamp(max=len(exact))]


@dataclass(frozen=True)
class _Groups:
    starts: tuple[int, ...]
    stops: tuple[int, ...]
    weights: Tensor


@dataclass(frozen=True)
class _Pairs:
    """Clips and listeners to compare, as the kernel takes them.

    Listeners are (M, T_max · width), with a channel of zeros if the number of channels is even.
    """

    reactions: Tensor
    listeners: Tensor
    width: int
    listener_lengths: Tensor
    clip: Tensor
    listener: Tensor

    @classmethod
    def of(cls, reactions: Tensor, listeners: Tensor, lengths: Tensor, clip: Tensor, listener: Tensor) -> _Pairs:
        odd = pad(listeners, (0, 1 - listeners.shape[2] % 2)).contiguous()
        return cls(reactions.contiguous(), odd.flatten(1), odd.shape[2], lengths.long(), clip.long(), listener.long())

    def lengths(self) -> Tensor:
        """(P, 1) frames of each pair's listener, float64."""
        return self.listener_lengths[self.listener, None].double()

    def least_by_clip(self, values: Tensor) -> Tensor:
        """(B, α) least of (P, α) values; infinity, or the largest integer, for a clip without pairs."""
        most = torch.inf if values.is_floating_point() else torch.iinfo(values.dtype).max
        least = values.new_full(self.reactions.shape[:2], most)
        return least.scatter_reduce(0, self.clip[:, None].expand_as(values), values, "amin")


def _undecided(pairs: _Pairs, groups: _Groups, scales: Tensor) -> Tensor:
    """(P, α): which distances may be the least of their clip, for all that float32 can tell."""
    screened = _fit_float32(pairs)
    estimates = _distances(pairs, groups, screened, torch.float32)
    frames, channels = pairs.reactions.shape[2:]
    error = (frames + pairs.lengths() + channels + 8) * 2.0**-23
    slack = _SMALLEST * groups.weights.sum()
    lower = torch.where(screened, (estimates - slack) * (1 - error), 0) / scales
    upper = (estimates + slack) / (1 - error) / scales
    return lower <= pairs.least_by_clip(upper)[pairs.clip]


def _fit_float32(pairs: _Pairs) -> Tensor:
    """(P, α): whether no square can overflow, and the clip has another pair from which to tell this one."""
    peaks = pairs.listeners.abs().view(len(pairs.listeners), -1, pairs.width).amax(2)
    beyond = torch.arange(peaks.shape[1], device=peaks.device) >= pairs.listener_lengths[:, None]
    theirs = peaks.masked_fill(beyond, 0).amax(1)
    ours = pairs.reactions.abs().amax((2, 3))
    several = torch.bincount(pairs.clip, minlength=len(ours)) > 1
    fits = (ours[pairs.clip] < _LARGEST) & (theirs[pairs.listener, None] < _LARGEST)
    return fits & several[pairs.clip, None]


def _distances(pairs: _Pairs, groups: _Groups, wanted: Tensor, number: torch.dtype) -> Tensor:
    """(P, α) float64 distances where wanted, infinity elsewhere."""
    distances = torch.full(wanted.shape, torch.inf, dtype=torch.float64, device=wanted.device)
    items = wanted.flatten().nonzero()[:, 0]
    if not len(items):
        return distances
    layout = Layout(groups.starts, groups.stops, pairs.width, "float64" if number.itemsize == 8 else "float32")
    frames = pairs.listeners.shape[1] // pairs.width
    block_bytes = layout.warps * len(groups.starts) * frames * number.itemsize
    blocks = max(_FEWEST_BLOCKS, min(-(-len(items) // layout.warps), _SCRATCH_BYTES // block_bytes))
    size = (blocks * layout.warps, len(groups.starts), frames)
    scratch = torch.empty(size, dtype=number, device=wanted.device)
    compared = (pairs.reactions, pairs.listeners, pairs.listener_lengths, pairs.clip, pairs.listener)
    arguments = (*compared, items, groups.weights, scratch, distances.view(-1))
    launch(sweeping_kernel(layout), blocks, (32, layout.warps), arguments)
    return distances
