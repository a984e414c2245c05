"""The named conditions under which robustness is tested: what of the speaker is lost, late or frozen, and how much.

Conventions: a condition is named ``MODALITY:KIND:AMOUNT``, such as ``face:bursts:0.5``, with the modality ``face``,
``speech`` or ``both``, or it is ``complete``. What arrives in a clip follows from the seed and the clip's id alone, so
every model loses the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.clips import suggest
from react_data.errors import ReactError
from react_data.missing_modalities import MODALITIES, Beginning, Bursts, Loss, MissingModalities, Segment, WholeClip
from react_data.synthetic_conversations import random_generator
from react_data.training_windows import TrainingDataError

__all__ = ["COMPLETE", "FAMILIES", "Arrival", "ConditionError", "MissingCondition", "find_conditions"]

Mask = NDArray[np.bool_]

COMPLETE = "complete"

_SHARES = (0.1, 0.3, 0.5, 0.7, 0.9)
_BOTH = "both"
_WORDS = {"face": "facial", "speech": "speech", _BOTH: "facial and speech"}


class ConditionError(ReactError, ValueError):
    """There is no such condition of missing data.

    A condition is ``complete``, ``face:whole``, ``face:segments:0.5``, ``face:bursts:0.5`` or ``face:bursts:0.5:10``
    with the mean frames of a burst, ``speech:late:25`` with frames, or ``face:frozen:0.5``; ``face``, ``speech`` and
    ``both`` are the modalities. ``standard``, ``segments``, ``bursts``, ``late``, ``frozen`` and ``all`` name several.
    """

    code = "RD041"


@dataclass(frozen=True)
class Arrival:
    """What arrives of one modality in a clip.

    Attributes:
        shown: (T,) int: which frame of the clip is seen or heard at each frame.
        present: (T,) bool: where anything is; elsewhere the values are 0.
    """

    shown: NDArray[np.int64]
    present: Mask

    def of(self, series: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """A series as it arrives.

        Args:
            series: (rows, …), as many rows a frame as there are, such as the samples of sound.

        Returns:
            As many rows; 0 where nothing is present.
        """
        borders = np.arange(len(self.shown) + 1) * len(series) // len(self.shown)
        frames = np.repeat(np.arange(len(self.shown)), np.diff(borders))
        rows = np.arange(len(series)) + (borders[self.shown] - borders[:-1])[frames]
        there = self.present[frames].reshape(-1, *[1] * (series.ndim - 1))
        return np.where(there, series[np.minimum(rows, len(series) - 1)], series.dtype.type(0))

    def held(self) -> Arrival:
        """The same with the last frame that was present in place of nothing; before the first one, nothing."""
        last = np.maximum.accumulate(np.where(self.present, np.arange(len(self.shown)), -1))
        return Arrival(self.shown[last], last >= 0)


@dataclass(frozen=True)
class MissingCondition:
    """A condition.

    Attributes:
        name: Such as ``"face:bursts:0.5"``.
        title: As tables print it, such as ``"w/o facial"``.
        kind: ``"complete"``, ``"whole"``, ``"segments"``, ``"bursts"``, ``"late"`` or ``"frozen"``.
        modalities: Those that it affects.
        amount: Share of frames that are affected, in 0..1; frames of delay where the kind is ``"late"``.
        losses: Which frames are lost; those that are not refreshed where the kind is ``"frozen"``.
        affected: What is affected, whatever the amount, such as ``"facial"`` or ``"facial, bursts of 10 frames"``.
    """

    name: str
    title: str
    kind: str
    modalities: tuple[str, ...]
    amount: float
    losses: MissingModalities
    affected: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing at all arrives of the modalities."""
        return self.kind in ("whole", "segments") and self.amount == 1

    def affects(self, kind: str) -> bool:
        """Whether something of a kind of series is lost, late or frozen.

        Args:
            kind: Such as ``"emotion"`` or a feature's name.

        Raises:
            TrainingDataError: If it is not known whether the kind is of the face or of speech.
        """
        return self.losses.modality(kind) in self.modalities

    def arrivals(self, frames: int, frames_per_second: float, clip: str, seed: int = 0) -> dict[str, Arrival]:
        """What arrives of each modality in a clip.

        Args:
            frames: T frames of the clip.
            frames_per_second: Frames a second.
            clip: The clip's id.
            seed: Seed of the losses, at least 0.

        Returns:
            By modality, ``"face"`` and ``"speech"``.

        Example:
            >>> (late,) = find_conditions("speech:late:2", complete=False)
            >>> arrival = late.arrivals(4, 25, "RECOLA/group-2/P41/3")["speech"]
            >>> arrival.of(np.array([1.0, 2.0, 3.0, 4.0])).tolist()
            [0.0, 0.0, 1.0, 2.0]
        """
        generator = random_generator(seed, "missing modalities", clip)
        masks = self.losses.masks(frames, frames_per_second, generator)
        return {modality: self._arrival(mask, modality in self.modalities) for modality, mask in masks.items()}

    def _arrival(self, present: Mask, affected: bool) -> Arrival:
        places = np.arange(len(present))
        if affected and self.kind == "late":
            return Arrival(np.maximum(places - int(self.amount), 0), present)
        if affected and self.kind == "frozen":
            # A picture that is frozen from the start is the first frame.
            return Arrival(np.maximum.accumulate(np.where(present, places, 0)), np.ones_like(present))
        return Arrival(places, present)


