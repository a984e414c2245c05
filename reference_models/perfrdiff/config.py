"""Configurations of PerFRDiff."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from reference_models.blocks.weight_shifts import EDITS
from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap
from reference_models.perfrdiff.components import check_components

__all__ = ["POSITIONS", "SERIES", "PerFRDiffConfig"]

POSITIONS = 500
"""Learned positions of a window, and of a memory."""

SERIES = ("mfcc78", "3dmm", "emotion")
"""What the generator can know of a speaker, in the order of its memory."""


@dataclass(frozen=True)
class PerFRDiffConfig(ModelConfig):
    """PerFRDiff: a diffusion of windows of facial attributes, each from the window of the speaker before it.

    Attributes:
        window: Frames of a window.
        context: Frames of the speaker that a window is made from, just before it. Published: as many.
        speaker_inputs: What is known of the speaker, of ``"mfcc78"``, ``"3dmm"`` and ``"emotion"``. The paper's
            ablations: without ``"mfcc78"`` "w/o audio", with it alone "w/o video".
        emotion_frames: Whether the denoiser sees every frame of the speaker's facial attributes, an option of ours: the
            published one has a layer for that and does not use it, so it sees their recurrent state only.
        diffusion: Whether reactions are made step by step. If not, the paper's ablation "w/o diffusion" as we read it:
            the network sees pure noise, and what it says at once is the reaction.
        width: Channels of the denoiser, of recurrent states and of latents.
        layers: Layers of the denoiser.
        heads: Heads of its attention.
        feed_forward: Width of its feed-forward networks.
        time_channels: Channels of the sinusoids that tell the denoiser the step, even.
        dropout: Share of activations that training drops.
        condition_dropout: How often training hides what is known of the speaker, which guidance needs.
        diffusion_steps: Steps of diffusion in training.
        late_steps: p: training draws step T · u^(1/p) of T, with u uniform. Published: 1. Above, an option of ours,
            more is learned from much noise, where the speaker says more of a reaction than its noisy state does.
        sampling_steps: Of these, evenly spaced, steps that are taken to generate.
        noise_scale: Deviation of the noise that reactions are made of. Below 1, an option of ours, reactions are nearer
            to the likeliest one, and to each other.
        windows_a_clip: Windows that a step of training takes of every clip. Published: 1.
        head_widths: Hidden layers of the auto-encoders' decoders.
        coefficient_width: Hidden layer between facial attributes and 3DMM coefficients.
        coefficients: Whether 3DMM coefficients are generated too, frame by frame from the facial attributes; an option
            of ours: the published network that can do it is never called.
        personalisation: How a clip of the listener's past enters: as ``"weights"`` of the denoiser, written by a
            hypernetwork; as an ``"input"`` of the denoiser, the paper's Table 3; or not (``"none"``).
        style_width: Channels of the style encoder and of style vectors.
        style_layers: Layers of the style encoder.
        style_heads: Heads of its attention.
        style_feed_forward: Width of its feed-forward networks.
        hypernetwork: ``"full"``: every number of a change of weights has a row of its own in the hypernetwork, 1.6
            billion parameters as published; or ``"low rank"``, an option of ours: changes are products of two thin
            matrices.
        hypernetwork_width: Channels of the hypernetwork's shared layers.
        hypernetwork_layers: Its shared layers.
        rank: Of changes, where they are of low rank.
        edited: Which weights of the denoiser change: ``"mapping"`` to facial attributes, their ``"embedding"``, and of
            layer n, counted from 0, ``"layers.n.self"`` and ``"layers.n.cross"`` attention and the two layers of the
            feed-forward network, ``"layers.n.first"`` and ``"layers.n.second"``; biases never change.
        edit: How a change enters: ``"shift"`` M + Δ, ``"offset"`` M · (1 + Δ), or ``"weight"`` Δ in its place.
        edited_rows: Whether of attention ``"all"`` rows change, or those of keys and values (``"kv"``).
        unused_parts: Whether there are the parts of published checkpoints that never change a reaction: a diffusion
            prior and an auto-encoder of 3DMM.
        prior_layers: Layers of the diffusion prior.
        prior_heads: Heads of its attention.
        prior_head_width: Channels of each.
        prior_growth: Its feed-forward networks are so many times wider.
    """

    window: int = 50
    context: int = 50
    speaker_inputs: tuple[str, ...] = SERIES
    emotion_frames: bool = False
    diffusion: bool = True
    width: int = 512
    layers: int = 7
    heads: int = 4
    feed_forward: int = 1024
    time_channels: int = 64
    dropout: float = 0.1
    condition_dropout: float = 0.2
    diffusion_steps: int = 1000
    late_steps: float = 1.0
    sampling_steps: int = 50
    noise_scale: float = 1.0
    windows_a_clip: int = 1
    head_widths: tuple[int, ...] = (128, 128)
    coefficient_width: int = 512
    coefficients: bool = False
    personalisation: str = "weights"
    style_width: int = 512
    style_layers: int = 4
    style_heads: int = 4
    style_feed_forward: int = 1024
    hypernetwork: str = "full"
    hypernetwork_width: int = 1024
    hypernetwork_layers: int = 2
    rank: int = 8
    edited: tuple[str, ...] = ("layers.4.cross", "layers.6.cross", "mapping")
    edit: str = "shift"
    edited_rows: str = "all"
    unused_parts: bool = True
    prior_layers: int = 4
    prior_heads: int = 8
    prior_head_width: int = 64
    prior_growth: int = 4
    guidance: float = trap(
        compat=7.5,
        clean=1.0,
        about="Published: the network is called twice, with and without the speaker, and the difference is taken 7.5 "
        "times, which the paper does not say; limited to -1 … 1, most estimates are at their limit. Clean: 1, what "
        "the network says of this speaker, with half the calls.",
    )
    hidden: str = trap(
        compat="separately",
        clean="together",
        about="Published: training hides sound, 3DMM and facial attributes each at its own chance, so all three, which "
        "is what guidance compares with, in 0.8 % of the cases. Clean: all at once.",
    )
    result: str = trap(
        compat="state",
        clean="estimate",
        about="Published: the last step of sampling changes nothing, and its state is the result: a little noise is "
        "left, and values leave -1 … 1 by up to 0.02. Clean: the last estimate of the clean reaction.",
    )
    cross_fade: int = trap(
        compat=0,
        clean=5,
        about="Published: windows do not know each other and are put one after another, so every 50 frames there is a "
        "seam. Clean: each begins this many frames before the one before it ends, and they fade into each other; "
        "nothing looks ahead for it.",
    )
    other_lengths: str = trap(
        compat="refused",
        clean="cut",
        about="Published: clips that are not whole windows are refused. Clean: what the last window has beyond the "
        "clip is cut off.",
    )
    training_starts: str = trap(
        compat="shared",
        clean="anywhere",
        about="Published: all clips of a batch are learned from at the same frame, and a reaction's first window, "
        "before which the speaker is unknown, never is. Clean: windows anywhere, drawn for each clip, the first one "
        "among them.",
    )
    prior_trained: bool = trap(
        compat=True,
        clean=False,
        about="Published: a diffusion prior of the listener's recurrent state is trained beside the denoiser and "
        "sampled, and its sample is thrown away. Clean: it is left as it is. Generation never samples it: no reaction "
        "depends on it.",
    )
    frozen_dropout: bool = trap(
        compat=True,
        clean=False,
        about="Published: dropout of the frozen style encoder and denoiser goes on while the hypernetwork learns, so "
        "style vectors are noisy. Clean: what is frozen works as in generation.",
    )
    first_shift: str = trap(
        compat="random",
        clean="zero",
        about="Published: the hypernetwork begins with random changes, about as large as the weights. Clean: with none "
        "(of 'shift' and 'offset'), so the personalised model begins as the generic one.",
    )
    input_style: str = trap(
        compat="feature",
        clean="vector",
        about="Only of personalisation='input'. Published: what enters is the style encoder's feature before its "
        "head, which no loss scales. Clean: the style vector, of length 1.",
    )

    def __post_init__(self) -> None:
        self.check(_ANSWERS, dict.fromkeys(_COUNTS, 1))
        for name, most in (("dropout", 1), ("condition_dropout", 1), ("noise_scale", math.inf), ("guidance", math.inf)):
            if not 0 <= getattr(self, name) < most:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected 0 to below {most}.")
        if not 0 < self.late_steps < math.inf:
            raise ConfigError(f"late_steps is {self.late_steps}, expected more than 0.")
        self._check_fit()
        check_components(self.edited, self.layers)
        if self.edit == "weight" and self.edited_rows == "kv":
            raise ConfigError("edit='weight' replaces whole weights, so it goes with edited_rows='all' only.")

    def _check_fit(self) -> None:
        """Refuse fields that do not go together."""
        unknown = [each for each in self.speaker_inputs if each not in SERIES]
        if unknown or not self.speaker_inputs or len(set(self.speaker_inputs)) < len(self.speaker_inputs):
            raise ConfigError(f"speaker_inputs is {self.speaker_inputs!r}, expected some of {', '.join(SERIES)}.")
        if not self.head_widths or min(self.head_widths) < 1:
            raise ConfigError(f"head_widths is {self.head_widths!r}, expected at least one width of at least 1.")
        if self.window > POSITIONS or len(SERIES) * self.context + 3 > POSITIONS:
            raise ConfigError(
                f"window and context are {self.window} and {self.context}: {POSITIONS} positions at most."
            )
        if self.time_channels % 2:
            raise ConfigError(f"time_channels is {self.time_channels}, expected an even number.")
        if not 0 <= self.cross_fade < self.window:
            raise ConfigError(f"cross_fade is {self.cross_fade}, expected 0 to below {self.window}, a window's frames.")
        if self.diffusion_steps % self.sampling_steps:
            raise ConfigError(f"sampling_steps is {self.sampling_steps}, which does not divide {self.diffusion_steps}.")
        for width, heads in (("width", "heads"), ("style_width", "style_heads")):
            if getattr(self, width) % getattr(self, heads):
                raise ConfigError(f"{heads} is {getattr(self, heads)}, which does not divide {getattr(self, width)}.")
        if self.personalisation == "input" and self.style_width != self.width:
            raise ConfigError(f"style_width is {self.style_width}, expected {self.width}, as it is an input.")

    @classmethod
    def tiny(cls) -> Self:
        """Small, without sound, and set so that it learns most in short trainings on few dyads, by options of ours."""
        return cls(
            window=20,
            context=100,
            speaker_inputs=("3dmm", "emotion"),
            emotion_frames=True,
            width=64,
            layers=3,
            feed_forward=128,
            time_channels=32,
            dropout=0.0,
            condition_dropout=0.0,
            late_steps=4.0,
            sampling_steps=5,
            noise_scale=0.5,
            windows_a_clip=8,
            cross_fade=4,
            head_widths=(32,),
            coefficient_width=64,
            style_width=64,
            style_layers=2,
            style_feed_forward=128,
            hypernetwork="low rank",
            hypernetwork_width=32,
            rank=4,
            edited=("layers.1.cross", "layers.2.cross", "mapping"),
            unused_parts=False,
        )


_ANSWERS = {
    "personalisation": ("weights", "input", "none"),
    "hypernetwork": ("full", "low rank"),
    "edit": EDITS,
    "edited_rows": ("all", "kv"),
    "hidden": ("separately", "together"),
    "result": ("state", "estimate"),
    "other_lengths": ("refused", "cut"),
    "training_starts": ("shared", "anywhere"),
    "first_shift": ("random", "zero"),
    "input_style": ("feature", "vector"),
}
_COUNTS = (
    "window",
    "context",
    "width",
    "layers",
    "heads",
    "feed_forward",
    "time_channels",
    "diffusion_steps",
    "sampling_steps",
    "windows_a_clip",
    "coefficient_width",
    "style_width",
    "style_layers",
    "style_heads",
    "style_feed_forward",
    "hypernetwork_width",
    "hypernetwork_layers",
    "rank",
    "prior_layers",
    "prior_heads",
    "prior_head_width",
    "prior_growth",
)
