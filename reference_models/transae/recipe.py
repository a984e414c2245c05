"""How Trans-AE trains: as ReactFace, to the real listener, without the losses that need chance."""

from __future__ import annotations

from reference_models.training.recipes import Recipe, Stage

__all__ = ["LOSS_WEIGHTS", "RECIPE"]

LOSS_WEIGHTS = {"expression": 1.0, "pose": 10.0, "smoothness": 10.0}

_TINY = Recipe(
    stages=(Stage(name="reaction", epochs=60, learning_rate=1e-3, batch_size=8, gradient_clip=1.0),),
    outputs=("3dmm",),
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
