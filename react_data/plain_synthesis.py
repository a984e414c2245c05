"""Synthetic dyads in the layouts that are not a challenge's: plain arrays, OpenFace tracks, motion energy.

Conventions: people behave as in every other layout, and what the layout can say of it is written. Arrays know which
reactions are appropriate, recordings only who met whom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.channels import EMOTION_25, OPENFACE
from react_data.official_tree import FRAMES_PER_SECOND
from react_data.progress import track
from react_data.synthesis_settings import SynthesisSettings
from react_data.synthetic_conversations import SyntheticRecording, appropriateness, plan_recordings, random_generator
from react_data.synthetic_files import whole_file, write_array
from react_data.synthetic_signals import Performance, coefficients, perform

__all__ = ["write_plain"]

# Action units that OpenFace tracks and the challenge's annotations lack move with one that is near on the face.
_LIKE = {"AU5": "AU2", "AU20": "AU12", "AU45": "AU7"}
_TRACKED = ("frame", "face_id", "timestamp", "confidence", "success", *OPENFACE.channels)
_TRACKED_FORMAT = ["%d", "%d", "%.3f", "%.2f", "%d", *["%.4f"] * len(OPENFACE)]
_SHORTEST_WITH_A_GAP = 50
_PIXELS = 2000.0

_Series = NDArray[np.float64]


def write_plain(root: Path, sizes: Mapping[str, int], settings: SynthesisSettings, show_progress: bool | None) -> None:
    """Write what is not there yet.

    Args:
        root: Folder of the data set.
        sizes: Recordings by split.
        settings: What to write, in the layout ``"arrays"``, ``"openface"`` or ``"motion-energy"``.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
    """
    plan = plan_recordings(dict(sizes), settings.corpora, settings.behaviours, settings.seed)
    if settings.layout == "arrays":
        for split in track(list(sizes), "synthesising", unit="split", show=show_progress):
            _write_arrays(root / split, [each for each in plan if each.split == split], settings)
        return
    write = {"openface": _write_tracks, "motion-energy": _write_energy}[settings.layout]
    for number, recording in enumerate(track(plan, "synthesising", unit="recording", show=show_progress), start=1):
        write(root / f"dyad_{number:04d}", recording, settings)


def _write_arrays(folder: Path, plan: Sequence[SyntheticRecording], settings: SynthesisSettings) -> None:
    """The arrays of a split; that by which it is recognised comes last."""
    hidden = folder.name in settings.hidden
    directions = 1 if hidden else 2
    with whole_file(folder / "sessions.txt") as handle:
        handle.write("\n".join([each.row.speaker.session for each in plan] * directions).encode())
    if not hidden:
        write_array(folder / "neighbours.npy", appropriateness(plan))
    for kind in reversed(settings.modalities):
        roles = ("listener", "speaker")[-directions:]
        if not all((folder / f"{role}_{kind}.npy").is_file() for role in roles):
            first, second = _both(plan, kind, settings)
            values = {"listener": (second, first), "speaker": (first, second)[:directions]}
            for role in roles:
                write_array(folder / f"{role}_{kind}.npy", np.concatenate(values[role]))


def _both(plan: Sequence[SyntheticRecording], kind: str, settings: SynthesisSettings) -> NDArray[np.float32]:
    """(2, recordings, frames, channels): what the first and the second person of every recording do."""

    def series(performance: Performance) -> NDArray[np.float32]:
        chosen = performance.emotion if kind == "emotion" else coefficients(performance, settings.seed)
        return chosen.astype(np.float32)

    pairs = (perform(recording, settings.seed, settings.frames, settings.habits).values() for recording in plan)
    return np.stack([[series(performance) for performance in pair] for pair in pairs], axis=1)


def _write_tracks(place: Path, recording: SyntheticRecording, settings: SynthesisSettings) -> None:
    """``NAME_p0.csv`` and ``NAME_p1.csv`` as OpenFace writes them, blanks after commas included."""
    paths = [place.with_name(f"{place.name}_p{side}.csv") for side in (0, 1)]
    _write_missing(paths, recording, settings, _write_track)


def _write_track(path: Path, performances: Sequence[Performance], settings: SynthesisSettings) -> None:
    performance = performances[int(path.stem[-1])]
    frames = len(performance.emotion)
    tracked = np.column_stack([_turns(performance, settings.seed), _intensities(performance, settings.seed)])
    rows = np.column_stack([np.arange(1, frames + 1), np.zeros(frames), np.arange(frames) / FRAMES_PER_SECOND])
    seen = _seen(performance, settings.seed)
    rows = np.column_stack([rows, np.where(seen, 0.98, 0.02), seen, np.where(seen[:, None], tracked, 0.0)])
    with whole_file(path) as handle:
        np.savetxt(handle, rows, fmt=_TRACKED_FORMAT, delimiter=", ", header=", ".join(_TRACKED), comments="")


def _turns(performance: Performance, seed: int) -> _Series:
    """(T, 5): two angles of the gaze, which goes where the head turns, and three of the head, in radians."""
    head = coefficients(performance, seed)[:, 52:55].astype(np.float64)
    head -= head.mean(axis=0)
    return np.column_stack([0.5 * head[:, 1], 0.5 * head[:, 0], head])


def _intensities(performance: Performance, seed: int) -> _Series:
    """(T, 17) action units in 0..5, which rise and fall where the challenge's are on or off."""
    named = [channel.removeprefix("AU").removesuffix("_r").lstrip("0") for channel in OPENFACE.channels[5:]]
    units = [_LIKE.get(f"AU{unit}", f"AU{unit}") for unit in named]
    on = performance.emotion[:, [EMOTION_25.channels.index(unit) for unit in units]]
    rises = np.stack([np.convolve(np.pad(unit, 3, mode="edge"), np.full(7, 1 / 7), mode="valid") for unit in on.T])
    strengths = random_generator(seed, "intensities", performance.person.person_path).uniform(1.5, 4.0, len(units))
    return np.asarray(np.clip(strengths * rises.T, 0.0, 5.0))


