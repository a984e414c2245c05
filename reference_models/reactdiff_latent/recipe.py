"""How ReactDiff (latent) trains: an auto-encoder of listeners, then the diffusion of its latents."""

from __future__ import annotations

from dataclasses import replace

from reference_models.reactdiff_latent.sources import SOURCES
from reference_models.training.recipes import Recipe, Stage

__all__ = ["AUTOENCODER", "DIFFUSION", "LOSS_WEIGHTS", "ONLINE_RECIPE", "RECIPE", "TINY_STAGES"]

AUTOENCODER, DIFFUSION = "autoencoder", "diffusion"

LOSS_WEIGHTS = {
    AUTOENCODER: {"emotion": 10.0, "coefficients": 10.0},
    DIFFUSION: {"latent": 10.0, "emotion": 0.0, "coefficients": 0.0, "concordance": 0.0},
}
"""Published, by stage; all that the diffusion learns of what latents decode to is ours, and is left out at 0."""

_AUTOENCODER = Stage(
    name=AUTOENCODER,
    epochs=200,
    learning_rate=1e-4,
    weight_decay=5e-4,
    average=0.999,
    parameters=("encoder.", "decoder."),
    loss_weights=LOSS_WEIGHTS[AUTOENCODER],
)
_DIFFUSION = Stage(
    name=DIFFUSION,
    epochs=200,
    learning_rate=5e-5,
    weight_decay=5e-4,
    average=0.999,
    parameters=("denoiser.", "conditioner."),
    loss_weights=LOSS_WEIGHTS[DIFFUSION],
)

_TINY_AUTOENCODER = replace(
    _AUTOENCODER,
    epochs=20,
    learning_rate=2e-3,
    batch_size=8,
    schedule="cosine",
    gradient_clip=1.0,
    average=0.0,
    window=50,
)
_TINY_DIFFUSION = replace(
    _TINY_AUTOENCODER,
    name=DIFFUSION,
    epochs=22,
    weight_decay=1e-2,
    batch_size=16,
    window=150,
    parameters=_DIFFUSION.parameters,
    # Distances alone shrink what cannot be foreseen towards the mean; concordance keeps its size.
    loss_weights={"latent": 1.0, "emotion": 10.0, "coefficients": 10.0, "concordance": 20.0},
)
TINY_STAGES = (_TINY_AUTOENCODER, _TINY_DIFFUSION)

# The auto-encoder takes of listeners what is else taken of speakers.
RECIPE = Recipe(
    stages=(_AUTOENCODER, _DIFFUSION),
    outputs=("emotion", "3dmm", *SOURCES["features"].kinds),
    role_swap=True,
    coefficients="zero-centred",
    select="",
    tiny=Recipe(stages=TINY_STAGES, role_swap=True, validate_every=11),
)

ONLINE_RECIPE = replace(
    RECIPE,
    tiny=Recipe(
        # Longer clips, so that more windows have a past to be made from.
        stages=(replace(_TINY_AUTOENCODER, epochs=25), replace(_TINY_DIFFUSION, epochs=30, batch_size=8, window=250)),
        role_swap=True,
    ),
)
