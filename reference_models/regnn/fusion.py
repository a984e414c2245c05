"""The perceptual processor: what is seen and heard of a speaker as one series."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.decoder_layer import Attention
from reference_models.regnn.config import REGNNConfig

__all__ = ["Fusion", "Streams"]

_BASE = 10000.0


class Streams(NamedTuple):
    """Windows of a speaker, apart.

    Attributes:
        face: (N, T, width) of what is seen.
        voice: (N, T, width) of what is heard.
    """

    face: Tensor
    voice: Tensor


class _Layer(nn.Module):
    """Attention to a memory and a feed-forward network; a norm goes before each of them."""

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.heads, dropout=0.0)
        self.widened = nn.Linear(config.width, config.feed_forward)
        self.narrowed = nn.Linear(config.feed_forward, config.width)
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, series: Tensor, memory: Tensor | None) -> Tensor:
        """(N, T, width) of a series and a memory (N, S, width), itself if None."""
        queries = self.attention_norm(series)
        attended = self.attention(queries, queries if memory is None else self.attention_norm(memory))
        x = series + self.dropout(attended)
        hidden = self.dropout(functional.relu(self.widened(self.feed_forward_norm(x))))
        found: Tensor = x + self.dropout(self.narrowed(hidden))
        return found


class _Encoder(nn.Module):
    """Layers whose memory stays what it was at first."""

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.dropout = nn.Dropout(config.embedding_dropout)
        self.zero_is_padding = config.zero_is_padding

    def forward(self, series: Tensor, memory: Tensor | None = None) -> Tensor:
        """(N, T, width) of a series and a memory (N, S, width), itself if None."""
        x = self._embedded(series)
        known = None if memory is None else self._embedded(memory)
        for layer in self.layers:
            x = layer(x, known)
        found: Tensor = self.norm(x)
        return found

    def _embedded(self, series: Tensor) -> Tensor:
        positions = _positions(series.shape[1], series.shape[2], series.device)
        if self.zero_is_padding:
            positions = positions * (series[..., :1] != 0)
        embedded: Tensor = self.dropout(series * math.sqrt(series.shape[2]) + positions)
        return embedded


class Fusion(nn.Module):
    """A transformer in which the face asks the voice, and then itself.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__()
        width = config.width
        self.face_map = nn.Linear(config.face_width, width, bias=False)
        self.as_it_is = config.voice_width == width
        if config.voice and (config.unused_parts or not self.as_it_is):
            self.voice_map = nn.Linear(config.voice_width, width, bias=False).requires_grad_(not self.as_it_is)
        self.cross, self.own = _Encoder(config), _Encoder(config)
        self.widened, self.narrowed = nn.Linear(width, width), nn.Linear(width, width)
        self.output = nn.Linear(width, config.fused_width)

    def streams(self, face: Tensor, voice: Tensor | None) -> Streams:
        """What is seen (N, T, C) and heard (N, T, D), made equally wide; without a voice, the face is both."""
        seen = self.face_map(face)
        if voice is None:
            return Streams(seen, seen)
        return Streams(seen, voice if self.as_it_is else self.voice_map(voice))

    def forward(self, streams: Streams) -> Tensor:
        """(N, T, width): both streams as one."""
        found: Tensor = self.own(self.cross(streams.face, streams.voice))
        return found

    def head(self, fused: Tensor) -> Tensor:
        """(N, T, fused_width) of a fused series (N, T, width)."""
        found: Tensor = self.output(self.narrowed(functional.relu(self.widened(fused))) + fused)
        return found


def _positions(frames: int, width: int, device: torch.device) -> Tensor:
    """(frames, width): positions from 1 on; half of the channels are sines, half cosines, of the same frequencies."""
    half = width // 2
    steps = torch.arange(half, device=device).float() / max(half - 1, 1)
    angles = torch.arange(1, frames + 1, device=device).float()[:, None] * torch.exp(-math.log(_BASE) * steps)
    return torch.cat([angles.sin(), angles.cos()], -1)