def _seen(performance: Performance, seed: int) -> NDArray[np.bool_]:
    """In which frames a face is found: all but a few amid the recording."""
    frames = len(performance.emotion)
    seen = np.ones(frames, dtype=bool)
    if frames >= _SHORTEST_WITH_A_GAP:
        rng = random_generator(seed, "lost face", performance.person)
        start = int(rng.integers(frames // 4, frames // 2))
        seen[start : start + int(rng.integers(2, 10))] = False
    return seen


def _write_energy(place: Path, recording: SyntheticRecording, settings: SynthesisSettings) -> None:
    """``NAME.txt`` as rMEA reads it."""
    _write_missing([place.with_suffix(".txt")], recording, settings, _write_energies)


def _write_energies(path: Path, performances: Sequence[Performance], settings: SynthesisSettings) -> None:
    energies = [_energy(performance, settings.seed) for performance in performances]
    with whole_file(path) as handle:
        np.savetxt(handle, np.column_stack(energies), fmt="%d", delimiter="\t", header='"pat"\t"th"', comments="")


def _energy(performance: Performance, seed: int) -> _Series:
    """(T,) how many pixels change: those of a moving face, more where the person talks."""
    speed = np.abs(np.diff(coefficients(performance, seed).astype(np.float64), axis=0, prepend=np.nan)).sum(axis=1)
    speed[0] = speed[1]
    return np.asarray(np.floor(_PIXELS * speed * (0.2 + performance.activity)))


def _write_missing(
    paths: Sequence[Path],
    recording: SyntheticRecording,
    settings: SynthesisSettings,
    write: Callable[[Path, Sequence[Performance], SynthesisSettings], None],
) -> None:
    missing = [path for path in paths if not path.is_file()]
    performances = list(perform(recording, settings.seed, settings.frames, settings.habits).values()) if missing else []
    for path in missing:
        write(path, performances, settings)