def find_conditions(
    names: str | Iterable[str] = "standard",
    *,
    complete: bool = True,
    modality_of: Mapping[str, str] | None = None,
) -> tuple[MissingCondition, ...]:
    """Conditions by name.

    Args:
        names: Names of conditions or of families of them (`FAMILIES`, or ``"all"``), also several in one text with
            commas between.
        complete: Whether the complete condition, with which others are compared, comes first in any case.
        modality_of: ``"face"``, ``"speech"`` or ``"neither"`` for kinds of series that are not known, such as
            ``{"gaze": "face"}``.

    Returns:
        The conditions, each once, in the order of the names.

    Raises:
        ConditionError: If there is no such condition.

    Example:
        >>> [condition.title for condition in find_conditions("standard, face:bursts:0.5")]
        ['complete', 'w/o facial', 'w/o speech', 'facial 50% lost in bursts']
    """
    given = [part.strip() for each in ([names] if isinstance(names, str) else names) for part in each.split(",")]
    listed = [COMPLETE] * complete + [name for each in filter(None, given) for name in _family(each)]
    found = {condition.name: condition for condition in map(_condition, listed)}
    if not found:
        raise ConditionError("no condition is named. Use 'standard', or see `react-eval explain RD041`.")
    known = dict(modality_of or {})
    return tuple(replace(each, losses=replace(each.losses, modality_of=known)) for each in found.values())


def _of_shares(kind: str, modalities: Sequence[str] = MODALITIES) -> tuple[str, ...]:
    return tuple(f"{modality}:{kind}:{share:g}" for modality in modalities for share in _SHARES)


FAMILIES = {
    "standard": (COMPLETE, "face:whole", "speech:whole"),
    "segments": _of_shares("segments"),
    "bursts": _of_shares("bursts"),
    "late": tuple(f"speech:late:{frames}" for frames in (5, 12, 25, 50)),
    "frozen": _of_shares("frozen", ["face"]),
}
"""Names of the conditions of each family."""


def _family(name: str) -> tuple[str, ...]:
    if name == "all":
        return tuple(each for names in FAMILIES.values() for each in names)
    return FAMILIES.get(name, (name,))


def _condition(name: str) -> MissingCondition:
    if name == COMPLETE:
        return MissingCondition(COMPLETE, COMPLETE, COMPLETE, (), 0.0, MissingModalities())
    modality, _, rest = name.partition(":")
    kind, *amounts = rest.split(":")
    if modality not in _WORDS or kind not in _KINDS:
        examples = [COMPLETE, *FAMILIES, "all", *(names[-1] for names in FAMILIES.values())]
        raise ConditionError(f"there is no condition {name!r}. {suggest(name, examples)}")
    if kind == "frozen" and modality != "face":
        raise ConditionError(f"{name!r}: only a face can be frozen. Use face:frozen:AMOUNT.")
    return _KINDS[kind](name, modality, _numbers(name, amounts))


def _numbers(name: str, amounts: Sequence[str]) -> list[float]:
    try:
        return [float(amount) for amount in amounts]
    except ValueError:
        raise ConditionError(f"{name!r}: {':'.join(amounts)!r} is no amount, expected numbers.") from None


def _made(
    name: str, modality: str, kind: str, amount: float, title: str, loss: Loss, detail: str = ""
) -> MissingCondition:
    modalities = MODALITIES if modality == _BOTH else (modality,)
    losses = MissingModalities(**dict.fromkeys(modalities, loss), keep_one=False)  # type: ignore[arg-type]
    affected = f"{_WORDS[modality]}, {kind}{detail}" if detail else _WORDS[modality]
    return MissingCondition(name, title, kind, modalities, amount, losses, affected)


def _whole(name: str, modality: str, amounts: Sequence[float]) -> MissingCondition:
    if amounts:
        raise ConditionError(f"{name!r}: a whole modality has no amount. Use {modality}:whole.")
    return _made(name, modality, "whole", 1.0, f"w/o {_WORDS[modality]}", WholeClip())


def _late(name: str, modality: str, amounts: Sequence[float]) -> MissingCondition:
    if len(amounts) != 1 or not (amounts[0] >= 1 and math.isfinite(amounts[0]) and amounts[0] == int(amounts[0])):
        raise ConditionError(f"{name!r}: expected the whole frames of delay, at least 1, such as {modality}:late:25.")
    frames = int(amounts[0])
    title = f"{_WORDS[modality]} {frames} frame{'s' * (frames > 1)} late"
    return _made(f"{modality}:late:{frames}", modality, "late", frames, title, Beginning(frames))


def _share(
    name: str, modality: str, amounts: Sequence[float], *, kind: str, most: int, words: str, loss: Callable[..., Loss]
) -> MissingCondition:
    if not 1 <= len(amounts) <= most or not 0 < amounts[0] <= 1:
        raise ConditionError(f"{name!r}: expected a share above 0 and up to 1, such as {modality}:{kind}:0.5.")
    try:
        made = loss(*amounts)
    except TrainingDataError as error:
        raise ConditionError(f"{name!r}: {error.message}") from None
    detail = f" of {amounts[1]:g} frames" if len(amounts) > 1 else ""
    title = f"{_WORDS[modality]} {100 * amounts[0]:g}% {words}{detail}"
    canonical = ":".join([modality, kind, *(f"{amount:g}" for amount in amounts)])
    return _made(canonical, modality, kind, amounts[0], title, made, detail)


_KINDS: dict[str, Callable[[str, str, Sequence[float]], MissingCondition]] = {
    "whole": _whole,
    "segments": partial(_share, kind="segments", most=1, words="lost in a segment", loss=Segment),
    "bursts": partial(_share, kind="bursts", most=2, words="lost in bursts", loss=Bursts),
    "late": _late,
    "frozen": partial(_share, kind="frozen", most=1, words="frozen", loss=Segment),
}
