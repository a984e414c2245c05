"""What EMC on each of its bases is made of: the base's configuration, and our choices of what the paper leaves open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from react_data.missing_modalities import MissingModalities
from reference_models.errors import ConfigError
from reference_models.faceais.config import FaceAISConfig
from reference_models.model_config import ModelConfig
from reference_models.regnn.config import REGNNConfig
from reference_models.transvae.config import TransVAEConfig

__all__ = ["EMCFields", "FaceAISEMCConfig", "REGNNEMCConfig", "TransVAEEMCConfig"]

PLACES = ("unimodal", "fused", "sample")


@dataclass(frozen=True)
class EMCFields(ModelConfig):
    """What EMC adds. The paper has no code and says little of sizes, so these defaults are ours.

    Attributes:
        attention: Where the model attends to the speaker's emotion: to change the features of face and of speech
            (``"unimodal"``), both together (``"fused"``), and what is sampled (``"sample"``). None of them: without
            emotion-aware attention.
        attention_heads: Heads of that attention; 0 for as many as the base has there.
        attention_layers: Its layers, each with attention of the series, of the emotion, and of the one to the other.
        attention_norm: Whether its norms come ``"after"`` what is added, or ``"before"``.
        attention_dropout: Share dropped in training.
        attention_positions: Whether it knows the order of frames.
        emotion_gate: What its changes are multiplied by before training, a number that is learned. At 0 training
            starts with the base as it is; 1 is for training from scratch.
        emotion_input: A control of ours: the emotion is added to the fused features by a linear map, with no attention.
        both_present: Whose emotion counts where face and speech are present: the ``"face"``'s, or the ``"mean"``.
        speech_emotion: Where the emotion in speech is from, where no face is seen: a small model of sound, ``"learnt"``
            from the facial attributes of speakers; or ``"given"`` as the feature ``speech_emotion10`` of any other
            model, a row a frame: valence, arousal, then Neutral, Happy, Sad, Surprise, Fear, Disgust, Anger, Contempt.
        speech_emotion_width: Hidden channels of that small model.
        compensation: Whether features that are missing are made of the other modality; if not, they are 0.
        compensation_layers: Convolutions over frames of each of its networks.
        compensation_kernel: Frames that such a convolution sees, odd; 1 for each frame by itself.
        latent_share: Channels of its latent, as a share of the base's.
        z_scope: Whether one latent of it is drawn for a ``"clip"`` and held, which avoids jitter, or one a ``"frame"``.
        prior_scale: Deviations of the latents that are drawn to generate, from N(0, 1) in training; 0 for the mean.
        branch_noise: Whether the features that training replaces are made of latents from the ``"prior"``, as when
            reactions are generated, or from the ``"posterior"``, which knows what is missing.
        detached_targets: Whether compensation leaves the encoders alone; if not, they may become easier to compensate.
        detached_fusion: Whether what is missing only draws near to what is complete, and not the reverse.
        decoded: Whether training decodes one of the three kinds of known modalities at ``"random"``, or always the
            ``"complete"`` one.
        reduction: Whether losses of EMC are the ``"mean"`` over elements, or the ``"sum"`` over those of a clip.
        scaled_speech: Whether EMC sees features of speech with mean 0 and deviation 1 by channel, as REGNN's published
            sound, 0 to 255, needs it.
    """

    attention: tuple[str, ...] = PLACES
    attention_heads: int = 0
    attention_layers: int = 1
    attention_norm: str = "after"
    attention_dropout: float = 0.1
    attention_positions: bool = True
    emotion_gate: float = 0.0
    emotion_input: bool = False
    both_present: str = "face"
    speech_emotion: str = "learnt"
    speech_emotion_width: int = 128
    compensation: bool = True
    compensation_layers: int = 1
    compensation_kernel: int = 5
    latent_share: float = 0.5
    z_scope: str = "clip"
    prior_scale: float = 1.0
    branch_noise: str = "prior"
    detached_targets: bool = True
    detached_fusion: bool = False
    decoded: str = "random"
    reduction: str = "mean"
    scaled_speech: bool = False

    @property
    def uses_emotion(self) -> bool:
        """Whether the speaker's emotion is an input."""
        return bool(self.attention) or self.emotion_input

    def _check_emc(self, kinds: tuple[str, ...], attended: Mapping[int, int]) -> None:
        """Refuse what cannot be.

        Args:
            kinds: The kinds of series that the base takes.
            attended: Heads of the base's attention by channels.
        """
        modalities = {MissingModalities().modality(kind) for kind in kinds}
        if modalities < {"face", "speech"}:
            raise ConfigError(
                f"the base takes {', '.join(kinds)}, but EMC needs a face and speech, of which either can be missing."
            )
        for width, usual in attended.items():
            heads = self.attention_heads or usual
            if heads < 1 or width % heads or width % 2:
                raise ConfigError(f"attention of {heads} heads has {width} channels, expected an even multiple.")
        self._check_choices()
        if not self.compensation_kernel % 2:
            raise ConfigError(f"compensation_kernel is {self.compensation_kernel}, expected an odd number.")
        if not 0 < self.latent_share <= 1 or not 0 <= self.attention_dropout < 1:
            raise ConfigError(
                f"latent_share is {self.latent_share:g} and attention_dropout {self.attention_dropout:g}, expected "
                "above 0 to 1, and 0 to below 1."
            )

    def _check_choices(self) -> None:
        if not (self.uses_emotion or self.compensation):
            raise ConfigError("neither attention, emotion_input nor compensation: this is the base. Train that.")
        for place in self.attention:
            if place not in PLACES:
                raise ConfigError(f"attention names {place!r}, expected some of {', '.join(PLACES)}.")
        self.check(_ANSWERS, _LEAST)


