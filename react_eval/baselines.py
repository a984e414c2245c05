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

from react_data.channels import EMOTION_25
from react_data.clips import suggest
from react_data.errors import LabelsMissingError
from react_data.progress import track
from react_data.ragged import clip_series
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
    "OccurrenceNoise",
    "UniformNoise",
    "baseline",
    "generate_predictions",
    "usual_baselines",
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
        places = {str(clip): number for number, clip in enumerate(self._dataset["clip"].values)}
        numbers = [places[str(clip)] for clip in batch["clip"]]
        return {
            kind: _repeat(_clips(self._dataset, f"listener_{variable}", numbers, _frames(batch)), reactions)
            for kind, variable in _VARIABLES.items()
            if f"listener_{variable}" in self._dataset
        }


class UniformNoise:
    """B_Random: uniform noise on [0, 1] in every channel (papers call it Gaussian; the code is not)."""

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """Noise that depends on seed, clip id and kind of channels only, so not on the batch size."""
        return {
            kind: np.stack([_noise((reactions, *speakers.shape[1:]), kind, clip, seed) for clip in batch["clip"]])
            for kind, speakers in _speakers(batch).items()
        }


class OccurrenceNoise:
    """B_Random of REACT 2026: coin flips for action units, else noise that keeps to the channels' meaning.

    Valence and arousal are normal with standard deviation 0.5, cut to [-1, 1]; expressions are uniform noise divided by
    its sum.
    """

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """Noise that depends on seed and clip id only; facial attributes alone."""
        speakers = _speakers(batch)
        if "emotion" not in speakers:
            raise InputError("B_Random2026 makes facial attributes, which the data set does not have.")
        shape = (reactions, *speakers["emotion"].shape[1:])
        return {"emotion": np.stack([_meaningful_noise(shape, clip, seed) for clip in batch["clip"]])}


class Mime:
    """B_Mime: every reaction copies the speaker."""

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The speaker of each clip, `reactions` times; seed and mode change nothing."""
        return {kind: _repeat(speakers, reactions) for kind, speakers in _speakers(batch).items()}


class MeanSequence:
    """B_MeanSeq: every reaction is the average training clip, frame by frame, over speakers and listeners."""

    def __init__(self, train: xr.Dataset) -> None:
        if "speaker_row_size" in train:
            raise InputError("B_MeanSeq is an average clip, but the training clips differ in length. Use B_MeanFr.")
        self._means = _training_means(train)

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The average clip for every speaker; seed and mode change nothing."""
        return {kind: _repeat(mean, reactions) for kind, mean in _for_batch(self._means, batch).items()}


class MeanFrame:
    """B_MeanFr: every frame of every reaction is the average frame of the training clips."""

    def __init__(self, train: xr.Dataset) -> None:
        ragged = "speaker_row_size" in train
        means = _training_sums(train) if ragged else _training_means(train)
        self._means = {kind: mean.mean(axis=0, dtype=np.float64).astype(np.float32) for kind, mean in means.items()}

    def generate(self, batch: Batch, reactions: int = 10, seed: int = 0, online: bool = False) -> dict[str, Array]:
        """The average frame for every speaker and frame; seed and mode change nothing."""
        frames = _frames(batch)
        means = {kind: np.broadcast_to(mean, (frames, len(mean))) for kind, mean in self._means.items()}
        return {kind: _repeat(mean, reactions) for kind, mean in _for_batch(means, batch).items()}


_MAKERS: dict[str, Callable[[xr.Dataset, xr.Dataset | None], Generator]] = {
    "GT": lambda dataset, _train: GroundTruth(dataset),
    "B_Random": lambda _dataset, _train: UniformNoise(),
    "B_Mime": lambda _dataset, _train: Mime(),
    "B_Random2026": lambda _dataset, _train: OccurrenceNoise(),
    "B_MeanSeq": lambda _dataset, train: MeanSequence(_required(train)),
    "B_MeanFr": lambda _dataset, train: MeanFrame(_required(train)),
}

NAMES: tuple[str, ...] = tuple(_MAKERS)
"""The baselines' names, as tables print them."""


