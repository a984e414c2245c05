"""REGNN in the registry."""

from __future__ import annotations

from reference_models.records import ModelRecord, register_model
from reference_models.regnn.card import CARD

__all__ = ["REGNN"]

REGNN = register_model(
    ModelRecord(
        name="regnn",
        title="REGNN",
        config="reference_models.regnn.config:REGNNConfig",
        model="reference_models.regnn.model:REGNN",
        card=CARD,
        keys="reference_models.regnn.keys:KEYS",
        reader="reference_models.regnn.keys:read_module",
        recipe="reference_models.regnn.recipe:RECIPE",
    )
)
