"""ReactDiff (LRS) in the registry."""

from __future__ import annotations

from reference_models.reactdiff_lrs.card import CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["RECORD"]

_PLACE = "reference_models.reactdiff_lrs"

RECORD = register_model(
    ModelRecord(
        name="reactdiff_lrs",
        title="ReactDiff (LRS, interpretation)",
        config=f"{_PLACE}.config:ReactDiffLRSConfig",
        model=f"{_PLACE}.model:ReactDiffLRS",
        card=CARD,
        keys=f"{_PLACE}.keys:KEYS",
        entries=("statistics",),
        recipe=f"{_PLACE}.recipe:RECIPE",
        aliases=("reactdiff (lrs)",),
    )
)
