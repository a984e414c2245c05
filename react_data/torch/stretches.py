"""Stretches of series, aligned with the frames of the video whatever their own rate is.

Conventions: a row a frame is cut at the frames. Sound, which has several rows a frame, is cut at ⌊frame · rate / frames
a second⌋. Rows a second, as an EEG has, are repeated for the frames of that second.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.eeg import eeg_by_frame
from react_data.modalities import series_kinds
from react_data.training_windows import TrainingDataError, frames_per_second

__all__ = ["Stretches", "kinds_of", "open_stretches"]

Series = NDArray[np.float32]
Mask = NDArray[np.bool_]


def kinds_of(dataset: xr.Dataset, role: str) -> list[str]:
    """The kinds of series that a role has, such as ``"emotion"``."""
    return [kind for kind in series_kinds(dataset) if f"{role}_{kind}" in dataset]


def open_stretches(dataset: xr.Dataset, role: str, kinds: Sequence[str]) -> dict[str, Stretches]:
    """The series of a role, by kind.

    Raises:
        TrainingDataError: If a kind is not there, or its rate or that of the frames is not known.
    """
    there = kinds_of(dataset, role)
    missing = [kind for kind in kinds if kind not in there]
    if missing:
        raise TrainingDataError(
            f"the {role}s of this data set have no {', '.join(missing)}, they have {', '.join(there) or 'no series'}. "
            "Open the split with the modalities or features that are wanted."
        )
    return {kind: Stretches(dataset, f"{role}_{kind}") for kind in kinds}


class Stretches:
    """One kind of series of one role.

    Args:
        dataset: What `react_data.open_split` returned.
        name: The variable.
    """

    def __init__(self, dataset: xr.Dataset, name: str) -> None:
        # Not clip by clip, as `clip_series` reads: of long sound only a stretch is wanted. And indexing a DataArray
        # costs several times what its variable costs.
        self._variable = dataset[name].variable
        rows = str(self._variable.dims[0])
        self._ends = np.cumsum(dataset[f"{rows}_size"].values) if rows.endswith("_row") else None
        attributes = dataset[name].attrs
        self.by_second = "rows_per_second" in attributes
        self._rate = np.asarray(attributes["sample_rate"]).item() if "sample_rate" in attributes else None
        self._frames_per_second = frames_per_second(dataset) if self.by_second or self._rate else 0.0

    def read(self, clip: int, start: int, frames: int) -> Series:
        """Read a stretch.

        Args:
            clip: Position of the clip.
            start: First frame.
            frames: Number of frames.

        Returns:
            (frames, C), or (samples,) of sound, float32; 0 where nothing was measured and after the clip's end.
        """
        if self.by_second:
            return self.read_measured(clip, start, frames)[0]
        first, count = self._row(start), self._row(frames)
        stretch = self._rows(clip, first, first + count)
        if len(stretch) == count:
            return stretch
        filled = np.zeros((count, *stretch.shape[1:]), dtype=np.float32)
        filled[: len(stretch)] = stretch
        return filled

    def read_measured(self, clip: int, start: int, frames: int) -> tuple[Series, Mask]:
        """Read a stretch of a series by second, and where it was measured; (frames, C) both."""
        rows = self._rows(clip, 0, None)
        values, measured = eeg_by_frame(rows, start + frames, self._frames_per_second)
        return values[start:], measured[start:]

    def by_row(self, mask: Mask, start: int) -> Mask:
        """What a mask by frame says of each row that `read` gives.

        Args:
            mask: (frames,) bool of the frames from `start` on.
            start: First frame.

        Returns:
            (rows,) bool.
        """
        if self._rate is None:
            return mask
        borders = [self._row(frame) for frame in range(start, start + len(mask) + 1)]
        return np.repeat(mask, np.diff(borders))[: self._row(len(mask))]

    def _rows(self, clip: int, first: int, last: int | None) -> Series:
        """Rows of a clip; fewer where the clip ends before."""
        if self._ends is None:
            return np.asarray(self._variable[clip, first:last], dtype=np.float32)
        begin, end = (int(self._ends[clip - 1]) if clip else 0), int(self._ends[clip])
        stop = end if last is None else min(begin + last, end)
        return np.asarray(self._variable[min(begin + first, stop) : stop], dtype=np.float32)

    def _row(self, frame: int) -> int:
        return frame if self._rate is None else int(frame * self._rate // self._frames_per_second)
