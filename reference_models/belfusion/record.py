"""BeLFusion in the registry."""

from __future__ import annotations

from reference_models.belfusion.card import CARD, ONLINE_CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["OFFLINE", "ONLINE"]

_PLACE = "reference_models.belfusion"

OFFLINE = register_model(
    ModelRecord(
        name="belfusion",
        title="BeLFusion",
        config=f"{_PLACE}.config:BeLFusionConfig",
        model=f"{_PLACE}.model:BeLFusion",
        card=CARD,
        keys=f"{_PLACE}.keys:KEYS",
        entries=("statistics",),
        recipe=f"{_PLACE}.recipe:RECIPE",
        aliases=("belfusion_offline",),
    )
)

ONLINE = register_model(
    ModelRecord(
        name="belfusion_online",
        title="BeLFusion online",
        config=f"{_PLACE}.config:OnlineBeLFusionConfig",
        model=f"{_PLACE}.model:BeLFusion",
        card=ONLINE_CARD,
        keys=f"{_PLACE}.keys:KEYS",
        entries=("statistics",),
        recipe=f"{_PLACE}.recipe:ONLINE_RECIPE",
        aliases=("belfusion online",),
    )
)
