"""How the keys of ReactFace's published layout and ours correspond."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.blocks.positions import sinusoidal_positions
from reference_models.key_map import KeyMap, KeyRule

__all__ = ["KEYS"]

_FORMER, _PERIOD, _PERIODIC_ROWS, _PLAIN_ROWS = "speaker_reaction_decoder.", 8, 808, 5000
_WAV2VEC, _OURS = f"{_FORMER}audio_encoder.wav2vec2.", "voice_encoder.wav2vec2."
_CONVOLUTION, _NORM = "encoder.pos_conv_embed.conv.", "parametrizations.weight.original"
_LISTENER = "listener_reaction_decoder."

_RENAMED = {
    "past_motion_linear.": "interaction_encoder.past_map.",
    "transformer_fusion_plm2sa.layers.0.": "interaction_encoder.voice_layer.",
    "transformer_fusion_plm2sm.layers.0.": "interaction_encoder.motion_layer.",
    "interaction_VAE.mu_token": "interaction_encoder.gaussian.mean_token",
    "interaction_VAE.logvar_token": "interaction_encoder.gaussian.log_variance_token",
    "interaction_VAE.linear.": "interaction_encoder.gaussian.linear.",
    "interaction_VAE.seqTransEncoder.layers.": "interaction_encoder.gaussian.layers.",
    "video_encoder.Conv3D.conv1.": "face_encoder.coarse.",
    "video_encoder.Conv3D.conv2.": "face_encoder.wide.",
    "video_encoder.Conv3D.conv3.": "face_encoder.halved.",
    "video_encoder.Conv3D.conv4.": "face_encoder.residual.",
    "video_encoder.Conv3D.conv5.": "face_encoder.quartered.",
    "video_encoder.fc.": "face_encoder.head.",
    # Torch before 2.1 named the parts of a weight norm so, as published checkpoints do; the new names fit as they are.
    f"{_WAV2VEC}{_CONVOLUTION}weight_g": f"{_OURS}{_CONVOLUTION}{_NORM}0",
    f"{_WAV2VEC}{_CONVOLUTION}weight_v": f"{_OURS}{_CONVOLUTION}{_NORM}1",
    _WAV2VEC: _OURS,
    f"{_FORMER}audio_encoder.lm_head.": "unused.voice_head.",
    f"{_FORMER}audio_feature_map.": "speaker_former.voice_map.",
    f"{_FORMER}speaker_transformer_decoder1.layers.0.": "speaker_former.face_layer.",
    f"{_FORMER}speaker_transformer_decoder2.layers.0.": "speaker_former.voice_layer.",
    f"{_FORMER}speaker_transformer_decoder3.layers.0.": "speaker_former.motion_layer.",
    "speaker_decoder.layers.0.": "speaker_head.layer.",
    "speaker_vector_map_layer.": "speaker_head.coefficients.",
    "transformer_listener_vectors.layers.": "unused.listener_layers.",
    f"{_LISTENER}transformer_decoder.layers.": "listener_decoder.latent_layers.",
    f"{_LISTENER}transformer_fusion_decode1.layers.0.": "listener_decoder.voice_layer.",
    f"{_LISTENER}transformer_fusion_decode2.layers.0.": "listener_decoder.motion_layer.",
    f"{_LISTENER}listener_reaction_3dmm_map_layer.": "listener_decoder.coefficients.",
    f"{_LISTENER}listener_reaction_emotion_map_layer.": "listener_decoder.emotion.",
}
_PERIODIC = ("PPE.pe", f"{_FORMER}PPE.pe")
_PLAIN = ("PE.pe", "interaction_VAE.PE.pe", f"{_LISTENER}PE.pe")


def _positions(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encodings of positions that a published checkpoint holds, which we compute."""
    width = ours["interaction_encoder.past_map.weight"].shape[0]
    periodic = sinusoidal_positions(torch.arange(_PERIODIC_ROWS) % _PERIOD, width)
    plain = sinusoidal_positions(torch.arange(_PLAIN_ROWS), width)
    return {key: periodic[None].clone() for key in _PERIODIC} | {key: plain[:, None].clone() for key in _PLAIN}


KEYS = KeyMap(
    rules=tuple(KeyRule(published, ours) for published, ours in _RENAMED.items()),
    ignored=(*_PERIODIC, *_PLAIN),
    exported=_positions,
)
