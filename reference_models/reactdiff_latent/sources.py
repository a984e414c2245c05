"""What the model knows of a person: series of features or of behaviour, and the part that each of them plays.

Conventions: a kind of series has the same name for both persons, ``speaker_K`` and ``listener_K``. A feature's name
ends with its width.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SOURCES", "WIDTHS", "Sources"]

WIDTHS = {
    "va64": 64,
    "au25088": 25088,
    "fer1408": 1408,
    "mfcc26": 26,
    "wav2vec1536": 1536,
    "emotion": 25,
    "3dmm": 58,
}
"""Channels of every kind."""


@dataclass(frozen=True)
class Sources:
    """Which kinds play which part.

    Attributes:
        first: The kind of the face that attends to itself, and that everything else is added to.
        others: Kinds of the face that it attends to, one after another, in every cycle.
        sound: The kind of sound that asks, and the one that it asks; empty for no sound.
    """

    first: str
    others: tuple[str, ...]
    sound: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind once."""
        return tuple(dict.fromkeys((self.first, *self.others, *self.sound)))


SOURCES = {
    "features": Sources("au25088", ("fer1408", "va64"), ("wav2vec1536", "mfcc26")),
    "behaviour": Sources("emotion", ("3dmm",)),
    "behaviour with sound": Sources("emotion", ("3dmm",), ("mfcc26", "mfcc26")),
}
"""By the configuration's `speaker_inputs`. Those of behaviour are ours: the networks of the features are not public."""
