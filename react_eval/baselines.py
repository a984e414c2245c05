"""The naive baselines of the challenge: real reactions, noise, mimicry, and averages. numpy only.

Conventions: a baseline is used wherever a generator is: ``generate(batch, reactions, seed, online)`` returns
predictions by kind of channels. A batch holds clip ids and speakers, never the target listener; only `GroundTruth`
looks that up in the data set it was made with.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from react_data.clips import suggest
from react_data.errors import LabelsMissingError
from react_data.progress import track
from react_eval.errors import InputError, UnknownNameError
from react_eval.inputs import Predictions
from react_eval.metrics.arguments import to_numpy

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "NAMES",
    "Generator",
    "GroundTruth",
    "MeanFrame",
    "MeanSequence",
    "Mime",
    "UniformNoise",
    "baseline",
    "generate_predictions",
]

Array = NDArray[np.float32]
Batch = Mapping[str, Any]

_VARIABLES = {"emotion": "emotion", "coefficients": "3dmm"}


class Generator(Protocol):
    """Anything that generates reactions."""

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> Mapping[str, Array]:
        """Reactions to the speakers of a batch, (B, α, T, C) by kind of channels."""


class GroundTruth:
    """GT: every reaction is the real listener's."""

    def __init__(self, dataset: xr.Dataset) -> None:
        if not any(f"listener_{variable}" in dataset for variable in _VARIABLES.values()):
            raise LabelsMissingError("GT needs the real listeners, which this split does not hold. Use val.")
        self._dataset = dataset

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The real listener of each clip, `reactions` times; seed and mode change nothing."""
        chosen = self._dataset.sel(clip=list(batch["clip"]))
        return {
            kind: _repeat(chosen[f"listener_{variable}"].values[:, : _frames(batch)], reactions)
            for kind, variable in _VARIABLES.items()
            if f"listener_{variable}" in chosen
        }


class UniformNoise:
    """B_Random: uniform noise on [0, 1] in every channel (papers call it Gaussian; the code is not)."""

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """Noise that depends on seed, clip id and kind of channels only, so not on the batch size."""
        return {
            kind: np.stack([_noise((reactions, *speakers.shape[1:]), kind, clip, seed) for clip in batch["clip"]])
            for kind, speakers in _speakers(batch).items()
        }


class Mime:
    """B_Mime: every reaction copies the speaker."""

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The speaker of each clip, `reactions` times; seed and mode change nothing."""
        return {kind: _repeat(speakers, reactions) for kind, speakers in _speakers(batch).items()}


class MeanSequence:
    """B_MeanSeq: every reaction is the average training clip, frame by frame, over speakers and listeners."""

    def __init__(self, train: xr.Dataset) -> None:
        self._means = _training_means(train)

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The average clip for every speaker; seed and mode change nothing."""
        return {kind: _repeat(mean, reactions) for kind, mean in _for_batch(self._means, batch).items()}


class MeanFrame:
    """B_MeanFr: every frame of every reaction is the average frame of the training clips."""

    def __init__(self, train: xr.Dataset) -> None:
        means = _training_means(train)
        self._means = {
            kind: np.broadcast_to(mean.mean(axis=0, dtype=np.float64).astype(np.float32), mean.shape)
            for kind, mean in means.items()
        }

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The average frame for every speaker and frame; seed and mode change nothing."""
        return {kind: _repeat(mean, reactions) for kind, mean in _for_batch(self._means, batch).items()}


_MAKERS: dict[str, Callable[[xr.Dataset, xr.Dataset | None], Generator]] = {
    "GT": lambda dataset, _train: GroundTruth(dataset),
    "B_Random": lambda _dataset, _train: UniformNoise(),
    "B_Mime": lambda _dataset, _train: Mime(),
    "B_MeanSeq": lambda _dataset, train: MeanSequence(_required(train)),
    "B_MeanFr": lambda _dataset, train: MeanFrame(_required(train)),
}

NAMES: tuple[str, ...] = tuple(_MAKERS)
"""The baselines' names, as tables print them."""


def baseline(name: str, dataset: xr.Dataset, train: xr.Dataset | None = None) -> Generator:
    """A naive baseline for a split.

    Args:
        name: ``"GT"``, ``"B_Random"``, ``"B_Mime"``, ``"B_MeanSeq"`` or ``"B_MeanFr"``.
        dataset: The split that it is for, from `react_data.open_split`.
        train: The training split, which the averages need.

    Returns:
        A generator.

    Raises:
        UnknownNameError: If there is no such baseline.
        LabelsMissingError: If GT is asked for a split without listeners.
        InputError: If an average is asked for without a training split.
    """
    if name not in _MAKERS:
        raise UnknownNameError(f"there is no baseline {name!r}. {suggest(name, NAMES)}")
    return _MAKERS[name](dataset, train)


