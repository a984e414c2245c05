"""How PerFRDiff trains: an auto-encoder of facial attributes, a style encoder, the generator, then the hypernetwork.

Conventions: the paper has three stages, of which the last one learns on the generator and style encoder as they were
trained. No script of the style encoder and of the auto-encoder was published: those stages are ours, with the paper's
loss, temperature and optimiser where it names them.
"""

from __future__ import annotations

from dataclasses import replace

from reference_models.training.recipes import Recipe, Stage

__all__ = ["AUTOENCODER", "GENERATOR", "LOSS_WEIGHTS", "PERSONAL", "RECIPE", "STYLE"]

AUTOENCODER, STYLE, GENERATOR, PERSONAL = "emotion_autoencoder", "style", "generator", "personal"

LOSS_WEIGHTS = {
    AUTOENCODER: {"emotion": 1.0, "divergence": 1e-5, "coefficients": 1.0},
    STYLE: {"contrast": 1.0},
    GENERATOR: {"reaction": 1.0, "prior": 1.0, "concordance": 0.0},  # concordance is ours
    PERSONAL: {"reaction": 1.0, "concordance": 0.0},
}

_AUTOENCODER = Stage(
    name=AUTOENCODER,
    epochs=1000,
    learning_rate=1e-3,
    weight_decay=5e-4,
    batch_size=32,
    targets="paired",
    parameters=("autoencoder.",),
    loss_weights=LOSS_WEIGHTS[AUTOENCODER],
)
_STYLE = Stage(
    name=STYLE,
    epochs=100,
    learning_rate=1e-4,
    weight_decay=1e-4,
    batch_size=64,
    batches="listeners",
    clips_a_listener=4,
    targets="paired",
    parameters=("style.",),
    loss_weights=LOSS_WEIGHTS[STYLE],
)
# The published schedule is half a wave over as many epochs as an epoch has batches, 797, from epoch 5 on.
_GENERATOR = Stage(
    name=GENERATOR,
    epochs=500,
    learning_rate=1e-4,
    weight_decay=1e-4,
    schedule="cosine by epoch",
    schedule_epochs=797,
    constant_epochs=5,
    batch_size=4,
    targets="neighbours",
    neighbours=10,
    parameters=("denoiser.", "prior."),
    loss_weights=LOSS_WEIGHTS[GENERATOR],
)
_PERSONAL = Stage(
    name=PERSONAL,
    epochs=100,
    learning_rate=1e-3,
    weight_decay=1e-4,
    optimiser="sgd",
    momentum=0.9,
    batch_size=1,
    targets="paired",
    history="other",
    parameters=("hypernetwork.",),
    loss_weights=LOSS_WEIGHTS[PERSONAL],
)

_TINY_AUTOENCODER = replace(
    _AUTOENCODER, epochs=5, learning_rate=4e-3, weight_decay=0.0, schedule="cosine", gradient_clip=1.0
)
_TINY_STYLE = replace(
    _STYLE,
    epochs=20,
    learning_rate=1e-3,
    weight_decay=1e-2,
    batch_size=32,
    clips_a_listener=2,
    schedule="cosine",
    gradient_clip=1.0,
)
# Distances alone shrink what cannot be foreseen towards the mean; concordance, which is ours, keeps its size.
_TINY_GENERATOR = replace(
    _GENERATOR,
    epochs=16,
    learning_rate=2e-3,
    weight_decay=1e-2,
    batch_size=16,
    schedule="cosine",
    constant_epochs=0,
    warmup_steps=20,
    gradient_clip=1.0,
    targets="paired",
    parameters=("denoiser.",),
    loss_weights=LOSS_WEIGHTS[GENERATOR] | {"concordance": 1.0},
)
_TINY_PERSONAL = replace(
    _PERSONAL,
    epochs=3,
    optimiser="adamw",
    weight_decay=1e-2,
    batch_size=16,
    schedule="cosine",
    gradient_clip=1.0,
    loss_weights=LOSS_WEIGHTS[PERSONAL] | {"concordance": 1.0},
)

RECIPE = Recipe(
    stages=(_AUTOENCODER, _STYLE, _GENERATOR, _PERSONAL),
    role_swap=True,
    coefficients="zero-centred",
    select="",
    tiny=Recipe(stages=(_TINY_AUTOENCODER, _TINY_STYLE, _TINY_GENERATOR, _TINY_PERSONAL), validate_every=3),
)
