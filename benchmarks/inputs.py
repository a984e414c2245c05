"""Inputs of the benchmarks: synthetic dyads, and families of predictions that prune well, badly or not at all.

A benchmark on one family alone says little about FRDist: how many neighbours a bound can rule out depends on how near
the nearest one is beside the others. So every figure for a whole submission is made for all families.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from react_data.synthetic_conversations import SyntheticRecording, plan_recordings
from react_data.synthetic_signals import perform

__all__ = ["FAMILIES", "Dyads", "predict", "predict_all", "synthetic_dyads"]

Series = NDArray[np.float32]
Indices = NDArray[np.intp]

_FEWEST_RECORDINGS = 4
_NOISE_WIDTH = 25


@dataclass(frozen=True)
class Dyads:
    """Clips of synthetic conversations.

    Attributes:
        clips: N ids.
        speaker: (N, T, 25).
        listener: (M, T, 25), M >= N; listener n belongs to clip n.
        neighbours: For each clip the indices of its appropriate listeners, its own included.
    """

    clips: tuple[str, ...]
    speaker: Series
    listener: Series
    neighbours: tuple[Indices, ...]

    @cached_property
    def mean_sequence(self) -> Series:
        """(T, 25): mean of all listeners, frame by frame."""
        mean: Series = self.listener.mean(axis=0)
        return mean


def synthetic_dyads(clips: int, frames: int, neighbours: int, seed: int = 0) -> Dyads:
    """Draw dyads of `react_data.synthesise` in memory, with as many neighbours a clip as are asked for.

    Args:
        clips: Directed clips N.
        frames: Frames T a clip.
        neighbours: Appropriate listeners a clip: its own, and others that answer the same behaviour.
        seed: Seed of everything random.

    Returns:
        The dyads; there are at least twice as many listeners as neighbours, so that some are inappropriate.
    """
    recordings = max(-(-clips // 2), neighbours, _FEWEST_RECORDINGS)
    plan = plan_recordings({"test": recordings}, ("NoXI", "RECOLA"), max(1, recordings // neighbours), seed)
    forward = [tuple(perform(recording, seed, frames).values()) for recording in plan]
    directed = forward + [pair[::-1] for pair in forward]
    behaviours = _speakers_behaviours(plan)
    speaker, listener = (np.stack([pair[side].emotion for pair in directed]).astype(np.float32) for side in range(2))
    return Dyads(
        clips=tuple(str(pair[0].person) for pair in directed[:clips]),
        speaker=speaker[:clips],
        listener=listener,
        neighbours=tuple(_neighbours(behaviours, clip, neighbours, seed) for clip in range(clips)),
    )


def _speakers_behaviours(plan: Sequence[SyntheticRecording]) -> Indices:
    """The behaviour class of each directed clip's speaker; neighbours answer the same one."""
    return np.array([recording.classes[side] for side in range(2) for recording in plan])


def _neighbours(behaviours: Indices, clip: int, count: int, seed: int) -> Indices:
    alike = np.flatnonzero(behaviours == behaviours[clip])
    others = np.random.default_rng([seed, clip]).choice(alike[alike != clip], count - 1, replace=False)
    return np.sort(np.append(others, clip))


@dataclass(frozen=True)
class _Sources:
    """What reactions are made of: the mean sequence (T, C), and for each reaction two listeners (α, T, C)."""

    generator: np.random.Generator
    mean: Series
    neighbour: Series
    other: Series

    @property
    def smooth_noise(self) -> NDArray[np.float64]:
        """Moving averages of white noise, of standard deviation 1."""
        count, frames, channels = self.neighbour.shape
        steps = self.generator.normal(size=(count, frames + _NOISE_WIDTH, channels)).cumsum(axis=1)
        smooth: NDArray[np.float64] = (steps[:, _NOISE_WIDTH:] - steps[:, :-_NOISE_WIDTH]) / np.sqrt(_NOISE_WIDTH)
        return smooth

    @property
    def white_noise(self) -> NDArray[np.float64]:
        """White noise of standard deviation 1."""
        return self.generator.normal(size=self.neighbour.shape)


FAMILIES: dict[str, Callable[[_Sources], NDArray[np.floating]]] = {
    "blended": lambda of: 0.7 * of.neighbour + 0.3 * of.other,
    "half-blended": lambda of: 0.5 * of.neighbour + 0.5 * of.other,
    "near-mean": lambda of: of.mean + 0.1 * of.neighbour,
    "near-mean with noise": lambda of: of.mean + 0.1 * of.neighbour + 0.05 * of.white_noise,
    "mean frame with smooth noise": lambda of: of.mean.mean(axis=0) + 0.1 * of.smooth_noise,
    "pure noise": lambda of: of.generator.random(of.neighbour.shape),
    "real reactions of other clips": lambda of: of.other,
}
"""What a generator might give: a neighbour is an appropriate listener of the clip, an other an inappropriate one."""


def predict(family: str, dyads: Dyads, clip: int, reactions: int, seed: int = 0) -> Series:
    """Reactions of one family to one clip.

    Args:
        family: A name in `FAMILIES`.
        dyads: The clips.
        clip: Index of the clip.
        reactions: Reactions α.
        seed: Seed; each clip has random numbers of its own.

    Returns:
        (α, T, 25).
    """
    generator = np.random.default_rng([seed, clip])
    strangers = np.setdiff1d(np.arange(len(dyads.listener)), dyads.neighbours[clip])
    near, far = (generator.choice(which, reactions) for which in (dyads.neighbours[clip], strangers))
    sources = _Sources(generator, dyads.mean_sequence, dyads.listener[near], dyads.listener[far])
    return FAMILIES[family](sources).astype(np.float32)


def predict_all(family: str, dyads: Dyads, reactions: int, seed: int = 0) -> Series:
    """(N, α, T, 25): `predict` for every clip."""
    return np.stack([predict(family, dyads, clip, reactions, seed) for clip in range(len(dyads.clips))])
