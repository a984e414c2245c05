"""What is drawn for an item: who speaks to whom, and appropriate listeners."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from react_data.dataset_persons import listener_clips
from react_data.problems import abbreviate
from react_data.training_windows import TrainingDataError

__all__ = ["AppropriateListeners", "Directed", "Directions"]


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

    def all(self, clip: int) -> list[int]:
        """Positions of all clips whose listeners react appropriately to `clip`, ascending."""
        return sorted(self._clip_of[self._matrix[clip]].tolist())

    def draw(self, clip: int, generator: np.random.Generator) -> list[int]:
        """Positions of clips whose listeners react appropriately to `clip`, ascending."""
        found = np.array(self.all(clip))
        if len(found) > self.most:
            found = generator.choice(found, self.most, replace=False)
        return sorted(found.tolist())
