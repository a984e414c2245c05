"""Another clip of the listener of a clip, which shows the listener's habits.

Conventions: a history is never the clip itself, nor the same recording of the listener under another clip id.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.clips import common_name, match_clip_ids
from react_data.dataset_persons import listener_clips
from react_data.errors import ClipIdError
from react_data.personal_clips import history_clip
from react_data.problems import abbreviate
from react_data.training_windows import TrainingDataError

__all__ = ["HISTORIES", "Histories"]

HISTORIES = ("first", "other", "elsewhere", "stranger")
"""Which clip: number 1 of the conversation, any other of the listener, one of the listener in another conversation, or
one of somebody else, to compare with."""

_LACKED = {
    "elsewhere": "clip of their listener in another conversation",
    "stranger": "clip of somebody else",
}
_ADVICE = {
    "first": "Pass clips=personalised_clips(…), which leaves out clip 1.",
    "other": "Pass clips=… without them.",
    "elsewhere": "Data sets in which persons are known within a conversation only have none: use 'other'.",
    "stranger": "Use more conversations.",
}


class Histories:
    """Other clips in which the listener of a clip is seen.

    Args:
        dataset: What `react_data.open_split` returned.
        which: One of `HISTORIES`.

    Attributes:
        clips: Ids of the clips that have a history, in the order of the data set.

    Raises:
        TrainingDataError: If the data set names no listeners, or there is no such history.
        ClipIdError: If clips have no number, as in MARS, and `which` is ``"first"``.
    """

    def __init__(self, dataset: xr.Dataset, which: str) -> None:
        if which not in HISTORIES:
            raise TrainingDataError(f"history is {which!r}, expected {', '.join(map(repr, HISTORIES))}.")
        self._which, self._clips = which, [str(clip) for clip in dataset["clip"].values]
        listeners = listener_clips(dataset)
        if not listeners:
            raise TrainingDataError("the split holds speakers only, so no clip shows a listener's history.")
        found = _first(self._clips) if which == "first" else _by_person(dataset, which)
        seen = np.unique([common_name(clip) for clip in listeners], return_inverse=True)[1]
        self._found = [places[seen[places] != seen[own]] for own, places in enumerate(found)]
        self.clips = [clip for clip, places in zip(self._clips, self._found, strict=True) if len(places)]

    def require(self, wanted: Sequence[int]) -> None:
        """Refuse clips without a history.

        Args:
            wanted: Positions of the clips that need one.

        Raises:
            TrainingDataError: If some of them have none.
        """
        alone = [self._clips[clip] for clip in wanted if not len(self._found[clip])]
        if alone:
            lacked = _LACKED.get(self._which, "other clip that shows their listener")
            raise TrainingDataError(
                f"{len(alone)} clips have no {lacked}: {abbreviate(alone, 5)}. {_ADVICE[self._which]}"
            )

    def draw(self, clip: int, generator: np.random.Generator) -> int:
        """Position of a clip whose listener is the history of that of `clip`."""
        return int(generator.choice(self._found[clip]))


def _first(clips: Sequence[str]) -> list[NDArray[np.intp]]:
    try:
        firsts = match_clip_ids([history_clip(clip) for clip in clips], clips)
    except ClipIdError as error:
        raise ClipIdError(f"{error.message} Use history='other'.") from None
    places = {clip: place for place, clip in enumerate(clips)}
    return [np.array([places[first]] if first is not None else [], dtype=np.intp) for first in firsts]


def _by_person(dataset: xr.Dataset, which: str) -> list[NDArray[np.intp]]:
    """Clips of the same listener, or of listeners who are not the clip's speaker either."""
    if "listener_person" not in dataset.coords:
        raise TrainingDataError("which clips are of the same listener is not known: the data set names none.")
    listeners = dataset["listener_person"].values.astype(str)
    speakers = dataset["speaker_person"].values.astype(str) if "speaker_person" in dataset.coords else listeners
    sessions = dataset["session"].values.astype(str) if "session" in dataset.coords else listeners
    found = []
    for own, listener in enumerate(listeners):
        same = listeners == listener
        if which == "stranger":
            same = ~same & (listeners != speakers[own])
        elif which == "elsewhere":
            same &= sessions != sessions[own]
        found.append(np.flatnonzero(same))
    return found
