"""Trans-VAE in the registry."""

from __future__ import annotations

from reference_models.records import ModelRecord, register_model
from reference_models.transvae.card import CARD, ONLINE_CARD

__all__ = ["OFFLINE", "ONLINE"]

_PLACE = "reference_models.transvae"

OFFLINE = register_model(
    ModelRecord(
        name="transvae",
        title="Trans-VAE",
        config=f"{_PLACE}.config:TransVAEConfig",
        model=f"{_PLACE}.model:TransVAE",
        card=CARD,
        keys=f"{_PLACE}.keys:KEYS",
        recipe=f"{_PLACE}.recipe:RECIPE",
        aliases=("trans-vae", "transvae_offline"),
    )
)

ONLINE = register_model(
    ModelRecord(
        name="transvae_online",
        title="Trans-VAE online",
        config=f"{_PLACE}.config:OnlineTransVAEConfig",
        model=f"{_PLACE}.online:OnlineTransVAE",
        card=ONLINE_CARD,
        keys=f"{_PLACE}.keys:KEYS",
        recipe=f"{_PLACE}.recipe:ONLINE_RECIPE",
        aliases=("trans-vae online",),
    )
)
