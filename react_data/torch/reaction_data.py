"""Items to train a reaction generator on, of a data set of any layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from torch.utils.data import Dataset

from react_data.clips import match_clip_ids, suggest
from react_data.dataset_persons import listener_clips
from react_data.histories import Histories
from react_data.missing_modalities import MissingModalities
from react_data.problems import abbreviate
from react_data.synthetic_conversations import random_generator
from react_data.torch.choices import AppropriateListeners, Directed, Directions
from react_data.torch.item_series import ItemSeries
from react_data.torch.stretches import Mask
from react_data.training_windows import TrainingDataError, frames_per_second, windows

__all__ = ["Item", "ReactionData"]

Item = dict[str, Any]


class ReactionData(Dataset[Item]):
    """Items of a split: what the speaker does, and how listeners react.

    What item i of epoch e is depends on the seed, e and i only: not on the number of workers, the batch size or the
    order of reading. An item holds, for K kinds of series and T frames:

    - ``clip`` and, where known, ``speaker_person`` and ``listener_person``: texts; ``start``: first frame
    - ``frame_mask`` (T,): False after the clip's end
    - ``speaker_K`` (T, C) for every input; sound as (samples,), EEG repeated to frames with ``speaker_eeg_present``
    - ``listener_K`` (T, C) with ``targets="paired"``
    - ``target_K`` (k, T, C), ``target_mask`` (k,) and ``target_frame_mask`` (k, T) with ``targets="neighbours"``: real
      reactions of up to k appropriate listeners to their own speakers, at the same frames, filled with zeros
    - ``history_K`` (H, C), ``history_frame_mask`` (H,) and ``history_clip`` with a history: a whole other clip of the
      same listener
    - ``speaker_face_present`` and ``speaker_speech_present`` (T,) with missing modalities

    Args:
        dataset: What `react_data.open_split` returned; ``dataset.load()`` before keeps every series in memory.
        inputs: Kinds of the speaker's series; all that are there if not given.
        outputs: Kinds of the listener's series; ``"emotion"`` and ``"3dmm"``, as far as they are there, if not given.
        targets: ``"paired"``, ``"neighbours"``, or ``"none"`` for inputs only, as a generator gets them.
        neighbours: k, the most targets an item.
        window: T frames an item; whole clips if not given.
        crop: Which window: ``"random"``, ``"centre"``, or ``"windows"`` for an item of every one, see `windows`.
        stride: Frames from one start to the next with ``crop="windows"``; `window` if not given.
        clips: Ids of the clips to take; all if not given.
        role_swap: Whether an item is a recording, whose direction is drawn anew in each epoch.
        history: ``"first"`` for clip 1 of the conversation, ``"other"`` for another clip of the listener, drawn.
        missing: Modalities of the speaker that are lost; targets and histories never are.
        seed: Seed of everything that is drawn.

    Raises:
        TrainingDataError: If the data set lacks what is asked for, or a setting is out of range.

    Example:
        >>> face = (("clip", "frame", "emotion"), np.zeros((2, 9, 25), dtype=np.float32))
        >>> split = xr.Dataset({"speaker_emotion": face, "listener_emotion": face}, {"clip": ["c/1/a/1", "c/1/a/2"]})
        >>> item = ReactionData(split, window=4)[1]
        >>> item["clip"], item["listener_emotion"].shape
        ('c/1/a/2', torch.Size([4, 25]))
    """

    def __init__(
        self,
        dataset: xr.Dataset,
        *,
        inputs: Sequence[str] | None = None,
        outputs: Sequence[str] | None = None,
        targets: Literal["paired", "neighbours", "none"] = "paired",
        neighbours: int = 10,
        window: int | None = None,
        crop: Literal["random", "centre", "windows"] = "random",
        stride: int | None = None,
        clips: Sequence[str] | None = None,
        role_swap: bool = False,
        history: Literal["first", "other"] | None = None,
        missing: MissingModalities | None = None,
        seed: int = 0,
    ) -> None:
        _check(targets, crop, window, stride, seed)
        self.seed = seed
        # Workers that outlive an epoch see the next one, because they share this.
        self._epoch: torch.Tensor = torch.zeros(1, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]
        self._targets, self._window, self._crop = targets, window, crop
        self._role_swap, self._missing = role_swap, missing
        self._dataset = dataset
        self._names, self._directions = _names(dataset), Directions(dataset)
        one_way = role_swap and not self._directions.both
        if one_way and (targets == "neighbours" or history is not None):
            raise TrainingDataError(
                "the data set lacks the reverse of a clip, so its neighbours and history are not known. Leave out "
                "role_swap."
            )
        listeners = targets != "none" or history is not None
        self._series = ItemSeries(dataset, inputs, outputs, listeners=listeners, swapped=one_way)
        self._frames_per_second = 0.0
        if missing is not None:
            if not isinstance(missing, MissingModalities):
                raise TrainingDataError(
                    f"missing is {missing!r}, expected MissingModalities(…), such as those that "
                    "the `losses` of what react_data.missing_conditions.find_conditions names."
                )
            missing.check(self._series.inputs)
            self._frames_per_second = frames_per_second(dataset)
        chosen = self._chosen(clips)
        self._items = _listed(dataset, chosen, window if crop == "windows" else None, stride)
        seen = [*chosen, *(self._directions.reverse(clip).clip for clip in chosen if role_swap)]
        self._appropriate = AppropriateListeners(dataset, neighbours, seen) if targets == "neighbours" else None
        self._histories = None if history is None else Histories(dataset, history)
        if self._histories is not None:
            self._histories.require(seen)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> Item:
        number = range(len(self))[index]
        directed = self._direction(number)
        start, frames, size = self._stretch(number, directed)
        arrays = self._series.speaker(directed, start, frames) | {"frame_mask": np.arange(start, start + frames) < size}
        if self._missing is not None:
            present = self._present(directed, size, start, frames)
            arrays = self._series.without(arrays, self._missing, present, start)
        item: Item = {"start": start, **self._described(directed)}
        if self._targets == "paired":
            arrays |= self._series.listener(directed, start, frames)
        if self._appropriate is not None:
            chosen = self._appropriate.draw(directed.clip, self._generator(number, "neighbours"))
            arrays |= self._series.reactions(chosen, self._appropriate.most, start, self._window)
        if self._histories is not None:
            history = self._histories.draw(directed.clip, self._generator(number, "history"))
            item["history_clip"] = self._names["speaker"][history]
            arrays |= self._series.history(history)
        # Copies, since what was read may be a view of series in memory, or of a file that is only read.
        return item | {name: torch.from_numpy(np.array(values, order="C")) for name, values in arrays.items()}

    @property
    def epoch(self) -> int:
        """The epoch whose items are given."""
        return int(self._epoch[0])

    def set_epoch(self, epoch: int) -> None:
        """Go on to an epoch: crops, directions, targets, histories and losses are drawn anew.

        Args:
            epoch: Number of the epoch, at least 0. Set it before a loader is iterated over.

        Raises:
            TrainingDataError: If it is below 0.
        """
        if epoch < 0:
            raise TrainingDataError(f"epoch is {epoch}, expected at least 0.")
        self._epoch[0] = epoch

    @property
    def listener_persons(self) -> list[str]:
        """The listener of every item.

        Raises:
            TrainingDataError: If the data set does not name its listeners, or directions are drawn.
        """
        if "listener_person" not in self._names:
            raise TrainingDataError("the data set does not name its listeners, so their clips are not known.")
        if self._role_swap:
            raise TrainingDataError("with role_swap the listener of an item is drawn. Leave it out.")
        return [self._names["listener_person"][clip] for clip, _ in self._items]

    def appropriate_items(self) -> list[list[int]]:
        """For every item, the items whose listeners react appropriately to its speaker.

        Raises:
            TrainingDataError: If the data set has no appropriateness matrix, or directions are drawn.
        """
        if self._role_swap:
            raise TrainingDataError("with role_swap the listener of an item is drawn. Leave it out.")
        appropriate = self._appropriate or AppropriateListeners(self._dataset, 1, ())
        items: dict[int, list[int]] = defaultdict(list)
        for item, (clip, _) in enumerate(self._items):
            items[clip].append(item)
        return [[item for other in appropriate.all(clip) for item in items.get(other, ())] for clip, _ in self._items]

    def _generator(self, *purpose: object) -> np.random.Generator:
        return random_generator(self.seed, self.epoch, *purpose)

    def _chosen(self, clips: Sequence[str] | None) -> list[int]:
        """Positions of the clips that items are made of."""
        known = self._names["speaker"]
        matched = known if clips is None else match_clip_ids(clips, known)
        unknown = [given for given, found in zip(clips or (), matched, strict=False) if found is None]
        if unknown or not matched:
            raise TrainingDataError(
                f"the split has no clip {abbreviate(unknown, 5)}." if unknown else "clips is empty."
            )
        places = {clip: place for place, clip in enumerate(known)}
        chosen = [places[clip] for clip in matched if clip is not None]
        return self._directions.one_of_each(chosen) if self._role_swap else chosen

    def _direction(self, number: int) -> Directed:
        clip = self._items[number][0]
        swapped = self._role_swap and self._generator(number, "direction").random() < 0.5
        return self._directions.reverse(clip) if swapped else Directed(clip)

    def _stretch(self, number: int, directed: Directed) -> tuple[int, int, int]:
        """First frame and frames of an item, and the frames of its clip."""
        start = self._items[number][1]
        size = int(self._series.frames[directed.clip])
        if self._window is None:
            return 0, size, size
        spare = max(size - self._window, 0)
        if start is None:
            random = self._crop == "random"
            start = int(self._generator(number, "crop").integers(spare + 1)) if random else spare // 2
        return start, self._window, size

    def _present(self, directed: Directed, size: int, start: int, frames: int) -> dict[str, Mask]:
        """Masks of the frames of an item; those of a clip are drawn by its id, so all of its windows agree."""
        if self._missing is None:
            return {}
        clip = self._names[directed.speaker][directed.clip]
        whole = self._missing.masks(size, self._frames_per_second, self._generator(clip, "missing"))
        return {modality: _filled(mask[start : start + frames], frames) for modality, mask in whole.items()}

    def _described(self, directed: Directed) -> dict[str, str]:
        """The ids of an item's clip and persons."""
        stored = {"clip": directed.speaker}
        stored |= {"speaker_person": f"{directed.speaker}_person", "listener_person": f"{directed.listener}_person"}
        return {name: self._names[key][directed.clip] for name, key in stored.items() if key in self._names}


