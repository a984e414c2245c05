"""The denoiser: a transformer decoder whose queries are a noisy window, and whose memory is the speaker before it.

Conventions: with M memories, rows B = M · k are those of the first memory, then those of the next, and so on, so k
reactions share what is projected of one speaker's window. A memory's first token is the step of diffusion; the others
are the same in all steps, and are projected once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.decoder_layer import Attention, DecoderLayer
from reference_models.blocks.layers import feed_forward
from reference_models.blocks.positions import sinusoidal_positions
from reference_models.blocks.weight_shifts import WeightShift, shifted_linear
from reference_models.perfrdiff.config import POSITIONS, PerFRDiffConfig

__all__ = ["Denoiser", "Memory", "Shifts", "step_waves"]

EMOTION = 25

Shifts = Mapping[str, WeightShift]
"""Changes of weights by component."""

Memory = list[Tensor]
"""(M, S, 2 · width) keys and values of a memory, without the step's, for each layer."""


def step_waves(steps: Tensor, channels: int) -> Tensor:
    """(…, channels) sinusoids of steps in the published order: all cosines, then all sines."""
    waves = sinusoidal_positions(steps, channels)
    return torch.cat([waves[..., 1::2], waves[..., ::2]], -1)


class DenoiserLayer(DecoderLayer):
    """A layer whose memory is projected apart, and whose weights may differ by listener; its activation is GELU."""

    def among(self, queries: Tensor, shifts: Shifts) -> Tensor:
        """(B, T, C): attention among the queries (B, T, C)."""
        own = self.self_attn
        asked, known = _projected(own, queries, slice(0, 3), shifts.get("self")).tensor_split([queries.shape[-1]], -1)
        found: Tensor = self.norm1(queries + self.dropout(_attended(own, asked, known)))
        return found

    def remember(self, tokens: Tensor, shifts: Shifts) -> Tensor:
        """(M, S, 2C): keys and values of tokens (M, S, C)."""
        return _projected(self.multihead_attn, tokens, slice(1, 3), shifts.get("cross"))

    def towards(self, queries: Tensor, known: Tensor, shifts: Shifts) -> Tensor:
        """(B, T, C): attention to what is known (M, S, 2C), and the feed-forward network, of queries (B, T, C)."""
        cross, shape = self.multihead_attn, queries.shape
        asked = _projected(cross, queries, slice(0, 1), shifts.get("cross"))
        # Queries do not see each other here, so those of all rows of a memory are asked as one series.
        found = _attended(cross, asked.reshape(len(known), -1, shape[-1]), known).view(shape)
        x = self.norm2(queries + self.dropout(found))
        hidden = functional.gelu(shifted_linear(x, self.linear1.weight, self.linear1.bias, shifts.get("first")))
        second = self.linear2
        fed = shifted_linear(self.dropout(hidden), second.weight, second.bias, shifts.get("second"))
        made: Tensor = self.norm3(x + self.dropout(fed))
        return made


