"""Modalities of the speaker that are missing: whole clips, segments, lower rates, bursts; for training and for tests.

Conventions: a mask (frames,) is True where a modality is there. Masks are drawn for whole clips, so that all windows of
a clip lose the same frames. Targets are never touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from react_data.training_windows import TrainingDataError

__all__ = [
    "MODALITIES",
    "Beginning",
    "Bursts",
    "Loss",
    "LowerRate",
    "MissingModalities",
    "Segment",
    "WholeClip",
]

Mask = NDArray[np.bool_]

MODALITIES = ("face", "speech")
_MODALITY_OF = {
    **dict.fromkeys(("emotion", "3dmm", "video", "swin768", "va64", "au25088", "fer1408"), "face"),
    **dict.fromkeys(("audio", "mfcc78", "mfcc26", "wav2vec", "wav2vec1536", "vggish128", "speech_emotion10"), "speech"),
    "eeg": "neither",
}


class Loss(Protocol):
    """How a modality gets lost."""

    def present(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> Mask:
        """Draw the frames of a clip at which the modality is there.

        Args:
            frames: T frames of the clip.
            frames_per_second: Frames a second of the clip.
            generator: Where random numbers come from.

        Returns:
            (T,) bool.
        """
        ...


@dataclass(frozen=True)
class WholeClip:
    """The modality is missing in the whole clip.

    Attributes:
        probability: Share of clips in which it is missing, in 0..1.

    Example:
        >>> WholeClip().present(3, 25, np.random.default_rng(0)).tolist()
        [False, False, False]
    """

    probability: float = 1.0

    def __post_init__(self) -> None:
        _check_share("probability", self.probability)

    def present(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> Mask:  # noqa: ARG002
        """See `Loss.present`."""
        return np.full(frames, generator.random() >= self.probability)


@dataclass(frozen=True)
class Segment:
    """One stretch of the clip is missing, anywhere in it.

    Attributes:
        share: Share of the clip's frames that are missing, in 0..1.

    Example:
        >>> int(Segment(0.25).present(100, 25, np.random.default_rng(0)).sum())
        75
    """

    share: float

    def __post_init__(self) -> None:
        _check_share("share", self.share)

    def present(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> Mask:  # noqa: ARG002
        """See `Loss.present`."""
        length = round(self.share * frames)
        start = int(generator.integers(frames - length + 1))
        places = np.arange(frames)
        return np.asarray((places < start) | (places >= start + length))


@dataclass(frozen=True)
class Beginning:
    """The first frames of the clip are missing, as where a stream arrives late.

    Attributes:
        frames: How many, at least 0.

    Example:
        >>> Beginning(2).present(4, 25, np.random.default_rng(0)).tolist()
        [False, False, True, True]
    """

    frames: int

    def __post_init__(self) -> None:
        if self.frames < 0:
            raise TrainingDataError(f"frames is {self.frames}, expected at least 0.")

    def present(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> Mask:  # noqa: ARG002
        """See `Loss.present`; nothing is drawn."""
        return np.arange(frames) >= self.frames


@dataclass(frozen=True)
class LowerRate:
    """Frames come at a lower rate; those between are missing.

    Attributes:
        frames_per_second: The lower rate, above 0.

    Example:
        >>> LowerRate(10).present(6, 25, np.random.default_rng(0)).astype(int).tolist()
        [1, 0, 0, 1, 0, 1]
    """

    frames_per_second: float

    def __post_init__(self) -> None:
        if not self.frames_per_second > 0:
            raise TrainingDataError(f"frames_per_second is {self.frames_per_second:g}, expected above 0.")

    def present(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> Mask:  # noqa: ARG002
        """See `Loss.present`; nothing is drawn."""
        ticks = np.arange(frames) * self.frames_per_second // frames_per_second
        return np.diff(ticks, prepend=-1) > 0


@dataclass(frozen=True)
class Bursts:
    """The modality comes and goes: a chain of two states, in which losses last a geometric number of frames.

    Attributes:
        share: Expected share of frames that are missing, at least 0 and below 1.
        mean_frames: Mean frames of a loss, at least 1 and at least ``share / (1 - share)``.

    Example:
        >>> round(float(Bursts(0.4, 10).present(100_000, 25, np.random.default_rng(0)).mean()), 1)
        0.6
    """

    share: float
    mean_frames: float = 25.0

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise TrainingDataError(f"share is {self.share:g}, expected 0 to below 1.")
        shortest = max(1.0, self.share / (1 - self.share))
        if not self.mean_frames >= shortest:
            raise TrainingDataError(
                f"mean_frames is {self.mean_frames:g}, expected at least {shortest:g} for a share of {self.share:g}."
            )

    def present(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> Mask:  # noqa: ARG002
        """See `Loss.present`."""
        if not self.share:
            return np.ones(frames, dtype=bool)
        end_of = {False: 1 / self.mean_frames, True: self.share / (1 - self.share) / self.mean_frames}
        there = bool(generator.random() >= self.share)
        mask = np.empty(frames, dtype=bool)
        start = 0
        while start < frames:
            stop = start + int(generator.geometric(end_of[there]))
            mask[start:stop] = there
            start, there = stop, not there
        return mask


@dataclass(frozen=True)
class MissingModalities:
    """Which modalities of the speaker are lost, and how; an augmentation and a test condition alike.

    Attributes:
        face: How facial series are lost; None for not at all.
        speech: How sound and its features are lost; None for not at all.
        keep_one: Whether at every frame one of the two is left: where both would be lost, one that is drawn for the
            clip stays.
        modality_of: ``"face"``, ``"speech"`` or ``"neither"`` for kinds of series that are not known, such as
            ``{"swin": "face"}``.
    """

    face: Loss | None = None
    speech: Loss | None = None
    keep_one: bool = True
    modality_of: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in MODALITIES:
            loss = getattr(self, name)
            if loss is not None and not callable(getattr(loss, "present", None)):
                raise TrainingDataError(f"{name} is {loss!r}, expected a loss such as WholeClip(), or None.")
        unknown = sorted(set(self.modality_of.values()) - {*MODALITIES, "neither"})
        if unknown:
            raise TrainingDataError(f"modality_of names {unknown[0]!r}, expected 'face', 'speech' or 'neither'.")

    def modality(self, kind: str) -> str:
        """The modality that a kind of series belongs to.

        Args:
            kind: Such as ``"emotion"``, ``"audio"`` or a feature's name.

        Returns:
            ``"face"``, ``"speech"`` or ``"neither"``.

        Raises:
            TrainingDataError: If the kind is not known.

        Example:
            >>> MissingModalities().modality("mfcc78")
            'speech'
        """
        found = (_MODALITY_OF | dict(self.modality_of)).get(kind)
        if found is None:
            raise TrainingDataError(
                f"it is not known whether {kind!r} is of the face or of speech. "
                f"Pass MissingModalities(modality_of={{{kind!r}: 'face'}}), 'speech' or 'neither'."
            )
        return found

    def check(self, kinds: Iterable[str]) -> None:
        """Make sure that of every kind it is known what it belongs to.

        Raises:
            TrainingDataError: If it is not; see `modality`.
        """
        for kind in kinds:
            self.modality(kind)

    def masks(self, frames: int, frames_per_second: float, generator: np.random.Generator) -> dict[str, Mask]:
        """Draw the frames of a clip at which each modality is there.

        Args:
            frames: T frames of the clip.
            frames_per_second: Frames a second of the clip.
            generator: Where random numbers come from.

        Returns:
            (T,) bool for ``"face"`` and for ``"speech"``.

        Example:
            >>> masks = MissingModalities(face=WholeClip()).masks(2, 25, np.random.default_rng(0))
            >>> {modality: mask.tolist() for modality, mask in masks.items()}
            {'face': [False, False], 'speech': [True, True]}
        """
        losses = {"face": self.face, "speech": self.speech}
        masks = {
            modality: np.ones(frames, dtype=bool)
            if loss is None
            else loss.present(frames, frames_per_second, generator)
            for modality, loss in losses.items()
        }
        if self.keep_one:
            kept = MODALITIES[int(generator.integers(2))]
            masks[kept] = masks[kept] | ~(masks["face"] | masks["speech"])
        return masks


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise TrainingDataError(f"{name} is {value:g}, expected 0 to 1.")
