"""The auto-encoder: a window of facial attributes to a latent and back, and 3DMM coefficients of facial attributes."""

from __future__ import annotations

from reference_models.belfusion.config import BeLFusionConfig
from reference_models.blocks.window_autoencoder import WindowAutoEncoder

__all__ = ["COEFFICIENTS", "EMOTION", "AutoEncoder"]

COEFFICIENTS, EMOTION = 58, 25


class AutoEncoder(WindowAutoEncoder):
    """The auto-encoder of a configuration.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: BeLFusionConfig) -> None:
        super().__init__(EMOTION, COEFFICIENTS, config.width, config.head_widths, config.coefficient_width)
