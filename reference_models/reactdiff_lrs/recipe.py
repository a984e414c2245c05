"""How ReactDiff (LRS) trains: as ReactDiff (latent), and then, with all of that frozen, the shifts by listener."""

from __future__ import annotations

from dataclasses import replace

from reference_models.reactdiff_latent.recipe import LOSS_WEIGHTS as BASE_WEIGHTS
from reference_models.reactdiff_latent.recipe import RECIPE as BASE
from reference_models.reactdiff_latent.recipe import TINY_STAGES
from reference_models.training.recipes import Recipe, Stage

__all__ = ["LOSS_WEIGHTS", "PERSONAL", "RECIPE"]

PERSONAL = "personal"

LOSS_WEIGHTS = {**BASE_WEIGHTS, PERSONAL: {"latent": 10.0, "emotion": 10.0, "coefficients": 10.0, "concordance": 0.0}}

_PERSONAL = Stage(
    name=PERSONAL,
    epochs=100,
    learning_rate=1e-4,
    weight_decay=5e-4,
    average=0.999,
    history="other",
    parameters=("style.", "shifts."),
    loss_weights=LOSS_WEIGHTS[PERSONAL],
)
_TINY_PERSONAL = replace(
    TINY_STAGES[-1],
    name=PERSONAL,
    epochs=8,
    learning_rate=1e-3,
    history=_PERSONAL.history,
    parameters=_PERSONAL.parameters,
)

RECIPE = replace(
    BASE,
    stages=(*BASE.stages, _PERSONAL),
    tiny=Recipe(stages=(*TINY_STAGES, _TINY_PERSONAL), role_swap=True, validate_every=4),
)
