"""A U-Net of one dimension that tells noise: convolutions over a length that is halved and doubled level by level.

Conventions: data is (N, channels, length). Stages of the way down and of the way up are numbered one after another, as
published checkpoints number them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.layers import feed_forward
from reference_models.blocks.positions import sinusoidal_positions

__all__ = ["UNet1d"]


class Residual(nn.Module):
    """Two convolutions beside the data itself; between them the time and the condition shift every channel.

    Args:
        entering: Channels of the input.
        leaving: Channels of the output.
        embedded: Channels of what is told of time and condition.
        groups: Groups of channels that are normed together.
    """

    def __init__(self, entering: int, leaving: int, embedded: int, groups: int) -> None:
        super().__init__()
        self.norm_in, self.norm_out = nn.GroupNorm(groups, entering), nn.GroupNorm(groups, leaving)
        self.convolution_in = nn.Conv1d(entering, leaving, 3, padding=1)
        self.shift = nn.Linear(embedded, leaving)
        self.convolution_out = _silent(nn.Conv1d(leaving, leaving, 3, padding=1))
        self.skip = nn.Conv1d(entering, leaving, 1) if entering != leaving else nn.Identity()

    def forward(self, data: Tensor, told: Tensor) -> Tensor:
        """(N, leaving, length) of (N, entering, length), and of what is told (N, embedded), activated."""
        inner = self.convolution_in(functional.silu(self.norm_in(data))) + self.shift(told)[..., None]
        found: Tensor = self.skip(data) + self.convolution_out(functional.silu(self.norm_out(inner)))
        return found


class SelfAttention(nn.Module):
    """Attention of one head among all places, added to the data.

    Args:
        channels: Channels.
        groups: Groups of channels that are normed together.
    """

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = _silent(nn.Conv1d(channels, channels, 1))

    def forward(self, data: Tensor) -> Tensor:
        """(N, channels, length)."""
        queries, keys, values = (each.mT[:, None] for each in self.qkv(self.norm(data)).chunk(3, 1))
        attended = functional.scaled_dot_product_attention(queries, keys, values)[:, 0].mT
        found: Tensor = data + self.proj_out(attended)
        return found


class Halving(nn.Module):
    """A convolution that halves the length.

    Args:
        channels: Channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.halving = nn.Conv1d(channels, channels, 3, stride=2, padding=1)

    def forward(self, data: Tensor) -> Tensor:
        """(N, channels, length / 2)."""
        found: Tensor = self.halving(data)
        return found


class Doubling(nn.Module):
    """Every place twice, then a convolution.

    Args:
        channels: Channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.doubling = nn.Conv1d(channels, channels, 3, padding=1)

    def forward(self, data: Tensor) -> Tensor:
        """(N, channels, 2 · length)."""
        found: Tensor = self.doubling(data.repeat_interleave(2, -1))
        return found


class UNet1d(nn.Module):
    """What a network says of noisy data, its step and a condition.

    Args:
        channels: Channels of the data.
        width: Channels of the first level; the time has 4 times as many.
        multipliers: What `width` is multiplied by in each level; from one level to the next the length is halved.
        blocks: Residual blocks a level on the way down; there is one more on the way up.
        attended: Levels, from the first on, whose blocks are followed by attention.
        condition: Channels of the condition.
        groups: Groups of channels that are normed together; they divide `width`. What is told of time and condition
            shifts whole channels, so where each is normed alone nothing of it is left.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        multipliers: Sequence[int],
        blocks: int,
        attended: int,
        condition: int,
        groups: int = 32,
    ) -> None:
        super().__init__()
        self.width, told = width, 4 * width + condition
        self.time = feed_forward((width, 4 * width, 4 * width), nn.SiLU)
        deepest = len(multipliers) - 1
        now, kept = width, [width]
        self.down = nn.ModuleList([_stage(nn.Conv1d(channels, width, 3, padding=1))])
        for level, multiplier in enumerate(multipliers):
            for _ in range(blocks):
                self.down.append(_block(now, multiplier * width, told, groups, attends=level < attended))
                now = multiplier * width
                kept.append(now)
            if level < deepest:
                self.down.append(_stage(Halving(now)))
                kept.append(now)
        first, last = (Residual(now, now, told, groups) for _ in range(2))
        self.middle = _stage(first, SelfAttention(now, groups), last)
        self.up = nn.ModuleList()
        for level in range(deepest, -1, -1):
            for number in range(blocks + 1):
                stage = _block(now + kept.pop(), multipliers[level] * width, told, groups, attends=level < attended)
                now = multipliers[level] * width
                if number == blocks and level:
                    stage.append(Doubling(now))
                self.up.append(stage)
        self.out = nn.Sequential(nn.GroupNorm(groups, now), nn.SiLU(), _silent(nn.Conv1d(now, channels, 3, padding=1)))

    def forward(self, noisy: Tensor, steps: Tensor, condition: Tensor) -> Tensor:
        """Tell noise, or whatever it learned to tell.

        Args:
            noisy: (N, channels, length), of a length that can be halved from level to level.
            steps: Step of diffusion: one for all, or (N,).
            condition: (N, condition).

        Returns:
            (N, channels, length).
        """
        time = self.time(self._waves(steps.reshape(-1)).to(noisy)).expand(len(noisy), -1)
        told = functional.silu(torch.cat([time, condition], -1))
        data, kept = noisy, []
        for stage in self.down:
            data = _passed(stage, data, told)
            kept.append(data)
        data = _passed(self.middle, data, told)
        for stage in self.up:
            data = _passed(stage, torch.cat([data, kept.pop()], 1), told)
        found: Tensor = self.out(data)
        return found

    def _waves(self, steps: Tensor) -> Tensor:
        """Sinusoids in the published order: all cosines, then all sines."""
        waves = sinusoidal_positions(steps, self.width)
        return torch.cat([waves[:, 1::2], waves[:, ::2]], -1)


def _stage(*layers: nn.Module) -> nn.ModuleList:
    return nn.ModuleList(layers)


def _block(entering: int, leaving: int, told: int, groups: int, *, attends: bool) -> nn.ModuleList:
    attention = [SelfAttention(leaving, groups)] if attends else []
    return _stage(Residual(entering, leaving, told, groups), *attention)


def _passed(stage: nn.Module, data: Tensor, told: Tensor) -> Tensor:
    for layer in stage.children():
        data = layer(data, told) if isinstance(layer, Residual) else layer(data)
    return data


def _silent(layer: nn.Conv1d) -> nn.Conv1d:
    """A layer that adds nothing before training."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
