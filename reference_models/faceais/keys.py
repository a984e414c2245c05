"""How keys of the official checkpoints of FaceAIS and ours correspond.

Conventions: the predictor's checkpoint holds the tokenizer as ``face_tokenizer.model.…`` and all of wav2vec 2.0 as
``sound_feature_extractor.model.…``, of which the convolutions and their norm are used. The tokenizer's own checkpoint
has ``model.…`` alone; what both hold has to be the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from reference_models.errors import CheckpointError
from reference_models.key_map import KeyMap, KeyRule

__all__ = ["KEYS", "FaceAISKeys"]

_PARTS = {
    ".ln_1.": ".norm.",
    ".ln_2.": ".feed_norm.",
    ".ln_3.": ".other_norm.",
    ".attn.c_attn.": ".attention.joined.",
    ".attn.c_proj.": ".attention.output.",
    ".attn_cross.x_c_attn.": ".cross.asked.",
    ".attn_cross.y_c_attn.": ".cross.known.",
    ".attn_cross.c_proj.": ".cross.output.",
    ".mlp.c_fc.": ".feed.0.",
    ".mlp.c_proj.": ".feed.2.",
    ".gated_alpha": ".gate",
}
"""Parts of a layer."""

_TOKENIZER = {
    "encoder.wfe.": "entry.projection.",
    "encoder.wpe.": "entry.positions.",
    "encoder.h.": "encoder.layers.",
    "encoder.ln_f.": "encoder.norm.",
    "quantize.quantize.project_in.": "quantiser.inwards.",
    "quantize.quantize.project_out.": "quantiser.outwards.",
    "decoder_to_3dmm.wfe.": "code_entry.projection.",
    "decoder_to_3dmm.wpe.": "code_entry.positions.",
    "decoder_to_3dmm.h.": "to_coefficients.layers.",
    "decoder_to_3dmm.ln_f.": "to_coefficients.norm.",
    "decoder_to_emotion.h.": "to_emotion.layers.",
    "decoder_to_emotion.ln_f.": "to_emotion.norm.",
    "lm_head_3dmm.": "coefficients_head.",
    "lm_head_emotion.": "emotion_head.",
}
_PREDICTOR = {
    "sp_cm_transformer.wte_sound.": "unused.",
    "sp_cm_transformer.wpe_sound.": "speaker.second.positions.",
    "wav2vec2_c_proj.": "speaker.second.projection.",
    "sp_cm_transformer.h_sound.": "speaker.second_layers.",
    "sp_cm_transformer.wte_face.": "speaker.face.tokens.",
    "sp_cm_transformer.wpw_face.": "speaker.face.positions.",
    "sp_cm_transformer.h_face.": "speaker.face_layers.",
    "sp_cm_transformer.h.": "speaker.layers.",
    "sp_cm_transformer.ln_f.": "speaker.norm.",
    "lt_cm_transformer.wte.": "listener.past.tokens.",
    "lt_cm_transformer.wpe.": "listener.past.positions.",
    "lt_cm_transformer.h_listener.": "listener.past_layers.",
    "lt_cm_transformer.h_speaker.": "listener.speaker_layers.",
    "lt_cm_transformer.h.": "listener.layers.",
    "lt_cm_transformer.ln_f.": "listener.norm.",
    "lm_head.": "listener.head.",
}
_SPEECH = {"feature_extractor.": "convolutions.", "feature_projection.layer_norm.": "norm."}

_LAYER = re.compile(r"(tokenizer|predictor)\..*?layers\.\d+")
_INNER, _WAV2VEC = "face_tokenizer.model.", "sound_feature_extractor."
_SPEECH_KEPT = tuple(f"{_WAV2VEC}model.{published}" for published in _SPEECH)


class FaceAISKeys(KeyMap):
    """The layers of all stacks have parts of the same names, and the tokenizer may come from either file."""

    def is_ignored(self, published: str) -> bool:
        """Whether a published key holds nothing of the model."""
        return published.startswith(_WAV2VEC) and not published.startswith(_SPEECH_KEPT)

    def import_state(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state of a published one.

        Raises:
            CheckpointError: If the tokenizer's own checkpoint and the predictor's hold other tokenizers.
        """
        own = tuple(f"model.{each}" for each in _TOKENIZER)
        inner = {_INNER + key.removeprefix("model."): key for key in published if key.startswith(own)}
        differing = [
            key for name, key in inner.items() if name in published and not torch.equal(published[name], published[key])
        ]
        if differing:
            raise CheckpointError(
                f"{', '.join(differing)} differ from the tokenizer that the predictor's checkpoint holds. Name "
                "checkpoints that were trained together, or the predictor's alone."
            )
        alone = {inner_name: published[key] for inner_name, key in inner.items()}
        others = {key: value for key, value in published.items() if not key.startswith(own)}
        return _renamed(super().import_state(others | alone).items(), _PARTS)

    def export_state(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published state of ours, as the predictor's checkpoint holds it."""
        return super().export_state(_renamed(ours.items(), {name: part for part, name in _PARTS.items()}))


def _renamed(items: Iterable[tuple[str, Tensor]], names: Mapping[str, str]) -> dict[str, Tensor]:
    """The items with the parts of layers, which follow a layer's number, renamed."""
    found = {}
    for key, value in items:
        layer = _LAYER.match(key)
        part = key[layer.end() :] if layer else ""
        name = next((each for each in names if part.startswith(each)), "")
        found[key.removesuffix(part) + names[name] + part.removeprefix(name) if name else key] = value
    return found


KEYS = FaceAISKeys(
    rules=(
        *(KeyRule(f"{_INNER}{published}", f"tokenizer.{ours}") for published, ours in _TOKENIZER.items()),
        *(KeyRule(f"model.{published}", f"predictor.{ours}") for published, ours in _PREDICTOR.items()),
        *(KeyRule(f"{_WAV2VEC}model.{published}", f"speech.{ours}") for published, ours in _SPEECH.items()),
    ),
)
