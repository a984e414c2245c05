"""How Trans-VAE trains."""

from __future__ import annotations

from dataclasses import replace

from reference_models.training.recipes import Recipe, Stage

__all__ = ["LOSS_WEIGHTS", "ONLINE_RECIPE", "RECIPE"]

LOSS_WEIGHTS = {
    "emotion": 1.0,
    "expression": 1.0,
    "pose": 10.0,
    "divergence": 1e-5,
    "diversity": 10.0,
    "concordance": 0.0,
}
"""Those of the official README; its code's defaults are a divergence of 2e-4 and a learning rate of 1e-4. Concordance
is ours."""

_STAGE = Stage(
    name="whole",
    epochs=50,
    learning_rate=1e-5,
    weight_decay=5e-4,
    batch_size=4,
    window=256,
    loss_weights=LOSS_WEIGHTS,
)

# The published weight of pose is half the loss, so the latent of a small model would hold little else; that of
# diversity would make reactions to short clips noise. Both were chosen by FRCorr on a validation split.
_TINY_LOSS_WEIGHTS = LOSS_WEIGHTS | {"pose": 1.0, "diversity": 0.04}

_TINY = replace(
    _STAGE,
    epochs=100,
    learning_rate=1.5e-3,
    schedule="cosine",
    batch_size=4,
    window=None,
    gradient_clip=1.0,
    loss_weights=_TINY_LOSS_WEIGHTS,
)

# Distances alone shrink what cannot be foreseen towards the mean; concordance, which is ours, keeps its size.
_TINY_ONLINE = replace(
    _TINY, epochs=8, batch_size=8, loss_weights=_TINY_LOSS_WEIGHTS | {"diversity": 0.06, "concordance": 2.0}
)

RECIPE = Recipe(
    stages=(_STAGE,),
    role_swap=True,
    coefficients="zero-centred",
    select="",
    tiny=Recipe(stages=(_TINY,)),
)

ONLINE_RECIPE = replace(RECIPE, tiny=Recipe(stages=(_TINY_ONLINE,), validate_every=4))
