"""BeLFusion: windows of reactions, made of noise by diffusion in the latent space of an auto-encoder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from reference_models.belfusion.autoencoder import AutoEncoder
from reference_models.belfusion.config import BeLFusionConfig
from reference_models.belfusion.denoiser import Denoiser
from reference_models.belfusion.losses import best_of, clip_discordance, clip_divergence, window_error
from reference_models.belfusion.recipe import AUTOENCODER, DIFFUSION, LOSS_WEIGHTS
from reference_models.belfusion.windows import conditions, drawn_pairs, drawn_windows, join, spans, whole_windows
from reference_models.blocks.diffusion import Diffusion
from reference_models.blocks.gaussian import standard_noise
from reference_models.blocks.latent_scaling import LatentScaling
from reference_models.errors import MissingInputError, ModelInputError, TrainingError
from reference_models.generator import ReactionModel

__all__ = ["BeLFusion"]

_ACTION_UNITS = 15
_EMOTION, _COEFFICIENTS = "listener_emotion", "listener_3dmm"


class BeLFusion(ReactionModel):
    """An auto-encoder of windows, and a diffusion of its latents that the speaker's latents guide.

    Args:
        config: What it is made of.
    """

    inputs = ("speaker_emotion",)
    heads = ("emotion", "coefficients")
    config: BeLFusionConfig

    def __init__(self, config: BeLFusionConfig) -> None:
        super().__init__(config)
        self.modes = ("offline",) if config.setting == "same" else ("online",)
        self.stage = AUTOENCODER
        self.autoencoder = AutoEncoder(config)
        self.scaling = LatentScaling(config.width, config.latent_scaling)
        self.denoiser = Denoiser(config)
        self.diffusion = Diffusion(config.diffusion_steps, largest=1.0 if config.limited else None)

    def latents(self, windows: Tensor) -> Tensor:
        """(N, width): what diffusion works on, before scaling, of windows (N, window, 25)."""
        state = self.autoencoder.state(windows)
        return state if self.config.latent == "hidden" else self.autoencoder.mean(state)

    def sample(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Scaled latents of reactions.

        Args:
            condition: (W, windows seen · width) scaled latents of the speaker's windows.
            noise: (R, W, width) draws of N(0, 1).

        Returns:
            (R, W, width).
        """
        return self.diffusion.sample(lambda noisy, step: self.denoiser(noisy, step, condition), noise)

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002  the setting decides
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, C) to one speaker, which is encoded once; see `ReactionModel.react`."""
        series, config = speaker["speaker_emotion"], self.config
        found = spans(len(series), config)
        condition = self._condition(conditions(series, found, config))
        noise = self._noise(reactions, len(found), condition, generator)
        latents = self.scaling.undo(self.sample(condition, noise))
        decoded = self.autoencoder.decode(latents.flatten(0, 1), config.window + config.cross_fade)
        emotion = join(decoded.view(*latents.shape[:2], *decoded.shape[1:]), found, len(series))
        return {"emotion": self._with_action_units(emotion), "coefficients": self.autoencoder.coefficients(emotion)}

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch; see `ReactionModel.loss`.

        Returns:
            ``"loss"``, and in the stage ``"autoencoder"`` ``"emotion"``, ``"divergence"`` and ``"coefficients"``, in
            the stage ``"diffusion"`` ``"latent"`` and ``"decoded"``.

        Raises:
            TrainingError: If there is no such stage.
            MissingInputError: If the batch lacks what the stage learns from.
            ModelInputError: If clips are shorter than a window.
        """
        if self.stage not in LOSS_WEIGHTS:
            raise TrainingError(f"BeLFusion has no stage {self.stage!r}, only {' and '.join(LOSS_WEIGHTS)}.")
        parts = self._reconstruction(batch) if self.stage == AUTOENCODER else self._diffusion(batch)
        weights = {**LOSS_WEIGHTS[self.stage], **self.loss_weights}
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    @torch.no_grad()
    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Before the diffusion, the latents of all windows of speakers and listeners are measured."""
        if stage != DIFFUSION:
            return

        def measured() -> Iterable[Tensor]:
            for batch in batches:
                for name in ("speaker_emotion", "listener_emotion"):
                    windows, there = whole_windows(batch, name, self.config.window)
                    yield self.latents(windows[there])

        self.scaling.measure(measured())

    def _condition(self, speaker: Tensor) -> Tensor:
        """(N, windows seen · width): scaled latents of all windows in stretches (N, windows seen · window, 25)."""
        windows = speaker.reshape(-1, self.config.window, speaker.shape[-1])
        found: Tensor = self.scaling(self.latents(windows))
        return found.view(len(speaker), -1)

    def _noise(self, reactions: int, windows: int, like: Tensor, generator: torch.Generator) -> Tensor:
        """(reactions, windows, width): drawn window by window, so that more windows do not change the first ones."""
        drawn = 1 if self.config.noise == "reaction" else windows
        noise = standard_noise((drawn, reactions, self.config.width), like, generator).transpose(0, 1)
        return self.config.noise_scale * noise.expand(reactions, windows, -1)

    def _with_action_units(self, emotion: Tensor) -> Tensor:
        if self.config.action_units == "real":
            return emotion
        units = emotion[..., :_ACTION_UNITS].round()
        if self.config.action_units == "binary":
            units = units.clamp(0, 1)
        return torch.cat([units, emotion[..., _ACTION_UNITS:]], -1)

    def _reconstruction(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        real = self.config.coefficient_targets == "real"
        if real and _COEFFICIENTS not in batch:
            raise MissingInputError(
                f"the training batch has no {_COEFFICIENTS}, which BeLFusion's coefficients learn from. Open the data "
                "set with 3dmm, or take coefficient_targets='zeros'."
            )
        windows, there = drawn_windows(batch, [_EMOTION, *([_COEFFICIENTS] if real else [])], self.config)
        emotion = windows[_EMOTION]
        gaussian = self.autoencoder.gaussian(self.autoencoder.state(emotion))
        latents = gaussian.sample(standard_noise(gaussian.mean.shape, gaussian.mean))
        made = self.autoencoder.decode(latents, self.config.window)
        targets = windows.get(_COEFFICIENTS, emotion.new_zeros(()))
        return {
            "emotion": window_error(made, emotion, there),
            "divergence": clip_divergence(gaussian, there, len(batch[_EMOTION])),
            "coefficients": window_error(self.autoencoder.coefficients(made), targets, there),
        }

    def _diffusion(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        speaker, listener = drawn_pairs(batch, self.config)
        with torch.no_grad():
            condition, clean = self._condition(speaker), self.scaling(self.latents(listener))
            target = self.autoencoder.decode(self.scaling.undo(clean), self.config.window)
        steps = self.diffusion.draw_steps(len(clean), clean.device)
        copies = clean.expand(self.config.samples, *clean.shape)
        noise = standard_noise(copies.shape, clean)
        noisy = self.diffusion.add_noise(copies.flatten(0, 1), noise.flatten(0, 1), steps.repeat(len(copies)))
        predicted = self.denoiser(noisy.view_as(copies), steps, condition)
        latents = self.scaling.undo(predicted).flatten(0, 1)
        made = self.autoencoder.decode(latents, self.config.window).view(-1, *target.shape)
        parts = {"latent": best_of((predicted - clean).abs()), "decoded": best_of((made - target).square())}
        if {**LOSS_WEIGHTS[DIFFUSION], **self.loss_weights}["concordance"]:
            parts["concordance"] = clip_discordance(made, listener, len(batch[_EMOTION]))
        return parts

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        super()._check_clip(shapes, clip)
        try:
            spans(shapes["speaker_emotion"][0], self.config)
        except ModelInputError as error:
            raise ModelInputError(f"clip {clip!r}: {error.message}") from None
