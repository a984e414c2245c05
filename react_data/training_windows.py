"""Stretches of clips to train on: how long clips are, and the windows that they divide into.

Conventions: frames are counted from 0 within a clip, a window is ``length`` frames from ``start`` on. A clip that is
shorter than the window has one window, from frame 0, which whoever reads it fills up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from react_data.errors import ReactError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["TrainingDataError", "clip_frames", "frames_per_second", "windows"]


class TrainingDataError(ReactError, ValueError):
    """Items to train on cannot be made of this data set with these settings.

    Kinds of series have to be there, windows have at least one frame, neighbours need an appropriateness matrix, and a
    history needs another clip of the same listener.
    """

    code = "RD040"


def clip_frames(dataset: xr.Dataset, role: str | None = None) -> NDArray[np.int64]:
    """The frames of each clip.

    Args:
        dataset: What `react_data.open_split` returned.
        role: ``"speaker"`` or ``"listener"``; the frames that both have, if not given.

    Returns:
        (N,) frames.

    Raises:
        TrainingDataError: If no series of the data set has a row a frame.

    Example:
        >>> import xarray as xr
        >>> clip_frames(xr.Dataset({"speaker_emotion": (("clip", "frame", "emotion"), np.zeros((2, 9, 25)))})).tolist()
        [9, 9]
    """
    roles = ("speaker", "listener") if role is None else (role,)
    ragged = [dataset[f"{each}_row_size"].values for each in roles if f"{each}_row_size" in dataset]
    if ragged:
        return np.asarray(np.min(ragged, axis=0), dtype=np.int64)
    if "frame" not in dataset.sizes:
        raise TrainingDataError(
            f"no series of the data set has a row a frame, it holds {', '.join(map(str, dataset.data_vars)) or 'none'}."
            " Open the split with facial attributes, coefficients or features."
        )
    return np.full(dataset.sizes["clip"], dataset.sizes["frame"], dtype=np.int64)


def frames_per_second(dataset: xr.Dataset) -> float:
    """The frames a second of a data set.

    Args:
        dataset: What `react_data.open_split` returned.

    Raises:
        TrainingDataError: If the data set does not say.
    """
    if "frames_per_second" not in dataset.attrs:
        raise TrainingDataError(
            "the data set does not say how many frames a second has. Set dataset.attrs['frames_per_second']."
        )
    return float(np.asarray(dataset.attrs["frames_per_second"]).item())


def windows(dataset: xr.Dataset, length: int, stride: int | None = None) -> list[tuple[int, int]]:
    """All windows of a split, clip by clip; frames after a clip's last whole window are in none.

    Args:
        dataset: What `react_data.open_split` returned.
        length: Frames of a window, at least 1.
        stride: Frames from one start to the next, at least 1; `length` if not given, so that windows do not overlap.

    Returns:
        Position of the clip and first frame of each window.

    Raises:
        TrainingDataError: If `length` or `stride` is below 1.

    Example:
        >>> import xarray as xr
        >>> split = xr.Dataset({"speaker_emotion": (("clip", "frame", "emotion"), np.zeros((1, 750, 25)))})
        >>> len(windows(split, 50)), len(windows(split, 50, 25)), windows(split, 50, 25)[-1]
        (15, 29, (0, 700))
    """
    step = length if stride is None else stride
    if min(length, step) < 1:
        raise TrainingDataError(f"length is {length} and stride is {stride}, expected at least 1 frame each.")
    sizes = clip_frames(dataset).tolist()
    return [(clip, start) for clip, size in enumerate(sizes) for start in range(0, max(size - length, 0) + 1, step)]
