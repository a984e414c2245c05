"""What a FaceAIS model is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Self

from reference_models.errors import ConfigError
from reference_models.model_config import ModelConfig, trap

__all__ = ["SECOND_INPUTS", "FaceAISConfig"]

SECOND_INPUTS = {"speaker_audio": 2, "speaker_emotion": 1, "speaker_mfcc78": 1}
"""What can be known of the speaker beside the face, and how many vectors a frame it is."""


@dataclass(frozen=True)
class FaceAISConfig(ModelConfig):
    """The configuration of FaceAIS.

    Attributes:
        speaker_inputs: What is known of the speaker: ``"speaker_3dmm"``, and beside it ``"speaker_audio"`` (16 kHz, as
            published), ``"speaker_emotion"`` or ``"speaker_mfcc78"``, which are options of ours, or nothing.
        block: Frames that are tokenised together and predicted at once.
        levels: Levels of each of the numbers that a frame's code consists of; their product is the number of codes.
        tokenizer_width: Channels of the tokenizer, a multiple of `tokenizer_heads`.
        tokenizer_heads: Its heads of attention.
        tokenizer_layers: Layers of its encoder, and of each of its two decoders.
        context: Frames of the past that a block is predicted from, a multiple of `block`.
        own_past: Frames of the reaction so far among them at most, a multiple of `block`. Published: all. With fewer,
            or none, an option of ours, reactions follow the speaker sooner than themselves.
        places: Whether the listener knows how far into the clip a frame is, an option of ours. Published: it counts
            from the end of what it sees. Learned from whole clips, as places are counted from a crop's beginning.
        vocabulary: Tokens that the predictor knows beside two special ones, at least as many as there are codes.
        width: Channels of the predictor, a multiple of `heads`.
        heads: Its heads of attention.
        layers: Layers of each of its six stacks.
        gate: What the gates of attention to the other stream are before training. Published: 0, so that first nothing
            is learned of the speaker.
        dropout: Share dropped in training.
        speech_channels: Channels of wav2vec 2.0's convolutions.
        wav2vec_folder: Folder of a wav2vec 2.0 checkpoint to start from. A model keeps its convolutions, and forgets
            the folder; without one they are random.
        past_hidden: In which share of the steps of published training much of the past is hidden.
        blocks_a_clip: Blocks of each clip that a step of clean training predicts.
        temperature: Of sampling; below 1 likelier tokens are preferred, 0 takes the likeliest. Published: 1.
        top_k: How many of the likeliest tokens are sampled from; 0 for all.
        spread: How far what is decoded is from what the distribution expects, by how far the sampled token is. Below 1,
            an option of ours, reactions are nearer to the expected one, and to each other. Published: 1.
        noise: Whether each ``"token"`` is sampled with noise of its own, as published, or all tokens of a ``"block"``
            or of a ``"reaction"`` with the same, options of ours: then frames after one another differ less.
    """

    speaker_inputs: tuple[str, ...] = ("speaker_3dmm", "speaker_audio")
    block: int = 32
    levels: tuple[int, ...] = (8, 5, 5, 5)
    tokenizer_width: int = 252
    tokenizer_heads: int = 12
    tokenizer_layers: int = 12
    context: int = 256
    own_past: int = 256
    places: bool = False
    vocabulary: int = 2048
    width: int = 360
    heads: int = 12
    layers: int = 8
    gate: float = 0.0
    dropout: float = 0.1
    speech_channels: int = 512
    wav2vec_folder: str = ""
    past_hidden: float = 0.5
    blocks_a_clip: int = 1
    temperature: float = 1.0
    top_k: int = 512
    spread: float = 1.0
    noise: str = "token"
    second_stream: str = trap(
        compat="replaced",
        clean="kept",
        about="A gated layer of the published code returns its first stream in the second one's place too. So only the "
        "first of 8 layers lets the face attend to speech, or the listener to the speaker; and the norm at the end of "
        "the speaker's layers does nothing. Clean: all layers attend to the second stream, and the norm is used. "
        "Weights are of use only with the answer that they were trained with.",
    )
    look_ahead: str = trap(
        compat="block",
        clean="none",
        about="The published code answers a block when it knows the speaker up to the block's first frame. But that "
        "frame's token is made of its whole block, so a reaction knows up to 31 frames of the speaker's future, and "
        "the speaker is one frame ahead of the listener, as never in training. Clean: up to the frame before.",
    )
    objective: str = trap(
        compat="all",
        clean="next",
        about="The published code trains the tokens 32 frames after each of 256 frames, hiding nothing of what is "
        "between: seven of eight are among its own input, so most of the loss is to copy them. In half of the steps a "
        "random number of last frames is all that is known. Clean: only the next block, after as many whole blocks as "
        "generation knows, none at a clip's beginning.",
    )
    sound_context: int = trap(
        compat=0,
        clean=64,
        about="Frames of sound that a block's speech is encoded from, up to its own end. Published: 0, the whole clip "
        "at once, whose loudness and norm over time let every frame depend on the future.",
    )
    mixed_masks: bool = trap(
        compat=True,
        clean=False,
        about="The published code lays its masks out for attention in another order than the batch, so in batches of "
        "more than one clip each head hides the padding of another clip. It does not matter in generation, where all "
        "clips of a batch are padded alike. Clean: each clip has its own.",
    )
    top_k_threshold: str = trap(
        compat="batch",
        clean="own",
        about="The published code samples from all tokens that are at least as likely as the least likely of the k "
        "best of any row of the batch, so what is generated depends on the batch: here on the reactions that are "
        "generated together. Clean: each row has its own k best.",
    )
    unused_tokens: str = trap(
        compat="wrap",
        clean="never",
        about="The predictor has 2048 tokens and two special ones, but there are 1000 codes. The published code "
        "decodes others modulo 1000. Clean: they are never sampled.",
    )
    other_lengths: str = trap(
        compat="refused",
        clean="filled",
        about="Clips of 750 frames are no whole blocks of 32: the published code generates and scores 736 frames. So "
        "that nothing is left out unnoticed, clips that are not whole blocks are refused: cut them. Clean: the last "
        "block is cut off where the clip ends.",
    )
    padding: str = trap(
        compat="value",
        clean="place",
        about="The published code takes for padding what is 0: also a sampled padding token, and speech features of "
        "which one is 0. Where nothing is known, at first, attention is even over 256 rows of padding. Clean: padding "
        "is what comes before the clip, and the first block is made of as much of it as it has frames.",
    )
    emotion_range: str = trap(
        compat="any",
        clean="limited",
        about="The emotion head is unbounded: action units below 0 and the like are generated. Clean: they are limited "
        "to the range of each channel.",
    )
    standardised: bool = trap(
        compat=False,
        clean=True,
        about="The published system has coefficients less the mean face, whose channels differ in size tenfold. We "
        "take mean and deviation of every channel from the training data, for coefficients and their loss.",
    )
    unused_parts: bool = trap(
        compat=True,
        clean=False,
        about="The published layout has an embedding of sound tokens that plays no part. It is kept, frozen, so that "
        "checkpoints pass through whole, or left out.",
    )

    def __post_init__(self) -> None:
        face, *second = self.speaker_inputs or ("",)
        if face != "speaker_3dmm" or len(second) > 1 or any(each not in SECOND_INPUTS for each in second):
            raise ConfigError(
                f"speaker_inputs is {self.speaker_inputs!r}, expected 'speaker_3dmm' and at most one of "
                f"{', '.join(map(repr, SECOND_INPUTS))} after it."
            )
        self.check(_ANSWERS, _LEAST)
        self._check_sizes()

    @classmethod
    def tiny(cls) -> Self:
        """Small, without speech, and set so that it learns most in short trainings on few dyads, by options of ours.

        The speaker is known by 3DMM coefficients and facial attributes. Blocks are short, made of the speaker and of
        their place in the clip alone, and decoded from near what is expected, with the same noise in all blocks of a
        reaction.
        """
        return cls(
            speaker_inputs=("speaker_3dmm", "speaker_emotion"),
            block=8,
            tokenizer_width=64,
            tokenizer_heads=4,
            tokenizer_layers=1,
            context=64,
            own_past=0,
            places=True,
            vocabulary=1000,
            width=64,
            heads=4,
            layers=1,
            gate=1.0,
            dropout=0.1,
            blocks_a_clip=8,
            spread=0.1,
            noise="reaction",
        )

    def without_folder(self) -> Self:
        """The same configuration for a model that has taken what the folder holds."""
        return replace(self, wav2vec_folder="")

    @property
    def codes(self) -> int:
        """Number of codes."""
        return math.prod(self.levels)

    @property
    def second_input(self) -> str:
        """What is known of the speaker beside the face; empty if nothing is."""
        return self.speaker_inputs[1] if len(self.speaker_inputs) > 1 else ""

    @property
    def vectors_a_frame(self) -> int:
        """Vectors a frame of what is known beside the face."""
        return SECOND_INPUTS.get(self.second_input, 1)

    def _check_sizes(self) -> None:
        if self.width % self.heads or self.tokenizer_width % self.tokenizer_heads:
            raise ConfigError(
                f"width is {self.width} and tokenizer_width {self.tokenizer_width}, expected multiples of "
                f"heads={self.heads} and tokenizer_heads={self.tokenizer_heads}."
            )
        unlike = self.context % self.block or self.own_past % self.block
        if unlike or (self.sound_context and self.sound_context <= self.block):
            raise ConfigError(
                f"context is {self.context}, own_past {self.own_past} and sound_context {self.sound_context}; expected "
                f"multiples of block={self.block}, and a sound_context of 0 or more than a block."
            )
        if not self.levels or min(self.levels) < 2 or self.vocabulary < self.codes:
            raise ConfigError(
                f"levels are {self.levels!r} and vocabulary is {self.vocabulary}: expected at least 2 levels each, and "
                "a vocabulary of at least their product."
            )


_ANSWERS = {
    "noise": ("token", "block", "reaction"),
    "second_stream": ("replaced", "kept"),
    "look_ahead": ("block", "none"),
    "objective": ("all", "next"),
    "top_k_threshold": ("batch", "own"),
    "unused_tokens": ("wrap", "never"),
    "other_lengths": ("refused", "filled"),
    "padding": ("value", "place"),
    "emotion_range": ("any", "limited"),
}
_LEAST = {
    "block": 1,
    "tokenizer_width": 1,
    "tokenizer_heads": 1,
    "tokenizer_layers": 1,
    "context": 1,
    "width": 1,
    "heads": 1,
    "layers": 1,
    "speech_channels": 1,
    "own_past": 0,
    "past_hidden": 0,
    "blocks_a_clip": 1,
    "temperature": 0,
    "top_k": 0,
    "spread": 0,
    "sound_context": 0,
}
