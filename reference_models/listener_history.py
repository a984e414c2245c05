"""What a generator that personalises is told of a listener: another clip, never the one that it generates for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.histories import Histories
from react_data.modalities import series_kinds
from react_data.personal_clips import personalised_clips
from react_data.ragged import clip_series
from react_data.synthetic_conversations import random_generator
from react_data.training_windows import TrainingDataError
from reference_models.errors import MissingInputError, ModelInputError

__all__ = ["ListenerHistory", "history_kinds"]

_HISTORY = "history_"


def history_kinds(generator: Any) -> list[str]:
    """The kinds of series by which a generator personalises.

    Args:
        generator: Anything that generates.

    Raises:
        ModelInputError: If it cannot.
    """
    names: Sequence[str] = getattr(generator, "history", ())
    if not names:
        raise ModelInputError(
            f"{type(generator).__name__} cannot personalise: it takes no history of the listener. Leave out "
            "personalise=True (--personalise), or choose a model whose card names a history."
        )
    return [name.removeprefix(_HISTORY) for name in names]


class ListenerHistory:
    """A clip of the listener of every clip, drawn by the seed and the clip's id.

    Args:
        dataset: The split.
        generator: Anything that generates.
        which: One of `react_data.histories.HISTORIES`.
        frames: Histories are cut to this many frames.
        seed: Seed of what is drawn.

    Raises:
        ModelInputError: If the generator cannot personalise.
        MissingInputError: If the split lacks listeners, their names, or their series.
    """

    def __init__(self, dataset: xr.Dataset, generator: Any, which: str, *, frames: int, seed: int) -> None:
        self._dataset, self._kinds, self._frames, self._seed = dataset, history_kinds(generator), frames, seed
        self._which, self._clips = which, [str(clip) for clip in dataset["clip"].values]
        self._places = {clip: place for place, clip in enumerate(self._clips)}
        try:
            self._histories = Histories(dataset, which)
        except TrainingDataError as error:
            raise MissingInputError(f"{type(generator).__name__} cannot personalise here: {error.message}") from None
        missing = [kind for kind in self._kinds if f"listener_{kind}" not in dataset]
        if missing:
            there = [kind for kind in series_kinds(dataset) if f"listener_{kind}" in dataset]
            raise MissingInputError(
                f"{type(generator).__name__} personalises by the listener's {' and '.join(missing)}; the split has "
                f"{', '.join(there)} of listeners. Open it with these modalities or features."
            )

    def task(self, clips: Sequence[str] | None) -> list[str]:
        """The clips that are generated for.

        Args:
            clips: Those that are wanted; if None, all but those that are histories by definition.

        Raises:
            MissingInputError: If one of them has no history.
        """
        usual = personalised_clips(self._clips) if self._which == "first" else self._clips
        wanted = usual if clips is None else list(clips)
        try:
            self._histories.require([self._places[clip] for clip in wanted])
        except TrainingDataError as error:
            raise MissingInputError(error.message) from None
        return wanted

    def drawn(self, clip: str) -> str:
        """Id of the clip whose listener is the history of a clip's."""
        return self._clips[self._place(clip)]

    def series(self, clip: str) -> dict[str, NDArray[np.float32]]:
        """``history_K`` (H, C) of a clip."""
        place = self._place(clip)
        read = {kind: clip_series(self._dataset, f"listener_{kind}")[place] for kind in self._kinds}
        return {f"{_HISTORY}{kind}": np.asarray(each, dtype=np.float32)[: self._frames] for kind, each in read.items()}

    def _place(self, clip: str) -> int:
        return self._histories.draw(self._places[clip], random_generator(self._seed, clip, "history"))