def _names(dataset: xr.Dataset) -> dict[str, list[str]]:
    """Ids of the clips of speakers and listeners, and the persons, as far as they are known."""
    clips = {"speaker": [str(clip) for clip in dataset["clip"].values], "listener": listener_clips(dataset)}
    persons = [name for name in ("speaker_person", "listener_person") if name in dataset.coords]
    return clips | {name: [str(person) for person in dataset[name].values] for name in persons}


def _listed(
    dataset: xr.Dataset, clips: Sequence[int], window: int | None, stride: int | None
) -> list[tuple[int, int | None]]:
    """Positions of the clips of all items, and first frames where these are not drawn."""
    if window is None:
        return [(clip, None) for clip in clips]
    chosen = set(clips)
    return [(clip, start) for clip, start in windows(dataset, window, stride) if clip in chosen]


def _filled(mask: Mask, frames: int) -> Mask:
    return np.concatenate([mask, np.zeros(frames - len(mask), dtype=bool)])


def _check(targets: str, crop: str, window: int | None, stride: int | None, seed: int) -> None:
    if seed < 0:
        raise TrainingDataError(f"seed is {seed}, expected at least 0.")
    for name, value, known in (
        ("targets", targets, ("paired", "neighbours", "none")),
        ("crop", crop, ("random", "centre", "windows")),
    ):
        if value not in known:
            raise TrainingDataError(f"{name} is {value!r}. {suggest(value, known)}")
    if window is not None and window < 1:
        raise TrainingDataError(f"window is {window}, expected at least 1 frame, or None for whole clips.")
    if crop == "windows" and window is None:
        raise TrainingDataError("crop='windows' needs window=…, the frames of one.")
    if stride is not None and crop != "windows":
        raise TrainingDataError("stride is for crop='windows'; other crops take one window a clip.")
