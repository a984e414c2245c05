"""The series of an item: what the speaker does, what listeners do, and what is lost of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.missing_modalities import MODALITIES, MissingModalities
from react_data.modalities import ROLES, USUAL_KINDS
from react_data.torch.choices import Directed
from react_data.torch.stretches import Mask, Stretches, kinds_of, open_stretches
from react_data.training_windows import clip_frames

__all__ = ["Arrays", "ItemSeries"]

Arrays = dict[str, NDArray[Any]]


class ItemSeries:
    """Reads the series of items.

    Args:
        dataset: What `react_data.open_split` returned.
        inputs: Kinds of the speaker's series; all that are there if None.
        outputs: Kinds of the listener's series; those of a face, as far as they are there, if None.
        listeners: Whether listeners are read at all.
        swapped: Whether speakers are read as listeners too, and the reverse.

    Raises:
        TrainingDataError: If a kind is not there.
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        inputs: Sequence[str] | None,
        outputs: Sequence[str] | None,
        *,
        listeners: bool,
        swapped: bool,
    ) -> None:
        faces = [kind for kind in USUAL_KINDS if kind in kinds_of(dataset, "listener")] or USUAL_KINDS[:1]
        self.inputs = list(kinds_of(dataset, "speaker") if inputs is None else inputs)
        self.outputs = list(faces if outputs is None else outputs) if listeners else []
        either = list(dict.fromkeys([*self.inputs, *self.outputs]))
        wanted = {"speaker": self.inputs, "listener": self.outputs} if not swapped else dict.fromkeys(ROLES, either)
        self._series = {role: open_stretches(dataset, role, kinds) for role, kinds in wanted.items()}
        self.frames = clip_frames(dataset, None if listeners or swapped else "speaker")
        self._listener_frames = clip_frames(dataset, "listener") if listeners else self.frames

    def speaker(self, directed: Directed, start: int, frames: int) -> Arrays:
        """``speaker_K`` of every input, and where an EEG was measured."""
        return self._read("speaker", self._series[directed.speaker], self.inputs, (directed.clip, start, frames))

    def without(self, found: Arrays, lost: MissingModalities, present: Mapping[str, Mask], start: int) -> Arrays:
        """A speaker's series with 0 where a modality is lost, and ``speaker_face_present``, ``speaker_speech_present``.

        Args:
            found: What `speaker` gave.
            lost: Which kind is of which modality.
            present: (T,) by modality.
            start: First frame.
        """
        for kind in self.inputs:
            modality = lost.modality(kind)
            if modality in MODALITIES:
                values = found[f"speaker_{kind}"]
                rows = self._series["speaker"][kind].by_row(present[modality], start)
                # Not in place, since what was read may be a view of series in memory.
                found[f"speaker_{kind}"] = np.where(rows.reshape(-1, *[1] * (values.ndim - 1)), values, np.float32(0))
        return found | {f"speaker_{modality}_present": mask for modality, mask in present.items()}

    def listener(self, directed: Directed, start: int, frames: int) -> Arrays:
        """``listener_K`` of every output, and where an EEG was measured."""
        return self._read("listener", self._series[directed.listener], self.outputs, (directed.clip, start, frames))

    def reactions(self, clips: Sequence[int], most: int, start: int, frames: int | None) -> Arrays:
        """``target_K`` of the listeners of some clips, ``target_mask`` and ``target_frame_mask``.

        Args:
            clips: Positions of the clips, at most `most`.
            most: k; what is left is filled with zeros.
            start: First frame; moved forward in listeners' clips that end before.
            frames: T frames; whole clips if None.
        """
        sizes = [int(self._listener_frames[clip]) for clip in clips]
        length = max(sizes) if frames is None else frames
        starts = [max(0, min(start, size - length)) for size in sizes]
        frame_mask = np.zeros((most, length), dtype=bool)
        frame_mask[: len(clips)] = np.arange(length) < np.array(sizes)[:, None]
        found: Arrays = {"target_mask": np.arange(most) < len(clips), "target_frame_mask": frame_mask}
        places = [(clip, begin, length) for clip, begin in zip(clips, starts, strict=True)]
        read = [self._read("target", self._series["listener"], self.outputs, place) for place in places]
        for name, first in read[0].items():
            found[name] = np.zeros((most, *first.shape), dtype=first.dtype)
            found[name][: len(read)] = [each[name] for each in read]
        return found

    def history(self, clip: int) -> Arrays:
        """``history_K`` of the listener of a clip, the whole of it, and ``history_frame_mask``."""
        frames = int(self._listener_frames[clip])
        found = self._read("history", self._series["listener"], self.outputs, (clip, 0, frames))
        return found | {"history_frame_mask": np.ones(frames, dtype=bool)}

    def _read(
        self, name: str, series: Mapping[str, Stretches], kinds: Sequence[str], place: tuple[int, int, int]
    ) -> Arrays:
        found: Arrays = {}
        for kind in kinds:
            if series[kind].by_second:
                found[f"{name}_{kind}"], found[f"{name}_{kind}_present"] = series[kind].read_measured(*place)
            else:
                found[f"{name}_{kind}"] = series[kind].read(*place)
        return found
