"""Clips of one shape on a GPU, where metrics provide for many at once what they would compute clip by clip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from react_eval.clip_set import ClipView
from react_eval.kernels.gpu.concordance import Moments, series_moments
from react_eval.observing import Wanted

__all__ = ["GpuBatch", "provide_from_gpu"]


class GpuBatch:
    """Clips whose predictions have one shape, as tensors.

    Args:
        views: The clips.
        device: Where the tensors are.
    """

    def __init__(self, views: Sequence[ClipView], device: str) -> None:
        self.views = views
        self.device = device

    @cached_property
    def reactions(self) -> Tensor:
        """(B, α, T, C) predictions."""
        return torch.from_numpy(np.stack([view.reactions for view in self.views])).to(self.device)

    @cached_property
    def speakers(self) -> Tensor:
        """(B, T, C) speakers."""
        return torch.from_numpy(np.stack([view.speaker for view in self.views])).to(self.device)

    @property
    def listeners(self) -> tuple[Tensor, Tensor]:
        """(M, longest, C) listeners, filled up with zeros, and their lengths (M,); kept for all batches."""
        return self.views[0].clips.shared_of_data(("listeners on", self.device), self._listeners)

    @property
    def listener_moments(self) -> Moments:
        """Means, deviations and variances of all listeners, which have one length; kept for all batches."""
        return self.views[0].clips.shared_of_data(
            ("listener moments on", self.device), lambda: series_moments(self.listeners[0])
        )

    def neighbours(self, which: str) -> list[list[int]]:
        """For each clip the numbers of its neighbours."""
        return [view.neighbours(which).tolist() for view in self.views]

    def part(self, chosen: Sequence[int]) -> GpuBatch:
        """Some of the clips."""
        part = GpuBatch([self.views[index] for index in chosen], self.device)
        part.reactions = self.reactions[list(chosen)]
        return part

    def _listeners(self) -> tuple[Tensor, Tensor]:
        view = self.views[0]
        count = 0 if view.clips.listeners is None else len(view.clips.listeners)
        series = [view.listener(number) for number in range(count)]
        lengths = [len(each) for each in series]
        padded = np.zeros((len(series), max(lengths), series[0].shape[1]), np.float32)
        for number, each in enumerate(series):
            padded[number, : len(each)] = each
        return torch.from_numpy(padded).to(self.device), torch.tensor(lengths, device=self.device)


def provide_from_gpu(views: Sequence[ClipView], wanted: Wanted, device: str = "cuda") -> None:
    """Let metrics provide on a GPU what they can; what they do not is computed on the CPU.

    Args:
        views: Clips of one clip set.
        wanted: Metrics with their settings.
        device: A torch device.
    """
    by_shape: dict[tuple[int, ...], list[ClipView]] = {}
    for view in views:
        by_shape.setdefault(view.reactions.shape, []).append(view)
    for alike in by_shape.values():
        batch = GpuBatch(alike, device)
        for (_, settings), metric in wanted.items():
            if metric.on_gpu is not None:
                metric.on_gpu(batch, settings)