def usual_baselines(dataset: xr.Dataset) -> tuple[str, ...]:
    """The baselines that the data set's challenge prints.

    Args:
        dataset: A split, from `react_data.open_split`.

    Returns:
        Their names. Clips of unequal length have no average sequence.
    """
    if "speaker_row_size" not in dataset:
        return tuple(name for name in NAMES if name != "B_Random2026")
    noise = "B_Random2026" if dataset.attrs["layout"] == "react2026" else "B_Random"
    return ("GT", noise, "B_Mime", "B_MeanFr")


def baseline(name: str, dataset: xr.Dataset, train: xr.Dataset | None = None) -> Generator:
    """A naive baseline for a split.

    Args:
        name: ``"GT"``, ``"B_Random"``, ``"B_Mime"``, ``"B_MeanSeq"``, ``"B_MeanFr"``, or ``"B_Random2026"``.
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
        frames: Speakers of one length are cut to this many frames.
        batch_size: Clips a call; one where clips differ in length.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        Predictions that `react_eval.score` and `react_eval.save_submission` take.

    Raises:
        InputError: If the data set has no speakers, or the generator returns something else than (B, α, T, C) float by
            kind of channels.
    """
    clips = tuple(str(clip) for clip in dataset["clip"].values)
    collected: dict[str, list[Array]] = {}
    batch_size = 1 if "speaker_row_size" in dataset else batch_size
    starts = track(range(0, len(clips), batch_size), "generating", unit="batch", show=show_progress)
    for start in starts:
        batch = _batch(dataset, clips[start : start + batch_size], start, frames)
        for kind, values in generator.generate(batch, reactions=reactions, seed=seed, online=online).items():
            collected.setdefault(kind, []).extend(_checked(values, kind, len(batch["clip"]), reactions))
    claims = {"run_seed": str(seed), "track": "online" if online else "offline"}
    return Predictions(dict(collected), clips, claims)


def _batch(dataset: xr.Dataset, clips: Sequence[str], start: int, frames: int) -> dict[str, Any]:
    numbers = list(range(start, start + len(clips)))
    cut = None if "speaker_row_size" in dataset else frames
    names = [name for name in ("speaker_emotion", "speaker_3dmm") if name in dataset]
    return {"clip": list(clips), **{name: _clips(dataset, name, numbers, cut) for name in names}}


def _clips(dataset: xr.Dataset, name: str, numbers: list[int], frames: int | None) -> Array:
    """(B, T, C) series of some clips, which have one length."""
    if "frame" in dataset[name].dims:
        values: Array = dataset[name].isel(clip=numbers, frame=slice(frames)).values
        return values
    series = clip_series(dataset, name)
    return np.stack([series[number][:frames] for number in numbers])


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


def _training_sums(train: xr.Dataset) -> dict[str, Array]:
    """The average frame of all speakers and listeners of unequal lengths, (1, C) by kind of channels."""
    means = {}
    for kind, variable in _VARIABLES.items():
        names = [f"{role}_{variable}" for role in ("speaker", "listener") if f"{role}_{variable}" in train]
        series = [each for name in names for each in clip_series(train, name)]
        if series:
            total = np.sum([each.sum(axis=0, dtype=np.float64) for each in series], axis=0)
            means[kind] = (total / sum(map(len, series)))[None].astype(np.float32)
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


def _meaningful_noise(shape: tuple[int, ...], clip: str, seed: int) -> Array:
    rng = np.random.default_rng([seed, zlib.crc32(clip.encode()), 2026])
    values = np.empty(shape, dtype=np.float32)
    for group in EMOTION_25.groups:
        part = (*shape[:-1], group.stop - group.start)
        if group.name == "action units":
            noise = rng.integers(0, 2, size=part).astype(np.float64)
        elif group.low == -1:
            noise = rng.normal(0, 0.5, size=part)
            while (beyond := np.abs(noise) > 1).any():
                noise[beyond] = rng.normal(0, 0.5, size=int(beyond.sum()))
        else:
            noise = rng.random(part)
            noise /= noise.sum(axis=-1, keepdims=True)
        values[..., group.start : group.stop] = noise
    return values


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
