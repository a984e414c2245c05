"""Features of the sound of every clip, computed once and kept in a folder that `react_data.open_split` reads.

Conventions: ``FOLDER/features.json`` says how each feature was made, ``FOLDER/{split}/{feature}/{person clip id}.npy``
is (frames, width) float32, a row a video frame. A file appears when it is complete; what is there is not made again.
``FOLDER/sources.json`` keeps which files of the data set there were, see `react_data.source_files`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.audio import Sound
from react_data.clips import suggest
from react_data.dataset_persons import person_clips
from react_data.errors import ReactError
from react_data.exclusive_writing import sole_writer
from react_data.feature_folder import FEATURE_RECORD, feature_path
from react_data.file_access import file_access
from react_data.mfcc import mfcc
from react_data.opening import find_layout, open_split
from react_data.optional_libraries import optional_library
from react_data.progress import track
from react_data.ragged import clip_series
from react_data.source_files import check_sources
from react_data.speech_features import SpeechModel
from react_data.synthetic_files import whole_file, write_array

__all__ = ["FEATURES", "FeatureError", "write_features"]

FEATURES = ("mfcc78", "mfcc26", "wav2vec")

_MFCC: dict[str, Literal[78, 26]] = {"mfcc78": 78, "mfcc26": 26}


class FeatureError(ReactError, ValueError):
    """Features cannot be made like this: there is no such feature, its model is not named, or the folder has others.

    ``mfcc78`` and ``mfcc26`` need the extra ``audio``; ``wav2vec`` needs the extra ``speech`` and the folder of a
    checkpoint. Features of one data set go into one folder, each made with the same settings throughout.
    """

    code = "RD024"


@dataclass(frozen=True)
class _Feature:
    """How a feature is made.

    Attributes:
        settings: What a reader needs to make it again.
        compute: (sound, frames, frames a second) to (frames, width) float32.
    """

    settings: Mapping[str, Any]
    compute: Callable[[Sound, int, float], NDArray[np.float32]]


@file_access()
def write_features(
    root: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    features: str | Sequence[str],
    *,
    splits: Sequence[str] | None = None,
    layout: str | None = None,
    model: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    show_progress: bool | None = None,
) -> Path:
    """Compute features of the sound of every clip; an interrupted run resumes.

    Args:
        root: The data set, which has sound.
        folder: Where the features go; more features and splits can be added to a folder.
        features: Among ``"mfcc78"``, ``"mfcc26"`` and ``"wav2vec"``: the last hidden state, interpolated to the frames.
        splits: Which splits; all that are there if not given.
        layout: Name of the layout; recognised if not given.
        model: Folder of the wav2vec 2.0 checkpoint; nothing is downloaded.
        device: Where the model computes, as torch names it.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        The folder, for ``open_split(root, split, features=folder)``.

    Raises:
        FeatureError: If there is no such feature, the model is missing, or the folder holds features of another data
            set or other settings, was begun before files of the data set changed, or is written by another run.
        ModalityError: If the data set has no sound.
        LibraryMissingError: If an extra is not installed.
    """
    names = [features] if isinstance(features, str) else list(features)
    found = find_layout(root, layout)
    chosen = list(found.splits(Path(root))) if splits is None else list(splits)
    made = {name: _feature(name, model, device) for name in names}
    opened = {split: _Heard.of(root, split, found.name) for split in chosen}
    place = Path(folder)
    with sole_writer(place, FeatureError):
        record = _record(place, Path(root), found.name, {name: each.settings for name, each in made.items()})
        check_sources(place, {"data": Path(root)}, FeatureError)
        with whole_file(place / FEATURE_RECORD) as handle:  # before the first of the features
            handle.write(record.encode())
        for split, heard in opened.items():
            for name, feature in made.items():
                paths = {clip: feature_path(place, split, name, clip) for clip in heard.clips}
                waiting = [clip for clip, path in paths.items() if not path.is_file()]
                for clip in track(waiting, f"{name} of {split}", show=show_progress):
                    write_array(paths[clip], feature.compute(*heard.sound(clip), heard.frames_per_second))
    return place


def _feature(name: str, model: str | os.PathLike[str] | None, device: str) -> _Feature:
    if name not in FEATURES:
        raise FeatureError(f"there is no feature {name!r}. {suggest(name, FEATURES)}")
    if name in _MFCC:
        optional_library("kaldi_native_fbank", extra="audio", purpose="Computing MFCC")
        settings = {"coefficients": _MFCC[name]} | _versions("kaldi-native-fbank")
        return _Feature(settings, partial(_cepstral, _MFCC[name]))
    if model is None:
        raise FeatureError("wav2vec needs the folder of a checkpoint on this machine: model=FOLDER, or --model FOLDER.")
    speech = SpeechModel(model, device=device)
    described = {
        "model": Path(model).resolve().name,
        "weights_sha256": _weights_hash(Path(model)),
        "layer": "hidden",
        "alignment": "interpolated",
    }
    return _Feature(described | _versions("torch", "transformers"), partial(_spoken, speech))


def _cepstral(
    coefficients: Literal[78, 26], sound: Sound, frames: int, frames_per_second: float
) -> NDArray[np.float32]:
    return mfcc(sound, frames, coefficients=coefficients, frames_per_second=frames_per_second)


def _spoken(model: SpeechModel, sound: Sound, frames: int, frames_per_second: float) -> NDArray[np.float32]:
    return model.encode(sound, frames, frames_per_second).interpolated()


def _weights_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    return digest.hexdigest()


@dataclass(frozen=True)
class _Heard:
    """The sound of a split's persons, and how many frames their clips have."""

    dataset: xr.Dataset
    clips: Mapping[str, tuple[str, int]]
    frames: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, root: str | os.PathLike[str], split: str, layout: str) -> _Heard:
        faces = open_split(root, split, layout=layout)
        heard = open_split(root, split, layout=layout, modalities=["audio"])
        if "frame" not in faces.sizes and "speaker_row_size" not in faces:
            raise FeatureError(f"{root} has no faces in {split}, so the number of frames of a clip is not known.")
        count, usual = faces.sizes["clip"], faces.sizes.get("frame")
        frames = {
            role: [usual] * count if usual is not None else faces[f"{role}_row_size"].values.tolist()
            for role in {role for role, _ in person_clips(faces).values()}
        }
        return cls(heard, person_clips(heard), frames)

    @property
    def frames_per_second(self) -> float:
        return float(self.dataset.attrs["frames_per_second"])

    def sound(self, clip: str) -> tuple[Sound, int]:
        role, number = self.clips[clip]
        name = f"{role}_audio"
        samples = np.asarray(clip_series(self.dataset, name)[number], dtype=np.float32)
        return Sound(samples, int(self.dataset[name].attrs["sample_rate"])), self.frames[role][number]


