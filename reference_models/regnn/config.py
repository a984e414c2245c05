"""What a REGNN is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from react_data.clips import suggest
from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap

__all__ = ["FACE_INPUTS", "INPUT_WIDTHS", "NODES", "VOICE_INPUTS", "REGNNConfig"]

NODES = 25
"""Facial attributes; each is a node of the graph."""

FACE_INPUTS = {"swin768": 768, "emotion": 25, "3dmm": 58}
VOICE_INPUTS = {"vggish128": 128, "mfcc78": 78}
INPUT_WIDTHS = {**FACE_INPUTS, **VOICE_INPUTS}


@dataclass(frozen=True)
class REGNNConfig(ModelConfig):
    """The configuration of REGNN.

    Attributes:
        speaker: What is seen and heard of the speaker: ``"swin768"`` (a Swin transformer's features of the face), or
            one or both of ``"emotion"`` and ``"3dmm"``; and ``"vggish128"`` (features of sound), ``"mfcc78"``, or no
            sound at all, then the face takes its place. The published system has the two kinds of features, which come
            from a feature folder; the other layouts are ours.
        window: Frames of a window, even. Windows overlap by half.
        width: Channels of the transformer, even and a multiple of `heads`.
        heads: Attention heads.
        feed_forward: Width of its feed-forward networks.
        layers: Layers of each of its two encoders.
        fused_width: Channels that it gives to the cognitive processor.
        node_width: Channels between those and the 25 nodes.
        dropout: Share dropped in training.
        embedding_dropout: Share of what enters an encoder that is dropped in training.
        edge_channels: Channels of an edge of the graph.
        edge_neighbours: Nodes that a node has edges to, beside itself.
        graph_layers: Layers of the motor processor.
        components: Gaussians of the mixture.
        noise_limit: Square of the largest noise on the mean of a reaction's distribution.
        noise_deviation: Deviation of that noise where it is one field, about that of the published rule.
        mixture_scale: Deviations at which a mixture is sampled. Below 1, reactions are nearer to the means.
        target_noise: Deviation of noise on reactions that training encodes, where `log_determinant` is on: action units
            are whole numbers, whose density has no bound without it.
        easy_share: In training, windows whose distance is below this share of its recent mean count as 0.
        easy_steps: Steps of training over which that mean is taken.
    """

    speaker: tuple[str, ...] = ("swin768", "vggish128")
    window: int = 50
    width: int = 128
    heads: int = 4
    feed_forward: int = 512
    layers: int = 5
    fused_width: int = 64
    node_width: int = 32
    dropout: float = 0.1
    embedding_dropout: float = 0.25
    edge_channels: int = 8
    edge_neighbours: int = 5
    graph_layers: int = 2
    components: int = 6
    noise_limit: float = 0.06
    noise_deviation: float = 0.055
    mixture_scale: float = 1.0
    target_noise: float = 0.1
    easy_share: float = 1 / 3
    easy_steps: int = 101
    noise: str = trap(
        compat="largest",
        clean="field",
        about="Published: noise is scaled so that the largest of all windows of a clip is √noise_limit, so it depends "
        "on the length of the clip; and windows that overlap have noise of their own, of which the mean varies less. "
        'Clean: one "field" of noise over the clip, of a fixed deviation. "mixture", an option of ours, samples the '
        "mixture of Gaussians that the paper describes and the published code computes for nothing; it has to be "
        "trained so.",
    )
    log_determinant: bool = trap(
        compat=False,
        clean=True,
        about="Published: distances are measured between encoded reactions only, so the motor processor can lower them "
        "by shrinking all reactions to a point. Clean: the logarithm of its volume is part of the loss.",
    )
    edge_mask: str = trap(
        compat="union",
        clean="row",
        about="Published: a node keeps the neighbours of any node, which are mostly all nodes. Clean: its own.",
    )
    channel_weights: str = trap(
        compat="signed",
        clean="absolute",
        about="Published: channels of edges are averaged with weights of any sign, whose sum may be 0. Clean: by their "
        "absolute values, which is the same where all are positive.",
    )
    inverse: str = trap(
        compat="five",
        clean="exact",
        about="Published: the motor processor is inverted by up to 5 steps, and generation ends with an error if they "
        "do not suffice for 0.001. Clean: by as many as 0.00001 needs, with a warning if 50 do not suffice.",
    )
    zero_is_padding: bool = trap(
        compat=True,
        clean=False,
        about="Published: a frame whose first channel is exactly 0 has no position. Clean: every frame has one.",
    )
    standardised: bool = trap(
        compat=False,
        clean=True,
        about="Published: features enter as they are, those of sound from 0 to 255. Clean: with mean 0 and deviation 1 "
        "by channel over the training data.",
    )
    least_deviation: float = trap(
        compat=1e-5,
        clean=0.1,
        about="Nodes are scaled to deviation 1 of the first training batch. An action unit that is off throughout is "
        "scaled by 100000 in the published code; clean: by 10 at most.",
    )
    other_lengths: str = trap(
        compat="refused",
        clean="overlapping",
        about="Published: clips that windows at half their length do not end with are refused. Clean: a last window "
        "ends where the clip does, and short clips go on with their last frame.",
    )
    unused_parts: bool = trap(
        compat=True,
        clean=False,
        about="The published layout has a mixture of Gaussians, a map of sound and a matrix that play no part. They "
        "are kept, frozen, so that checkpoints pass through whole, or left out.",
    )

    def __post_init__(self) -> None:
        self._check_speaker()
        self.check(_ANSWERS, dict.fromkeys(_WHOLE, 1))
        if self.window % 2 or self.width % 2 or self.width % self.heads:
            raise ConfigError(
                f"window is {self.window}, width {self.width} and heads {self.heads}; expected an even window, and an "
                "even width that is a multiple of heads."
            )
        if self.edge_neighbours > NODES:
            raise ConfigError(f"edge_neighbours is {self.edge_neighbours}, expected at most the {NODES} nodes.")
        if self.noise == "mixture" and not self.log_determinant:
            raise ConfigError(
                "noise='mixture' needs log_determinant=True: without it likelihood grows as all reactions shrink."
            )

    @classmethod
    def behaviour(cls) -> Self:
        """The published sizes for what is known of a speaker's behaviour without features of video or sound; ours."""
        return cls(speaker=("emotion", "3dmm", "mfcc78"))

    @classmethod
    def tiny(cls) -> Self:
        """A small model of behaviour with long windows, which trains on two processor cores in minutes."""
        return cls(
            speaker=("emotion", "3dmm", "mfcc78"),
            window=100,
            width=64,
            feed_forward=128,
            layers=2,
            embedding_dropout=0.1,
            easy_share=0.0,
            noise="mixture",
            mixture_scale=0.2,
        )

    @property
    def faces(self) -> tuple[str, ...]:
        """What is seen of the speaker."""
        return tuple(kind for kind in FACE_INPUTS if kind in self.speaker)

    @property
    def voice(self) -> str:
        """What is heard of the speaker; empty if nothing is."""
        return next((kind for kind in VOICE_INPUTS if kind in self.speaker), "")

    @property
    def face_width(self) -> int:
        """Channels of what is seen."""
        return sum(FACE_INPUTS[kind] for kind in self.faces)

    @property
    def voice_width(self) -> int:
        """Channels of what is heard, 0 if nothing is."""
        return VOICE_INPUTS.get(self.voice, 0)

    def _check_speaker(self) -> None:
        for kind in self.speaker:
            if kind not in INPUT_WIDTHS:
                raise ConfigError(f"there is no input {kind!r}. {suggest(kind, INPUT_WIDTHS)}")
        voices = [kind for kind in self.speaker if kind in VOICE_INPUTS]
        mixed = "swin768" in self.speaker and len(self.faces) > 1
        if not self.faces or mixed or len(voices) > 1 or len(set(self.speaker)) < len(self.speaker):
            raise ConfigError(
                f"speaker is {', '.join(self.speaker) or 'empty'}; expected 'swin768', or one or both of 'emotion' and "
                f"'3dmm', and beside them at most one of {', '.join(VOICE_INPUTS)}."
            )


_ANSWERS = {
    "noise": ("largest", "field", "mixture"),
    "edge_mask": ("union", "row"),
    "channel_weights": ("signed", "absolute"),
    "inverse": ("five", "exact"),
    "other_lengths": ("refused", "overlapping"),
}
_WHOLE = (
    "window", "width", "heads", "feed_forward", "layers", "fused_width", "node_width", "edge_channels",
    "edge_neighbours", "graph_layers", "components", "easy_steps",
)  # fmt: skip
