"""The speaker's voice as tokens, two a frame: by wav2vec 2.0 from sound, from its features, or from MFCC.

Conventions: sound is mono at 16 kHz, 640 samples a frame. wav2vec 2.0 gives one token too few for whole frames; zeros
stand for the last one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from react_data.optional_libraries import optional_library
from react_data.speech_features import SpeechModel
from reference_models.blocks.speech_sound import SAMPLES_A_FRAME
from reference_models.blocks.standardisation import Standardisation
from reference_models.errors import ConfigError
from reference_models.reactface.config import SERIES_WIDTHS, TOKENS_A_FRAME, ReactFaceConfig

__all__ = ["FeatureTokens", "SpeechEncoder", "sized_like_folder"]

_SIZES = {
    "voice_width": "hidden_size",
    "voice_layers": "num_hidden_layers",
    "voice_heads": "num_attention_heads",
    "voice_feed_forward": "intermediate_size",
}
_LIKE_BASE = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False, "add_adapter": False}


class SpeechEncoder(nn.Module):
    """wav2vec 2.0, whose convolutions are never trained.

    Args:
        config: The model's configuration.

    Raises:
        LibraryMissingError: If transformers is not installed.
    """

    def __init__(self, config: ReactFaceConfig) -> None:
        super().__init__()
        transformers = optional_library("transformers", extra="speech", purpose="Encoding speech")
        sizes = {theirs: getattr(config, ours) for ours, theirs in _SIZES.items()}
        channels = [config.voice_channels] * 7
        self.wav2vec2 = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(conv_dim=channels, **sizes))
        if config.wav2vec_folder:
            self.wav2vec2.load_state_dict(_checkpoint(config.wav2vec_folder).state_dict())
        self.wav2vec2.feature_extractor._freeze_parameters()

    def forward(self, sound: Tensor) -> Tensor:
        """Encode.

        Args:
            sound: (B, 640 · T) of zero mean and unit variance.

        Returns:
            (B, 2 · T, voice_width).
        """
        model, tokens = self.wav2vec2, TOKENS_A_FRAME * (sound.shape[1] // SAMPLES_A_FRAME)
        heard, _ = model.feature_projection(model.feature_extractor(sound).transpose(1, 2))
        heard = model._mask_hidden_states(heard)[:, :tokens]
        # The token that lacks goes through the transformer hidden: processors multiply 16 rows faster than 15.
        there = torch.arange(tokens, device=sound.device) < heard.shape[1]
        heard = functional.pad(heard, (0, 0, 0, tokens - heard.shape[1]))
        found: Tensor = model.encoder(heard, attention_mask=there.expand(len(heard), -1)).last_hidden_state
        return found.masked_fill(~there[:, None], 0.0)


class FeatureTokens(nn.Module):
    """Features a frame as tokens.

    Args:
        kind: ``"wav2vec"``, which has the tokens of a frame side by side, or ``"mfcc78"``.
        config: The model's configuration.
    """

    def __init__(self, kind: str, config: ReactFaceConfig) -> None:
        super().__init__()
        wide = TOKENS_A_FRAME * config.voice_width
        channels = SERIES_WIDTHS.get(kind, wide)
        self.scaling = Standardisation(channels, kept=config.standardised)
        self.tokens = nn.Identity() if kind == "wav2vec" else nn.Sequential(nn.Linear(channels, wide), nn.GELU())

    def forward(self, features: Tensor) -> Tensor:
        """Encode.

        Args:
            features: (B, T, channels).

        Returns:
            (B, 2 · T, voice_width).
        """
        found: Tensor = self.tokens(self.scaling(features))
        batch, frames, _ = found.shape
        return found.reshape(batch, TOKENS_A_FRAME * frames, -1)


def sized_like_folder(config: ReactFaceConfig) -> ReactFaceConfig:
    """The configuration with the sizes of the wav2vec 2.0 in its folder, if it names one.

    Raises:
        ConfigError: If it is not like the base model.
        SpeechModelError: If the folder holds no complete wav2vec 2.0.
    """
    if not config.wav2vec_folder or config.voice != "audio":
        return config
    found = _checkpoint(config.wav2vec_folder).config
    other = [f"{name}={getattr(found, name)!r}" for name, usual in _LIKE_BASE.items() if getattr(found, name) != usual]
    if other or len(set(found.conv_dim)) > 1:
        raise ConfigError(
            f"{config.wav2vec_folder} has {', '.join(other) or 'convolutions of several widths'}: expected a "
            "wav2vec 2.0 of the base kind, such as wav2vec2-base-960h."
        )
    sizes = {ours: getattr(found, theirs) for ours, theirs in _SIZES.items()}
    return replace(config, voice_channels=found.conv_dim[0], **sizes)


def _checkpoint(folder: str) -> Any:
    return SpeechModel(folder)._model
