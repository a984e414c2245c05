"""FaceAIS in the registry."""

from __future__ import annotations

from reference_models.faceais.card import CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["FACEAIS"]

FACEAIS = register_model(
    ModelRecord(
        name="faceais",
        title="FaceAIS",
        config="reference_models.faceais.config:FaceAISConfig",
        model="reference_models.faceais.model:FaceAIS",
        card=CARD,
        keys="reference_models.faceais.keys:KEYS",
        recipe="reference_models.faceais.recipe:RECIPE",
        aliases=("facevis",),
    )
)
