"""How the speaker moves and sounds, as tokens in which both are combined."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.temporal_bias import aligned_mask, periodic_bias
from reference_models.reactface.config import TOKENS_A_FRAME, ReactFaceConfig
from reference_models.reactface.tokens import periodic_positions

__all__ = ["SpeakerFormer", "SpeakerHead", "SpeakerTokens"]


class SpeakerTokens(NamedTuple):
    """An encoded stretch of a speaker.

    Attributes:
        motion: (B, T, C), a token a frame.
        voice: (B, 2 · T, C), two tokens a frame.
        aligned: (B, T, C), what the speaker head reads.
    """

    motion: Tensor
    voice: Tensor
    aligned: Tensor

    def frames(self, start: int, stop: int) -> SpeakerTokens:
        """Some of the frames."""
        voice = self.voice[:, TOKENS_A_FRAME * start : TOKENS_A_FRAME * stop]
        return SpeakerTokens(self.motion[:, start:stop], voice, self.aligned[:, start:stop])

    def repeated(self, times: int) -> SpeakerTokens:
        """The same speakers one after another, several times over."""
        return SpeakerTokens(*(each.repeat(times, 1, 1) for each in self))


class SpeakerFormer(nn.Module):
    """Three decoder layers: over the face, and two that add the voice of each frame.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: ReactFaceConfig) -> None:
        super().__init__()
        sizes = (config.width, config.heads, config.feed_forward, config.dropout)
        self.voice_map = nn.Linear(config.voice_width, config.width)
        self.face_layer = DecoderLayer(*sizes)
        self.voice_layer = DecoderLayer(*sizes)
        self.motion_layer = DecoderLayer(*sizes)
        self.dropout = nn.Dropout(config.dropout)
        self._heads, self._period = config.heads, config.period

    def forward(self, face: Tensor, voice: Tensor) -> SpeakerTokens:
        """Combine.

        Args:
            face: (B, T, C) tokens of the face.
            voice: (B, 2 · T, voice_width) tokens of the voice.
        """
        frames, device = face.shape[1], face.device
        placed = self.dropout(face + periodic_positions(frames, self._period, face))
        past = periodic_bias(frames, frames, self._heads, self._period, device=device)
        own = aligned_mask(frames, TOKENS_A_FRAME, device=device)
        mapped = self.voice_map(voice)
        aligned = self.voice_layer(self.face_layer(placed, placed, past), mapped, past, own)
        return SpeakerTokens(self.motion_layer(aligned, mapped, past, own), mapped, aligned)


class SpeakerHead(nn.Module):
    """The speaker's own coefficients, which training asks for so that tokens keep what the face does.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: ReactFaceConfig) -> None:
        super().__init__()
        self.layer = DecoderLayer(config.width, config.heads, config.feed_forward, config.dropout)
        self.coefficients = nn.Linear(config.width, config.coefficients)
        nn.init.zeros_(self.coefficients.weight)
        nn.init.zeros_(self.coefficients.bias)

    def forward(self, aligned: Tensor) -> Tensor:
        """(B, T, coefficients) of tokens (B, T, C)."""
        found: Tensor = self.coefficients(self.layer(aligned, aligned))
        return found
