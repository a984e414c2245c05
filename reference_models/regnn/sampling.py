"""Latents of several reactions to a clip: means of its windows, and what chance adds.

Conventions: means are (W, 25, window), latents (R, W, 25, window) of R reactions. Chance is drawn on the CPU.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from reference_models.blocks.gaussian import standard_noise
from reference_models.regnn.cognition import Mixture
from reference_models.regnn.config import REGNNConfig
from reference_models.regnn.windows import cut

__all__ = ["limited_noise", "noise_field", "sample_mixture"]


def limited_noise(noise: Tensor, limit: float) -> Tensor:
    """The published rule: each reaction's noise is made smaller until its largest value is √limit.

    Args:
        noise: (R, …) draws of N(0, 1).
        limit: Square of the largest value.
    """
    largest = noise.abs().flatten(1).amax(1).clamp(min=math.sqrt(limit))
    return noise * (math.sqrt(limit) / largest).reshape(-1, *[1] * (noise.ndim - 1))


def noise_field(reactions: int, starts: list[int], like: Tensor, generator: torch.Generator) -> Tensor:
    """(reactions, W, 25, window): draws of N(0, 1), the same for a frame in all windows that it is in.

    Args:
        reactions: R.
        starts: First frames of the windows.
        like: (W, 25, window).
        generator: Where chance comes from.
    """
    nodes, window = like.shape[1:]
    field = standard_noise((reactions, starts[-1] + window, nodes), like, generator)
    return cut(field, starts, window).transpose(-2, -1)


def sample_mixture(
    mixture: Mixture, mean: Tensor, field: Tensor, config: REGNNConfig, generator: torch.Generator
) -> Tensor:
    """Latents from a mixture, of which a reaction has the same component in all windows.

    Args:
        mixture: Of the model.
        mean: (W, 25, window).
        field: (R, W, 25, window) draws of N(0, 1).
        config: What the model is made of.
        generator: Where the components come from.
    """
    chosen = torch.randint(config.components, (len(field),), generator=generator)
    means: Tensor = mixture(mean)[chosen.to(mean.device)]
    return means + config.mixture_scale * mixture.deviation * field
