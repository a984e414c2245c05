"""Trans-AE in the registry."""

from __future__ import annotations

from reference_models.records import ModelRecord, register_model
from reference_models.transae.card import CARD

__all__ = ["TRANSAE"]

_PLACE = "reference_models.transae"

TRANSAE = register_model(
    ModelRecord(
        name="transae",
        title="Trans-AE",
        config=f"{_PLACE}.config:TransAEConfig",
        model=f"{_PLACE}.model:TransAE",
        card=CARD,
        keys=f"{_PLACE}.keys:KEYS",
        recipe=f"{_PLACE}.recipe:RECIPE",
        aliases=("trans-ae",),
    )
)
