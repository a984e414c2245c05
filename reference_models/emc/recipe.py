"""How EMC trains: the base, what is heard of emotion, then all of it together.

Training that starts from the weights of a base leaves out the base's stages. ``recipe.stages.emc.parameters=["emc."]``
leaves the base as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reference_models.faceais.recipe import RECIPE as FACEAIS
from reference_models.regnn.recipe import RECIPE as REGNN
from reference_models.training.recipes import Recipe, Stage
from reference_models.transvae.recipe import RECIPE as TRANSVAE

__all__ = [
    "EMC_STAGE",
    "FACEAIS_RECIPE",
    "LOSS_WEIGHTS",
    "REGNN_RECIPE",
    "SPEECH_STAGE",
    "TRANSVAE_RECIPE",
]

SPEECH_STAGE, EMC_STAGE = "speech_emotion", "emc"

LOSS_WEIGHTS: Mapping[str, float] = {"compensation": 1.0, "fusion": 1e-3, "sample": 1.0}

_HEARING = Stage(
    name=SPEECH_STAGE,
    epochs=10,
    learning_rate=1e-3,
    batch_size=16,
    targets="none",
    parameters=("emc.",),
)


def _with_emc(
    base: Recipe,
    tiny_epochs: int,
    *,
    weights: Mapping[str, float] = LOSS_WEIGHTS,
) -> Recipe:
    """The recipe of a base, and after it that of EMC, in which everything follows the base's last stage.

    Args:
        base: Of the base.
        tiny_epochs: Of the last stage in the tiny recipe, whose steps take about four times as long as the base's.
        weights: Weights of its losses beside the base's.
    """

    def more(recipe: Recipe, epochs: int) -> Recipe:
        *_, last = recipe.stages
        hearing = replace(_HEARING, window=last.window, crop=last.crop)
        loss_weights = {**last.loss_weights, **weights}
        parameters = (*last.parameters, "emc.") if last.parameters else ()
        emc = replace(last, name=EMC_STAGE, epochs=epochs, parameters=parameters, loss_weights=loss_weights)
        return replace(recipe, stages=(*recipe.stages, hearing, emc))

    tiny = None if base.tiny is None else more(base.tiny, tiny_epochs)
    return replace(more(base, base.stages[-1].epochs), tiny=tiny)


_MADE_OR_COMPARED = {name: LOSS_WEIGHTS[name] for name in ("compensation", "fusion")}

TRANSVAE_RECIPE = _with_emc(TRANSVAE, 30, weights=_MADE_OR_COMPARED)
REGNN_RECIPE = _with_emc(REGNN, 10, weights=_MADE_OR_COMPARED)
FACEAIS_RECIPE = _with_emc(FACEAIS, 5)
