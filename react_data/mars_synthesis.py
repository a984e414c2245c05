"""Synthetic dyads in the layout of MARS (REACT 2025 and 2026): clips of unequal length, in numbered sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.clip_lists import RecordingRow
from react_data.clips import ClipId
from react_data.mars_tree import FRAMES_PER_SECOND, MARS_MODALITIES
from react_data.synthetic_conversations import SyntheticRecording, random_generator
from react_data.synthetic_files import write_array, write_table, write_voice
from react_data.synthetic_signals import Performance, coefficients, perform, voice
from react_data.synthetic_videos import VideoSettings, write_video

__all__ = ["EEG_COLUMNS", "MarsSettings", "plan_mars", "write_mars_recording"]

_BANDS = ("Delta", "Theta", "Alpha", "Beta", "Gamma")
EEG_COLUMNS = ("TP9", "AF7", "AF8", "TP10", *(f"{band}_{place}" for place in ("TP9", "TP10") for band in _BANDS))
_MISSING_SECONDS = 0.05
_VIDEO = "face video"

_Writers = dict[str, Callable[[Path, Performance], None]]


@dataclass(frozen=True)
class MarsSettings:
    """What decides the bytes of a synthetic MARS tree, beside the plan.

    Attributes:
        seed: Seed of everything random.
        modalities: Which files to write.
        sample_rate: Sound samples a second.
        hidden: Splits with speakers only.
        videos: How the videos of faces are written, if they are.
    """

    seed: int
    modalities: tuple[str, ...]
    sample_rate: int
    hidden: tuple[str, ...]
    videos: VideoSettings | None = None

    @property
    def written(self) -> tuple[str, ...]:
        """The modalities by their names in `MARS_MODALITIES`, with that of the videos."""
        return self.modalities if self.videos is None else (*self.modalities, _VIDEO)


def plan_mars(sizes: dict[str, int], sessions: int, frames: int, seed: int) -> list[tuple[SyntheticRecording, int]]:
    """Draw the recordings of a data set, and how many frames each has.

    Every dyad goes through the sessions in turn; people in one session behave alike, so that reactions to the same
    session are the appropriate ones, as the challenge has it.

    Args:
        sizes: Recordings by split.
        sessions: Sessions a dyad, ``session0`` and so on.
        frames: Mean length of a clip; lengths lie between half and one and a half of it.
        seed: Seed of the data set.

    Returns:
        Recordings and lengths, split by split.
    """
    planned = []
    for split, size in sizes.items():
        rng = random_generator(seed, "mars", split)
        for number in range(size):
            dyad, session = divmod(number, sessions)
            begun = datetime(2024, 6, 1) + timedelta(
                days=40 * list(sizes).index(split) + dyad, hours=9, minutes=3 * session
            )
            length = int(rng.integers(max(10, frames // 2), frames + frames // 2 + 1))
            ended = begun + timedelta(seconds=round(length / FRAMES_PER_SECOND) + int(rng.integers(60)))
            chat = f"Camera-{begun:%Y-%m-%d-%H%M%S}-{ended:%H%M%S}"
            speaker, listener = (ClipId(f"session{session}", chat, role, "") for role in ("speaker", "listener"))
            intensities = tuple(float(each) for each in rng.uniform(0.6, 1.4, size=2))
            recording = SyntheticRecording(
                split, RecordingRow(speaker, listener), session, True, (intensities[0], intensities[1]), (1.0, 1.0)
            )
            planned.append((recording, length))
    return planned


def write_mars_recording(root: Path, recording: SyntheticRecording, frames: int, settings: MarsSettings) -> None:
    """Write the files of a recording that are not there yet.

    Args:
        root: The folder that holds the splits.
        recording: The recording.
        frames: Its length.
        settings: What to write.
    """
    persons = recording.persons[:1] if recording.split in settings.hidden else recording.persons
    missing = [
        (path, modality, person)
        for person in persons
        for modality, path in _files(root, recording.split, person, settings.written)
        if not path.exists()
    ]
    if not missing:
        return
    performances = perform(recording, settings.seed, frames)
    writers = _writers(settings)
    for path, modality, person in missing:
        writers[modality](path, performances[person])


def _files(root: Path, split: str, person: ClipId, modalities: Sequence[str]) -> Iterator[tuple[str, Path]]:
    for modality in modalities:
        folder, suffix = MARS_MODALITIES[modality]
        yield modality, root / split / folder / person.person / person.site / f"{person.chat}{suffix}"


def _writers(settings: MarsSettings) -> _Writers:
    def emotion(path: Path, performance: Performance) -> None:
        write_array(path, performance.emotion.astype(np.float32))

    def face(path: Path, performance: Performance) -> None:
        write_array(path, coefficients(performance, settings.seed))

    def sound(path: Path, performance: Performance) -> None:
        samples = voice(performance, settings.seed, settings.sample_rate, FRAMES_PER_SECOND)
        write_voice(path, samples, settings.sample_rate)

    def brain(path: Path, performance: Performance) -> None:
        rows = _brain_waves(performance, settings.seed)
        write_table(path, EEG_COLUMNS, [["" if np.isnan(each) else f"{each:.3f}" for each in row] for row in rows])

    writers: _Writers = {"emotion": emotion, "3dmm": face, "audio": sound, "eeg": brain}
    if (videos := settings.videos) is not None:
        writers[_VIDEO] = lambda path, shown: write_video(path, shown, _dyad_member(shown.person), videos)
    return writers


def _dyad_member(clip: ClipId) -> str:
    """Who is seen in a clip: a dyad goes through its sessions on a day of its own, see `plan_mars`."""
    return f"{clip.chat[: len('Camera-2024-06-01')]}/{clip.person}"


def _brain_waves(performance: Performance, seed: int) -> NDArray[np.float64]:
    """A row a second, 14 columns; some seconds are missing, as they are in the recordings."""
    seconds = -(-len(performance.emotion) // FRAMES_PER_SECOND)
    rng = random_generator(seed, "eeg", performance.person)
    arousal = performance.emotion[::FRAMES_PER_SECOND, 16][:seconds, None]
    potentials = 800.0 + 20.0 * rng.standard_normal((seconds, 4)) + 15.0 * arousal
    powers = 0.6 + 0.1 * rng.standard_normal((seconds, len(EEG_COLUMNS) - 4)) + 0.2 * arousal
    rows = np.column_stack([potentials, powers])
    rows[rng.random(seconds) < _MISSING_SECONDS] = np.nan
    return rows
