"""Emotion-aware attention: a series attends to itself, and then to the speaker's emotion."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference_models.blocks.decoder_layer import Attention
from reference_models.blocks.positions import sinusoidal_positions
from reference_models.emc.config import EMCFields

__all__ = ["EmotionAttention"]


class _Layer(nn.Module):
    """Self-attention of the series and of the emotion, then attention of the one to the other.

    With the norm after: x₁ = norm(x + A(x)), e₁ = norm(e + A(e)), y = norm(x₁ + A(x₁, e₁)); before: x₁ = x + A(norm x),
    e₁ = e + A(norm e), y = x₁ + A(norm x₁, e₁). What enters attention knows its position.
    """

    def __init__(self, width: int, heads: int, dropout: float, *, norm_after: bool) -> None:
        super().__init__()
        self.own, self.emotion, self.cross = (Attention(width, heads, dropout) for _ in range(3))
        self.own_norm, self.emotion_norm, self.cross_norm = (nn.LayerNorm(width) for _ in range(3))
        self.dropout, self.norm_after = nn.Dropout(dropout), norm_after

    def forward(
        self,
        series: Tensor,
        emotion: Tensor,
        places: tuple[Tensor | float, Tensor | float],
        masks: tuple[Tensor | None, Tensor | None],
    ) -> tuple[Tensor, Tensor]:
        """Both after the layer; see `EmotionAttention.forward`."""
        x = self._added(self.own, self.own_norm, series, None, places, masks[0])
        e = self._added(self.emotion, self.emotion_norm, emotion, None, places[::-1], masks[1])
        return self._added(self.cross, self.cross_norm, x, e, places, masks[1]), e

    def _added(
        self,
        attention: Attention,
        norm: nn.LayerNorm,
        x: Tensor,
        memory: Tensor | None,
        places: tuple[Tensor | float, Tensor | float],
        mask: Tensor | None,
    ) -> Tensor:
        """A series and what it attends to: a memory, or itself if None."""
        asking = (x if self.norm_after else norm(x)) + places[0]
        known = asking if memory is None else memory + places[1]
        found: Tensor = x + self.dropout(attention(asking, known, mask))
        return norm(found) if self.norm_after else found


class EmotionAttention(nn.Module):
    """x + α (y - x) of a series x and what layers of attention make of it, y, with a learned gate α.

    A series of other channels than attention has is mapped to it, and the change α (y - x) is mapped back. So wherever
    α is 0, the series stays as it is. The map back does not begin at 0 as well, or neither would ever learn.

    Args:
        config: What it is made of.
        heads: Heads of attention.
        channels: Of the series.
        width: Channels of attention.
        emotion_width: Channels of the emotion.
    """

    def __init__(self, config: EMCFields, heads: int, channels: int, width: int, emotion_width: int) -> None:
        super().__init__()
        self.width, self.positions = width, config.attention_positions
        self.mapped = channels != width
        if self.mapped:
            self.inwards, self.outwards = nn.Linear(channels, width), nn.Linear(width, channels, bias=False)
        self.emotion_map: nn.Module = nn.Identity() if emotion_width == width else nn.Linear(emotion_width, width)
        after = config.attention_norm == "after"
        self.layers = nn.ModuleList(
            _Layer(width, heads, config.attention_dropout, norm_after=after) for _ in range(config.attention_layers)
        )
        self.gate = nn.Parameter(torch.tensor(float(config.emotion_gate)))

    def forward(self, series: Tensor, emotion: Tensor, known: Tensor | None = None, lag: int = 0) -> Tensor:
        """The series (B, T, channels), aware of emotion.

        Args:
            series: (B, T, channels).
            emotion: (B, S, emotion_width), or (1, S, emotion_width) that serves all.
            known: (B, S) bool, which rows of the emotion, and of a series of the same frames, are no padding.
            lag: Frames by which the series ends after the emotion; it has frames of its own if that is not 0.
        """
        first = self.inwards(series) if self.mapped else series
        places = self._places(series.shape[1], lag, series), self._places(emotion.shape[1], 0, series)
        # Where nothing is known, all is padding, and that is what there is to attend to.
        mask = None if known is None else (known | ~known.any(1, keepdim=True))[:, None, None]
        x, e = first, self.emotion_map(emotion)
        for layer in self.layers:
            x, e = layer(x, e, places, (None if lag else mask, mask))
        change = self.gate * (x - first)
        return series + (self.outwards(change) if self.mapped else change)

    def _places(self, frames: int, lag: int, like: Tensor) -> Tensor | float:
        """Encoded positions, counted from the end of the emotion, as windows of any length end there."""
        if not self.positions:
            return 0.0
        return sinusoidal_positions(torch.arange(lag - frames, lag, device=like.device), self.width).to(like.dtype)
