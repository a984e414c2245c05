"""Feature folders, as ``react-data features`` writes them, and the features of any split that lie in ``.npy`` files.

Conventions: ``FOLDER/features.json`` says how the features were made, ``FOLDER/{split}/{feature}/{person clip id}.npy``
holds (T, width) float32, a row a video frame.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from react_data.annotations import read_feature
from react_data.errors import AnnotationError
from react_data.lazy import ClipFiles
from react_data.modalities import ModalityError
from react_data.problems import abbreviate
from react_data.ragged import RaggedFiles
from react_data.stored_arrays import open_array

__all__ = ["FEATURE_RECORD", "FeatureFolder", "feature_path", "feature_variables", "stored_shape"]

FEATURE_RECORD = "features.json"


def feature_path(folder: Path, split: str, feature: str, clip: str) -> Path:
    """Where a person's feature of a clip lies in a feature folder, whether or not there is one.

    Args:
        folder: The feature folder.
        split: Name of the split.
        feature: Such as ``"mfcc78"``.
        clip: The person's clip id.

    Returns:
        The path.

    Example:
        >>> feature_path(Path("features"), "val", "mfcc78", "RECOLA/group-2/P41/3").as_posix()
        'features/val/mfcc78/RECOLA/group-2/P41/3.npy'
    """
    return folder / split / feature / f"{clip}.npy"


@dataclass(frozen=True)
class FeatureFolder:
    """The features of a split that a feature folder holds.

    Attributes:
        folder: The feature folder.
        split: Name of the split.
        names: Names of the features.
        record: What ``features.json`` says of how they were made.
    """

    folder: Path
    split: str
    names: tuple[str, ...]
    record: Mapping[str, Any]

    @classmethod
    def of(cls, folder: str | os.PathLike[str], split: str) -> FeatureFolder:
        """Look at what a feature folder holds.

        Args:
            folder: The folder.
            split: Name of the split.

        Returns:
            Its features.

        Raises:
            ModalityError: If it is no feature folder, or has nothing of the split.
        """
        place = Path(folder)
        try:
            record = json.loads((place / FEATURE_RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ModalityError(
                f"{place} is no complete feature folder: it holds no {FEATURE_RECORD}. Make one with `react-data "
                f"features ROOT {place} --feature mfcc78`."
            ) from None
        except (OSError, ValueError) as error:
            raise ModalityError(f"{place / FEATURE_RECORD} is damaged: {error}. Make the features again.") from None
        inside = sorted((place / split).iterdir()) if (place / split).is_dir() else []
        names = tuple(each.name for each in inside if each.is_dir() and not each.name.startswith("."))
        if not names:
            raise ModalityError(
                f"{place} holds no features of the split {split!r}. Make them with `react-data features`."
            )
        return cls(place, split, names, record if isinstance(record, dict) else {})

    def added(self, dataset: xr.Dataset, features: Sequence[str], *, frames: int | None = None) -> xr.Dataset:
        """A data set with features of the folder.

        Args:
            dataset: The opened split.
            features: Which ones.
            frames: Frames to read of every clip, where the data set does not tell; all if not given.

        Returns:
            The data set with ``speaker_{feature}`` and, where there are listeners, ``listener_{feature}``.

        Raises:
            AnnotationError: If files are missing, or differ in length from the data set's series; lists them.
        """
        people = {"speaker": dataset["clip"]}
        if "listener_clip" in dataset and dataset.attrs.get("labels") != "none":
            people["listener"] = dataset["listener_clip"]
        complete = dataset
        for feature in features:
            files = {
                role: [feature_path(self.folder, self.split, feature, str(clip)) for clip in clips.values]
                for role, clips in people.items()
            }
            complete = complete.assign(feature_variables(complete, feature, files, frames=frames))
        if not features:
            return dataset
        return complete.assign_attrs(features=json.dumps(dict(self.record), sort_keys=True))


def feature_variables(
    dataset: xr.Dataset, feature: str, files: Mapping[str, Sequence[Path]], *, frames: int | None = None
) -> dict[str, xr.Variable]:
    """A feature with a row a video frame, in the form that the other series of the data set have.

    Args:
        dataset: Tells frames, or rows of each clip, where it holds frames already.
        feature: Its name, which is also that of the channels' dim.
        files: By role, the file of each clip.
        frames: Frames to read of every clip, where the data set does not tell; all if not given.

    Returns:
        ``{role}_{feature}`` (clip, frame, feature) where all clips are equally long, else (row, feature) with
        ``{role}_row_size`` (clip).

    Raises:
        AnnotationError: If files are missing, no arrays, or differ in length from the data set's series; lists them.
    """
    paths = list(dict.fromkeys(path for some in files.values() for path in some))
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise AnnotationError(
            f"{len(missing)} files of {feature} do not exist: {abbreviate(missing, 5)}. Copy them there; `react-data "
            "features` makes those of a feature folder that are missing."
        )
    width = math.prod(stored_shape(paths[0])[1:])
    read = partial(read_feature, width=width)
    variables: dict[str, xr.Variable] = {}
    frames = dataset.sizes.get("frame", frames)
    if frames is not None:
        for role, some in files.items():
            clips = ClipFiles(some, read, frames, width)
            variables[f"{role}_{feature}"] = xr.Variable(("clip", "frame", feature), indexing.LazilyIndexedArray(clips))
        return variables
    lengths = {path: stored_shape(path)[0] for path in paths}
    ragged = "speaker_row_size" in dataset or len(set(lengths.values())) > 1
    for role, some in files.items():
        sizes = np.array([lengths[path] for path in some], dtype=np.int64)
        dims: tuple[str, ...] = ("clip", "frame", feature)
        if ragged:
            dims = (f"{role}_row", feature)
            variables[f"{role}_row_size"] = _row_sizes(dataset, role, sizes, some)
        values = RaggedFiles(some, sizes, read, width) if ragged else ClipFiles(some, read, int(sizes[0]), width)
        variables[f"{role}_{feature}"] = xr.Variable(dims, indexing.LazilyIndexedArray(values))
    return variables


def stored_shape(path: Path) -> tuple[int, ...]:
    """The shape of a ``.npy`` file with frames, of which only the header is read.

    Args:
        path: The file.

    Returns:
        Frames first.

    Raises:
        AnnotationError: If it is no such file.
    """
    try:
        shape: tuple[int, ...] = open_array(path).shape
    except (OSError, ValueError, EOFError) as error:
        raise AnnotationError(f"{path} is not a .npy array: {error}.") from None
    if len(shape) < 2:
        raise AnnotationError(f"{path} holds an array of shape {shape}, expected frames and channels.")
    return shape


def _row_sizes(dataset: xr.Dataset, role: str, sizes: NDArray[np.int64], paths: Sequence[Path]) -> xr.Variable:
    name = f"{role}_row_size"
    if name in dataset:
        expected = dataset[name].values
        wrong = [
            f"{paths[clip]} has {sizes[clip]} frames, expected {expected[clip]}"
            for clip in np.flatnonzero(sizes != expected).tolist()
        ]
        if wrong:
            raise AnnotationError(f"{len(wrong)} files differ in length from their clips: {abbreviate(wrong, 5)}.")
    return xr.Variable("clip", sizes, {"sample_dimension": f"{role}_row"})