class Denoiser(nn.Module):
    """Tells clean windows of noisy ones.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: PerFRDiffConfig) -> None:
        super().__init__()
        width = config.width
        self.time_channels = config.time_channels
        self.embedding = nn.Linear(EMOTION, width)
        self.mapping = nn.Linear(width, EMOTION)
        self.time = feed_forward((config.time_channels, width, width), nn.SiLU)
        self.audio = nn.Linear(78, width) if "mfcc78" in config.speaker_inputs else None
        self.coefficients = nn.Linear(58, width) if "3dmm" in config.speaker_inputs else None
        self.emotion_frames = config.emotion_frames and "emotion" in config.speaker_inputs
        # Published and not used; ours may use the first.
        self.emotion, self.unused = nn.Linear(EMOTION, width), nn.Linear(EMOTION, width)
        self.query_positions = nn.Parameter(torch.rand(POSITIONS, width))
        self.memory_positions = nn.Parameter(torch.rand(POSITIONS, width))
        self.layers = nn.ModuleList(
            DenoiserLayer(width, config.heads, config.feed_forward, config.dropout) for _ in range(config.layers)
        )
        self.norm = nn.LayerNorm(width)

    def tokens(self, conditions: Mapping[str, Tensor], state: Tensor | None, personal: Tensor | None) -> list[Tensor]:
        """Groups of tokens of what is known of speakers, in the order of the memory.

        Args:
            conditions: (M, context, C) of speakers by kind of series.
            state: (M, width) recurrent state of the speaker's facial attributes, where they are known.
            personal: (M, width) style of the listener, where it is an input.

        Returns:
            (M, S_i, width) for each group.
        """
        found: list[Tensor] = []
        if self.audio is not None:
            found.append(self.audio(conditions["mfcc78"]) * self.audio.out_features**-0.5)
        if self.coefficients is not None:
            found.append(self.coefficients(conditions["3dmm"]))
        if self.emotion_frames:
            found.append(self.emotion(conditions["emotion"]))
        found += [each[:, None] for each in (state, personal) if each is not None]
        return found

    def remember(self, groups: Sequence[Tensor], shifts: Shifts) -> Memory:
        """Keys and values of groups of tokens (M, S_i, width), for each layer."""
        tokens = torch.cat(list(groups), 1)
        placed = tokens + self.memory_positions[1 : 1 + tokens.shape[1]]
        return [layer.remember(placed, own) for layer, own in self._layers(shifts)]

    def forward(self, noisy: Tensor, steps: Tensor, memories: Sequence[Memory], shifts: Shifts) -> list[Tensor]:
        """Denoise, once for each of several things to know.

        Args:
            noisy: (B, T, 25) windows with noise.
            steps: Step of diffusion: one for all, or (M,).
            memories: What is known, from `remember`, each for M' items, where M' divides B.
            shifts: Changes of weights by component, of N listeners where N divides B and M'.

        Returns:
            (B, T, 25) estimates of clean windows for each memory.
        """
        waves = step_waves(steps.reshape(-1, 1), self.time_channels).to(noisy)
        time = self.time(waves) + self.memory_positions[0]
        queries = shifted_linear(noisy, self.embedding.weight, self.embedding.bias, shifts.get("embedding"))
        queries = queries + self.query_positions[: noisy.shape[1]]
        (first, own), *_ = self._layers(shifts)
        # Until a layer looks at its memory, all is the same for every memory.
        begun = first.among(queries, own)
        return [self._decoded(begun, time, memory, shifts) for memory in memories]

    def _decoded(self, queries: Tensor, time: Tensor, memory: Memory, shifts: Shifts) -> Tensor:
        x = queries
        for number, (layer, own) in enumerate(self._layers(shifts)):
            if number:
                x = layer.among(x, own)
            step, known = layer.remember(time, own), memory[number]
            items = max(len(step), len(known))
            x = layer.towards(x, torch.cat([_for_each(step, items), _for_each(known, items)], 1), own)
        return shifted_linear(self.norm(x), self.mapping.weight, self.mapping.bias, shifts.get("mapping"))

    def _layers(self, shifts: Shifts) -> list[tuple[DenoiserLayer, Shifts]]:
        """Layers with the changes of their own weights, by the part's name."""
        parts: list[dict[str, WeightShift]] = [{} for _ in self.layers]
        for name, shift in shifts.items():
            if name.startswith("layers."):
                _, number, part = name.split(".")
                parts[int(number)][part] = shift
        return list(zip(self.layers, parts, strict=True))  # type: ignore[arg-type]  # torch gives parts no types


def _projected(attention: Attention, series: Tensor, thirds: slice, shift: WeightShift | None) -> Tensor:
    """Series mapped to some of queries, keys and values, which are thirds 0, 1 and 2."""
    width = series.shape[-1]
    first, last = thirds.start * width, thirds.stop * width
    part = None if shift is None else shift.rows(first, last)
    series = _for_listeners(series, part)
    return shifted_linear(series, attention.in_proj_weight[first:last], attention.in_proj_bias[first:last], part)


def _attended(attention: Attention, asked: Tensor, known: Tensor) -> Tensor:
    """(B, T, C) what queries (B, T, C) find in keys and values (B, S, 2C)."""
    keys, values = (_heads(each, attention.heads) for each in known.chunk(2, -1))
    dropout = attention.dropout if attention.training else 0.0
    found = functional.scaled_dot_product_attention(_heads(asked, attention.heads), keys, values, dropout_p=dropout)
    mixed: Tensor = attention.out_proj(found.transpose(1, 2).flatten(2))
    return mixed


def _heads(values: Tensor, heads: int) -> Tensor:
    return values.reshape(*values.shape[:2], heads, -1).transpose(1, 2)


def _for_listeners(series: Tensor, shift: WeightShift | None) -> Tensor:
    """What all items share, once for each listener."""
    return series.expand(len(shift), -1, -1) if shift is not None and len(series) == 1 else series


def _for_each(series: Tensor, items: int) -> Tensor:
    """(items, …) of (n, …) where n divides items."""
    return series if len(series) == items else series.repeat_interleave(items // len(series), 0)
