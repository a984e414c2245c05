"""Latents are scaled for diffusion by what they were like in training, in all frames or in the same frame of clips."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from reference_models.blocks.latent_scaling import LatentScaling
from reference_models.errors import ModelInputError
from reference_models.reactdiff_latent.config import ReactDiffConfig

__all__ = ["SequenceScaling"]

_SMALL = 1e-4


class SequenceScaling(LatentScaling):
    """Scales series of latents (…, T, width), and back.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: ReactDiffConfig) -> None:
        super().__init__(config.latent_width, config.latent_scaling)
        self.slipped = config.latent_scaling == "range" and config.scaling_formula == "slipped"
        self.frames = config.clip_frames if config.statistics == "frame" else 0
        if self.frames:
            for name, buffer in list(self.named_buffers()):
                self.register_buffer(name, buffer.repeat(self.frames, 1))

    def forward(self, latent: Tensor) -> Tensor:
        """(…, T, width): scaled latents."""
        centre, size = self._fitting(latent)
        if self.slipped:
            return 2 * (latent - centre + size) + _SMALL / (2 * size + _SMALL) - 1
        return (latent - centre) / size

    def undo(self, scaled: Tensor) -> Tensor:
        """(…, T, width): latents of scaled ones."""
        centre, size = self._fitting(scaled)
        return centre + scaled * size

    def measure(self, latents: Iterable[Tensor]) -> None:
        """Take what latents are like.

        Args:
            latents: (…, width) in parts; by frame they are (B, T, width), T as many frames as the statistics have.

        Raises:
            ModelInputError: If they do not.
        """
        super().measure(self._checked(each) if self.frames else each.flatten(0, -2) for each in latents)

    def _checked(self, latents: Tensor) -> Tensor:
        if latents.shape[1] != self.frames:
            raise ModelInputError(
                f"clips of {latents.shape[1]} frames, but statistics by frame are of {self.frames}: train on clips of "
                "so many, set clip_frames, or take statistics='channel'."
            )
        return latents

    def _fitting(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Centre and size of scaled latents, of as many frames as there are."""
        centre, size = self._centre_and_size()
        if not self.slipped:
            size = torch.where(size > 0, size, 1.0)
        if self.frames:
            return centre[: latent.shape[-2]], size[: latent.shape[-2]]
        return centre, size