def generate_predictions(
    generator: Generator,
    dataset: xr.Dataset,
    *,
    reactions: int = 10,
    seed: int = 0,
    online: bool = False,
    frames: int = 750,
    batch_size: int = 16,
    show_progress: bool | None = None,
) -> Predictions:
    """Let a generator react to every speaker of a split.

    Args:
        generator: Anything with ``generate(batch, reactions, seed, online)``.
        dataset: The split, from `react_data.open_split`.
        reactions: Reactions a clip.
        seed: Seed of the run.
        online: Whether the generator may only look at the past.
        frames: Speakers are cut to this many frames.
        batch_size: Clips a call.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        Predictions that `react_eval.score` and `react_eval.save_submission` take.

    Raises:
        InputError: If the data set has no speakers, or the generator returns something else than (B, α, T, C) float by
            kind of channels.
    """
    clips = tuple(str(clip) for clip in dataset["clip"].values)
    collected: dict[str, list[Array]] = {}
    starts = track(range(0, len(clips), batch_size), "generating", unit="batch", show=show_progress)
    for start in starts:
        batch = _batch(dataset, clips[start : start + batch_size], start, frames)
        for kind, values in generator.generate(batch, reactions=reactions, seed=seed, online=online).items():
            collected.setdefault(kind, []).extend(_checked(values, kind, len(batch["clip"]), reactions))
    claims = {"run_seed": str(seed), "track": "online" if online else "offline"}
    return Predictions(dict(collected), clips, claims)


def _batch(dataset: xr.Dataset, clips: Sequence[str], start: int, frames: int) -> dict[str, Any]:
    part = dataset.isel(clip=slice(start, start + len(clips)), frame=slice(frames), missing_dims="ignore")
    speakers = {name: part[name].values for name in ("speaker_emotion", "speaker_3dmm") if name in part}
    return {"clip": list(clips), **speakers}


def _checked(values: Any, kind: str, clips: int, reactions: int) -> Array:
    if kind not in _VARIABLES:
        raise InputError(f"the generator returned {kind!r}. {suggest(kind, _VARIABLES)}")
    plain = isinstance(values, np.ndarray) and values.dtype == np.float32
    # Reactions that are all equal are one in memory, which a conversion would undo.
    array: Array = values if plain else to_numpy(values, f"what the generator returned as {kind}")
    if array.ndim != 4 or array.shape[:2] != (clips, reactions):
        raise InputError(
            f"the generator returned {kind} of shape {array.shape}, expected ({clips}, {reactions}, frames, channels): "
            "one entry a speaker of the batch, then one a reaction."
        )
    return array


def _required(train: xr.Dataset | None) -> xr.Dataset:
    if train is None:
        raise InputError("the averages B_MeanSeq and B_MeanFr need the training split, which this data set lacks.")
    return train


def _training_means(train: xr.Dataset) -> dict[str, Array]:
    """Average over speakers and listeners, (T, C) by kind of channels, reading a few clips at a time."""
    means = {}
    for kind, variable in _VARIABLES.items():
        roles = [f"{role}_{variable}" for role in ("speaker", "listener") if f"{role}_{variable}" in train]
        if not roles:
            continue
        total = np.zeros(train[roles[0]].shape[1:])
        for role in roles:
            for start in range(0, train.sizes["clip"], 64):
                total += train[role][start : start + 64].values.sum(axis=0, dtype=np.float64)
        means[kind] = (total / (len(roles) * train.sizes["clip"])).astype(np.float32)
    return means


def _speakers(batch: Batch) -> dict[str, Array]:
    """The speakers (B, T, C) by kind of channels."""
    found = {
        kind: np.asarray(batch[f"speaker_{variable}"])
        for kind, variable in _VARIABLES.items()
        if f"speaker_{variable}" in batch
    }
    if not found:
        raise InputError("a generator reacts to speakers, but the data set has none. Run `react-data verify`.")
    return found


def _frames(batch: Batch) -> int:
    return int(next(iter(_speakers(batch).values())).shape[1])


def _noise(shape: tuple[int, ...], kind: str, clip: str, seed: int) -> Array:
    stream = list(_VARIABLES).index(kind)
    # A first stream without a number keeps the noise in facial attributes what it is where nothing else is predicted.
    key = [seed, zlib.crc32(clip.encode()), *([stream] if stream else [])]
    return np.random.default_rng(key).random(shape, dtype=np.float32)


def _for_batch(means: Mapping[str, Array], batch: Batch) -> dict[str, Array]:
    """The averages for every speaker of a batch, (B, T, C) for each kind of channels that training and batch share."""
    there = _speakers(batch)
    shared = [kind for kind in means if kind in there]
    if not shared:
        raise InputError(
            f"the training split has {' and '.join(means)}, but the split has {' and '.join(there)}: no average is of "
            "its channels."
        )
    clips, frames = len(batch["clip"]), _frames(batch)
    shortest = min(len(means[kind]) for kind in shared)
    if shortest < frames:
        raise InputError(f"the average training clip has {shortest} frames, but the split's clips have {frames}.")
    return {kind: np.broadcast_to(means[kind][:frames], (clips, frames, means[kind].shape[1])) for kind in shared}


def _repeat(clips: Array, reactions: int) -> Array:
    """(B, T, C) → (B, α, T, C) without copying."""
    return np.broadcast_to(clips[:, None], (len(clips), reactions, *clips.shape[1:]))
