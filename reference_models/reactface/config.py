"""What a ReactFace model is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from react_data.clips import suggest
from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap

__all__ = ["FACE_INPUTS", "SERIES_WIDTHS", "TOKENS_A_FRAME", "VOICE_INPUTS", "ReactFaceConfig"]

FACE_INPUTS = ("video", "emotion", "3dmm")
VOICE_INPUTS = ("audio", "wav2vec", "mfcc78")
SERIES_WIDTHS = {"emotion": 25, "3dmm": 58, "mfcc78": 78}
TOKENS_A_FRAME = 2

_CHOICES = {
    "look_ahead": ("end", "start"),
    "online_past": ("window", "before"),
    "offline_positions": ("clip", "window"),
    "training_loop": ("offline", "online"),
    "sound_statistics": ("clip", "running", "given"),
}


@dataclass(frozen=True)
class ReactFaceConfig(ModelConfig):
    """The configuration of ReactFace.

    Attributes:
        speaker: What is seen and heard of the speaker: ``"video"``, or one or both of ``"emotion"`` and ``"3dmm"``;
            and one of ``"audio"`` (16 kHz, encoded by wav2vec 2.0), ``"wav2vec"`` (its features) and ``"mfcc78"``.
            The published system takes video and audio.
        coefficients: 3DMM coefficients of a face, of which the first `expressions` are of the expression.
        expressions: Coefficients of the expression; the others are the head's pose.
        emotion_head: Whether facial attributes are generated too, as in the layout of 2023.
        width: Channels of every token, a multiple of 4 and of `heads`.
        heads: Attention heads of the decoders.
        feed_forward: Width of the decoders' feed-forward networks.
        latent_heads: Attention heads of the conditional interaction encoder.
        latent_feed_forward: Width of its feed-forward networks.
        latent_layers: Its layers.
        period: Frames after which attention over time falls by a step.
        dropout: Share dropped in training.
        window: Frames that are generated at once.
        momentum: Weight of the last window's latent in the next one's.
        samples: Reactions a speaker whose distances the diversity loss widens, at least 2.
        diversity_scale: σ of exp(-‖a - b‖² / σ) in the diversity loss.
        voice_width: Width of wav2vec 2.0.
        voice_layers: Its layers.
        voice_heads: Its attention heads.
        voice_feed_forward: Width of its feed-forward networks.
        voice_channels: Channels of its convolutions.
        wav2vec_folder: Folder of a wav2vec 2.0 checkpoint to start from. A model keeps its weights and sizes, and
            forgets the folder; without one they are random.
    """

    speaker: tuple[str, ...] = ("video", "audio")
    coefficients: int = 58
    expressions: int = 52
    emotion_head: bool = False
    width: int = 128
    heads: int = 8
    feed_forward: int = 256
    latent_heads: int = 4
    latent_feed_forward: int = 1024
    latent_layers: int = 2
    period: int = 8
    dropout: float = 0.1
    window: int = 8
    momentum: float = 0.9
    samples: int = 3
    diversity_scale: float = 100.0
    voice_width: int = 768
    voice_layers: int = 12
    voice_heads: int = 12
    voice_feed_forward: int = 3072
    voice_channels: int = 512
    wav2vec_folder: str = ""
    online_context: int = trap(
        compat=0,
        clean=8,
        about="Speaker frames that are encoded for an online window, at least its own: 0 encodes the whole past anew "
        "for each window, 11 s for the last one of a clip on two cores, and 8 only the window.",
    )
    look_ahead: str = trap(
        compat="end",
        clean="start",
        about='The published code answers a window when it has seen it to its "end", so that its first frame knows the '
        'next 7 of the speaker. With "start" it knows the speaker up to its first frame: what the speaker does comes '
        "window - 1 frames later, in training and offline too.",
    )
    training_window: int = trap(
        compat=64,
        clean=8,
        about="Frames that are generated at once in training. Windows of any length share the weights, but a model "
        "that is trained on longer ones than it generates has never gone on from itself so often.",
    )
    online_past: str = trap(
        compat="window",
        clean="before",
        about="Online, the published code pairs the last reactions with what the speaker does now. We pair them with "
        "what the speaker did then, as far as it is encoded before the window; where it is not, as published.",
    )
    offline_history: int = trap(
        compat=0,
        clean=64,
        about="Frames before a window that the offline loop looks back on: 0 is all of them, as published, whose cost "
        "grows with the square of the clip and which no online loop has.",
    )
    offline_positions: str = trap(
        compat="clip",
        clean="window",
        about="Positions that the offline loop decodes: those in the clip, of which crops to train on have the first "
        "only, or those in the window, as online.",
    )
    training_loop: str = trap(
        compat="offline",
        clean="online",
        about="Training on the published offline loop sees the future, all former reactions and global time, none of "
        'which the online loop that is evaluated has; "online" trains what is used.',
    )
    pad_tail: bool = trap(
        compat=False,
        clean=True,
        about="Where the window does not divide a clip, the published code decodes the last window's frames too early: "
        "the last 6 of 750 frames are shifted by 2. We repeat the last frame of the speaker to a whole window.",
    )
    sound_statistics: str = trap(
        compat="clip",
        clean="running",
        about="Online, the published code scales sound by the mean and variance of the whole clip, which looks ahead, "
        'though wav2vec 2.0 normalises the scale away in its first layer; "running" takes those of the sound so far, '
        '"given" leaves sound as it is.',
    )
    past_doubled: bool = trap(
        compat=True,
        clean=True,
        about="Tokens of the past count twice against their positions, by a slip that is part of the trained function; "
        "weights are of use only with the answer that they were trained with.",
    )
    standardised: bool = trap(
        compat=False,
        clean=True,
        about="The published system has coefficients less the mean face, whose channels differ in size tenfold. We "
        "take mean and deviation of every channel from the training data, for coefficients, their loss and other "
        "series.",
    )
    unused_parts: bool = trap(
        compat=True,
        clean=False,
        about="The published layout has a decoder and a head of wav2vec 2.0 that play no part. They are kept, frozen, "
        "so that checkpoints pass through whole, or left out.",
    )
    encode_each_sample: bool = trap(
        compat=True,
        clean=False,
        about="For the diversity loss the published code runs the whole model for every sample; the speaker is the "
        "same, so we encode it once.",
    )

    def __post_init__(self) -> None:
        for kind in self.speaker:
            if kind not in FACE_INPUTS + VOICE_INPUTS:
                raise ConfigError(f"there is no input {kind!r}. {suggest(kind, FACE_INPUTS + VOICE_INPUTS)}")
        faces = [kind for kind in self.speaker if kind in FACE_INPUTS]
        if len(faces) + 1 != len(self.speaker) or not faces or ("video" in faces and len(faces) > 1):
            raise ConfigError(
                f"speaker is {', '.join(self.speaker) or 'empty'}; expected 'video', or one or both of 'emotion' and "
                f"'3dmm', and beside them one of {', '.join(VOICE_INPUTS)}."
            )
        self._check_sizes()
        self.check(_CHOICES)

    @classmethod
    def tiny(cls) -> Self:
        """A small model of series instead of video and sound, which trains on two processor cores in minutes."""
        return cls(
            speaker=("emotion", "3dmm", "mfcc78"),
            width=64,
            heads=4,
            feed_forward=128,
            latent_feed_forward=128,
            latent_layers=1,
            voice_width=64,
            training_window=16,
            window=16,
            samples=2,
            diversity_scale=20.0,
            online_context=64,
            offline_history=16,
            training_loop="offline",
            dropout=0.0,
        )

    @property
    def faces(self) -> tuple[str, ...]:
        """What is seen of the speaker."""
        return tuple(kind for kind in FACE_INPUTS if kind in self.speaker)

    @property
    def voice(self) -> str:
        """What is heard of the speaker."""
        return next(kind for kind in VOICE_INPUTS if kind in self.speaker)

    def _check_sizes(self) -> None:
        if self.width % self.heads or self.width % self.latent_heads or self.width % 4:
            raise ConfigError(
                f"width is {self.width}, expected a multiple of 4, of heads={self.heads} and of "
                f"latent_heads={self.latent_heads}."
            )
        if min(self.window, self.training_window, self.period) < 1 or not 0 <= self.momentum < 1 or self.samples < 2:
            raise ConfigError(
                f"window is {self.window}, training_window {self.training_window}, period {self.period}, samples "
                f"{self.samples} and momentum {self.momentum:g}; expected frames of at least 1, at least 2 samples, "
                "and 0 ≤ momentum < 1."
            )
