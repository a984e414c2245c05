"""ReactDiff (latent) in the registry."""

from __future__ import annotations

from reference_models.reactdiff_latent.card import CARD, ONLINE_CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["OFFLINE", "ONLINE"]

_PLACE = "reference_models.reactdiff_latent"

OFFLINE = register_model(
    ModelRecord(
        name="reactdiff_latent",
        title="ReactDiff (latent)",
        config=f"{_PLACE}.config:ReactDiffConfig",
        model=f"{_PLACE}.model:ReactDiff",
        card=CARD,
        keys=f"{_PLACE}.keys:KEYS",
        entries=("statistics",),
        recipe=f"{_PLACE}.recipe:RECIPE",
        aliases=("reactdiff (latent)", "reactdiff_latent_offline"),
    )
)

ONLINE = register_model(
    ModelRecord(
        name="reactdiff_latent_online",
        title="ReactDiff (latent) online",
        config=f"{_PLACE}.config:OnlineReactDiffConfig",
        model=f"{_PLACE}.model:ReactDiff",
        card=ONLINE_CARD,
        keys=f"{_PLACE}.keys:KEYS",
        entries=("statistics",),
        recipe=f"{_PLACE}.recipe:ONLINE_RECIPE",
        aliases=("reactdiff (latent) online",),
    )
)
