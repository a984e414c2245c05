"""Recordings of two people as a data set: cut in clips, both directions, each with its real listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_data.clips import ClipId
from react_data.errors import RecordingFormatError

__all__ = ["PairedRecording", "clips_of_pairs"]


@dataclass(frozen=True)
class PairedRecording:
    """Two people recorded on one time axis.

    Attributes:
        source: File or folder it was read from, for messages.
        chat: Name of the conversation.
        persons: Names of the two people.
        signals: Their signals, (T, C) each.
    """

    source: Path
    chat: str
    persons: tuple[str, str]
    signals: tuple[NDArray[np.float32], NDArray[np.float32]]


def clips_of_pairs(
    corpus: str,
    recordings: Sequence[PairedRecording],
    schema: ChannelSchema,
    *,
    clip_frames: int | None,
    frames_per_second: float,
) -> xr.Dataset:
    """Cut recordings in consecutive clips and enumerate both directions.

    Args:
        corpus: Name of the corpus, the first part of the clip ids.
        recordings: At least one recording.
        schema: The C channels of the signals.
        clip_frames: Frames a clip, at least 2; an incomplete tail is dropped. None for one clip of full length.
        frames_per_second: Of the signals.

    Returns:
        A data set as `react_data.open_split` gives it: first the clips with the first person as the speaker, then all
        of them with the roles swapped. The only neighbour of a clip is itself.

    Raises:
        RecordingFormatError: If a recording is shorter than a clip.
    """
    if clip_frames is not None and clip_frames < 2:
        raise RecordingFormatError(f"clip_frames is {clip_frames}, expected at least 2, or None for whole recordings.")
    ids: tuple[list[ClipId], list[ClipId]] = ([], [])
    clips: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    for recording in recordings:
        available = len(recording.signals[0])
        length = clip_frames or available
        if available < length:
            raise RecordingFormatError(
                f"{recording.source} has {available} frames at {frames_per_second:g} a second, fewer than one clip of "
                f"{length}. Pass a smaller clip_frames, or None for one clip of full length."
            )
        for number in range(available // length):
            for side in (0, 1):
                ids[side].append(ClipId(corpus, recording.chat, recording.persons[side], str(number + 1)))
                clips[side].append(recording.signals[side][number * length : (number + 1) * length])
    first, second = (np.stack(side) for side in clips)
    signals = (np.concatenate([first, second]), np.concatenate([second, first]))
    return _dataset(signals, (ids[0] + ids[1], ids[1] + ids[0]), schema, frames_per_second)


def _dataset(
    signals: tuple[NDArray[np.float32], NDArray[np.float32]],
    ids: tuple[list[ClipId], list[ClipId]],
    schema: ChannelSchema,
    frames_per_second: float,
) -> xr.Dataset:
    speakers, listeners = ids
    names = [str(clip) for clip in speakers]
    dims = ("clip", "frame", "emotion")
    return xr.Dataset(
        {
            "speaker_emotion": (dims, signals[0]),
            "listener_emotion": (dims, signals[1]),
            "neighbours": (("clip", "listener"), np.eye(len(names), dtype=bool)),
        },
        {
            "clip": names,
            "listener": names,
            "emotion": list(schema.channels),
            "corpus": ("clip", [clip.site for clip in speakers]),
            "session": ("clip", [clip.session for clip in speakers]),
            "recording": ("clip", [clip.recording for clip in speakers]),
            "speaker_person": ("clip", [clip.person_path for clip in speakers]),
            "listener_person": ("clip", [clip.person_path for clip in listeners]),
        },
        {
            "layout": schema.name,
            "frames_per_second": frames_per_second,
            "frames_scored": signals[0].shape[1],
            "labels": "listeners",
            "synthetic": 0,
            "neighbour_source": "the paired listener only",
        },
    )
