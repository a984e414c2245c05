"""How Trans-AE trains: as ReactFace, to the real listener, without the losses that need chance."""

from __future__ import annotations

from reference_models.training.recipes import Recipe, Stage

__all__ = ["LOSS_WEIGHTS", "RECIPE"]

LOSS_WEIGHTS = {"expression": 1.0, "pose": 10.0, "smoothness": 10.0, "concordance": 0.0}  # concordance is ours

# Distances alone shrink what cannot be foreseen towards the mean; concordance, which is ours, keeps its size.
_TINY = Recipe(
    stages=(
        Stage(
            name="reaction",
            epochs=10,
            learning_rate=2e-3,
            schedule="cosine",
            batch_size=8,
            window=96,
            gradient_clip=1.0,
            loss_weights={"pose": 1.0, "smoothness": 1.0, "concordance": 2.0},
        ),
    ),
    outputs=("3dmm",),
    validate_every=5,
)

RECIPE = Recipe(
    stages=(
        Stage(
            name="reaction",
            epochs=200,
            learning_rate=2e-5,
            weight_decay=5e-4,
            batch_size=8,
            window=256,
            loss_weights=LOSS_WEIGHTS,
        ),
    ),
    outputs=("3dmm",),
    coefficients="zero-centred",
    select="",
    validate_every=50,
    tiny=_TINY,
)
