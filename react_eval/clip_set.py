"""What metrics are computed on: the clips of a submission as plain arrays, seen clip by clip."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_eval.alignment import aligned
from react_eval.errors import InputError

__all__ = ["ClipSet", "ClipView", "Clips"]

Indices = NDArray[np.intp]
Values = NDArray[np.float32]
Result = TypeVar("Result")


class Clips(Protocol):
    """Float32 arrays by clip: one array with a clip axis, a list of arrays, or anything that reads a clip on demand."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True)
class ClipSet:
    """Checked inputs of the metrics, clip by clip.

    Attributes:
        predictions: For each of N clips (α, T, C) float32; indexing reads one clip.
        schema: The channels' names and groups.
        clips: N ids.
        listeners: For each of M listeners (T, C) float32, or None.
        speakers: For each of N clips (T, C) float32, or None.
        neighbours: For each clip the indices of its appropriate listeners, or None.
        personal: The neighbours that are the same listener person, or None.
        sessions: The conversation of each clip, or None.
        recordings: The recording of each clip, which both directions share, or None.
        reactions: Reactions a clip that a sum counts. More than are stored for baselines whose reactions are all equal.
        listener_ids: The clip that each listener belongs to; empty where listeners are no clips.
    """

    predictions: Clips
    schema: ChannelSchema
    clips: Sequence[str]
    listeners: Clips | None = None
    speakers: Clips | None = None
    neighbours: Sequence[Indices] | None = None
    personal: Sequence[Indices] | None = None
    sessions: Sequence[str] | None = None
    recordings: Sequence[str] | None = None
    reactions: int = 0
    listener_ids: Sequence[str] = ()
    _of_data: _Computed = field(default_factory=lambda: _Computed(), repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.clips)

    def has(self, need: str) -> bool:
        """Whether the input called `need` (``"listeners"``, ``"speakers"``, ``"neighbours"``, …) is there."""
        return getattr(self, need, None) is not None

    @cached_property
    def paired(self) -> Sequence[int] | None:
        """For each clip the number of the listener that really answered, or None where that is not known."""
        number = {clip: each for each, clip in enumerate(self.listener_ids)}
        known = self.listeners is not None and all(clip in number for clip in self.clips)
        return [number[clip] for clip in self.clips] if known and len(number) else None

    def groups(self) -> tuple[Indices, str]:
        """Groups of clips that are not independent of each other: sessions where known, else recordings, else clips.

        Returns:
            The group's number for each clip, and what a group is.
        """
        for kind, names in (("sessions", self.sessions), ("recordings", self.recordings)):
            if names is not None:
                return np.unique(np.asarray(names), return_inverse=True)[1], kind
        return np.arange(len(self)), "clips"

    def views(self) -> Iterator[ClipView]:
        """The clips, one after the other."""
        return (ClipView(self, index) for index in range(len(self)))

    def part(self, indices: Sequence[int] | Indices, predictions: Clips, reactions: int | None = None) -> ClipSet:
        """Some of the clips, with predictions of their own; the listeners stay all.

        Args:
            indices: Which clips, in which order.
            predictions: (α, T, C) for each of them.
            reactions: What `reactions` is there, if it changes.
        """

        def chosen(values: Any) -> Any:
            return None if values is None else [values[index] for index in indices]

        return replace(
            self,
            predictions=predictions,
            clips=chosen(self.clips),
            speakers=chosen(self.speakers),
            neighbours=chosen(self.neighbours),
            personal=chosen(self.personal),
            sessions=chosen(self.sessions),
            recordings=chosen(self.recordings),
            reactions=self.reactions if reactions is None else reactions,
        )

    def shared_of_data(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """Compute something once that depends on listeners and speakers alone, for all predictions on the same data."""
        return self._of_data.once(key, compute)

    def latest_of_data(self, slot: Hashable, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The same for something that also depends on which clips there are: only what was asked for last is kept.

        Args:
            slot: What is computed.
            key: What it depends on.
            compute: Computes it.
        """
        return self._of_data.latest(slot, key, compute)

    def without_computed(self) -> ClipSet:
        """The same without predictions and without what was computed once, to be sent elsewhere."""
        return replace(self, predictions=(), _of_data=_Computed())


class _Computed:
    """What was computed by key; of threads that ask for one key at once, one computes and the others wait."""

    def __init__(self) -> None:
        self._found: dict[Hashable, Any] = {}
        self._locks: dict[Hashable, Lock] = {}

    def __reduce__(self) -> tuple[type[_Computed], tuple[()]]:
        return _Computed, ()  # elsewhere it is computed again

    def once(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        if key not in self._found:
            with self._locks.setdefault(key, Lock()):
                if key not in self._found:
                    self._found[key] = compute()
        found: Result = self._found[key]
        return found

    def latest(self, slot: Hashable, key: Hashable, compute: Callable[[], Result]) -> Result:
        with self._locks.setdefault(slot, Lock()):
            kept = self._found.get(slot)
            if kept is None or kept[0] != key:
                kept = self._found[slot] = key, compute()
            found: Result = kept[1]
        return found


@dataclass
class ClipView:
    """One clip as a metric sees it.

    Attributes:
        clips: The set that it belongs to.
        index: Its position there.
    """

    clips: ClipSet
    index: int
    _found: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        """The clip's id."""
        return self.clips.clips[self.index]

    @property
    def schema(self) -> ChannelSchema:
        """The channels' names and groups."""
        return self.clips.schema

    @cached_property
    def reactions(self) -> Values:
        """(α, T, C) predictions, contiguous, so that no layout in memory changes a bit of a score."""
        return _ready(self.clips.predictions[self.index])

    @cached_property
    def speaker(self) -> Values:
        """(T, C) speaker.

        Raises:
            InputError: If there is none.
        """
        if self.clips.speakers is None:
            raise InputError("this metric compares with the speakers, but none were given. Pass speaker=….")
        return _ready(self.clips.speakers[self.index])

    def listener(self, number: int) -> Values:
        """(T, C) series of a listener.

        Raises:
            InputError: If there are none.
        """
        if self.clips.listeners is None:
            raise InputError("this metric compares with real listeners, but none were given. Pass listener=….")
        return _ready(self.clips.listeners[number])

    def aligned_listener(self, number: int, aligner: str) -> Values:
        """(t, C) series of a listener as it is compared with the reactions; t <= T.

        Args:
            number: Which listener.
            aligner: Name of the aligner for another length than that of the reactions; ``"none"`` leaves it as it is.

        Raises:
            AlignmentError: If it cannot be aligned.
        """
        series, frames = self.listener(number), self.reactions.shape[1]
        if aligner == "none" or len(series) == frames:
            return series
        return self.shared(("aligned", aligner, number), lambda: aligned(series, frames, self.schema, aligner))

    def neighbours(self, which: str) -> Indices:
        """Numbers of the appropriate listeners.

        Args:
            which: ``"all"``, or ``"personal"`` for those that are the same listener person.

        Raises:
            InputError: If there are none of that kind.
        """
        found = self.clips.personal if which == "personal" else self.clips.neighbours
        if found is None:
            hint = "personal=… or persons=…" if which == "personal" else "neighbours=…"
            raise InputError(f"appropriateness needs to know which listeners count for each clip. Pass {hint}.")
        return found[self.index]

    def shared(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """Compute something once for all metrics and protocols that ask for it by `key`."""
        if key not in self._found:
            self._found[key] = compute()
        found: Result = self._found[key]
        return found

    def provide(self, key: Hashable, found: Any) -> None:
        """Say what `shared` will find, where it was computed elsewhere: for many clips at once on a GPU."""
        self._found[key] = found


def _ready(values: Any) -> Values:
    """Contiguous float32 that may be written: kernels are compiled for nothing else, and nobody writes."""
    return np.require(values, np.float32, ["C", "W"])
