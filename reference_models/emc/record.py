"""EMC on its bases in the registry."""

from __future__ import annotations

from reference_models.emc.card import FACEAIS_CARD, REGNN_CARD, TRANSVAE_CARD
from reference_models.records import ModelRecord, register_model

__all__ = ["FACEAIS_EMC", "REGNN_EMC", "TRANSVAE_EMC"]

_PLACE = "reference_models.emc"

TRANSVAE_EMC = register_model(
    ModelRecord(
        name="transvae_emc",
        title="Trans-VAE-EMC",
        config=f"{_PLACE}.config:TransVAEEMCConfig",
        model=f"{_PLACE}.transvae:TransVAEEMC",
        card=TRANSVAE_CARD,
        keys="reference_models.transvae.keys:KEYS",
        recipe=f"{_PLACE}.recipe:TRANSVAE_RECIPE",
        base="transvae",
        aliases=("trans-vae-emc",),
    )
)

REGNN_EMC = register_model(
    ModelRecord(
        name="regnn_emc",
        title="REGNN-EMC",
        config=f"{_PLACE}.config:REGNNEMCConfig",
        model=f"{_PLACE}.regnn:REGNNEMC",
        card=REGNN_CARD,
        keys="reference_models.regnn.keys:KEYS",
        recipe=f"{_PLACE}.recipe:REGNN_RECIPE",
        base="regnn",
        aliases=("regnn-emc",),
    )
)

FACEAIS_EMC = register_model(
    ModelRecord(
        name="faceais_emc",
        title="FaceAIS-EMC",
        config=f"{_PLACE}.config:FaceAISEMCConfig",
        model=f"{_PLACE}.faceais:FaceAISEMC",
        card=FACEAIS_CARD,
        keys="reference_models.faceais.keys:KEYS",
        recipe=f"{_PLACE}.recipe:FACEAIS_RECIPE",
        base="faceais",
        aliases=("faceais-emc", "facevis-emc"),
    )
)
