"""Diffusion: how training data are made noisy, and how noise is made data by DDIM. The numbers are diffusers'.

Conventions: a network that denoises takes noisy data and their step t, a whole number from 0 (nearly clean) to
steps - 1 (nearly noise).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from react_data.optional_libraries import optional_library
from reference_models.errors import ConfigError

__all__ = ["Denoise", "Diffusion"]

Denoise = Callable[[Tensor, Tensor], Tensor]
"""From noisy data and their step t, a whole number as a tensor of no dimensions, to what the network predicts."""


class Diffusion:
    """A diffusion with the cosine schedule: ᾱ(u) ∝ cos²((u + 0.008) / 1.008 · π / 2), β = 1 - ᾱ(u') / ᾱ(u) ≤ 0.999.

    Args:
        steps: Steps of training, at least 1.
        predicts: What the network gives: the clean data (``"sample"``), or the noise (``"epsilon"``).
        largest: Estimates of clean data are limited to -largest … largest in every step of sampling; None for no limit.

    Raises:
        ConfigError: If `steps` is below 1.
    """

    def __init__(
        self, steps: int, *, predicts: Literal["sample", "epsilon"] = "sample", largest: float | None = 1.0
    ) -> None:
        if steps < 1:
            raise ConfigError(f"a diffusion of {steps} steps: expected at least 1.")
        self.steps, self._predicts, self._largest = steps, predicts, largest

    def draw_steps(self, count: int, device: torch.device, late: float = 1.0) -> Tensor:
        """(count,) steps t for training: T · u^(1/late) of T, with u uniform, so above 1 late ones come more often."""
        if late == 1:
            return torch.randint(self.steps, (count,), device=device)
        return (self.steps * torch.rand(count, device=device) ** (1 / late)).long().clamp_max(self.steps - 1)

    def add_noise(self, clean: Tensor, noise: Tensor, steps: Tensor) -> Tensor:
        """x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε.

        Args:
            clean: (B, …) x_0.
            noise: (B, …) ε, draws of N(0, 1).
            steps: (B,) t of each item.
        """
        noisy: Tensor = self._scheduler.add_noise(clean, noise, steps)
        return noisy

    @torch.no_grad()
    def sample(
        self,
        denoise: Denoise,
        noise: Tensor,
        *,
        steps: int | None = None,
        given: Literal["estimate", "state"] = "estimate",
    ) -> Tensor:
        """Make data of noise by DDIM with η = 0: nothing is random but the noise it begins with.

        In every step x̂_0 is what the network says of x_t, limited to the range; ε̂ is what is then left of x_t, and
        x_t' = √ᾱ_t' x̂_0 + √(1 - ᾱ_t') ε̂ for the next lower t'.

        Args:
            denoise: The network; each step calls it once.
            noise: (…) draws of N(0, 1).
            steps: Evenly spaced steps, which divide those of training; all if not given.
            given: What the result is: the last ``"estimate"`` x̂_0, or the ``"state"`` x_0 at the lowest t, in which a
                little noise is left and for which the network need not be called at that t.

        Returns:
            (…) data.
        """
        scheduler = self._scheduler
        scheduler.set_timesteps(self.steps if steps is None else steps)
        # Adding noise leaves them on its device, which may be that of a training that is over.
        scheduler.alphas_cumprod = self._levels
        data = noise
        lowest = len(scheduler.timesteps) - (given == "state")
        for step in scheduler.timesteps[:lowest].tolist():
            predicted = denoise(data, torch.tensor(step, device=data.device))
            data, _ = scheduler.step(predicted, step, data, use_clipped_model_output=True, return_dict=False)
        return data

    @cached_property
    def _scheduler(self) -> Any:
        library = optional_library("diffusers.schedulers.scheduling_ddim", extra="models", purpose="Diffusion")
        made = library.DDIMScheduler(
            num_train_timesteps=self.steps,
            beta_schedule="squaredcos_cap_v2",
            prediction_type=self._predicts,
            clip_sample=self._largest is not None,
            clip_sample_range=1.0 if self._largest is None else self._largest,
        )
        self._levels: Tensor = made.alphas_cumprod
        return made
