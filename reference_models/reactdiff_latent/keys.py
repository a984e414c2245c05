"""How keys of the official checkpoints of ReactDiff (latent) and ours correspond.

Conventions: the official code keeps a model in two files, which have no key in common and are taken together: that of
the auto-encoder, with ``statistics``, taken as ``statistics.min`` and so on; and that of the denoiser.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from torch import Tensor

from reference_models.key_map import KeyMap, KeyRule

__all__ = ["KEYS", "ReactDiffKeys"]

_FUSION = "Behaviour_features_fusion."
_DECODER = "reaction_decoder."
_VARIANCE = "statistics.var"
_RENAMED = {
    f"{_FUSION}video_features_fusion.fusion_0.": "encoder.first.",
    f"{_FUSION}video_features_fusion.fusion_cyc.": "encoder.cycles.",
    f"{_FUSION}audio_feature_fusion.": "encoder.sound.",
    f"{_FUSION}video_audio_fusion.": "encoder.joint.",
    f"{_FUSION}video_audio_fusion_map_layer.": "encoder.fused.",
    "reaction_encoder.MLP.": "encoder.latent.",
    f"{_DECODER}encoder.MLP.": "decoder.unused.",
    f"{_DECODER}listener_reaction_decoder_1.layers.": "decoder.first.",
    f"{_DECODER}listener_reaction_decoder_2.layers.": "decoder.second.",
    f"{_DECODER}listener_reaction_3dmm_map_layer.": "decoder.coefficients.",
    f"{_DECODER}listener_reaction_emotion_map_layer.": "decoder.emotion.",
    "time_embed.": "denoiser.time.",
    "input_blocks.": "denoiser.down.",
    "middle_block.": "denoiser.middle.",
    "output_blocks.": "denoiser.up.",
    "out.": "denoiser.out.",
    "linear.": "conditioner.",
    "statistics.min": "scaling.minimum",
    "statistics.max": "scaling.maximum",
    "statistics.mean": "scaling.mean",
    "statistics.std": "scaling.deviation",
}
# What is within keys, published and ours, by the beginning of ours.
_WITHIN = {
    "encoder.": {
        ".attn1.": ".fer1408.",
        ".attn2.": ".va64.",
        ".q.": ".queries.",
        ".k.": ".keys.",
        ".v.": ".values.",
        ".norm1.": ".norm.",
        ".norm2.": ".unused.",
    },
    "denoiser.": {
        ".in_layers.0.": ".norm_in.",
        ".in_layers.2.": ".convolution_in.",
        ".emb_layers.1.": ".shift.",
        ".out_layers.0.": ".norm_out.",
        ".out_layers.3.": ".convolution_out.",
        ".skip_connection.": ".skip.",
        ".op.": ".halving.",
        ".conv.": ".doubling.",
    },
}


class ReactDiffKeys(KeyMap):
    """Renames beginnings of keys, and then what is within them."""

    def import_state(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state of a published one; warns where the layer is missing through which the speaker is seen."""
        if any(key.startswith("input_blocks.") for key in published) and "linear.1.weight" not in published:
            warnings.warn(
                "the file has no linear.*, the layer that condenses the speaker's window: the official code trains it "
                "and never saves it. Nothing can bring it back; with cond_init_seed=0 (or another seed) it is made at "
                "random, and then reactions follow the speaker at random only.",
                RuntimeWarning,
                stacklevel=2,
            )
        return {_within(key, ours=True): value for key, value in super().import_state(published).items()}

    def export_state(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published state of ours."""
        return super().export_state({_within(key, ours=False): value for key, value in ours.items()})


def _within(key: str, *, ours: bool) -> str:
    """A key that begins as ours do, with what is within it as in ours or as published."""
    for beginning, names in _WITHIN.items():
        if key.startswith(beginning):
            for published, own in names.items():
                key = key.replace(published, own) if ours else key.replace(own, published)
    return key


def _variance(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {_VARIANCE: ours["scaling.deviation"].square()}


KEYS = ReactDiffKeys(
    rules=tuple(KeyRule(published, ours) for published, ours in _RENAMED.items()),
    ignored=(_VARIANCE,),
    exported=_variance,
)
