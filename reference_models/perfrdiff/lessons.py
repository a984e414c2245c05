"""What PerFRDiff learns in each of its stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from reference_models.blocks.gaussian import standard_noise
from reference_models.blocks.supervised_contrast import supervised_contrast
from reference_models.errors import MissingInputError, TrainingError
from reference_models.perfrdiff.config import SERIES
from reference_models.perfrdiff.listeners import GENERIC, Listener
from reference_models.perfrdiff.losses import clip_discordance, divergence_of, error_where
from reference_models.perfrdiff.prior import Prior
from reference_models.perfrdiff.recipe import AUTOENCODER, GENERATOR, LOSS_WEIGHTS, PERSONAL, STYLE
from reference_models.perfrdiff.windows import draw_lesson, draw_own_windows

if TYPE_CHECKING:
    from reference_models.perfrdiff.model import PerFRDiff

__all__ = ["LESSONS"]

Batch = Mapping[str, Tensor]


def _reconstruction(model: PerFRDiff, batch: Batch) -> dict[str, Tensor]:
    """The auto-encoder of facial attributes."""
    windows, there = draw_own_windows(batch, model.config)
    emotion, autoencoder = windows["emotion"], model.autoencoder
    gaussian = autoencoder.gaussian(autoencoder.state(emotion))
    latents = gaussian.sample(standard_noise(gaussian.mean.shape, gaussian.mean))
    made, every = autoencoder.decode(latents, model.config.window), there[:, None].expand(emotion.shape[:2])
    return {
        "emotion": error_where(made, emotion, every),
        "divergence": divergence_of(gaussian, there),
        "coefficients": error_where(autoencoder.coefficients(emotion), windows["3dmm"], every),
    }


def _contrast(model: PerFRDiff, batch: Batch) -> dict[str, Tensor]:
    """The style encoder."""
    clips, listeners = _needed(batch, "listener_3dmm"), _needed(batch, "listener_number")
    if model.style is None:
        raise TrainingError(f"there is no style encoder to train with personalisation='none'. Leave out stage {STYLE}.")
    return {"contrast": supervised_contrast(model.style(clips, batch.get("frame_mask")), listeners)}


def _generator(model: PerFRDiff, batch: Batch) -> dict[str, Tensor]:
    """The denoiser, with the listener's style if that is one of its inputs."""
    listener = GENERIC
    if model.config.personalisation == "input":
        if model.style is not None and not model.config.frozen_dropout:
            model.style.eval()
        with torch.no_grad():
            listener = _listener(model, batch)
    parts, config = _denoising(model, batch, listener), model.config
    if model.prior is not None and config.prior_trained and set(config.speaker_inputs) == set(SERIES):
        parts["prior"] = _prior(model, model.prior, batch)
    return parts


def _personal(model: PerFRDiff, batch: Batch) -> dict[str, Tensor]:
    """The hypernetwork, on the generator and style encoder as they are."""
    if model.hypernetwork is None:
        raise TrainingError(f"only personalisation='weights' has a hypernetwork to train. Leave out stage {PERSONAL}.")
    if model.style is not None and not model.config.frozen_dropout:
        model.style.eval()
        model.denoiser.eval()
    return _denoising(model, batch, _listener(model, batch))


LESSONS: dict[str, Callable[[PerFRDiff, Batch], dict[str, Tensor]]] = {
    AUTOENCODER: _reconstruction,
    STYLE: _contrast,
    GENERATOR: _generator,
    PERSONAL: _personal,
}
"""Losses of a model and a batch, by stage."""


def _denoising(model: PerFRDiff, batch: Batch, listener: Listener) -> dict[str, Tensor]:
    """How far the denoiser's estimates are from appropriate reactions, and perhaps how little they vary with them."""
    lesson = draw_lesson(batch, model.config)
    targets = lesson.targets
    steps = _steps(model, targets)
    noisy = _noisy(model, targets.flatten(0, 1), steps.repeat_interleave(targets.shape[1]))
    memory = model.denoiser.remember(_hidden(model, model.groups(lesson.conditions, listener)), listener.shifts)
    (made,) = model.denoiser(noisy, steps, [memory], listener.shifts)
    parts = {"reaction": error_where(made.view_as(targets), targets, lesson.there)}
    if {**LOSS_WEIGHTS[model.stage], **model.loss_weights}["concordance"]:
        parts["concordance"] = clip_discordance(
            made.view_as(targets), targets, lesson.there, model.config.windows_a_clip
        )
    return parts


def _prior(model: PerFRDiff, prior: Prior, batch: Batch) -> Tensor:
    """How far the prior's estimates are from recurrent states of appropriate reactions."""
    lesson = draw_lesson(batch, model.config)
    count, conditions = lesson.targets.shape[1], lesson.conditions
    with torch.no_grad():
        speaker = model.autoencoder.state(conditions["emotion"])
        states = model.autoencoder.state(lesson.targets.flatten(0, 1))
    steps = _steps(model, lesson.targets).repeat_interleave(count)
    told = (conditions["mfcc78"], conditions["3dmm"], speaker)
    made = prior(_noisy(model, states, steps), steps, *(each.repeat_interleave(count, 0) for each in told))
    return error_where(made, states, lesson.there.all(-1).flatten())


def _steps(model: PerFRDiff, targets: Tensor) -> Tensor:
    """(M,) steps of diffusion, the same for all reactions to a window."""
    if model.config.diffusion:
        return model.diffusion.draw_steps(len(targets), targets.device, model.config.late_steps)
    return torch.full((len(targets),), model.config.diffusion_steps - 1, device=targets.device)


def _noisy(model: PerFRDiff, clean: Tensor, steps: Tensor) -> Tensor:
    return model.diffusion.add_noise(clean, standard_noise(clean.shape, clean), steps)


def _hidden(model: PerFRDiff, groups: list[Tensor]) -> list[Tensor]:
    """Groups of tokens, some of which are hidden; the listener's, which is the last one, at its own chance."""
    config = model.config
    kept = torch.rand(len(groups), len(groups[0]), device=groups[0].device) >= config.condition_dropout
    if config.hidden == "together":
        speaker = len(groups) - (config.personalisation == "input")
        kept[:speaker] = kept[0].clone()
    return [group * each[:, None, None] for group, each in zip(groups, kept, strict=True)]


def _listener(model: PerFRDiff, batch: Batch) -> Listener:
    return model.personalise(_needed(batch, "history_3dmm"), batch.get("history_frame_mask"))


def _needed(batch: Batch, name: str) -> Tensor:
    if name not in batch:
        raise MissingInputError(f"the training batch has no {name}, which this stage of PerFRDiff learns from.")
    return batch[name]
