"""How REGNN trains."""

from __future__ import annotations

from reference_models.regnn.losses import LOSS_WEIGHTS
from reference_models.training.recipes import Recipe, Stage

__all__ = ["RECIPE"]

# An official epoch ends after 101 steps whatever the data, and the rate falls after 9 of 100. With all 3188 clips of
# REACT 2024, 15 windows each, an epoch of ours has 374 steps.
_STAGE = Stage(
    name="reaction",
    epochs=27,
    learning_rate=1e-4,
    weight_decay=5e-4,
    optimiser="adam",
    schedule="step",
    schedule_factor=0.1,
    milestones=(2,),
    batch_size=128,
    window=50,
    crop="windows",
    loss_weights=LOSS_WEIGHTS,
)

# Distances alone shrink what cannot be foreseen towards the mean; concordance, which is ours, keeps its size.
_TINY = Stage(
    name="reaction",
    epochs=20,
    learning_rate=2e-3,
    weight_decay=1e-2,
    schedule="cosine",
    warmup_steps=20,
    batch_size=12,
    window=100,
    gradient_clip=1.0,
    loss_weights={"spread": 0.1, "concordance": 2.0},
)

RECIPE = Recipe(
    stages=(_STAGE,),
    outputs=("emotion",),
    targets="neighbours",
    neighbours=10,
    select="",
    tiny=Recipe(stages=(_TINY,), outputs=("emotion",), targets="neighbours", neighbours=4, validate_every=5),
)
