"""PerFRDiff: windows of reactions by diffusion, generic or in the style of one listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from reference_models.blocks.diffusion import Diffusion
from reference_models.blocks.gaussian import standard_noise
from reference_models.blocks.style_encoder import StyleEncoder
from reference_models.blocks.window_autoencoder import WindowAutoEncoder
from reference_models.blocks.windows import join
from reference_models.errors import ModelInputError, TrainingError
from reference_models.generator import ReactionModel
from reference_models.perfrdiff import lessons
from reference_models.perfrdiff.components import edited_weights
from reference_models.perfrdiff.config import SERIES, PerFRDiffConfig
from reference_models.perfrdiff.denoiser import Denoiser, Memory
from reference_models.perfrdiff.hypernetwork import Hypernetwork
from reference_models.perfrdiff.listeners import GENERIC, Listener, ListenerCache
from reference_models.perfrdiff.prior import Prior
from reference_models.perfrdiff.recipe import GENERATOR, LOSS_WEIGHTS
from reference_models.perfrdiff.windows import conditions_at, spans

__all__ = ["PerFRDiff"]

_HISTORY = "history_3dmm"


class PerFRDiff(ReactionModel):
    """A denoiser of windows, an encoder of listeners' styles, and a hypernetwork that writes weights of the denoiser.

    The denoiser's own weights are never changed by a listener: what differs is computed beside them.

    Args:
        config: What it is made of.
    """

    config: PerFRDiffConfig

    def __init__(self, config: PerFRDiffConfig) -> None:
        super().__init__(config)
        self.inputs = tuple(f"speaker_{kind}" for kind in SERIES if kind in config.speaker_inputs)
        self.heads = ("emotion", "coefficients") if config.coefficients else ("emotion",)
        self.history = (_HISTORY,) if config.personalisation != "none" else ()
        self.stage = GENERATOR
        sizes = (config.width, config.head_widths, config.coefficient_width)
        self.autoencoder = WindowAutoEncoder(25, 58, *sizes)
        self.denoiser = Denoiser(config)
        self.style = _style_encoder(config) if self.history else None
        self.hypernetwork: Hypernetwork | None = None
        if config.personalisation == "weights":
            weights = edited_weights(self.denoiser, config.edited, config.layers)
            self.hypernetwork = Hypernetwork(config, {name: (*each.shape,) for name, each in weights.items()})
        self.prior = Prior(config) if config.unused_parts else None
        self.unused_autoencoder = WindowAutoEncoder(58, 25, *sizes) if config.unused_parts else None
        self.diffusion = Diffusion(config.diffusion_steps)
        self._listeners = ListenerCache()

    def personalise(self, histories: Tensor, there: Tensor | None = None) -> Listener:
        """What makes reactions those of N listeners.

        Args:
            histories: (N, H, 58) a past clip of each, as the model sees 3DMM.
            there: (N, H) bool, False after a clip's end; all frames are there if None.

        Returns:
            Changes of weights, or tokens, as the configuration says.

        Raises:
            ModelInputError: If the model does not personalise.
        """
        if self.style is None:
            raise ModelInputError("this PerFRDiff has personalisation='none'. Take 'weights' or 'input'.")
        if self.hypernetwork is not None:
            return Listener(shifts=self.hypernetwork(self.style(histories, there)))
        entering = self.style if self.config.input_style == "vector" else self.style.feature
        return Listener(token=entering(histories, there))

    def groups(self, conditions: Mapping[str, Tensor], listener: Listener) -> list[Tensor]:
        """Groups of tokens (M, S_i, width) of speakers (M, context, C) by kind; see `Denoiser.tokens`."""
        items, token = len(next(iter(conditions.values()))), None
        if self.config.personalisation == "input":
            token = self.denoiser.mapping.weight.new_zeros(items, self.config.width)
            if listener.token is not None:
                token = listener.token.repeat_interleave(items // len(listener.token), 0)
        state = None
        if "emotion" in conditions:
            with torch.no_grad():  # the auto-encoder learns in a stage of its own
                state = self.autoencoder.state(conditions["emotion"])
        return self.denoiser.tokens(conditions, state, token)

    def memories(self, conditions: Mapping[str, Tensor], listener: Listener = GENERIC) -> list[Memory]:
        """What the denoiser looks at: the speaker, and with guidance nothing, once for all windows and reactions."""
        groups = self.groups(conditions, listener)
        known = [self.denoiser.remember(groups, listener.shifts)]
        if self.config.guidance != 1:
            known.append(self.denoiser.remember([torch.zeros_like(each[:1]) for each in groups], listener.shifts))
        return known

    def denoise(self, noisy: Tensor, steps: Tensor, memories: list[Memory], listener: Listener = GENERIC) -> Tensor:
        """Estimate clean windows, not limited: u + g · (c - u) of what is said with (c) and without (u) the speaker.

        Args:
            noisy: (M · R, window, 25).
            steps: Step of diffusion: one for all, or (M,).
            memories: From `memories`.
            listener: Of N listeners, where N divides M.

        Returns:
            (M · R, window, 25).
        """
        estimates: list[Tensor] = self.denoiser(noisy, steps, memories, listener.shifts)
        given, *nothing = estimates
        return nothing[0] + self.config.guidance * (given - nothing[0]) if nothing else given

    def sample(self, conditions: Mapping[str, Tensor], noise: Tensor, listener: Listener = GENERIC) -> Tensor:
        """Windows of reactions.

        Args:
            conditions: (M, context, C) of speakers by kind.
            noise: (M, R, window, 25) draws of N(0, 1).
            listener: Of N listeners, where N divides M.

        Returns:
            (M, R, window, 25).
        """
        memories, flat, config = self.memories(conditions, listener), noise.flatten(0, 1), self.config
        if not config.diffusion:
            last = torch.tensor(config.diffusion_steps - 1, device=noise.device)
            return self.denoise(flat, last, memories, listener).view_as(noise)
        made = self.diffusion.sample(
            lambda noisy, step: self.denoise(noisy, step, memories, listener),
            flat,
            steps=config.sampling_steps,
            given="state" if config.result == "state" else "estimate",
        )
        return made.view_as(noise)

    def react_together(
        self, speakers: Mapping[str, Tensor], noise: Tensor, listener: Listener = GENERIC
    ) -> dict[str, Tensor]:
        """Reactions to several speakers by as many listeners, in one batch; the same as one by one.

        Args:
            speakers: (N, T, C) by the names of `inputs`.
            noise: (N, W, R, window, 25) from `draw_noise`, for each clip.
            listener: Of N listeners, or of one for all.

        Returns:
            (N, R, T, C) for each head.
        """
        frames = next(iter(speakers.values())).shape[1]
        found = spans(frames, self.config)
        starts = torch.tensor([start for start, _ in found], device=noise.device).expand(len(noise), -1)
        series = {name.removeprefix("speaker_"): each for name, each in speakers.items()}
        conditions = conditions_at(series, starts, self.config.context)
        windows = self.sample(conditions, self.config.noise_scale * noise.flatten(0, 1), listener)
        ordered = windows.view_as(noise).transpose(1, 2)
        joined = join(ordered.flatten(0, 1), found, frames)
        emotion = joined.view(*ordered.shape[:2], *joined.shape[1:])
        made = {"emotion": emotion}
        return made | ({"coefficients": self.autoencoder.coefficients(emotion)} if self.config.coefficients else {})

    def draw_noise(self, frames: int, reactions: int, generator: torch.Generator) -> Tensor:
        """(W, reactions, window, 25) of a clip: window by window, so that a longer clip begins as a shorter one."""
        like, shape = self.denoiser.mapping.weight, (reactions, self.config.window, 25)
        return torch.stack([standard_noise(shape, like, generator) for _ in spans(frames, self.config)])

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002  every window is made of the past only, so both modes are one
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, C) to one speaker, by a listener of whom a past clip is known, or by anybody."""
        series = {name: speaker[name][None] for name in self.inputs}
        noise = self.draw_noise(next(iter(series.values())).shape[1], reactions, generator)
        made = self.react_together(series, noise[None], self._known(speaker.get(_HISTORY)))
        return {head: each[0] for head, each in made.items()}

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch; see `ReactionModel.loss`.

        Returns:
            ``"loss"``, and in the stage ``"emotion_autoencoder"`` ``"emotion"``, ``"divergence"`` and
            ``"coefficients"``, in ``"style"`` ``"contrast"``, in ``"generator"`` ``"reaction"`` and perhaps
            ``"prior"``, in ``"personal"`` ``"reaction"``; in the last two ``"concordance"``, which is ours, if it has a
            weight.

        Raises:
            TrainingError: If there is no such stage, or the configuration has nothing that it trains.
            MissingInputError: If the batch lacks what the stage learns from.
            ModelInputError: If clips are shorter than a window.
        """
        if self.stage not in LOSS_WEIGHTS:
            raise TrainingError(f"PerFRDiff has no stage {self.stage!r}, only {', '.join(LOSS_WEIGHTS)}.")
        parts = lessons.LESSONS[self.stage](self, batch)
        weights = {**LOSS_WEIGHTS[self.stage], **self.loss_weights}
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    def train(self, mode: bool = True) -> Self:
        """Switch training on or off; training makes what is known of listeners out of date."""
        if mode:
            self._listeners.clear()
        return super().train(mode)

    def _known(self, history: Tensor | None) -> Listener:
        """What is known of a listener of a past clip (H, 58), which is computed once."""
        if history is None or self.style is None:
            return GENERIC
        parts = [each for each in (self.style, self.hypernetwork) if each is not None]
        weights = (parameter for part in parts for parameter in part.parameters())
        with torch.autocast(history.device.type, enabled=False):  # what is kept serves every precision
            return self._listeners.get(history, weights, lambda: self.personalise(history[None].to(_type_of(self))))

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        super()._check_clip(shapes, clip)
        try:
            spans(shapes[self.inputs[0]][0], self.config)
        except ModelInputError as error:
            raise ModelInputError(f"clip {clip!r}: {error.message}") from None


def _style_encoder(config: PerFRDiffConfig) -> StyleEncoder:
    width, heads, feed_forward = config.style_width, config.style_heads, config.style_feed_forward
    return StyleEncoder(58, width, heads, feed_forward, config.style_layers, config.dropout)


def _type_of(model: PerFRDiff) -> torch.dtype:
    return model.denoiser.mapping.weight.dtype
