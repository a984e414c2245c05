"""How keys of the official checkpoints of REGNN and ours correspond.

Conventions: the official file is a pickled module, of which the tensors are read, and as ``…_init`` whether a norm was
initialised; a state dict does not say so and is taken to be of a trained model.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from reference_models.errors import CheckpointError
from reference_models.key_map import KeyMap, KeyRule
from reference_models.pickled_modules import read_pickled_module

__all__ = ["KEYS", "REGNNKeys", "read_module"]

_FUSION, _COGNITION, _MOTOR = "perceptual_processor.fuse_model.", "cognitive_processor.", "motor_processor."
_ENCODERS = {f"{_FUSION}trans_v_with_a.": "fusion.cross.", f"{_FUSION}trans_v_mem.": "fusion.own."}
_IN_LAYER = {
    "self_attn.": "attention.",
    "fc1.": "widened.",
    "fc2.": "narrowed.",
    "layer_norms.0.": "attention_norm.",
    "layer_norms.1.": "feed_forward_norm.",
}
_NUMBERS = range(32)  # more layers or components than anyone has
_RENAMED = {
    **{f"{published}layer_norm.": f"{ours}norm." for published, ours in _ENCODERS.items()},
    **{
        f"{published}layers.{number}.{part}": f"{ours}layers.{number}.{our_part}"
        for published, ours in _ENCODERS.items()
        for number in _NUMBERS
        for part, our_part in _IN_LAYER.items()
    },
    f"{_FUSION}proj1.": "fusion.widened.",
    f"{_FUSION}proj2.": "fusion.narrowed.",
    f"{_FUSION}out_layer.": "fusion.output.",
    f"{_COGNITION}convert_layer.fc1.": "cognition.nodes.0.",
    f"{_COGNITION}convert_layer.fc2.": "cognition.nodes.2.",
    f"{_COGNITION}EdgeLayer.qk.0.fc1.": "cognition.edges.embedding.0.",
    f"{_COGNITION}EdgeLayer.qk.0.fc2.": "cognition.edges.embedding.2.",
    f"{_COGNITION}EdgeLayer.qk.1.": "cognition.edges.queries_keys.",
    **{f"{_COGNITION}dll.mean_{each}.fc1.": f"cognition.mixture.means.{each}.0." for each in _NUMBERS},
    **{f"{_COGNITION}dll.mean_{each}.fc2.": f"cognition.mixture.means.{each}.2." for each in _NUMBERS},
    **{f"{_MOTOR}Layers.{each}.norm_layer._": f"motor.layers.{each}.norm." for each in _NUMBERS},
    **{f"{_MOTOR}Layers.{each}.norm_layer._init": f"motor.layers.{each}.norm.initialised" for each in _NUMBERS},
    **{f"{_MOTOR}Layers.{each}.attn_1.qk.": f"motor.layers.{each}.attention.queries_keys." for each in _NUMBERS},
    f"{_MOTOR}l": "motor.unused.lower",
    f"{_MOTOR}u": "motor.unused.upper",
    f"{_MOTOR}p": "motor.unused.permutation",
    f"{_MOTOR}log_s": "motor.unused.log_diagonal",
    f"{_MOTOR}sign_s": "motor.unused.signs",
}
_CONVOLUTIONS = {f"{_FUSION}proj_v.": "fusion.face_map.", f"{_FUSION}proj_a.": "fusion.voice_map."}
_WEIGHTS = {f"{_MOTOR}Layers.{each}.attn_1.w": f"motor.layers.{each}.attention.channel_weights" for each in _NUMBERS}
_COMPUTED = {
    f"{encoder}{name}": value
    for encoder in _ENCODERS
    for name, value in {"version": 2.0, "embed_positions._float_tensor": 0.0}.items()
}
_INITIALISED, _EASY = ".norm.initialised", ("easy.threshold", "easy.total", "easy.count")


class REGNNKeys(KeyMap):
    """The published layout does not hold which norms were initialised, nor what training was at."""

    def import_state(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state of a published one.

        Raises:
            CheckpointError: If it is of a model that was never trained.
        """
        found = super().import_state(published)
        layers = {key.rpartition(".norm.")[0] for key in found if key.startswith("motor.") and ".norm." in key}
        trained = {layer + _INITIALISED: found.get(layer + _INITIALISED, torch.tensor(True)) for layer in layers}
        if not all(trained.values()):
            raise CheckpointError(
                "the norms of the published module were never initialised, so it was never trained. Is it the file of "
                "the last epoch?"
            )
        return {name: torch.zeros(()) for name in _EASY} | found | trained

    def export_state(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published state of ours."""
        kept = {key: value for key, value in ours.items() if key not in _EASY and not key.endswith(_INITIALISED)}
        return super().export_state(kept)


def read_module(file: Path) -> dict[str, Tensor] | None:
    """The tensors of the official file, by published key; None if the file is no pickled module.

    Args:
        file: The file.

    Raises:
        CheckpointError: If it is damaged, or of something else than REGNN's modules.
    """
    return read_pickled_module(file, modules=("models", "utils"), flags=("_init",))


def _computed(_ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key: torch.tensor([value]) for key, value in _COMPUTED.items()}


KEYS = REGNNKeys(
    rules=(
        *(KeyRule(published, ours) for published, ours in _RENAMED.items()),
        *(
            KeyRule(*each, lambda value: value.squeeze(-1), lambda value: value[..., None])
            for each in _CONVOLUTIONS.items()
        ),
        *(KeyRule(*each, lambda value: value.squeeze(0), lambda value: value[None]) for each in _WEIGHTS.items()),
    ),
    ignored=tuple(_COMPUTED),
    exported=_computed,
)
