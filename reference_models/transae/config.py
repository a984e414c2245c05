"""What a Trans-AE model is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap
from reference_models.reactface.config import ReactFaceConfig

__all__ = ["TransAEConfig"]


@dataclass(frozen=True)
class TransAEConfig(ModelConfig):
    """The configuration of Trans-AE, of which there is no published code.

    Attributes:
        speaker: What is seen and heard of the speaker; see `ReactFaceConfig`.
        width: Channels of every token, a multiple of 4 and of `heads`.
        heads: Attention heads.
        feed_forward: Width of feed-forward networks.
        layers: Layers of the decoder.
        period: Frames after which attention over time falls by a step.
        dropout: Share dropped in training.
        voice_width: Width of wav2vec 2.0.
        voice_layers: Its layers.
        voice_heads: Its attention heads.
        voice_feed_forward: Width of its feed-forward networks.
        voice_channels: Channels of its convolutions.
        standardised: Whether series are scaled by what the training data are like.
    """

    speaker: tuple[str, ...] = ("video", "audio")
    width: int = 128
    heads: int = 8
    feed_forward: int = 256
    layers: int = 2
    period: int = 8
    dropout: float = 0.1
    voice_width: int = 768
    voice_layers: int = 12
    voice_heads: int = 12
    voice_feed_forward: int = 3072
    voice_channels: int = 512
    standardised: bool = trap(
        compat=False,
        clean=True,
        about="ReactFace's official code has coefficients less the mean face, whose channels differ in size tenfold. "
        "Clean: mean and deviation of every channel are taken from the training data.",
    )

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(f"layers is {self.layers}, expected at least 1.")
        self.encoder()

    @classmethod
    def tiny(cls) -> Self:
        """A small model of series instead of video and sound, which trains on two processor cores in minutes."""
        return cls(speaker=("emotion", "3dmm", "mfcc78"), width=64, feed_forward=128, dropout=0.0, voice_width=64)

    def encoder(self) -> ReactFaceConfig:
        """The configuration of the speaker's encoder, which is ReactFace's.

        Raises:
            ConfigError: If there can be no such encoder.
        """
        shared = {name: getattr(self, name) for name in _SHARED}
        return ReactFaceConfig(**shared, sound_statistics="clip")


_SHARED = (
    *("speaker", "width", "heads", "feed_forward", "period", "dropout", "standardised"),
    *("voice_width", "voice_layers", "voice_heads", "voice_feed_forward", "voice_channels"),
)
