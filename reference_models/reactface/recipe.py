"""How ReactFace trains."""

from __future__ import annotations

from reference_models.reactface.losses import LOSS_WEIGHTS
from reference_models.training.recipes import Recipe, Stage

__all__ = ["RECIPE"]

_STAGE = Stage(
    name="reaction",
    epochs=200,
    learning_rate=2e-5,
    weight_decay=5e-4,
    batch_size=8,
    window=256,
    loss_weights=LOSS_WEIGHTS,
)

# The loss of standardised coefficients is a hundred times that of raw ones, so the other parts weigh less. Concordance
# is ours.
_TINY = Recipe(
    stages=(
        Stage(
            name="reaction",
            epochs=15,
            learning_rate=2e-3,
            weight_decay=1e-2,
            schedule="cosine",
            warmup_steps=20,
            batch_size=8,
            window=96,
            gradient_clip=1.0,
            loss_weights={
                "pose": 1.0,
                "divergence": 1e-3,
                "diversity": 0.4,
                "smoothness": 1.0,
                "speaker": 0.3,
                "concordance": 2.0,
            },
        ),
    ),
    outputs=("3dmm",),
    targets="neighbours",
    neighbours=10,
    validate_every=5,
)

RECIPE = Recipe(
    stages=(_STAGE,),
    outputs=("3dmm",),
    targets="neighbours",
    neighbours=80,
    coefficients="zero-centred",
    select="",
    validate_every=50,
    tiny=_TINY,
)
