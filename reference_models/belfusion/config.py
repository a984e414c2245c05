"""Configurations of BeLFusion, offline and online."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap

__all__ = ["BeLFusionConfig", "OnlineBeLFusionConfig"]


@dataclass(frozen=True)
class BeLFusionConfig(ModelConfig):
    """BeLFusion offline: each window of a reaction is made from the same window of the speaker.

    Attributes:
        setting: What the diffusion learns: reactions to the ``"same"`` window of the speaker, or to the one
            ``"before"``, as online generation needs.
        window: Frames of a window.
        context: Further windows of the speaker, whole ones, that a reaction's window is made from: so many before, and
            offline as many after. Published: 0. More are an option of ours, for one window says little of how a person
            behaves.
        width: Channels of recurrent states and of latents.
        head_widths: Hidden layers between the decoder's state and the facial attributes.
        coefficient_width: Hidden layer between facial attributes and 3DMM coefficients.
        denoiser_width: Channels of every hidden layer of the denoiser.
        denoiser_layers: Its layers, at least 2.
        time_channels: Channels of the sinusoids that tell the denoiser the step, even.
        diffusion_steps: Steps of diffusion, all of which are taken to generate.
        latent_scaling: How latents are scaled for diffusion: by their ``"range"`` in training to -1 … 1, by their
            ``"deviation"`` to mean 0 and deviation 1, or not (``"none"``).
        samples: k: training draws k reactions a window, of which the best counts. Published: 1 and 10.
        windows_a_clip: Windows that a step of training takes of every clip. Published: 1.
        action_units: Action units as they come (``"real"``), ``"rounded"`` to whole numbers as the published flag
            does, or ``"binary"``: also limited to 0 and 1.
        noise: Whether each ``"window"`` is made of noise of its own, or all windows of a ``"reaction"`` of the same, an
            option of ours: then they differ as the speaker does only, which is smoother, and less varied.
        noise_scale: Deviation of that noise. Below 1, an option of ours, reactions are nearer to the likeliest one, and
            to each other.
    """

    setting: str = "same"
    window: int = 50
    context: int = 0
    width: int = 128
    head_widths: tuple[int, ...] = (64, 64)
    coefficient_width: int = 128
    denoiser_width: int = 1024
    denoiser_layers: int = 10
    time_channels: int = 64
    diffusion_steps: int = 10
    latent_scaling: str = "range"
    samples: int = 10
    windows_a_clip: int = 1
    action_units: str = "real"
    noise: str = "window"
    noise_scale: float = 1.0
    latent: str = trap(
        compat="hidden",
        clean="mean",
        about="Published: diffusion works on the encoder's state, but the decoder was trained on the mean that a layer "
        "makes of it, so latents decode to other reactions than those that were encoded. Clean: on the mean. A "
        "diffusion that was trained on one cannot generate the other.",
    )
    coefficient_targets: str = trap(
        compat="zeros",
        clean="real",
        about="Published: the training script does not read 3DMM of listeners, so the coefficients learn 0, the mean "
        "face. Clean: the listener's own.",
    )
    training_starts: str = trap(
        compat="early",
        clean="anywhere",
        about="Published: diffusion learns from windows that begin in the first frames of a clip, at the same frame "
        "for the whole batch, so it sees frames 0 to 98 only; online never a reaction's first window, before which the "
        "speaker is unknown; and the auto-encoder from windows at the same places in every epoch. Clean: both from "
        "windows anywhere, drawn for each clip, the first window among them.",
    )
    limited: bool = trap(
        compat=True,
        clean=False,
        about="Published: estimates of a scaled latent are limited to -1 … 1, so no latent leaves the range of "
        "training. Clean: no limit.",
    )
    cross_fade: int = trap(
        compat=0,
        clean=5,
        about="Published: windows are put one after another. Clean: each is decoded this many frames longer and fades "
        "into the next one; nothing looks ahead for it.",
    )
    other_lengths: str = trap(
        compat="refused",
        clean="overlapping",
        about="Published: clips that are not whole windows are refused. Clean: the last window ends where the clip "
        "does, and what the window before it has made already is left out.",
    )

    def __post_init__(self) -> None:
        self.check(_ANSWERS, _LEAST)
        if not self.head_widths or min(self.head_widths) < 1:
            raise ConfigError(f"head_widths is {self.head_widths!r}, expected at least one width of at least 1.")
        if not 0 <= self.noise_scale < math.inf:
            raise ConfigError(f"noise_scale is {self.noise_scale}, expected 0 or more.")
        if self.time_channels % 2:
            raise ConfigError(f"time_channels is {self.time_channels}, expected an even number.")
        if not 0 <= self.cross_fade <= self.window:
            raise ConfigError(f"cross_fade is {self.cross_fade}, expected 0 to {self.window}, the frames of a window.")

    @property
    def windows_seen(self) -> int:
        """How many windows of the speaker a window of a reaction is made from."""
        return 1 + self.context * (1 if self.setting == "before" else 2)

    @classmethod
    def tiny(cls) -> Self:
        """Small, and set so that it learns most in short trainings on few dyads, by options of ours.

        More of the speaker is seen, several windows of a clip are taken in each step with one sample of each, and
        little noise is used.
        """
        return cls(
            context=1,
            width=96,
            head_widths=(64,),
            denoiser_width=256,
            denoiser_layers=4,
            time_channels=32,
            samples=1,
            windows_a_clip=4,
            noise_scale=0.15,
        )


@dataclass(frozen=True)
class OnlineBeLFusionConfig(BeLFusionConfig):
    """BeLFusion online: each window of a reaction is made from the window of the speaker before it."""

    setting: str = "before"

    @classmethod
    def tiny(cls) -> Self:
        """As offline; looks back on more windows, since it cannot look ahead."""
        return replace(super().tiny(), context=3)


_ANSWERS = {
    "setting": ("same", "before"),
    "latent_scaling": ("range", "deviation", "none"),
    "action_units": ("real", "rounded", "binary"),
    "latent": ("hidden", "mean"),
    "coefficient_targets": ("zeros", "real"),
    "training_starts": ("early", "anywhere"),
    "noise": ("window", "reaction"),
    "other_lengths": ("refused", "overlapping"),
}
_LEAST = {
    "window": 1,
    "context": 0,
    "width": 1,
    "coefficient_width": 1,
    "denoiser_width": 1,
    "denoiser_layers": 2,
    "time_channels": 2,
    "diffusion_steps": 1,
    "samples": 1,
    "windows_a_clip": 1,
}
