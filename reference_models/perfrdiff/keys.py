"""How keys of the official checkpoints of PerFRDiff and ours correspond.

Conventions: the official code keeps a model in several files whose keys have no prefix, and some of them the same
keys. A published key here is the network in the file, a dot, and the key in that file.
"""

from __future__ import annotations

from torch import Tensor

from reference_models.blocks.window_autoencoder import PUBLISHED_KEYS
from reference_models.key_map import KeyMap, KeyRule, PublishedPart

__all__ = ["KEYS"]

_PARTS = (
    PublishedPart("person_specific", "cls_token"),
    PublishedPart("embedder_latent", "x_rnn.rnn_f.weight_ih", columns=25),
    PublishedPart("embedder_3dmm", "x_rnn.rnn_f.weight_ih", columns=58),
    PublishedPart("DiffusionPriorNetwork", "learned_query"),
    PublishedPart("TransformerDenoiser", "to_emotion_feat.weight"),
    PublishedPart("ModifierNetwork", "shared_layers.0.weight"),
)
_DENOISER = {
    "to_emotion_embed.": "embedding.",
    "to_emotion_feat.": "mapping.",
    "time_embedding.linear_1.": "time.0.",
    "time_embedding.linear_2.": "time.2.",
    "speaker_audio_proj.": "audio.",
    "speaker_3dmm_proj.": "coefficients.",
    "speaker_emotion_proj.": "emotion.",
    "listener_emotion_proj.": "unused.",
    "decoder.": "",
}
_STYLE = {"embed_layer.": "embedding.", "transformer.": "", "proj_head.": "head."}
_PRIOR = {
    "learned_query": "query",
    "time_embed.": "time.",
    "to_audio_encodings.": "audio.",
    "to_speaker_3dmmenc.": "coefficients.",
    "causal_transformer.rel_pos_bias.relative_attention_bias.": "distances.",
    "causal_transformer.project_out.": "output.",
    "causal_transformer.": "",
}


def _renamed(network: str, ours: str, names: dict[str, str]) -> list[KeyRule]:
    return [KeyRule(f"{network}.{published}", f"{ours}.{own}") for published, own in names.items()]


def _without_axes(network: str, published: str, ours: str, axes: tuple[int, ...]) -> KeyRule:
    """A rule for a value that is published with axes of size 1, which ours lack."""

    def added(value: Tensor) -> Tensor:
        for axis in axes:
            value = value.unsqueeze(axis)
        return value

    return KeyRule(f"{network}.{published}", ours, lambda value: value.squeeze(axes), added)


KEYS = KeyMap(
    rules=(
        *_renamed("embedder_latent", "autoencoder", PUBLISHED_KEYS),
        *_renamed("embedder_3dmm", "unused_autoencoder", PUBLISHED_KEYS),
        *_renamed("TransformerDenoiser", "denoiser", _DENOISER),
        _without_axes("TransformerDenoiser", "query_pos.pe", "denoiser.query_positions", (1,)),
        _without_axes("TransformerDenoiser", "mem_pos.pe", "denoiser.memory_positions", (1,)),
        *_renamed("person_specific", "style", _STYLE),
        _without_axes("person_specific", "cls_token", "style.token", (0, 1)),
        *_renamed("DiffusionPriorNetwork", "prior", _PRIOR),
        _without_axes("DiffusionPriorNetwork", "null_s_audio_encodings", "prior.no_audio", (0,)),
        _without_axes("DiffusionPriorNetwork", "null_s_3dmm_encodings", "prior.no_coefficients", (0,)),
        _without_axes("DiffusionPriorNetwork", "null_s_latent_embed", "prior.no_state", (0, 1)),
        *_renamed("ModifierNetwork", "hypernetwork", {"shared_layers.": "shared.", "branches.": "branches."}),
    ),
    parts=_PARTS,
)
