"""How keys of the official checkpoints of Trans-VAE and ours correspond."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.blocks.positions import sinusoidal_positions
from reference_models.key_map import KeyMap, KeyRule

__all__ = ["KEYS"]

_TABLE_ROWS = 5000


def _without_time(kernel: Tensor) -> Tensor:
    return kernel.squeeze(2)


def _with_time(kernel: Tensor) -> Tensor:
    return kernel.unsqueeze(2)


def _tables(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    width = ours["latent.mean_token"].shape[0]
    return {"reaction_decoder.PE.pe": sinusoidal_positions(torch.arange(_TABLE_ROWS), width)[:, None]}


_VIDEO = "speaker_behaviour_encoder.video_encoder."
_DECODER = "reaction_decoder."
_RENAMED = {
    f"{_VIDEO}fc": "speaker.video.projection",
    "speaker_behaviour_encoder.audio_feature_map": "speaker.series.speaker_mfcc78",
    "speaker_behaviour_encoder.fusion_layer": "speaker.fusion",
    f"{_DECODER}vae_model.mu_token": "latent.mean_token",
    f"{_DECODER}vae_model.logvar_token": "latent.log_variance_token",
    f"{_DECODER}vae_model.linear": "latent.linear",
    f"{_DECODER}vae_model.seqTransEncoder.layers": "latent.layers",
    f"{_DECODER}listener_reaction_decoder_1.layers.0": "decoder.from_latent",
    f"{_DECODER}listener_reaction_decoder_2.layers.0": "decoder.from_frames",
    f"{_DECODER}listener_reaction_decoder_3d.layers.0": "decoder.from_history",
    f"{_DECODER}listener_reaction_3dmm_map_layer": "decoder.coefficients",
    f"{_DECODER}listener_reaction_emotion_map_layer.0": "decoder.joined",
    f"{_DECODER}listener_reaction_emotion_map_layer.1": "decoder.emotion",
    f"{_DECODER}linear_3d": "decoder.past",
    f"{_DECODER}linear_reaction": "decoder.present",
    f"{_DECODER}lstm": "decoder.smoothing",
}

KEYS = KeyMap(
    rules=(
        *(
            KeyRule(
                f"{_VIDEO}Conv3D.conv{number + 1}", f"speaker.video.convolutions.{number}", _without_time, _with_time
            )
            for number in range(5)
        ),
        *(KeyRule(published, ours) for published, ours in _RENAMED.items()),
    ),
    ignored=(f"{_DECODER}PE.pe",),
    exported=_tables,
)
