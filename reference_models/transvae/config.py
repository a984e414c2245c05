"""Configurations of Trans-VAE, offline and online."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap

__all__ = ["SERIES_WIDTHS", "OnlineTransVAEConfig", "TransVAEConfig"]

SERIES_WIDTHS = {"speaker_emotion": 25, "speaker_3dmm": 58, "speaker_mfcc78": 78}
"""Channels of the series that a speaker can be known by beside the video."""


@dataclass(frozen=True)
class TransVAEConfig(ModelConfig):
    """Trans-VAE offline: one latent for the whole clip.

    Attributes:
        speaker_inputs: What it knows of the speaker. The published system takes ``"speaker_video"`` and
            ``"speaker_mfcc78"``; any of the series of numbers in place of the video is an option of ours.
        width: Channels of every layer.
        heads: Heads of attention, which divide `width`.
        feed_forward: Width of feed-forward networks.
        stem_channels: Channels of the first convolution over the video.
        dropout: Share of activations that training drops.
        frame_order: Whether the latent encoder knows how old each frame of the speaker is.
        memory_mask: Whether the second decoder looks at its memory ``"anywhere"`` or up to each frame (``"causal"``).
        deviation: Of the latent's noise, where training starts.
        start_at_mean: Whether training sets the outputs' biases to the mean reaction first.
        longest_clip: Most frames a clip, 0 for any number.
    """

    speaker_inputs: tuple[str, ...] = ("speaker_video", "speaker_mfcc78")
    width: int = 128
    heads: int = 4
    feed_forward: int = 256
    stem_channels: int = 32
    dropout: float = 0.1
    frame_order: bool = trap(
        compat=False,
        clean=True,
        about="Published: the latent sees the speaker's frames as a set, so a reaction cannot follow their order. "
        "Clean: frames carry sinusoids of how long before the newest frame they are.",
    )
    memory_mask: str = trap(
        compat="anywhere",
        clean="causal",
        about="Published: the second decoder's attention to its memory has no mask, so frames of a window depend on "
        "later frames of the same window's decoding. Clean: each frame on earlier ones only.",
    )
    deviation: float = trap(
        compat=1.0,
        clean=0.3,
        about="Published: mean and log variance leave one layer norm, so noise starts as large as the mean. Clean: "
        "deviations start at 0.3. In one trial of the tiny recipe either learnt as well.",
    )
    start_at_mean: bool = trap(
        compat=False,
        clean=True,
        about="Published: outputs start around 0, and 3DMM has to be centred by a mean face. Clean: training starts at "
        "the mean reaction of its items, so 3DMM may be raw.",
    )
    longest_clip: int = trap(
        compat=751,
        clean=0,
        about="Published: the mask is made for 751 frames, longer clips fail. Clean: any length.",
    )

    def __post_init__(self) -> None:
        known = ("speaker_video", *SERIES_WIDTHS)
        strange = [name for name in self.speaker_inputs if name not in known]
        if strange or not self.speaker_inputs:
            raise ConfigError(f"speaker_inputs is {self.speaker_inputs!r}, expected some of {', '.join(known)}.")
        if self.width < 2 or self.width % 2 or self.width % self.heads:
            raise ConfigError(f"width is {self.width}, expected an even number that {self.heads} heads divide.")
        if self.memory_mask not in ("anywhere", "causal"):
            raise ConfigError(f"memory_mask is {self.memory_mask!r}, expected 'anywhere' or 'causal'.")
        if self.deviation <= 0:
            raise ConfigError(f"deviation is {self.deviation:g}, expected more than 0.")
        if self.longest_clip < 0:
            raise ConfigError(f"longest_clip is {self.longest_clip}, expected at least 1 frame, or 0 for any number.")

    @classmethod
    def tiny(cls) -> Self:
        """Small and without video: the speaker's facial attributes and 3DMM coefficients, an option of ours."""
        return cls(
            speaker_inputs=("speaker_emotion", "speaker_3dmm"), width=64, feed_forward=128, stem_channels=8, dropout=0.0
        )


@dataclass(frozen=True)
class OnlineTransVAEConfig(TransVAEConfig):
    """Trans-VAE online: window after window, from the speaker so far and the reaction so far.

    Attributes:
        window: Frames a window, in training.
        generation_window: Frames a window when reactions are generated, 0 for those of training.
        tail: What a last window that is cut short has: ``"zeros"``, or frames that are ``"decoded"``.
        look_ahead: Whether a window sees the speaker up to its own ``"end"`` or its ``"start"``.
        statistics: What instance norms of the video are computed of: the whole ``"prefix"``, which is encoded anew for
            every window, or the frames up to each frame (``"running"``).
        noise: Whether each ``"window"`` draws a latent of its own, or all windows of a ``"reaction"`` share its noise.
    """

    window: int = 16
    generation_window: int = trap(
        compat=8,
        clean=0,
        about="Published: the README trains windows of 16 frames; validation and the test command use 8. "
        "Clean: the window of training.",
    )
    tail: str = trap(
        compat="zeros",
        clean="decoded",
        about="Published: where windows do not divide a clip, its last frames stay 0, which is the mean face, and are "
        "scored so. Clean: a shorter last window.",
    )
    look_ahead: str = trap(
        compat="end",
        clean="start",
        about="Published: a window sees the speaker up to its own last frame, so its first frame looks window - 1 "
        "frames ahead. Clean: up to its first frame, so nothing depends on later frames of the speaker.",
    )
    statistics: str = trap(
        compat="prefix",
        clean="running",
        about="Published: instance norms take their statistics over all frames so far, so every window encodes the "
        "speaker from scratch. Clean: over the frames up to each frame, so that each is encoded once.",
    )
    noise: str = trap(
        compat="window",
        clean="reaction",
        about="Published: every window draws a new latent, so reactions jump between windows. Clean: the noise of a "
        "latent is drawn once a reaction, so that windows differ as the speaker does.",
    )

    @classmethod
    def tiny(cls) -> Self:
        """As `TransVAEConfig.tiny`; generates windows of 8 frames, so that most of what it answers is known by then."""
        return replace(super().tiny(), generation_window=8)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window < 1 or self.generation_window < 0:
            sizes = f"{self.window} and {self.generation_window}"
            raise ConfigError(f"window and generation_window are {sizes}, expected at least 1 and 0.")
        self.check(_ANSWERS)


_ANSWERS = {
    "tail": ("zeros", "decoded"),
    "look_ahead": ("end", "start"),
    "statistics": ("prefix", "running"),
    "noise": ("window", "reaction"),
}
