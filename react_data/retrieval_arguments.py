"""The arguments of a retrieval, checked: what makes clips neighbours, and the behaviour that is compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema, schema_for
from react_data.clips import suggest
from react_data.errors import RetrievalError
from react_data.problems import abbreviate
from react_data.retrieval_behaviour import Behaviour, Series
from react_data.retrieval_measures import MEASURES

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NORMALISATIONS", "Rule", "behaviour_hash", "label_numbers", "prepare_behaviour"]

NORMALISATIONS = ("none", "z-score by channel", "z-score by clip")
_SYMMETRIES = ("as found", "either", "both")
_LARGEST = 1e15  # squares of larger values may overflow float32, in which pairs are ruled out
_FARTHEST = 1e30


@dataclass(frozen=True)
class Rule:
    """What makes two clips neighbours; see `react_data.retrieval.retrieve_neighbours`."""

    measure: str
    normalise: str
    per_frame: bool
    threshold: float | None
    top_k: int | None
    symmetric: str

    def __post_init__(self) -> None:
        for name, known in (("measure", MEASURES), ("normalise", NORMALISATIONS), ("symmetric", _SYMMETRIES)):
            given = getattr(self, name)
            if given not in known:
                raise RetrievalError(f"there is no {name} {given!r}. {suggest(str(given), known)}")
        if (self.threshold is None) == (self.top_k is None):
            given = "neither is" if self.threshold is None else "both are"
            raise RetrievalError(f"exactly one of threshold and top_k makes clips neighbours, but {given} given.")
        if self.top_k is not None and self.top_k < 1:
            raise RetrievalError(f"top_k is {self.top_k}, expected at least 1.")
        if self.per_frame and self.measure != "dtw":
            raise RetrievalError(f"per_frame goes with measure='dtw' only, but measure is {self.measure!r}.")
        low, high = (-1.0, 1.0) if MEASURES[self.measure].similarity else (0.0, _FARTHEST)
        if self.threshold is not None and not low <= self.threshold <= high:
            kind = "similarity" if high == 1 else "distance"
            raise RetrievalError(f"threshold is {self.threshold}, expected a {kind} in {low:g}..{high:g}.")

    @property
    def largest_cost(self) -> float:
        """The cost that neighbours may have at most."""
        if self.threshold is None:
            return np.inf
        return -self.threshold if MEASURES[self.measure].similarity else float(self.threshold)


def prepare_behaviour(
    speakers: Sequence[NDArray[Any]] | NDArray[Any] | xr.DataArray,
    ids: Sequence[str] | None,
    features: ChannelSchema | None,
    rule: Rule,
) -> tuple[Behaviour, ChannelSchema]:
    """Check and normalise the behaviour that is to be compared.

    Args:
        speakers: N series (T, C).
        ids: N clip ids, or None to take them from the coordinate ``clip``.
        features: The channels, or None to go by their number.
        rule: How they are compared.

    Returns:
        The behaviour, and its channels.

    Raises:
        RetrievalError: If the series or ids cannot be used.
    """
    if hasattr(speakers, "data_vars"):
        named = [str(name) for name in speakers.data_vars if str(name).startswith("speaker_")]
        raise RetrievalError(
            f"a whole data set was given, expected the series of one variable: list(clip_series(data, {named[0]!r})), "
            f"and ids=data['clip'].values. It has {', '.join(named)}."
            if named
            else "a data set without any series of speakers was given."
        )
    names = _names(speakers, ids)
    series = tuple(np.ascontiguousarray(each, dtype=np.float32) for each in speakers)
    problems = _problems(series, names, features)
    if problems:
        raise RetrievalError(f"the speakers cannot be compared: {'; '.join(problems)}.")
    schema = features or schema_for(series[0].shape[1])
    groups = tuple((group.name, group.start, group.stop, float(group.weight)) for group in schema.groups)
    return Behaviour(names, _normalised(series, rule.normalise), groups, rule.per_frame), schema


def behaviour_hash(behaviour: Behaviour) -> str:
    """SHA-256 of what is compared: ids, channel groups, lengths and normalised values.

    Args:
        behaviour: The behaviour.
    """
    digest = hashlib.sha256(repr((behaviour.ids, behaviour.groups)).encode())
    for each in behaviour.series:
        digest.update(np.asarray(each.shape, dtype="<i8").tobytes())
        digest.update(each.astype("<f4", copy=False).data)
    return digest.hexdigest()


def label_numbers(within: Mapping[str, Sequence[str]], count: int) -> NDArray[np.intp]:
    """Numbers of the clips that are equal where all their labels are.

    Args:
        within: Labels by name, one a clip.
        count: N clips.

    Returns:
        (N,) numbers.

    Raises:
        RetrievalError: If there is not one label a clip.

    Example:
        >>> label_numbers({"split": ["val", "val", "test"]}, 3).tolist()
        [1, 1, 0]
    """
    numbers = np.zeros(count, dtype=np.intp)
    for name, labels in within.items():
        if len(labels) != count:
            raise RetrievalError(f"within has {len(labels)} labels {name!r} for {count} clips.")
        each = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
        numbers = np.unique(numbers * (each.max(initial=0) + 1) + each, return_inverse=True)[1].astype(np.intp)
    return numbers


def _names(speakers: Any, ids: Sequence[str] | None) -> tuple[str, ...]:
    coordinates = getattr(speakers, "coords", {})
    if ids is None and "clip" not in coordinates:
        raise RetrievalError("ids are missing: pass ids=[…], one a clip, or an xarray variable with the dim clip.")
    names = tuple(str(clip) for clip in (np.asarray(coordinates["clip"]) if ids is None else ids))
    if len(names) != len(speakers):
        raise RetrievalError(f"{len(names)} ids were given for {len(speakers)} clips.")
    if not names:
        raise RetrievalError("there are no clips to compare.")
    return names


def _problems(series: Sequence[Series], names: Sequence[str], features: ChannelSchema | None) -> list[str]:
    pairs = list(zip(names, series, strict=True))
    flat = [f"{clip} has the shape {each.shape}" for clip, each in pairs if each.ndim != 2 or not each.size]
    if flat:
        return [f"a series is (frames, channels) with at least one of each, but {abbreviate(flat, 5)}"]
    channels = len(features) if features else series[0].shape[1]
    wide = [f"{clip} has {each.shape[1]}" for clip, each in pairs if each.shape[1] != channels]
    wild = [clip for clip, each in pairs if not (np.abs(each) <= _LARGEST).all()]
    problems = [f"{channels} channels were expected, but {abbreviate(wide, 5)}"] if wide else []
    if wild:
        problems.append(f"values are not finite, or beyond {_LARGEST:g}, in {abbreviate(wild, 5)}")
    return problems + (_schema_problems(features) if features else [])


def _schema_problems(features: ChannelSchema) -> list[str]:
    ends = [0, *(group.stop for group in features.groups)]
    if [group.start for group in features.groups] != ends[:-1] or ends[-1] != len(features):
        return [f"the groups of {features.name} do not cover its {len(features)} channels one after the other"]
    weights = [group.weight for group in features.groups]
    wrong = not all(0 <= weight < np.inf for weight in weights) or not any(weights)
    return [f"the weights of {features.name} are {weights}, expected numbers >= 0, not all 0"] if wrong else []


def _normalised(series: tuple[Series, ...], how: str) -> tuple[Series, ...]:
    if how == "none":
        return series
    if how == "z-score by clip":
        return tuple(_standardised(each, *_moments((each,))) for each in series)
    moments = _moments(series)
    return tuple(_standardised(each, *moments) for each in series)


def _moments(series: tuple[Series, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means and standard deviations (ddof 0) of the channels over all frames."""
    frames = sum(map(len, series))
    means = np.sum([each.sum(axis=0, dtype=np.float64) for each in series], axis=0) / frames
    squares = np.sum([np.square(each - means).sum(axis=0) for each in series], axis=0) / frames
    return means, np.sqrt(squares)


def _standardised(each: Series, means: NDArray[np.float64], deviations: NDArray[np.float64]) -> Series:
    return ((each - means) / np.where(deviations > 0, deviations, 1)).astype(np.float32)
