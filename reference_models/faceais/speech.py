"""The speaker's speech as features, two a frame: the convolutions of wav2vec 2.0 and the norm after them.

Conventions: sound is mono at 16 kHz, 640 samples a frame. The convolutions give one vector too few for whole frames;
zeros stand for the first one, so a frame's vectors depend on no sound after it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from react_data.optional_libraries import optional_library
from react_data.speech_features import SpeechModel
from reference_models.blocks.speech_sound import SAMPLES_A_FRAME, scaled_sound
from reference_models.errors import ConfigError
from reference_models.faceais.config import FaceAISConfig

__all__ = ["SpeechFeatures"]

_EACH = 2
_LAYERS = 7
_MODULE = "transformers.models.wav2vec2.modeling_wav2vec2"


class SpeechFeatures(nn.Module):
    """What is never trained of wav2vec 2.0: its convolutions and their norm.

    Args:
        config: What the model is made of.

    Raises:
        LibraryMissingError: If transformers is not installed.
        ConfigError: If the folder holds a wav2vec 2.0 of another size.
        SpeechModelError: If the folder holds no complete checkpoint.
    """

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        library = optional_library(_MODULE, extra="speech", purpose="Encoding speech")
        channels = config.speech_channels
        self.convolutions = library.Wav2Vec2FeatureEncoder(library.Wav2Vec2Config(conv_dim=[channels] * _LAYERS))
        self.norm = nn.LayerNorm(channels)
        self.block, self.context = config.block, config.sound_context
        if config.wav2vec_folder:
            self._take(config.wav2vec_folder, channels)
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, sound: Tensor) -> Tensor:
        """Features (B, 2 · T, channels) of sound (B, 640 · T), T whole blocks."""
        if not self.context:
            return self._stretch(sound)
        frames = sound.shape[1] // SAMPLES_A_FRAME
        stops = range(self.block, frames + 1, self.block)
        stretches = ((max(stop - self.context, 0), stop) for stop in stops)
        heard = [self._stretch(sound[:, first * SAMPLES_A_FRAME : stop * SAMPLES_A_FRAME]) for first, stop in stretches]
        return torch.cat([each[:, -_EACH * self.block :] for each in heard], 1)

    def _stretch(self, sound: Tensor) -> Tensor:
        found: Tensor = self.norm(self.convolutions(scaled_sound(sound)).mT)
        return functional.pad(found, (0, 0, _EACH * (sound.shape[1] // SAMPLES_A_FRAME) - found.shape[1], 0))

    def _take(self, folder: str, channels: int) -> None:
        found = SpeechModel(folder)._model
        if found.config.feat_extract_norm != "group" or set(found.config.conv_dim) != {channels}:
            raise ConfigError(
                f"{folder} is no wav2vec 2.0 of the base kind with {channels} channels, such as wav2vec2-base-960h."
            )
        self.convolutions.load_state_dict(found.feature_extractor.state_dict())
        self.norm.load_state_dict(found.feature_projection.layer_norm.state_dict())
