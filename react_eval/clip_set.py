"""What metrics are computed on: the clips of a submission as plain arrays, and passes that several metrics share."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_data.progress import track
from react_eval.errors import InputError

__all__ = ["ClipSet", "Clips"]

Indices = NDArray[np.intp]
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
        show_progress: Whether passes over the clips show a progress bar; None shows it on a terminal.
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
    show_progress: bool | None = False
    _shared: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    _of_listeners: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.predictions)

    def has(self, need: str) -> bool:
        """Whether the input called `need` (``"listeners"``, ``"speakers"``, ``"neighbours"``, …) is there."""
        return getattr(self, need, None) is not None

    def require_listeners(self) -> Clips:
        """The listeners.

        Raises:
            InputError: If there are none.
        """
        if self.listeners is None:
            raise InputError("this metric compares with real listeners, but none were given. Pass listener=….")
        return self.listeners

    def require_speakers(self) -> Clips:
        """The speakers.

        Raises:
            InputError: If there are none.
        """
        if self.speakers is None:
            raise InputError("FRSyn compares with the speakers, but none were given. Pass speaker=….")
        return self.speakers

    def require_neighbours(self, which: str) -> Sequence[Indices]:
        """The neighbours of every clip.

        Args:
            which: ``"all"``, or ``"personal"`` for those that are the same listener person.

        Raises:
            InputError: If there are none of that kind.
        """
        found = self.personal if which == "personal" else self.neighbours
        if found is None:
            hint = "personal=… or persons=…" if which == "personal" else "neighbours=…"
            raise InputError(f"appropriateness needs to know which listeners count for each clip. Pass {hint}.")
        return found

    def groups(self) -> tuple[Indices, str]:
        """Groups of clips that are not independent of each other: sessions where known, else recordings, else clips.

        Returns:
            The group's number for each clip, and what a group is.
        """
        for kind, names in (("sessions", self.sessions), ("recordings", self.recordings)):
            if names is not None:
                return np.unique(np.asarray(names), return_inverse=True)[1], kind
        return np.arange(len(self)), "clips"

    @property
    def one_length(self) -> bool:
        """Whether every prediction and every listener has the same number of frames."""
        return self.shared("one length", self._has_one_length)

    def _has_one_length(self) -> bool:
        lengths = {self.predictions[clip].shape[1] for clip in range(len(self))}
        if self.listeners is not None:
            lengths |= {len(listener) for listener in self.listeners}
        return len(lengths) == 1

    def with_predictions(self, predictions: Clips) -> ClipSet:
        """The same clips with other predictions, which stand for `reactions` equal ones each."""
        return replace(self, predictions=predictions, show_progress=False, _shared={})

    def shared(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """Compute something once for all metrics and protocols that ask for it by `key`."""
        return _computed_once(self._shared, key, compute)

    def shared_of_listeners(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """The same for what depends on the listeners alone; baselines on the same data share it too."""
        return _computed_once(self._of_listeners, key, compute)

    def map(self, function: Callable[[int], Result], label: str) -> list[Result]:
        """Apply a function to every clip index, on several threads, results in clip order.

        No result depends on another, so neither the number of threads nor their timing can change one.

        Args:
            function: Takes a clip's index; spends its time in code that releases the GIL.
            label: What is being done, for the progress bar.

        Returns:
            One result a clip.
        """
        workers = max(1, min(os.cpu_count() or 1, len(self)))
        with ThreadPoolExecutor(workers) as pool:
            results = pool.map(function, range(len(self)))
            try:
                return list(track(results, label, total=len(self), show=self.show_progress))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _computed_once(store: dict[Hashable, Any], key: Hashable, compute: Callable[[], Result]) -> Result:
    if key not in store:
        store[key] = compute()
    found: Result = store[key]
    return found
