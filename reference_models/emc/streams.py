"""What is seen and what is heard of speakers, and at which frames.

Conventions: B speakers, T frames. What is not there holds numbers all the same, which do not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Self

import torch
from torch import Tensor

from reference_models.missing_inputs import PRESENT

__all__ = ["Presence", "Streams", "held"]


class Streams(NamedTuple):
    """Features of speakers.

    Attributes:
        face: (B, T, C) of what is seen.
        speech: (B, T, D) of what is heard.
    """

    face: Tensor
    speech: Tensor


class Presence(NamedTuple):
    """Where face and speech are present.

    Attributes:
        face: (B, T) bool.
        speech: (B, T) bool.
        face_known: (B,) bool, whether the face was present at any frame that matters here, also of other windows.
        speech_known: (B,) bool.
    """

    face: Tensor
    speech: Tensor
    face_known: Tensor
    speech_known: Tensor

    @classmethod
    def of(cls, face: Tensor, speech: Tensor) -> Self:
        """Of two masks (B, T) of whole clips."""
        return cls(face, speech, face.any(1), speech.any(1))

    @classmethod
    def told(cls, speaker: Mapping[str, Tensor], like: Tensor) -> Self:
        """As a batch says; what it does not speak of is present.

        Args:
            speaker: A batch.
            like: (B, T, …) any series of it that has a row a frame.
        """
        there = torch.ones(like.shape[:2], dtype=torch.bool, device=like.device)
        return cls.of(*(speaker.get(PRESENT[modality], there) for modality in ("face", "speech")))

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return bool(self.face.all() and self.speech.all())

    def without_face(self) -> Presence:
        """The same, had no face been seen."""
        nothing = torch.zeros_like
        return self._replace(face=nothing(self.face), face_known=nothing(self.face_known))

    def without_speech(self) -> Presence:
        """The same, had nothing been heard."""
        nothing = torch.zeros_like
        return self._replace(speech=nothing(self.speech), speech_known=nothing(self.speech_known))


def held(series: Tensor, present: Tensor, *, ahead: bool) -> Tensor:
    """A series that keeps its last row where rows are missing.

    Args:
        series: (B, T, …).
        present: (B, T) bool.
        ahead: Whether rows before the first one that is present take that one's values; otherwise they stay.

    Example:
        >>> rows = torch.tensor([[0.0, 1.0, 0.0]])[..., None]
        >>> held(rows, torch.tensor([[False, True, False]]), ahead=True).flatten().tolist()
        [1.0, 1.0, 1.0]
    """
    if bool(present.all()):
        return series
    places = torch.arange(series.shape[1], device=series.device)
    last = torch.where(present, places, -1).cummax(1).values
    first = present.int().argmax(1, keepdim=True) if ahead else places
    rows = torch.where(last < 0, first, last)
    return series[torch.arange(len(series), device=series.device)[:, None], rows]
