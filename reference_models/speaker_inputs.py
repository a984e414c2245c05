"""What a generator is told of each speaker of a split, checked before any work starts and read clip by clip.

Conventions: a generator that names its `inputs` gets those; any other gets facial attributes and 3DMM as far as they
are there. Nothing of the listener is ever among them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.audio import Sound, fit_to_frames, resample
from react_data.clip_videos import clip_video
from react_data.modalities import USUAL_KINDS, ModalityError, series_kinds
from react_data.opening import find_layout, open_split
from react_data.ragged import clip_series
from react_data.training_windows import clip_frames, frames_per_second
from reference_models.errors import MissingInputError, ModelInputError

__all__ = ["SpeakerInputs", "fit_video", "open_for"]

PathLike = str | os.PathLike[str]

_SPEAKER = "speaker_"
_APART = ("video",)  # read with a reader of its own
_CLIPS_HASHED = 8


def open_for(
    generator: Any, root: PathLike, split: str, *, features: PathLike | None = None, **options: Any
) -> xr.Dataset:
    """Open a split with the series that a generator needs.

    Args:
        generator: Anything that generates; `inputs` names what it needs.
        root: Folder of the data set, or a packed file.
        split: Name of the split.
        features: A folder of ``react-data features``.
        **options: What `react_data.open_split` takes.

    Returns:
        The split.

    Raises:
        MissingInputError: If it lacks a series that the generator needs.
        ReactError: What `react_data.open_split` raises.
    """
    needed = [name.removeprefix(_SPEAKER) for name in getattr(generator, "inputs", ())]
    kinds = [kind for kind in needed if kind not in _APART]
    layout = find_layout(root, options.get("layout"))
    try:
        held = layout.kinds(Path(root), split) if layout.kinds is not None else ()
    except ModalityError:
        held = ()
    wanted = list(dict.fromkeys([*(kind for kind in USUAL_KINDS if kind in held), *kinds]))
    try:
        return open_split(root, split, features=features, modalities=wanted or None, **options)
    except ModalityError as error:
        raise MissingInputError(
            f"{_name(generator)} needs {' and '.join(needed) or 'nothing'}: {error.message} Features such as mfcc78 "
            "are computed by `react-data features` and named with features=FOLDER."
        ) from None


@dataclass(frozen=True)
class _Needs:
    """What a generator says of its inputs, as far as it does."""

    names: tuple[str, ...]
    frames_per_second: float | None
    most_frames: int | None
    sample_rate: int | None
    video_size: int


class SpeakerInputs:
    """The speakers of a split as a generator takes them.

    Args:
        dataset: The split, from `open_for` or `react_data.open_split`.
        generator: Anything that generates.
        frames: Speakers are cut to this many frames; what the data set scores if not given.
        videos: The tree in which videos lie, for a pack.

    Attributes:
        clips: Ids of the clips.

    Raises:
        MissingInputError: If the split lacks a series that the generator needs.
        ModelInputError: If its frame rate, or the length of a clip, is not the generator's.
    """

    def __init__(
        self, dataset: xr.Dataset, generator: Any, *, frames: int | None = None, videos: PathLike | None = None
    ) -> None:
        self._dataset, self._videos = dataset, videos
        self._needs = _needs_of(generator, dataset)
        self.clips = [str(clip) for clip in dataset["clip"].values]
        self._rate = frames_per_second(dataset)
        self._check_there(_name(generator))
        most = frames if frames is not None else int(dataset.attrs.get("frames_scored", 750))
        sizes = clip_frames(dataset, "speaker")
        # Clips of unequal length are scored whole.
        self.frames = np.minimum(sizes, most) if "frame" in dataset.sizes else sizes
        self._check_fit(_name(generator))

    def batch(self, positions: Sequence[int]) -> dict[str, Any]:
        """What a generator's ``generate`` takes.

        Args:
            positions: Which clips.

        Returns:
            ``clip`` and the series by name: (B, T, …) float32, or B arrays where clips differ in length.
        """
        found: dict[str, Any] = {"clip": [self.clips[position] for position in positions]}
        for name in self._needs.names:
            values = [self._series(name, position) for position in positions]
            equal = len({each.shape for each in values}) == 1
            found[name] = np.stack(values) if equal else values
        return found

    def digest(self) -> str:
        """A hash of clip ids, lengths and the series of some clips evenly over the split, 16 hexadecimal digits."""
        found = hashlib.sha256(repr((self.clips, self.frames.tolist(), self._needs.names)).encode())
        chosen = np.unique(np.linspace(0, len(self.clips) - 1, _CLIPS_HASHED).astype(int))
        for name in (each for each in self._needs.names if each.removeprefix(_SPEAKER) not in _APART):
            for position in chosen.tolist():
                found.update(np.ascontiguousarray(self._series(name, position)).tobytes())
        return found.hexdigest()[:16]

    def _series(self, name: str, position: int) -> NDArray[np.float32]:
        frames = int(self.frames[position])
        kind = name.removeprefix(_SPEAKER)
        if kind == "video":
            opened = clip_video(self._dataset, self.clips[position], videos=self._videos)
            return fit_video(opened.read(0, frames), self._needs.video_size)
        values: NDArray[np.float32] = np.asarray(clip_series(self._dataset, name)[position], dtype=np.float32)
        if kind != "audio":
            return values[:frames]
        sound = Sound(values, int(self._dataset[name].attrs["sample_rate"]))
        if self._needs.sample_rate is not None:
            sound = resample(sound, self._needs.sample_rate)
        return fit_to_frames(sound, frames, self._rate).samples

    def _check_there(self, name: str) -> None:
        there = [f"{_SPEAKER}{kind}" for kind in series_kinds(self._dataset)]
        apart = [f"{_SPEAKER}{kind}" for kind in _APART]
        missing = [each for each in self._needs.names if each not in there and each not in apart]
        if missing or not self._needs.names:
            raise MissingInputError(
                f"{name} needs {' and '.join(missing) or 'a speaker'}; the split has {', '.join(there) or 'nothing'}. "
                "Open it with these modalities or features."
            )
        if f"{_SPEAKER}video" in self._needs.names:
            clip_video(self._dataset, self.clips[0], videos=self._videos)

    def _check_fit(self, name: str) -> None:
        rate, most = self._needs.frames_per_second, self._needs.most_frames
        if rate is not None and rate != self._rate:
            raise ModelInputError(
                f"{name} is made for {rate:g} frames a second, but the data set has {self._rate:g}. Resample it."
            )
        longest = int(self.frames.argmax())
        if most is not None and self.frames[longest] > most:
            raise ModelInputError(
                f"clip {self.clips[longest]!r} has {self.frames[longest]} frames, but {name} takes {most} at most. "
                f"Cut clips with frames={most}."
            )


def fit_video(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Frames (T, 3, H, W) made `size` pixels wide and high, bilinear with antialiasing."""
    if images.shape[-1] == size and images.shape[-2] == size:
        return images
    import torch

    resized = torch.nn.functional.interpolate(
        torch.from_numpy(images), (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    values: NDArray[np.float32] = resized.numpy()
    return values


def _needs_of(generator: Any, dataset: xr.Dataset) -> _Needs:
    usual = tuple(f"{_SPEAKER}{kind}" for kind in USUAL_KINDS if f"{_SPEAKER}{kind}" in dataset)
    return _Needs(
        tuple(getattr(generator, "inputs", usual)),
        getattr(generator, "frames_per_second", None),
        getattr(generator, "most_frames", None),
        getattr(generator, "sample_rate", None),
        getattr(generator, "video_size", 224),
    )


def _name(generator: Any) -> str:
    return type(generator).__name__
