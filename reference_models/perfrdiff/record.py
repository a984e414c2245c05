"""PerFRDiff in the registry."""

from __future__ import annotations

from reference_models.perfrdiff.card import CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["RECORD"]

_PLACE = "reference_models.perfrdiff"

RECORD = register_model(
    ModelRecord(
        name="perfrdiff",
        title="PerFRDiff",
        config=f"{_PLACE}.config:PerFRDiffConfig",
        model=f"{_PLACE}.model:PerFRDiff",
        card=CARD,
        keys=f"{_PLACE}.keys:KEYS",
        recipe=f"{_PLACE}.recipe:RECIPE",
    )
)