def _record(folder: Path, root: Path, layout: str, settings: Mapping[str, Mapping[str, Any]]) -> str:
    """What is said of how the features are made; refuses what would not fit to those that are there."""
    path = folder / FEATURE_RECORD
    source = {"layout": layout, "data": root.resolve().name}
    known: dict[str, Any] = _read(path) if path.is_file() else source | {"features": {}}
    different = [name for name in source if known.get(name) != source[name]]
    problems = [f"its {name} is {known.get(name)!r}, not {source[name]!r}" for name in different]
    for name, wanted in settings.items():
        there = known["features"].get(name, wanted)
        problems += [f"its {name} was made with {there}, not with {dict(wanted)}"] if there != wanted else []
    if problems:
        raise FeatureError(f"{path}: {'; '.join(problems)}. Choose another folder, or delete this one.")
    made_by = {"created_by": f"react-data {version('react-eval')}"}
    return json.dumps(known | made_by | {"features": known["features"] | settings}, indent=1, sort_keys=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(known["features"], dict):
            return dict(known)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FeatureError(f"{path} is damaged: {error!r}. Delete it; features that are there are kept.") from None
    raise FeatureError(f"{path} is damaged: it does not list features. Delete it; features that are there are kept.")


def _versions(*libraries: str) -> dict[str, Any]:
    return {"versions": {library: version(library) for library in libraries}}
