"""Who talks to whom in a synthetic data set, how they behave, and which reactions are appropriate by construction.

Conventions: behaviour classes come in pairs. In a recording of pair m one person leads with class 2m and the other
responds with class 2m + 1. Names are those of the real corpora; numbers and dates are drawn.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from react_data.clip_lists import RecordingRow, recording_key
from react_data.clips import ClipId

__all__ = [
    "CORPORA",
    "SyntheticRecording",
    "appropriateness",
    "in_matrix_order",
    "plan_recordings",
    "random_generator",
    "split_sizes",
]

CORPORA = ("NoXI", "RECOLA", "UDIVA")
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}

_PERSONS = {"NoXI": ("Expert_video", "Novice_video"), "UDIVA": ("FC1", "FC2")}
_RECOLA = {"train": ("group-1", "P25", "P26"), "val": ("group-2", "P41", "P42"), "test": ("group-3", "P45", "P46")}
_PLACES = ("Paris", "Nottingham", "Augsburg")
_TASKS = ("talk", "animal", "lego", "ghost")
_CHATS = 999


@dataclass(frozen=True)
class SyntheticRecording:
    """A planned recording of two people.

    Attributes:
        split: ``"train"``, ``"val"`` or ``"test"``.
        row: The recording as the split's list names it.
        pair: Number m of its pair of behaviour classes.
        speaker_leads: Whether the person in the speaker column leads and the other responds.
        intensities: How strongly the person in the speaker and in the listener column behaves.
        tolerances: How much a neighbour's intensity may differ, for the recording and for its mirror image.
    """

    split: str
    row: RecordingRow
    pair: int
    speaker_leads: bool
    intensities: tuple[float, float]
    tolerances: tuple[float, float]

    @property
    def classes(self) -> tuple[int, int]:
        """Behaviour class of the person in the speaker and in the listener column."""
        return 2 * self.pair + (not self.speaker_leads), 2 * self.pair + self.speaker_leads

    @property
    def persons(self) -> tuple[ClipId, ...]:
        """The clips of both persons, without a hidden listener."""
        return tuple(person for person in (self.row.speaker, self.row.listener) if person is not None)


def random_generator(seed: int, *purpose: object) -> np.random.Generator:
    """A generator of its own for every purpose, so that no result depends on what was drawn before.

    Args:
        seed: Seed of the data set.
        purpose: What is drawn, for what.

    Returns:
        The generator; equal arguments give equal draws.
    """
    return np.random.default_rng([seed, *(zlib.crc32(str(part).encode()) for part in purpose)])


def split_sizes(recordings: int, splits: Sequence[str]) -> dict[str, int]:
    """Share recordings out 60/20/20, at least 2 a split; the first split takes what rounding leaves.

    Args:
        recordings: Number of recordings in all.
        splits: Names of the splits to fill; one of another name is filled alone.

    Returns:
        Recordings by split.

    Example:
        >>> split_sizes(24, ("train", "val", "test"))
        {'train': 14, 'val': 5, 'test': 5}
    """
    shares = {split: SHARES.get(split, 1.0) for split in splits}
    whole = sum(shares.values())
    sizes = {split: max(2, round(recordings * share / whole)) for split, share in shares.items()}
    sizes[splits[0]] += recordings - sum(sizes.values())
    return sizes


def plan_recordings(
    sizes: dict[str, int], corpora: Sequence[str], behaviours: int, seed: int
) -> list[SyntheticRecording]:
    """Draw the recordings of a data set, split by split, in the order of the lists.

    Args:
        sizes: Recordings by split.
        corpora: Corpora in the order of `CORPORA`; the first is the largest.
        behaviours: Number of pairs of behaviour classes, dealt out evenly within each split.
        seed: Seed of the data set.

    Returns:
        All recordings.
    """
    chats = random_generator(seed, "chat numbers").permutation(_CHATS) + 1
    numbers = iter(chats.tolist())
    recordings: list[SyntheticRecording] = []
    for split, size in sizes.items():
        rows = list(_rows(split, _corpus_sizes(size, corpora), numbers, seed))
        rng = random_generator(seed, "behaviour", split)
        pairs = rng.permutation(np.arange(size) % behaviours)
        recordings += [_drawn(split, row, int(pair), rng) for row, pair in zip(rows, pairs, strict=True)]
    return recordings


def _drawn(split: str, row: RecordingRow, pair: int, rng: np.random.Generator) -> SyntheticRecording:
    leads = bool(rng.random() < 0.5)
    intensity = float(rng.uniform(0.6, 1.4))
    other = intensity + float(rng.normal(0.0, 0.08))
    near, far = (float(tolerance) for tolerance in rng.uniform(0.15, 0.7, size=2))
    return SyntheticRecording(split, row, pair, leads, (intensity, other), (near, far))


def _corpus_sizes(size: int, corpora: Sequence[str]) -> dict[str, int]:
    first, *others = corpora
    if size < 4:
        return {first: size}
    minor = {corpus: max(1, min(9, size // 5)) for corpus in others}
    return {first: size - sum(minor.values()), **minor}


def _rows(split: str, corpus_sizes: dict[str, int], numbers: Iterator[int], seed: int) -> Iterator[RecordingRow]:
    for corpus, size in corpus_sizes.items():
        sessions = 1 if corpus == "RECOLA" else max(1, min(size // 3, round(size**0.5)))
        if len(corpus_sizes) == 1 and corpus != "RECOLA" and size >= 4:
            sessions = max(2, sessions)
        rng = random_generator(seed, "sessions", split, corpus)
        for session in range(sessions):
            chat, speaker, listener = _session(split, corpus, next(numbers), rng)
            for clip in _clip_numbers((size + session) // sessions, rng):
                yield RecordingRow(ClipId(corpus, chat, speaker, clip), ClipId(corpus, chat, listener, clip))


def _session(split: str, corpus: str, number: int, rng: np.random.Generator) -> tuple[str, str, str]:
    if corpus == "RECOLA":
        return _RECOLA[split]
    if corpus == "UDIVA":
        return (f"{_TASKS[rng.integers(len(_TASKS))]}/{number:03d}{rng.integers(1000):03d}", *_PERSONS[corpus])
    day = date(2016, 3, 17) + timedelta(days=number // 12)
    return (f"{number:03d}_{day}_{_PLACES[3 * number // (_CHATS + 1)]}", *_PERSONS[corpus])


def _clip_numbers(count: int, rng: np.random.Generator) -> list[str]:
    """Ascending numbers with gaps: 1, from three clips on one of 2..9, from two on one of 10 and above."""
    chosen = [1]
    if count >= 3:
        chosen.append(int(rng.integers(2, 10)))
    if count >= 2:
        chosen.append(int(rng.integers(10, 14)))
    left = np.setdiff1d(np.arange(1, 14 + 5 * count // 4), chosen)
    chosen += rng.choice(left, size=count - len(chosen), replace=False).tolist()
    return [str(number) for number in sorted(chosen)]


def in_matrix_order(recordings: Sequence[SyntheticRecording]) -> list[SyntheticRecording]:
    """Sort recordings as ``data_indices.csv`` lists them: by corpus, then chat, then clip number as text.

    Args:
        recordings: The recordings of all splits.

    Returns:
        The same recordings.
    """

    def place(recording: SyntheticRecording) -> tuple[int, str, str]:
        speaker = recording.row.speaker
        return CORPORA.index(speaker.site), recording_key(speaker).rsplit("/", 1)[0], speaker.clip

    return sorted(recordings, key=place)


def appropriateness(recordings: Sequence[SyntheticRecording]) -> NDArray[np.float32]:
    """The appropriateness matrix that the plan implies.

    Entry [k, n] is 1 if speakers k and n are of one split and behaviour class and their intensities differ by no more
    than the tolerance of k, which is why the matrix is not symmetric.

    Args:
        recordings: H recordings in matrix order.

    Returns:
        (2H, 2H) of 0 and 1; second half of both axes with the roles swapped; the diagonal is 1.
    """
    splits = np.array([recording.split for recording in recordings] * 2)
    classes, intensities, tolerances = (
        np.array([getattr(recording, name) for recording in recordings]).T.ravel()
        for name in ("classes", "intensities", "tolerances")
    )
    alike = (splits[:, None] == splits) & (classes[:, None] == classes)
    near = np.abs(intensities[:, None] - intensities) <= tolerances[:, None]
    return np.asarray(alike & near, dtype=np.float32)
