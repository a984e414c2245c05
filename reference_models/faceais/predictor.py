"""The predictor: the speaker's face and speech, and the listener's own past, give what the next block is made of.

Conventions: tokens are shifted by 2, since 0 is padding and 1 a mask, which published weights never use. A stretch of n
frames has the last n of the context's positions; attention looks both ways. Which of them are known is (B, n) bool, or
None where all are.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from reference_models.blocks.positions import sinusoidal_positions
from reference_models.faceais.config import FaceAISConfig
from reference_models.faceais.transformer import (
    CrossModalLayer,
    SelfAttentionLayer,
    cross_modal_stack,
    hiding_mask,
    initialise,
    stack,
)

__all__ = ["SPECIAL_TOKENS", "Fused", "ListenerDecoder", "ReactionPredictor", "SpeakerEncoder", "Streams"]

SPECIAL_TOKENS = 2

_SECOND_WIDTHS = {"speaker_emotion": 25, "speaker_mfcc78": 78}
_SOUND_TOKENS = 320


class Streams(NamedTuple):
    """What a stretch of speakers is embedded as.

    Attributes:
        face: (B, n, width).
        second: (B, n, width) of speech, or whatever is known beside the face; None if nothing is.
        face_known: (B, n) bool, which frames of the face are known; None if all are.
        second_known: The same of `second`.
        more: Other series (B, n, …) of the same frames, for models that are built on this one.
    """

    face: Tensor
    second: Tensor | None
    face_known: Tensor | None = None
    second_known: Tensor | None = None
    more: Mapping[str, Tensor] = MappingProxyType({})


class Fused(NamedTuple):
    """A stretch of speakers as the listener attends to it.

    Attributes:
        series: (B, n, width).
        known: (B, n) bool, what its own layers see; None if all are.
        face_known: (B, n) bool, what the listener sees; None if all are.
    """

    series: Tensor
    known: Tensor | None = None
    face_known: Tensor | None = None


def _layers(config: FaceAISConfig) -> nn.ModuleList:
    sizes = (config.width, config.heads, config.dropout)
    return nn.ModuleList(SelfAttentionLayer(*sizes, bias=True) for _ in range(config.layers))


def _gated_layers(config: FaceAISConfig) -> nn.ModuleList:
    return nn.ModuleList(
        CrossModalLayer(config.width, config.heads, config.dropout, config.gate) for _ in range(config.layers)
    )


def _both(own: Tensor | None, other: Tensor | None) -> Tensor | None:
    """Keys that are known by both; as published, what is known of the other counts where the own is not all known."""
    return own if own is None or other is None else own & other


class _TokenStream(nn.Module):
    """Tokens as vectors that know their position."""

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        self.tokens = nn.Embedding(config.vocabulary + SPECIAL_TOKENS, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        found: Tensor = self.dropout(self.tokens(tokens) + self.positions.weight[-tokens.shape[1] :])
        return found


class _SecondStream(nn.Module):
    """Vectors of speech, or others, that know their position, as one a frame: the largest of each channel."""

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        self.each = config.vectors_a_frame
        self.projection = nn.Linear(_SECOND_WIDTHS.get(config.second_input, config.speech_channels), config.width)
        self.positions = nn.Embedding(config.context * self.each, config.width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, vectors: Tensor) -> Tensor:
        entered = self.dropout(self.projection(vectors) + self.positions.weight[-vectors.shape[1] :])
        found: Tensor = entered.view(len(entered), -1, self.each, entered.shape[-1]).amax(2)
        return found


class SpeakerEncoder(nn.Module):
    """The speaker's face attends to itself and to the second stream.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        self.heads, self.kept, self.mixed = config.heads, config.second_stream == "kept", config.mixed_masks
        self.face = _TokenStream(config)
        self.face_layers = _layers(config)
        if config.second_input:
            self.second = _SecondStream(config)
            self.second_layers = _layers(config)
        self.layers = _gated_layers(config)
        self.norm = nn.LayerNorm(config.width)

    def forward(self, streams: Streams) -> Fused:
        """The fused stretch (B, n, width)."""
        face_mask, second_mask, both_mask = (
            hiding_mask(known, streams.face, heads=self.heads, mixed=self.mixed and self.training)
            for known in (
                streams.face_known, streams.second_known, _both(streams.face_known, streams.second_known)
            )
        )  # fmt: skip
        face = stack(self.face_layers, streams.face, face_mask)
        second = face if streams.second is None else stack(self.second_layers, streams.second, second_mask)
        fused = cross_modal_stack(self.layers, face, second, face_mask, both_mask, kept=self.kept)
        known = streams.face_known if streams.second is None else streams.second_known
        return Fused(self.norm(fused) if self.kept else fused, known, streams.face_known)


class ListenerDecoder(nn.Module):
    """The listener's past attends to itself and to the speaker, and says what the next block is.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        self.heads, self.kept, self.mixed = config.heads, config.second_stream == "kept", config.mixed_masks
        self.aligned = config.padding == "value"
        self.past = _TokenStream(config)
        self.places = nn.Linear(config.width, config.width, bias=False) if config.places else None
        self.past_layers, self.speaker_layers = _layers(config), _layers(config)
        self.layers = _gated_layers(config)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.vocabulary + SPECIAL_TOKENS, bias=False)

    def forward(
        self, fused: Fused, past: Tensor, known: Tensor | None, rows: int | None, ends: Tensor | None = None
    ) -> Tensor:
        """Distributions of tokens.

        Args:
            fused: n frames of speakers, at least as many as the past; one item serves all reactions.
            past: (B, m) tokens of listeners.
            known: (B, m) bool; None if all are.
            rows: How many of the last rows are wanted; all if None.
            ends: (B,) or (1,) frames of the clip up to the end of the past, which the option `places` needs.

        Returns:
            (B, rows, vocabulary + 2) logits of the tokens a block after those rows.
        """
        frames, mixed = past.shape[1], self.mixed and self.training
        own, first, seen = self.past(past), -frames if self.aligned else 0, fused.face_known
        if self.places is not None and ends is not None:
            frame = ends[:, None] + torch.arange(-frames, 0, device=own.device)
            own = own + self.places(sinusoidal_positions(frame, own.shape[-1]).to(own.dtype))
        if self.aligned:  # as published, a row of the speaker counts if the listener's row beside it does
            seen = _both(known, None if seen is None else seen[:, first:])
        mask = hiding_mask(known, own, heads=self.heads, mixed=mixed)
        cross_mask = hiding_mask(seen, own, heads=self.heads, mixed=mixed)
        speaker_mask = hiding_mask(fused.known, own, heads=self.heads, mixed=mixed)
        own = stack(self.past_layers, own, mask)
        speaker = stack(self.speaker_layers, fused.series, speaker_mask)[:, first:]
        made = cross_modal_stack(self.layers, own, speaker, mask, cross_mask, kept=self.kept, rows=rows)
        found: Tensor = self.head(self.norm(made))
        return found


class ReactionPredictor(nn.Module):
    """Both halves of the predictor.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        self.speaker = SpeakerEncoder(config)
        self.listener = ListenerDecoder(config)
        if config.unused_parts:
            self.unused = nn.Embedding(_SOUND_TOKENS + SPECIAL_TOKENS, config.width).requires_grad_(False)
        initialise(self, config.width, config.layers)
