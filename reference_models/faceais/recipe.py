"""How FaceAIS trains: the tokenizer, its emotion decoder alone, then the predictor of its tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reference_models.training.recipes import Recipe, Stage

__all__ = ["EMOTION_DECODER", "LOSS_WEIGHTS", "PREDICTOR", "RECIPE", "TOKENIZER"]

TOKENIZER, EMOTION_DECODER, PREDICTOR = "tokenizer", "emotion", "predictor"

LOSS_WEIGHTS = {
    TOKENIZER: {"face": 1.0, "emotion": 1.0, "concordance": 0.0},
    EMOTION_DECODER: {"emotion": 1.0, "concordance": 0.0},
    PREDICTOR: {"tokens": 1.0, "concordance": 0.0},
}
"""Concordance is ours."""

_TOKENIZER = Stage(
    name=TOKENIZER,
    epochs=160,
    learning_rate=1e-3,
    weight_decay=0.1,
    betas=(0.9, 0.95),
    warmup_steps=300,
    batch_size=8,
    window=736,
    parameters=("tokenizer.",),
    loss_weights=LOSS_WEIGHTS[TOKENIZER],
)
_EMOTION_DECODER = replace(
    _TOKENIZER,
    name=EMOTION_DECODER,
    epochs=40,
    warmup_steps=0,
    parameters=("tokenizer.to_emotion.", "tokenizer.emotion_head."),
    loss_weights=LOSS_WEIGHTS[EMOTION_DECODER],
)
_PREDICTOR = replace(
    _TOKENIZER,
    name=PREDICTOR,
    epochs=1000,
    warmup_steps=200,
    batch_size=16,
    window=288,
    parameters=("predictor.speaker.", "predictor.listener."),
    loss_weights=LOSS_WEIGHTS[PREDICTOR],
)

_SOON = replace(
    _PREDICTOR,
    window=None,
    batch_size=8,
    learning_rate=3e-3,
    weight_decay=1e-2,
    warmup_steps=20,
    schedule="cosine",
    gradient_clip=1.0,
)


def _tiny(stage: Stage, **changes: Any) -> Stage:
    """A stage as the tiny recipe has it."""
    kept = {"name": stage.name, "parameters": stage.parameters, "loss_weights": stage.loss_weights}
    return replace(_SOON, **(kept | changes))


# Absolute errors pull what cannot be foreseen to its median, and tokens are many for few dyads: concordance, which is
# ours, says how near what is decoded of the expected code is. That lies between codes, so its decoder learns on.
_TINY = Recipe(
    stages=(
        _tiny(_TOKENIZER, epochs=20, batch_size=3, loss_weights={"face": 1.0, "emotion": 3.0, "concordance": 10.0}),
        _tiny(_EMOTION_DECODER, epochs=4, learning_rate=1e-3, loss_weights={"emotion": 1.0, "concordance": 2.0}),
        _tiny(
            _PREDICTOR,
            epochs=12,
            learning_rate=1.5e-3,
            parameters=(*_PREDICTOR.parameters, *_EMOTION_DECODER.parameters),
            loss_weights={"tokens": 0.2, "concordance": 10.0},
        ),
    ),
    validate_every=4,
)

RECIPE = Recipe(stages=(_TOKENIZER, _EMOTION_DECODER, _PREDICTOR), coefficients="zero-centred", select="", tiny=_TINY)
