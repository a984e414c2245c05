"""ReactFace in the registry."""

from __future__ import annotations

from reference_models.reactface.card import CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["REACTFACE"]

REACTFACE = register_model(
    ModelRecord(
        name="reactface",
        title="ReactFace",
        config="reference_models.reactface.config:ReactFaceConfig",
        model="reference_models.reactface.model:ReactFace",
        card=CARD,
        keys="reference_models.reactface.keys:KEYS",
        wrappers=("state_dict", "model"),
        recipe="reference_models.reactface.recipe:RECIPE",
    )
)
