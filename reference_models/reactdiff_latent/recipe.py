"""How ReactDiff (latent) trains: an auto-encoder of listeners, then the diffusion of its latents."""

from __future__ import annotations

from dataclasses import replace

from reference_models.reactdiff_latent.sources import SOURCES
from reference_models.training.recipes import Recipe, Stage

__all__ = ["AUTOENCODER", "DIFFUSION", "LOSS_WEIGHTS", "RECIPE", "TINY_STAGES"]

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

_TINY_WEIGHTS = {"latent": 1.0, "emotion": 10.0, "coefficients": 10.0}
_TINY_AUTOENCODER = replace(
    _AUTOENCODER, epochs=40, learning_rate=2e-3, batch_size=8, schedule="cosine", gradient_clip=1.0, average=0.0
)
TINY_STAGES = (
    replace(_TINY_AUTOENCODER, window=50),
    replace(_TINY_AUTOENCODER, name=DIFFUSION, parameters=_DIFFUSION.parameters, loss_weights=_TINY_WEIGHTS),
)

# The auto-encoder takes of listeners what is else taken of speakers.
RECIPE = Recipe(
    stages=(_AUTOENCODER, _DIFFUSION),
    outputs=("emotion", "3dmm", *SOURCES["features"].kinds),
    role_swap=True,
    coefficients="zero-centred",
    select="",
    tiny=Recipe(stages=TINY_STAGES, role_swap=True),
)
