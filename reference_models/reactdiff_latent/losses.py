"""Losses of ReactDiff (latent), and what they are taken of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from reference_models.blocks.diffusion import Diffusion
from reference_models.reactdiff_latent.config import ReactDiffConfig

__all__ = ["Pairs", "clean_estimate", "mean_of"]


@dataclass(frozen=True)
class Pairs:
    """Speakers and listeners in whole windows.

    Attributes:
        condition: (B · W, condition_width) what the denoiser is told of the speakers.
        latents: (B, T, latent_width) of the listeners, T = W · window.
        there: (B · W,) bool, which windows are wholly within their clip.
        seen: Which frames a frame sees when latents are decoded; None for all.
        batch: The batch that they are of.
    """

    condition: Tensor
    latents: Tensor
    there: Tensor
    seen: Tensor | None
    batch: Mapping[str, Tensor]

    def frames_there(self) -> Tensor:
        """(B, T) bool: frames of windows that are there."""
        clips, frames = self.latents.shape[:2]
        windows = self.there.view(clips, -1)
        return windows.repeat_interleave(frames // windows.shape[1], 1)


def clean_estimate(
    diffusion: Diffusion, noisy: Tensor, predicted: Tensor, steps: Tensor, config: ReactDiffConfig
) -> Tensor:
    """What a prediction says of clean latents (N, window, latent_width), within the limit of sampling.

    Args:
        diffusion: Its schedule.
        noisy: (N, window, latent_width).
        predicted: (N, window, latent_width) what the denoiser tells of it.
        steps: (N,).
        config: What the model is made of.
    """
    clean = predicted
    if config.predicts == "epsilon":
        nothing, one = torch.zeros_like(predicted), torch.ones_like(predicted)
        signal, left = diffusion.add_noise(one, nothing, steps), diffusion.add_noise(nothing, one, steps)
        clean = (noisy - left * predicted) / signal
    return clean.clamp(-config.largest, config.largest) if config.largest else clean


def mean_of(errors: Tensor, there: Tensor) -> Tensor:
    """The mean over what is there.

    Args:
        errors: (…, C), of which all C count alike.
        there: (…) bool.
    """
    by_place = errors.float().mean(-1)
    return (by_place * there).sum() / there.sum().clamp_min(1)
