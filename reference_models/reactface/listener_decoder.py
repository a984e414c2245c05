"""The listener's face of a window, of latents and of the speaker in the same window."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.temporal_bias import periodic_bias
from reference_models.reactface.config import TOKENS_A_FRAME, ReactFaceConfig
from reference_models.reactface.speaker_former import SpeakerTokens
from reference_models.reactface.tokens import plain_positions

__all__ = ["ListenerDecoder"]

_EMOTION_CHANNELS = 25


class ListenerDecoder(nn.Module):
    """Positions ask the latents what to do, then adapt it to the speaker's voice and motion.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: ReactFaceConfig) -> None:
        super().__init__()
        sizes = (config.width, config.heads, config.feed_forward, config.dropout)
        self.latent_layers = nn.ModuleList(DecoderLayer(*sizes) for _ in range(2))
        self.voice_layer = DecoderLayer(*sizes)
        self.motion_layer = DecoderLayer(*sizes)
        self.coefficients = nn.Linear(config.width, config.coefficients)
        self.emotion: nn.Module | None = None
        if config.emotion_head:
            joined = nn.Linear(config.coefficients + config.width, config.width)
            self.emotion = nn.Sequential(joined, nn.Linear(config.width, _EMOTION_CHANNELS))
        self.dropout = nn.Dropout(config.dropout)
        self._heads, self._period = config.heads, config.period

    def forward(self, latents: Tensor, speaker: SpeakerTokens, start: int) -> Tensor:
        """Decode a window.

        Args:
            latents: (B, 1, C) or (B, w, C).
            speaker: Tokens of the w frames of the window, of B speakers or of one.
            start: Position of the window's first frame.

        Returns:
            (B, w, coefficients), and beside them 25 facial attributes where the configuration asks for them.
        """
        frames, device = speaker.motion.shape[1], latents.device
        places = plain_positions(start, frames, latents.shape[-1], device).expand(len(latents), -1, -1)
        x = self.dropout(places)
        for layer in self.latent_layers:
            x = layer(x, latents)
        own = periodic_bias(frames, frames, self._heads, self._period, device=device)
        heard = periodic_bias(frames, TOKENS_A_FRAME * frames, self._heads, self._period, device=device)
        x = self.motion_layer(self.voice_layer(x, speaker.voice, own, heard), speaker.motion, own, own)
        coefficients: Tensor = self.coefficients(x)
        if self.emotion is None:
            return coefficients
        return torch.cat([coefficients, self.emotion(torch.cat([coefficients, x], -1))], -1)
