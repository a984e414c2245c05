"""How keys of the official checkpoints of BeLFusion and ours correspond.

Conventions: the official code keeps a model in two files. Their states have no key in common and are taken together:
the auto-encoder's, the denoiser's, and ``statistics`` of the auto-encoder's file, as ``statistics.min`` and so on.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.blocks.window_autoencoder import PUBLISHED_KEYS
from reference_models.errors import CheckpointError
from reference_models.key_map import KeyMap, KeyRule

__all__ = ["KEYS", "BeLFusionKeys"]

_MODULATION, _PUBLISHED_MODULATION, _ALIAS = ".modulation.", ".linear_emb.", ".cond_layers.1."
_VARIANCE = "statistics.var"
_RENAMED = {
    **{published: f"autoencoder.{ours}" for published, ours in PUBLISHED_KEYS.items()},
    "time_embed.": "denoiser.time.",
    "cond_embed.": "denoiser.condition.",
    "layers.": "denoiser.layers.",
    "statistics.min": "scaling.minimum",
    "statistics.max": "scaling.maximum",
    "statistics.mean": "scaling.mean",
    "statistics.std": "scaling.deviation",
}


class BeLFusionKeys(KeyMap):
    """The official denoiser keeps its modulations under two names, of which we keep one."""

    def is_ignored(self, published: str) -> bool:
        """Whether a published key holds nothing of the model."""
        return _ALIAS in published or super().is_ignored(published)

    def import_state(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state of a published one.

        Raises:
            CheckpointError: If a modulation differs under its two names.
        """
        aliases = [key for key in published if _ALIAS in key]
        named = {key: published.get(key.replace(_ALIAS, _PUBLISHED_MODULATION)) for key in aliases}
        differing = [key for key, value in named.items() if value is None or not torch.equal(value, published[key])]
        if differing:
            raise CheckpointError(
                f"{', '.join(differing)} should be the same as {_PUBLISHED_MODULATION.strip('.')} of the same layer, "
                "but differ: the official code stores these layers under both names. Was the file edited?"
            )
        found = super().import_state(published)
        return {key.replace(_PUBLISHED_MODULATION, _MODULATION): value for key, value in found.items()}

    def export_state(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published state of ours, modulations under both names."""
        found = super().export_state(
            {key.replace(_MODULATION, _PUBLISHED_MODULATION): value for key, value in ours.items()}
        )
        aliases = {
            key.replace(_PUBLISHED_MODULATION, _ALIAS): value
            for key, value in found.items()
            if _PUBLISHED_MODULATION in key
        }
        return found | aliases


def _variance(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {_VARIANCE: ours["scaling.deviation"].square()}


KEYS = BeLFusionKeys(
    rules=tuple(KeyRule(published, ours) for published, ours in _RENAMED.items()),
    ignored=(_VARIANCE,),
    exported=_variance,
)
