"""Configurations of ReactDiff (latent), offline and online."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Self

from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap
from reference_models.reactdiff_latent.sources import SOURCES, Sources

__all__ = ["OnlineReactDiffConfig", "ReactDiffConfig"]


@dataclass(frozen=True)
class ReactDiffConfig(ModelConfig):
    """ReactDiff (latent) offline: each window of a reaction is made from the same window of the speaker.

    Attributes:
        setting: What the diffusion learns: reactions to the ``"same"`` window of the speaker, or to the one
            ``"before"``, as online generation needs.
        speaker_inputs: What it knows of a person. ``"features"``, as published, are the outputs of networks that are
            not public; ``"behaviour"``, an option of ours, is facial attributes and 3DMM; ``"behaviour with sound"``
            has MFCC too.
        window: Frames of a window.
        context: Further windows of the speaker, whole ones, that a reaction's window is made from: so many before, and
            offline as many after. Published: 0. More are an option of ours, for one window says little of how a person
            behaves.
        fusion_width: Channels in which modalities are fused.
        latent_width: Channels of a frame's latent.
        heads: Heads of attention, which divide both widths.
        depth: Cycles of attention of the face to its other modalities, and then to sound.
        dropout: Share of activations of the decoder that training drops.
        condition_width: Channels of what the denoiser is told of a speaker's window.
        guessed: Whether latents are first guessed from the speaker alone, and the denoiser corrects what follows from
            that guess and from the noisy latents. An option of ours: the published denoiser is told the speaker alike
            for all channels of latents, and begins with noise, so it hardly knows which channel is which.
        denoiser_width: Channels of the denoiser's first level. The published size is 256; 64 trains on a processor.
        denoiser_multipliers: What these are multiplied by, level by level.
        denoiser_blocks: Residual blocks a level.
        denoiser_attended: Levels, from the first on, that have attention.
        groups: Groups of channels that the denoiser and the layer before it norm together; at least 2 channels each, or
            nothing is left of what they are told.
        diffusion_steps: Steps of diffusion, all of which are taken to generate.
        predicts: What the denoiser tells: the noise (``"epsilon"``), or the clean latents (``"sample"``).
        latent_scaling: How latents are scaled for diffusion: by their ``"range"`` in training to -1 … 1, by their
            ``"deviation"`` to mean 0 and deviation 1, or not (``"none"``).
        largest: Estimates of scaled latents are limited to this size; 0 for no limit.
        clip_frames: Frames of a clip that statistics by frame are for.
        cond_init_seed: Released checkpoints lack the layer that condenses the speaker's window. With -1 it is a part of
            the weights, so a checkpoint without it is refused. A seed from 0 on makes random weights for it, which are
            not stored and not trained: then reactions follow the speaker at random only.
        action_units: Action units as they come (``"real"``), or ``"rounded"`` as the published flag does.
        errors: How errors of facial attributes and of the diffusion count: ``"absolute"``, as published, or
            ``"squared"``, an option of ours: then what is made aims at the mean of what may be, not at its median.
        noise_scale: Deviation of the noise that reactions are made of. Below 1, an option of ours, reactions are nearer
            to the likeliest one, and to each other.
    """

    setting: str = "same"
    speaker_inputs: str = "features"
    window: int = 50
    context: int = 0
    fusion_width: int = 1024
    latent_width: int = 256
    heads: int = 4
    depth: int = 2
    dropout: float = 0.1
    condition_width: int = 1024
    guessed: bool = False
    denoiser_width: int = 256
    denoiser_multipliers: tuple[int, ...] = (1, 2, 4, 8)
    denoiser_blocks: int = 2
    denoiser_attended: int = 3
    groups: int = 32
    diffusion_steps: int = 20
    predicts: Literal["epsilon", "sample"] = "epsilon"
    latent_scaling: str = "range"
    largest: float = 1.0
    clip_frames: int = 750
    cond_init_seed: int = -1
    action_units: str = "real"
    errors: str = "absolute"
    noise_scale: float = 1.0
    decoder_dropout_at_inference: bool = trap(
        compat=True,
        clean=False,
        about="Published: the decoder never leaves training mode, so a tenth of its activations is dropped at random "
        "when it generates, and a part of what looks like diversity is that. Clean: nothing is dropped.",
    )
    scaling_formula: str = trap(
        compat="slipped",
        clean="exact",
        about="Published: a pair of brackets is missing where latents are scaled by their range, so they are not "
        "scaled, only shifted, and undoing it does not give them back unless the range is 1. Clean: they are scaled to "
        "-1 … 1. A diffusion that was trained with one cannot generate with the other.",
    )
    statistics: str = trap(
        compat="frame",
        clean="channel",
        about="Published: range, mean and deviation of latents are kept for each frame of a clip, so every clip must "
        "have as many frames, or fewer. Clean: one for all frames.",
    )
    attention: str = trap(
        compat="clip",
        clean="past",
        about="Published: encoder and decoder attend to the whole clip online too, so every frame of an online "
        "reaction depends on the speaker's future. Clean: online they attend to windows up to their own.",
    )
    other_lengths: str = trap(
        compat="refused",
        clean="filled",
        about="Published: clips that are not whole windows are refused. Clean: the last window is filled up with the "
        "speaker's last frame, and what is made for these frames is cut off.",
    )

    def __post_init__(self) -> None:
        self.check(_ANSWERS, _LEAST)
        if not self.denoiser_multipliers or min(self.denoiser_multipliers) < 1:
            raise ConfigError(f"denoiser_multipliers is {self.denoiser_multipliers!r}, expected whole numbers from 1.")
        halved = 2 ** (len(self.denoiser_multipliers) - 1)
        divisors = {
            "fusion_width": self.heads,
            "latent_width": math.lcm(self.heads, halved),
            "denoiser_width": math.lcm(2, self.groups),
            "condition_width": self.groups,
        }
        for name, divisor in divisors.items():
            if getattr(self, name) % divisor:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected a multiple of {divisor}.")
        if not (0 <= self.noise_scale < math.inf and 0 <= self.dropout < 1):
            raise ConfigError(
                f"noise_scale is {self.noise_scale}, dropout {self.dropout}: expected 0 or more, below 1."
            )

        if self.guessed and self.predicts != "sample":
            raise ConfigError("guessed latents are clean ones, so take predicts='sample'.")

    @property
    def windows_seen(self) -> int:
        """How many windows of the speaker a window of a reaction is made from."""
        return 1 + self.context * (1 if self.setting == "before" else 2)

    @property
    def sources(self) -> Sources:
        """Which kinds of series it takes."""
        return SOURCES[self.speaker_inputs]

    @classmethod
    def tiny(cls) -> Self:
        """Small, and set so that it learns most in short trainings on few dyads, by options of ours.

        It knows a person by behaviour, sees more of the speaker, guesses latents first, and uses little noise.
        """
        return cls(
            speaker_inputs="behaviour",
            fusion_width=64,
            latent_width=32,
            context=1,
            depth=1,
            dropout=0.0,
            condition_width=256,
            guessed=True,
            denoiser_width=32,
            denoiser_multipliers=(1, 2),
            denoiser_blocks=1,
            denoiser_attended=2,
            groups=4,
            diffusion_steps=10,
            predicts="sample",
            latent_scaling="deviation",
            largest=0.0,
            errors="squared",
            noise_scale=0.3,
        )


@dataclass(frozen=True)
class OnlineReactDiffConfig(ReactDiffConfig):
    """ReactDiff (latent) online: each window of a reaction is made from the window of the speaker before it."""

    setting: str = "before"

    @classmethod
    def tiny(cls) -> Self:
        """As offline; looks back on more windows, since it cannot look ahead, guesses more and corrects less."""
        return replace(
            super().tiny(),
            context=3,
            condition_width=384,
            denoiser_width=16,
            denoiser_attended=0,
            noise_scale=0.15,
        )


_ANSWERS = {
    "setting": ("same", "before"),
    "speaker_inputs": tuple(SOURCES),
    "predicts": ("epsilon", "sample"),
    "latent_scaling": ("range", "deviation", "none"),
    "action_units": ("real", "rounded"),
    "errors": ("absolute", "squared"),
    "scaling_formula": ("slipped", "exact"),
    "statistics": ("frame", "channel"),
    "attention": ("clip", "past"),
    "other_lengths": ("refused", "filled"),
}
_LEAST = {
    "window": 1,
    "context": 0,
    "fusion_width": 1,
    "latent_width": 1,
    "heads": 1,
    "depth": 1,
    "condition_width": 1,
    "denoiser_width": 2,
    "denoiser_blocks": 1,
    "denoiser_attended": 0,
    "groups": 1,
    "diffusion_steps": 1,
    "largest": 0.0,
    "clip_frames": 1,
    "cond_init_seed": -1,
}
