"""A generator that gets what arrives of a speaker: modalities, or parts of them, are lost, late or frozen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from react_data.errors import ReactError
from react_data.missing_conditions import Arrival, MissingCondition
from react_data.missing_modalities import MODALITIES
from react_eval.errors import GenerationFailedError

__all__ = ["FILLS", "PRESENT", "Losses", "UnderCondition", "takes_missing"]

Batch = Mapping[str, Any]

FILLS = ("zeros", "hold", "fail")
"""What a generator that takes no missing data may get in place of what is lost."""

_SPEAKER = "speaker_"

PRESENT = {modality: f"{_SPEAKER}{modality}_present" for modality in MODALITIES}
"""Names in batches of where a modality is present, (T,) bool by clip."""


def takes_missing(generator: Any) -> bool:
    """Whether a generator wants to be told what is missing.

    Args:
        generator: Anything that generates.
    """
    return bool(getattr(generator, "takes_missing", False))


@dataclass(frozen=True)
class Losses:
    """What is lost of the speakers of a split.

    Attributes:
        condition: The condition.
        frames: Frames of each speaker, by clip.
        frames_per_second: Their rate.
        seed: Seed by which losses are drawn.
        fill: What a generator that takes no missing data gets in place of what is lost: ``"zeros"``; ``"hold"`` for the
            last value that was there; or ``"fail"``: it does not get the series at all. If None, it gets zeros, but not
            the series where nothing of it arrives in any clip.
    """

    condition: MissingCondition
    frames: Mapping[str, int]
    frames_per_second: float
    seed: int = 0
    fill: str | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What decides what is lost."""
        known = dict(sorted(self.condition.losses.modality_of.items()))
        return {"condition": self.condition.name, "loss_seed": self.seed, "fill": self.fill, "modality_of": known}

    def batch(self, batch: Batch, *, told: bool) -> dict[str, Any]:
        """What arrives of a batch.

        Args:
            batch: ``clip`` and series by clip.
            told: Whether the generator takes missing data: then it gets zeros, and ``speaker_face_present`` and
                ``speaker_speech_present``.

        Returns:
            A batch.
        """
        arrivals = [
            self.condition.arrivals(self.frames[clip], self.frames_per_second, clip, self.seed)
            for clip in map(str, batch["clip"])
        ]
        found: dict[str, Any] = {}
        for name, values in batch.items():
            kind = name.removeprefix(_SPEAKER)
            if kind == name or not self.condition.affects(kind):
                found[name] = values
            elif told or not self._left_out:
                modality = self.condition.losses.modality(kind)
                filled = [self._filled(each[modality], told) for each in arrivals]
                found[name] = _by_clip(each.of(np.asarray(clip)) for each, clip in zip(filled, values, strict=True))
        if told:
            found |= {name: _by_clip(each[modality].present for each in arrivals) for modality, name in PRESENT.items()}
        return found

    @property
    def _left_out(self) -> bool:
        """Whether a generator that takes no missing data does without the series."""
        if self.condition.kind == "frozen":
            return False
        return self.fill == "fail" or (self.condition.whole and self.fill != "zeros")

    def _filled(self, arrival: Arrival, told: bool) -> Arrival:
        return arrival.held() if self.fill == "hold" and not told else arrival


class UnderCondition:
    """A generator that gets what arrives; whatever else is asked of it, the generator itself answers.

    Args:
        generator: Anything that generates.
        losses: What is lost of its speakers.

    Attributes:
        generator: The generator itself.
        losses: What is lost.
    """

    def __init__(self, generator: Any, losses: Losses) -> None:
        self.generator, self.losses = generator, losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self.generator, name)

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> Mapping[str, Any]:
        """Reactions to what arrives of the speakers.

        Args:
            batch: Clip ids and the whole series by clip.
            reactions: Reactions a clip.
            seed: Seed of the run.
            online: Whether it goes window by window from the past.

        Returns:
            What the generator returns.

        Raises:
            GenerationFailedError: If the generator raises anything.
        """
        arriving = self.losses.batch(batch, told=takes_missing(self.generator))
        try:
            made: Mapping[str, Any] = self.generator.generate(arriving, reactions=reactions, seed=seed, online=online)
        except Exception as error:  # a generator of anybody, which was not made for this
            told = error.message if isinstance(error, ReactError) else f"{type(error).__name__}: {error}"
            raise GenerationFailedError(told) from error
        return made


def _by_clip(values: Iterable[Any]) -> Any:
    """Arrays of clips as batches hold them: as one where their shapes are equal."""
    listed = list(values)
    return np.stack(listed) if len({each.shape for each in listed}) == 1 else listed
