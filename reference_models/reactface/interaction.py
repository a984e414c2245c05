"""What went on between both people so far, as a latent: the past interaction encoder and the momentum of its latents.

Conventions: the past is what the listener, which is the model itself, did in n frames, and the speaker's tokens that
belong to them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.gaussian import Gaussian, GaussianTokens
from reference_models.blocks.temporal_bias import periodic_bias
from reference_models.reactface.config import TOKENS_A_FRAME, ReactFaceConfig
from reference_models.reactface.speaker_former import SpeakerTokens
from reference_models.reactface.tokens import periodic_positions

__all__ = ["InteractionEncoder", "latent_ramp"]


class InteractionEncoder(nn.Module):
    """The past of both people as a Gaussian of the latent that the next reactions come from.

    Args:
        config: The model's configuration.
    """

    def __init__(self, config: ReactFaceConfig) -> None:
        super().__init__()
        sizes = (config.width, config.heads, config.feed_forward, config.dropout)
        self.past_map = nn.Linear(config.coefficients, config.width)
        self.voice_layer = DecoderLayer(*sizes)
        self.motion_layer = DecoderLayer(*sizes)
        self.gaussian = GaussianTokens(
            config.width, config.latent_heads, config.latent_feed_forward, config.latent_layers, config.dropout
        )
        self.dropout = nn.Dropout(config.dropout)
        self._heads, self._period, self._doubled = config.heads, config.period, config.past_doubled

    def forward(self, past: Tensor, speaker: SpeakerTokens) -> Gaussian:
        """Encode.

        Args:
            past: (B, n, coefficients) of the listener.
            speaker: Tokens of n frames, of B speakers or of the one that all listen to.
        """
        mapped, frames = self.past_map(past), past.shape[1]
        placed = self.dropout(mapped + periodic_positions(frames, self._period, mapped))
        if self._doubled:
            placed = mapped + placed
        own = periodic_bias(frames, frames, self._heads, self._period, device=past.device)
        heard = periodic_bias(frames, TOKENS_A_FRAME * frames, self._heads, self._period, device=past.device)
        seen = self.motion_layer(self.voice_layer(placed, speaker.voice, own, heard), speaker.motion, own, own)
        found: Gaussian = self.gaussian(seen)
        return found


def latent_ramp(before: Tensor | None, latent: Tensor, frames: int) -> Tensor:
    """The latents of a window's frames, which go over from the last window's to this one's.

    Frame k has weight clamp((k + ½) · 2 / frames - ½, 0, 1) on the new one.

    Args:
        before: (B, C) of the last window, none in the first.
        latent: (B, C) of this window.
        frames: Frames of the window.

    Returns:
        (B, frames, C), or (B, 1, C) in the first window.

    Example:
        >>> latent_ramp(torch.zeros(1, 1), torch.ones(1, 1), 8)[0, :, 0].tolist()
        [0.0, 0.0, 0.125, 0.375, 0.625, 0.875, 1.0, 1.0]
    """
    if before is None:
        return latent[:, None]
    return functional.interpolate(torch.stack([before, latent], -1), frames, mode="linear").transpose(1, 2)
