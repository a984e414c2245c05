"""Items that a model is trained on: those of `react_data.torch`, with the video and sound that the model takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Sampler

from react_data.audio import Sound, fit_to_frames, resample
from react_data.clip_videos import clip_video
from react_data.coefficient_scaling import read_face
from react_data.histories import Histories
from react_data.torch import AppropriateBatches, EpochOrder, PersonBatches, ReactionData, loader
from react_data.training_windows import frames_per_second
from reference_models.errors import TrainingError
from reference_models.generator import ReactionModel
from reference_models.speaker_inputs import fit_video, open_for
from reference_models.training.recipes import Recipe, Stage
from reference_models.training.settings import TrainingSettings

__all__ = ["ModelItems", "make_items", "make_loader", "only_tensors", "open_training_split"]

_FACES = {"raw": (), "zero-centred": ("mean_face",), "standardised": ("mean_face", "std_face")}


class ModelItems(ReactionData):
    """Items of a split with everything that a model takes.

    Where the data set names its persons, ``listener_number`` () is a number that is the same for all items of a
    listener.

    Args:
        dataset: The split.
        model: The model.
        videos: The tree in which videos lie, for a pack.
        **settings: Those of `react_data.torch.ReactionData`.
    """

    def __init__(self, dataset: xr.Dataset, model: ReactionModel, videos: str, **settings: Any) -> None:
        kinds = _kinds((*model.inputs, *model.training_inputs))
        super().__init__(dataset, inputs=[kind for kind in kinds if kind != "video"], **settings)
        self._videos = videos or None
        persons = {name for role in ("speaker", "listener") for name in self._names.get(f"{role}_person", ())}
        self._numbers = {name: number for number, name in enumerate(sorted(persons))}
        self._video_size = model.video_size if "video" in kinds else None
        self._sample_rate, self._rate = model.sample_rate, model.frames_per_second
        sound = dataset.get("speaker_audio")
        self._stored_rate = int(sound.attrs["sample_rate"]) if sound is not None else 0

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = super().__getitem__(index)
        frames = len(item["frame_mask"])
        if "listener_person" in item:
            item["listener_number"] = self._numbers[item["listener_person"]]
        if "speaker_audio" in item:
            sound = resample(Sound(item["speaker_audio"].numpy(), self._stored_rate), self._sample_rate)
            item["speaker_audio"] = torch.from_numpy(fit_to_frames(sound, frames, self._rate).samples)
        if self._video_size is not None:
            item["speaker_video"] = self._video(item["clip"], item["start"], frames)
        return item

    def _video(self, clip: str, start: int, frames: int) -> Tensor:
        """Frames of the speaker; after the end of a clip its last."""
        opened = clip_video(self._dataset, clip, videos=self._videos)
        images = fit_video(opened.read(start, min(start + frames, opened.frames)), self._video_size or 0)
        missing = frames - len(images)
        return torch.from_numpy(
            np.concatenate([images, np.repeat(images[-1:], missing, axis=0)]) if missing else images
        )


class _Order(EpochOrder):
    """The order of an epoch; Lightning sets the epoch before it asks for the first item."""

    def __init__(self, data: ReactionData) -> None:
        super().__init__(data)
        self._items = data

    def set_epoch(self, epoch: int) -> None:
        """Go on to an epoch."""
        self._items.set_epoch(epoch)


class _Batches(BatchSampler):
    """Batches of an epoch; Lightning sets the epoch of what it finds as their sampler."""

    def __init__(self, items: ReactionData, batches: Sampler[list[int]]) -> None:
        self.sampler, self._batches = _Order(items), batches

    def __len__(self) -> int:
        return len(self._batches)  # type: ignore[arg-type]  # both kinds have a length

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self._batches)


def open_training_split(model: ReactionModel, data: Path, recipe: Recipe, settings: TrainingSettings) -> xr.Dataset:
    """Open what is trained on, in the form of 3DMM of the recipe, and tell the model that form.

    Args:
        model: The model; its `mean_face` and `std_face` are set.
        data: Folder of the data set, or a packed file.
        recipe: How it is trained.
        settings: Of the run.

    Raises:
        TrainingError: If the recipe's form of 3DMM needs faces that are not named, or the split has no listeners.
        MissingInputError: If the split lacks what the model needs.
    """
    faces = {name: getattr(settings, name) for name in _FACES[recipe.coefficients]}
    missing = [name for name, file in faces.items() if not file]
    if missing:
        raise TrainingError(
            f"the recipe takes {recipe.coefficients} 3DMM: name {' and '.join(missing)}, or take "
            "recipe.coefficients=raw."
        )
    features = settings.features or None
    form = {"coefficients": recipe.coefficients, **faces} if faces else {}
    also = [*_kinds(model.training_inputs), *recipe.outputs]
    dataset = open_for(model, data, settings.split, features=features, also=also, **form)
    if dataset.attrs.get("labels") == "none":
        raise TrainingError(f"the split {settings.split} of {data} holds speakers only, so there is nothing to learn.")
    for name, file in faces.items():
        setattr(model, name, read_face(file))
    rate = frames_per_second(dataset)
    if rate != model.frames_per_second:
        raise TrainingError(f"the model takes {model.frames_per_second} frames a second, but the data has {rate:g}.")
    if "frame" in dataset.sizes:
        dataset = dataset.isel(frame=slice(int(dataset.attrs.get("frames_scored", 750))))
    if settings.in_memory:
        kept = [str(name) for name in dataset.data_vars if not str(name).endswith("_audio")]
        dataset = dataset.assign({name: dataset[name].load() for name in kept})
    return dataset


def make_items(
    dataset: xr.Dataset, model: ReactionModel, recipe: Recipe, stage: Stage, settings: TrainingSettings
) -> ModelItems:
    """The items of a stage.

    Args:
        dataset: From `open_training_split`.
        model: The model.
        recipe: How it is trained.
        stage: The stage.
        settings: Of the run.

    Raises:
        TrainingError: If no clip has the stage's history, or a stage whose batches are made of persons should be
            trained on several devices.
        TrainingDataError: If the data set lacks what the stage needs.
    """
    if stage.batches != "items" and settings.devices > 1:
        raise TrainingError(f"stage {stage.name!r} takes batches of {stage.batches}, which only one device trains on.")
    history = recipe.history_of(stage)
    clips = None if history is None else Histories(dataset, history).clips
    if clips == []:
        raise TrainingError(f"stage {stage.name!r} needs the history {history!r}, which no clip of the split has.")
    return ModelItems(
        dataset,
        model,
        settings.videos,
        clips=clips,
        outputs=recipe.outputs,
        targets=stage.targets or recipe.targets,
        neighbours=stage.neighbours or recipe.neighbours,
        window=stage.window,
        crop=stage.crop,
        role_swap=recipe.role_swap and stage.batches == "items",
        history=history,
        seed=settings.seed,
    )


def make_loader(items: ModelItems, stage: Stage, settings: TrainingSettings) -> DataLoader[dict[str, Any]]:
    """Batches of a stage's items, in an order that the seed and the epoch decide.

    Args:
        items: The items.
        stage: The stage.
        settings: Of the run.
    """
    if stage.batches == "items":
        return loader(items, stage.batch_size, workers=settings.workers, shuffle=False, sampler=_Order(items))
    kind = PersonBatches if stage.batches == "listeners" else AppropriateBatches
    clips = stage.clips_a_listener
    return loader(
        items, workers=settings.workers, batches=_Batches(items, kind(items, stage.batch_size // clips, clips))
    )


def only_tensors(batches: Any, device: torch.device) -> Iterator[dict[str, Tensor]]:
    """The tensors of every batch, on a device."""
    for batch in batches:
        yield {name: value.to(device) for name, value in batch.items() if isinstance(value, Tensor)}


def _kinds(names: Sequence[str]) -> list[str]:
    """The kinds of the speaker's series among some, each once."""
    return list(dict.fromkeys(name.removeprefix("speaker_") for name in names if name.startswith("speaker_")))
