"""How BeLFusion trains: first the auto-encoder, then the diffusion of its latents."""

from __future__ import annotations

from dataclasses import replace

from reference_models.training.recipes import Recipe, Stage

__all__ = ["AUTOENCODER", "DIFFUSION", "LOSS_WEIGHTS", "ONLINE_RECIPE", "RECIPE"]

AUTOENCODER, DIFFUSION = "autoencoder", "diffusion"

LOSS_WEIGHTS = {
    AUTOENCODER: {"emotion": 1.0, "divergence": 1e-5, "coefficients": 1.0},
    DIFFUSION: {"latent": 10.0, "decoded": 10.0, "concordance": 0.0},  # concordance is ours
}

_AUTOENCODER = Stage(
    name=AUTOENCODER,
    epochs=1000,
    learning_rate=1e-3,
    weight_decay=5e-4,
    batch_size=32,
    parameters=("autoencoder.",),
    loss_weights=LOSS_WEIGHTS[AUTOENCODER],
)
_DIFFUSION = Stage(
    name=DIFFUSION,
    epochs=100,
    learning_rate=1e-4,
    weight_decay=5e-4,
    batch_size=32,
    parameters=("denoiser.",),
    loss_weights=LOSS_WEIGHTS[DIFFUSION],
)

_TINY_AUTOENCODER = replace(
    _AUTOENCODER, epochs=35, learning_rate=4e-3, batch_size=8, schedule="cosine", gradient_clip=1.0
)
# Distances alone shrink what cannot be foreseen towards the mean; concordance, which is ours, keeps its size.
_TINY_DIFFUSION = replace(
    _DIFFUSION,
    epochs=40,
    learning_rate=2e-3,
    weight_decay=1e-2,
    batch_size=16,
    schedule="cosine",
    gradient_clip=1.0,
    loss_weights=LOSS_WEIGHTS[DIFFUSION] | {"concordance": 20.0},
)

RECIPE = Recipe(
    stages=(_AUTOENCODER, _DIFFUSION),
    role_swap=True,
    coefficients="zero-centred",
    select="",
    tiny=Recipe(stages=(_TINY_AUTOENCODER, _TINY_DIFFUSION), role_swap=True, validate_every=20),
)

ONLINE_RECIPE = replace(
    RECIPE,
    tiny=Recipe(
        # What follows a window is learned later than what is beside it.
        stages=(_TINY_AUTOENCODER, replace(_TINY_DIFFUSION, epochs=90)),
        role_swap=True,
        validate_every=30,
    ),
)
