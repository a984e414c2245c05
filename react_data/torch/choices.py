"""What is drawn for an item: who speaks to whom, appropriate listeners, and a history of the listener."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.dataset_persons import listener_clips
from react_data.personal_clips import history_clip
from react_data.problems import abbreviate
from react_data.training_windows import TrainingDataError

__all__ = ["AppropriateListeners", "Directed", "Directions", "Histories"]


class Directed(NamedTuple):
    """A clip, and the roles under which its speaker and its listener are stored."""

    clip: int
    speaker: str = "speaker"
    listener: str = "listener"


class Directions:
    """Both directions of every recording, whether or not a data set enumerates both.

    Args:
        dataset: What `react_data.open_split` returned.
    """

    def __init__(self, dataset: xr.Dataset) -> None:
        places = {str(clip): place for place, clip in enumerate(dataset["clip"].values)}
        listeners = listener_clips(dataset) or [""] * len(places)
        self._reverse = [places.get(listener, -1) for listener in listeners]
        self.both = min(self._reverse, default=-1) >= 0

    def one_of_each(self, clips: Iterable[int]) -> list[int]:
        """Of two directions of one recording the first that comes."""
        kept: dict[int, None] = {}
        for clip in clips:
            if self._reverse[clip] not in kept:
                kept[clip] = None
        return list(kept)

    def reverse(self, clip: int) -> Directed:
        """The clip with the roles swapped."""
        other = self._reverse[clip]
        return Directed(other) if other >= 0 else Directed(clip, "listener", "speaker")


class AppropriateListeners:
    """Listeners whose reactions are appropriate, drawn without repetition.

    Args:
        dataset: What `react_data.open_split` returned.
        most: How many at most, at least 1.
        wanted: Positions of the clips that need one.

    Raises:
        TrainingDataError: If the data set has no appropriateness matrix, clips have no neighbour, or `most` is below 1.
    """

    def __init__(self, dataset: xr.Dataset, most: int, wanted: Sequence[int]) -> None:
        if most < 1:
            raise TrainingDataError(f"neighbours is {most}, expected at least 1.")
        if "neighbours" not in dataset:
            raise TrainingDataError(
                "targets='neighbours' needs the data set's appropriateness matrix, and it has none. Use "
                "targets='paired', or add a matrix that `react_data.retrieve_neighbours` found."
            )
        clips = [str(clip) for clip in dataset["clip"].values]
        places = {clip: place for place, clip in enumerate(clips)}
        # A data set of which clips were chosen still has a column for every listener.
        columns = np.array([places.get(str(listener), -1) for listener in dataset["listener"].values])
        matrix = np.asarray(dataset["neighbours"].values, dtype=bool)
        self.most, self._clip_of, self._matrix = most, columns[columns >= 0], matrix[:, columns >= 0]
        alone = [clips[clip] for clip in wanted if not self._matrix[clip].any()]
        if alone:
            raise TrainingDataError(f"{len(alone)} clips have no neighbour in the data set: {abbreviate(alone, 5)}.")

    def draw(self, clip: int, generator: np.random.Generator) -> list[int]:
        """Positions of clips whose listeners react appropriately to `clip`, ascending."""
        found = self._clip_of[self._matrix[clip]]
        if len(found) > self.most:
            found = generator.choice(found, self.most, replace=False)
        return sorted(found.tolist())


class Histories:
    """Other clips in which the listener of a clip is seen.

    Args:
        dataset: What `react_data.open_split` returned.
        which: ``"first"`` for clip 1 of the conversation, ``"other"`` for any other clip of the listener.
        wanted: Positions of the clips that need a history.

    Raises:
        TrainingDataError: If some of them have none.
        ClipIdError: If clips have no number, as in MARS, and `which` is ``"first"``.
    """

    def __init__(self, dataset: xr.Dataset, which: str, wanted: Sequence[int]) -> None:
        clips = [str(clip) for clip in dataset["clip"].values]
        if which == "first":
            found, advice = self._first(clips), "Pass clips=personalised_clips(…), which leaves out clip 1."
        elif which == "other":
            found, advice = self._others(dataset), "Pass clips=… without them."
        else:
            raise TrainingDataError(f"history is {which!r}, expected 'first', 'other' or None.")
        self._found = found
        alone = [clips[clip] for clip in wanted if not len(found[clip])]
        if alone:
            raise TrainingDataError(
                f"{len(alone)} clips have no other clip that shows their listener: {abbreviate(alone, 5)}. {advice}"
            )

    def draw(self, clip: int, generator: np.random.Generator) -> int:
        """Position of a clip that shows the listener of `clip`."""
        return int(generator.choice(self._found[clip]))

    def _first(self, clips: Sequence[str]) -> list[NDArray[np.intp]]:
        places = {clip: place for place, clip in enumerate(clips)}
        firsts = [places.get(history_clip(clip), own) for own, clip in enumerate(clips)]
        return [np.array([first] if first != own else [], dtype=np.intp) for own, first in enumerate(firsts)]

    def _others(self, dataset: xr.Dataset) -> list[NDArray[np.intp]]:
        if "listener_person" not in dataset.coords:
            raise TrainingDataError("history='other' needs to know the listeners, but the data set names none.")
        persons = np.unique(dataset["listener_person"].values.astype(str), return_inverse=True)[1]
        return [np.setdiff1d(np.flatnonzero(persons == person), [own]) for own, person in enumerate(persons)]
