"""What a generator is told of each speaker of a split, checked before any work starts and read clip by clip.

Conventions: a generator that names its `inputs` gets those; any other gets facial attributes and 3DMM as far as they
are there. Nothing of the listener's reaction is ever among them, but another clip of the listener where a history is
asked for.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.audio import Sound, fit_to_frames, resample
from react_data.clip_videos import clip_video
from react_data.clips import match_clip_ids
from react_data.modalities import USUAL_KINDS, ModalityError, series_kinds
from react_data.opening import find_layout, open_split
from react_data.problems import abbreviate
from react_data.ragged import clip_series
from react_data.training_windows import clip_frames, frames_per_second
from reference_models.errors import MissingInputError, ModelInputError
from reference_models.listener_history import ListenerHistory

__all__ = ["SpeakerInputs", "fit_video", "open_for"]

PathLike = str | os.PathLike[str]

_SPEAKER = "speaker_"
_APART = ("video",)  # read with a reader of its own
_MOST_HASHED = 2**20  # numbers of a clip; reading and hashing 3DMM takes 2 ms a clip
_CLIPS_HASHED = 8


def open_for(
    generator: Any,
    root: PathLike,
    split: str,
    *,
    features: PathLike | None = None,
    also: Sequence[str] = (),
    **options: Any,
) -> xr.Dataset:
    """Open a split with the series that a generator needs.

    Args:
        generator: Anything that generates; `inputs` names what it needs.
        root: Folder of the data set, or a packed file.
        split: Name of the split.
        features: A folder of ``react-data features``.
        also: Other kinds of series, such as those of the listener that training or a history needs.
        **options: What `react_data.open_split` takes.

    Returns:
        The split.

    Raises:
        MissingInputError: If it lacks a series that the generator needs.
        ReactError: What `react_data.open_split` raises.
    """
    needed = list(dict.fromkeys([*(name.removeprefix(_SPEAKER) for name in getattr(generator, "inputs", ())), *also]))
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
        clips: Ids of the clips; all if not given, but clip 1 of every conversation with the history ``"first"``.
        history: One of `react_data.histories.HISTORIES`, by which the generator personalises; none if not given.
        history_frames: Histories are cut to this many frames.
        seed: Seed of which histories are drawn.

    Attributes:
        clips: Ids of the clips.
        frames: Frames of each of them.

    Raises:
        MissingInputError: If the split lacks a series that the generator needs, or the history of a clip.
        ModelInputError: If its frame rate, or the length of a clip, is not the generator's, there is no such clip, or
            the generator cannot personalise.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        generator: Any,
        *,
        frames: int | None = None,
        videos: PathLike | None = None,
        clips: Sequence[str] | None = None,
        history: str | None = None,
        history_frames: int | None = None,
        seed: int = 0,
    ) -> None:
        self._dataset, self._videos = dataset, videos
        self._needs = _needs_of(generator, dataset)
        self._rate = frames_per_second(dataset)
        scored = int(dataset.attrs.get("frames_scored", 750)) if "frame" in dataset.sizes else sys.maxsize
        longest = min(scored, scored if history_frames is None else history_frames)
        self._history = (
            None if history is None else ListenerHistory(dataset, generator, history, frames=longest, seed=seed)
        )
        self.clips, self._places = _chosen(dataset, clips, self._history)
        self._check_there(_name(generator))
        sizes = clip_frames(dataset, "speaker")[self._places]
        # Clips of unequal length are scored whole.
        self.frames = np.minimum(sizes, frames or scored) if "frame" in dataset.sizes else sizes
        self._check_fit(_name(generator))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the speaker's series in batches."""
        return self._needs.names

    def batch(self, positions: Sequence[int]) -> dict[str, Any]:
        """What a generator's ``generate`` takes.

        Args:
            positions: Which clips.

        Returns:
            ``clip`` and the series by name: (B, T, …) float32, or B arrays where clips differ in length. With a
            history ``history_clip`` and ``history_K`` of another clip of each listener.
        """
        clips = [self.clips[position] for position in positions]
        found: dict[str, Any] = {"clip": clips}
        for name in self._needs.names:
            found[name] = _together([self._series(name, position) for position in positions])
        if self._history is not None:
            found["history_clip"] = [self._history.drawn(clip) for clip in clips]
            read = [self._history.series(clip) for clip in clips]
            found |= {name: _together([each[name] for each in read]) for name in read[0]}
        return found

    def digest(self) -> str:
        """A hash of clip ids, lengths and series, 16 hexadecimal digits.

        Of series that are large, such as wide features and long sound, that of some clips evenly over the split.
        """
        drawn = [] if self._history is None else [self._history.drawn(clip) for clip in self.clips]
        found = hashlib.sha256(repr((self.clips, self.frames.tolist(), self._needs.names, drawn)).encode())
        for name in (each for each in self._needs.names if each.removeprefix(_SPEAKER) not in _APART):
            series = clip_series(self._dataset, name)
            large = np.size(series[int(self._places[0])]) > _MOST_HASHED
            chosen = np.linspace(0, len(self._places) - 1, _CLIPS_HASHED).astype(int) if large else slice(None)
            for place in np.unique(self._places[chosen]).tolist():
                found.update(np.ascontiguousarray(series[place], dtype=np.float32).data)
        if self._history is not None:
            for clip in dict(zip(drawn, self.clips, strict=True)).values():
                for values in self._history.series(clip).values():
                    found.update(np.ascontiguousarray(values).data)
        return found.hexdigest()[:16]

    def _series(self, name: str, position: int) -> NDArray[np.float32]:
        frames = int(self.frames[position])
        kind = name.removeprefix(_SPEAKER)
        if kind == "video":
            opened = clip_video(self._dataset, self.clips[position], videos=self._videos)
            return fit_video(opened.read(0, frames), self._needs.video_size)
        values: NDArray[np.float32] = np.asarray(
            clip_series(self._dataset, name)[int(self._places[position])], dtype=np.float32
        )
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


def _chosen(
    dataset: xr.Dataset, clips: Sequence[str] | None, history: ListenerHistory | None
) -> tuple[list[str], NDArray[np.intp]]:
    """Ids and positions of the clips that are generated for."""
    known = [str(clip) for clip in dataset["clip"].values]
    given = known if clips is None else [str(clip) for clip in clips]
    matched = match_clip_ids(given, known)
    unknown = [clip for clip, match in zip(given, matched, strict=True) if match is None]
    if unknown or not given:
        raise ModelInputError(f"the split has no clip {abbreviate(unknown, 5)}." if unknown else "clips is empty.")
    wanted = [clip for clip in matched if clip is not None]
    chosen = wanted if history is None else history.task(None if clips is None else wanted)
    places = {clip: place for place, clip in enumerate(known)}
    return chosen, np.array([places[clip] for clip in chosen], dtype=np.intp)


def _together(values: list[NDArray[np.float32]]) -> NDArray[np.float32] | list[NDArray[np.float32]]:
    return np.stack(values) if len({each.shape for each in values}) == 1 else values


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
