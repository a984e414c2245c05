"""What the denoiser is told of a window of the speaker."""

from __future__ import annotations

import torch
from torch import nn

from reference_models.reactdiff_latent.config import ReactDiffConfig

__all__ = ["make_conditioner"]


def make_conditioner(config: ReactDiffConfig) -> nn.Sequential:
    """Condenses scaled latents (W, windows seen · window, latent_width) of a speaker to (W, condition_width).

    Args:
        config: What the model is made of; where it names a seed, weights are made by it, and are no part of a state.
    """
    width = config.condition_width
    seen = config.windows_seen * config.window * config.latent_width
    norm = nn.GroupNorm(config.groups, width)
    if config.cond_init_seed < 0:
        linear = nn.Linear(seen, width)
    else:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.cond_init_seed)
            linear = nn.Linear(seen, width)
        for layer in (linear, norm):
            _fix(layer)
    return nn.Sequential(nn.Flatten(), linear, norm, nn.SiLU())


def _fix(layer: nn.Module) -> None:
    """Make parameters of a layer what is neither trained nor stored."""
    for name, parameter in list(layer.named_parameters(recurse=False)):
        delattr(layer, name)
        layer.register_buffer(name, parameter.detach(), persistent=False)