_ANSWERS = {
    "attention_norm": ("after", "before"),
    "both_present": ("face", "mean"),
    "speech_emotion": ("learnt", "given"),
    "z_scope": ("clip", "frame"),
    "branch_noise": ("prior", "posterior"),
    "decoded": ("random", "complete"),
    "reduction": ("mean", "sum"),
}
_LEAST = {
    "attention_heads": 0,
    "attention_layers": 1,
    "speech_emotion_width": 1,
    "compensation_layers": 0,
    "compensation_kernel": 1,
    "prior_scale": 0,
}


def _kinds(series: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.removeprefix("speaker_") for name in series)


@dataclass(frozen=True)
class TransVAEEMCConfig(EMCFields, TransVAEConfig):
    """The configuration of EMC on Trans-VAE: all of `TransVAEConfig`, and what EMC adds.

    Attributes:
        speaker_inputs: As `TransVAEConfig` says, but both of a face and ``"speaker_mfcc78"``. Several series of a face
            are features of their own, which share attention.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_emc(_kinds(self.speaker_inputs), {self.width: self.heads})

    @classmethod
    def tiny(cls) -> Self:
        """As Trans-VAE's, with sound: facial attributes, 3DMM coefficients and 78 MFCC."""
        inputs = ("speaker_emotion", "speaker_3dmm", "speaker_mfcc78")
        return cls(**vars(TransVAEConfig.tiny()) | {"speaker_inputs": inputs, "attention_dropout": 0.0})


@dataclass(frozen=True)
class REGNNEMCConfig(EMCFields, REGNNConfig):
    """The configuration of EMC on REGNN: all of `REGNNConfig`, and what EMC adds.

    Attributes:
        sample_width: Channels of attention to what is sampled, whose tokens are the frames of its 25 nodes.
        fusion_deviation: σ of the distributions around the means of windows, which are Gaussians of one deviation.
    """

    sample_width: int = 64
    fusion_deviation: float = 1.0
    scaled_speech: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_emc(self.speaker, {self.width: self.heads, self.sample_width: self.heads})
        if self.sample_width < 1 or self.fusion_deviation <= 0:
            raise ConfigError(
                f"sample_width is {self.sample_width} and fusion_deviation {self.fusion_deviation:g}, expected at "
                "least 1, and above 0."
            )

    @classmethod
    def tiny(cls) -> Self:
        """As REGNN's."""
        return replace(super().tiny(), attention_dropout=0.0)


@dataclass(frozen=True)
class FaceAISEMCConfig(EMCFields, FaceAISConfig):
    """The configuration of EMC on FaceAIS: all of `FaceAISConfig`, and what EMC adds.

    Attributes:
        speaker_inputs: As `FaceAISConfig` says, but with ``"speaker_audio"``, as published, or ``"speaker_mfcc78"``.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        attended = {self.width: self.heads, self.tokenizer_width: self.tokenizer_heads}
        self._check_emc(_kinds(self.speaker_inputs), attended)

    @classmethod
    def tiny(cls) -> Self:
        """As FaceAIS's, with 78 MFCC beside the coefficients."""
        inputs = ("speaker_3dmm", "speaker_mfcc78")
        return cls(**vars(FaceAISConfig.tiny()) | {"speaker_inputs": inputs, "attention_dropout": 0.0})
