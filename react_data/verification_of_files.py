"""Checks of the files of a split: there, readable, in range, and of one length."""

from __future__ import annotations

import wave
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.annotations import read_coefficients, read_emotion
from react_data.channels import EMOTION_25
from react_data.clips import ClipId
from react_data.errors import AnnotationError
from react_data.official_tree import FRAMES_PER_SECOND, FRAMES_SCORED, MODALITIES, OfficialTree
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.progress import track

__all__ = [
    "NO_FILE",
    "UNLISTED",
    "UNREADABLE",
    "CheckedFile",
    "check_files",
    "check_lengths",
    "check_sound",
    "check_values",
]

NO_FILE = ProblemKind("RD111", "A file of a listed clip, or every file of a split, is missing. Copy it there.")
UNREADABLE = ProblemKind(
    "RD112",
    "A file cannot be read, has the wrong number of columns, or holds values that are not finite. Copy or extract it "
    "again.",
)
OUT_OF_RANGE = ProblemKind(
    "RD113", "Values lie outside the range of their channel: action units and expressions 0..1, valence, arousal -1..1."
)
NOT_BINARY = ProblemKind(
    "RD114", "Action units are neither 0 nor 1. The challenge's are binary; scores of other ones do not compare."
)
NOT_A_DISTRIBUTION = ProblemKind("RD115", "The eight expression probabilities of a frame do not sum to 1.")
NO_HEADER = ProblemKind(
    "RD116", "The first line of a facial-attribute csv is numbers. It is taken for the header, so a frame is lost."
)
SHORT = ProblemKind(
    "RD117", "A clip has fewer frames than are scored (750), or than the synthetic tree was written with."
)
ODD_LENGTH = ProblemKind(
    "RD118", "A file has another number of frames than most of the split, or than the clip's other files."
)
BAD_SOUND = ProblemKind("RD119", "A sound file is no readable wav, or does not last as long as its clip.")
ODD_SAMPLE_RATE = ProblemKind("RD120", "A sound file has another sample rate than most of the split.")
UNLISTED = ProblemKind("RD121", "Files are there which no list names; they are never read.")

_SUM_TOLERANCE = 1e-2
_RANGE_TOLERANCE = 1e-4
_SOUND_TOLERANCE_FRAMES = 2


@dataclass(frozen=True)
class CheckedFile:
    """What was learnt from a readable file."""

    where: str
    modality: str
    person: ClipId
    frames: float
    sample_rate: float = 0.0


def check_files(
    tree: OfficialTree, report: ProblemReport, *, settings: Mapping[str, Any], show_progress: bool | None = None
) -> None:
    """Check the files of a split.

    Args:
        tree: The split.
        report: Receives the problems.
        settings: Settings of a synthetic tree, which say how many frames to expect; empty for a real one.
        show_progress: Whether to show a progress bar.
    """
    modalities = [modality for modality in MODALITIES if tree.has(modality)]
    if not modalities:
        report.error(NO_FILE, "has no folder of facial attributes, 3DMM coefficients or sound.", tree.split)
        return
    persons = [clip.speaker for clip in tree.clips]
    least = int(settings.get("frames", FRAMES_SCORED))
    read: list[CheckedFile] = []
    for person in track(persons, f"verifying {tree.split}", show=show_progress):
        files = [_check_file(tree, modality, person, report) for modality in modalities]
        usable = [file for file in files if file is not None]
        check_lengths(usable, min(least, FRAMES_SCORED), FRAMES_PER_SECOND, report)
        read += usable
    _check_against_most(read, report)
    _check_unlisted(tree, modalities, persons, report)
    report.checked[tree.split] += f"; {', '.join(modalities)}"


def _check_file(tree: OfficialTree, modality: str, person: ClipId, report: ProblemReport) -> CheckedFile | None:
    path = tree.file(modality, person)
    where = path.relative_to(tree.root).as_posix()
    if not path.is_file():
        report.error(NO_FILE, f"does not exist, though {tree.split}.csv lists {person}. Copy it there.", where)
        return None
    if modality == "audio":
        return check_sound(path, where, person, FRAMES_PER_SECOND, report)
    try:
        values = read_emotion(path) if modality == "emotion" else read_coefficients(path)
    except AnnotationError as error:
        report.error(UNREADABLE, f"{error.message.removeprefix(str(path)).strip()} Copy it again.", where)
        return None
    if modality == "emotion":
        _check_header(path, where, report)
        check_values(values, where, "line", 2, report)
    return CheckedFile(where, modality, person, len(values))


def _check_header(path: Path, where: str, report: ProblemReport) -> None:
    with path.open(encoding="utf-8") as file:
        first = file.readline().split(",")[0].strip()
    try:
        float(first)
    except ValueError:
        return
    report.warning(NO_HEADER, f"line 1 begins with the number {first}, expected the channel names.", where)


def check_values(values: NDArray[np.float32], where: str, place: str, first: int, report: ProblemReport) -> None:
    """Check (T, 25) facial attributes.

    Args:
        values: The attributes.
        where: The file.
        place: What a frame is called there: ``"line"`` or ``"frame"``.
        first: Number of the first frame by that name.
        report: Receives the problems.
    """
    for group in EMOTION_25.groups:
        low, high = group.low or 0.0, group.high or 0.0
        part = values[:, group.start : group.stop]
        outside = np.argwhere((part < low - _RANGE_TOLERANCE) | (part > high + _RANGE_TOLERANCE))
        if outside.size:
            frame, channel = outside[0]
            report.error(
                OUT_OF_RANGE,
                f"{len(outside)} values of {group.name} are outside {low:g}..{high:g}, the first "
                f"{part[frame, channel]:g} in {place} {frame + first}, {EMOTION_25.channels[group.start + channel]}.",
                where,
            )
    units = values[:, :15]
    between = np.argwhere((units > 0) & (units < 1))
    if between.size:
        frame, channel = between[0]
        report.warning(
            NOT_BINARY,
            f"{len(between)} action units are neither 0 nor 1, the first {units[frame, channel]:g} in {place} "
            f"{frame + first}, {EMOTION_25.channels[channel]}.",
            where,
        )
    sums = values[:, 17:].sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > _SUM_TOLERANCE)
    if off.size:
        report.warning(
            NOT_A_DISTRIBUTION,
            f"the expressions of {off.size} frames do not sum to 1, the first to {sums[off[0]]:.3f} in {place} "
            f"{off[0] + first}.",
            where,
        )


def check_sound(
    path: Path, where: str, person: ClipId, frames_per_second: int, report: ProblemReport
) -> CheckedFile | None:
    """Check a wav file; its length is told in video frames.

    Args:
        path: The file.
        where: The same, for messages.
        person: Whose it is.
        frames_per_second: Of the video.
        report: Receives the problems.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, samples, size = file.getframerate(), file.getnframes(), file.getsampwidth() * file.getnchannels()
            # The header may promise more than a truncated file holds.
            file.setpos(samples - 1)
            complete = len(file.readframes(1)) == size
    except (wave.Error, EOFError, OSError, RuntimeError) as error:  # RuntimeError: a size that points out of the file
        report.error(BAD_SOUND, f"is not a readable wav file: {str(error) or 'it ends early'}.", where)
        return None
    if not complete:
        report.error(BAD_SOUND, f"ends before the {samples} samples that its header promises.", where)
        return None
    if rate == 0:
        report.error(BAD_SOUND, "cannot be timed: its header says 0 samples a second. Extract it again.", where)
        return None
    return CheckedFile(where, "audio", person, samples / rate * frames_per_second, rate)


def check_lengths(files: Sequence[CheckedFile], least: int, frames_per_second: int, report: ProblemReport) -> None:
    """Compare the lengths of the files of one person's clip.

    Args:
        files: The files.
        least: Frames that each must have.
        frames_per_second: Of the video.
        report: Receives the problems.
    """
    pictures = [file for file in files if file.modality != "audio"]
    for file in pictures:
        if file.frames < least:
            report.error(SHORT, f"has {file.frames:g} frames, expected at least {least}.", file.where)
    if len({file.frames for file in pictures}) > 1:
        lengths = " and ".join(f"{file.frames:g} of {file.modality}" for file in pictures)
        report.warning(ODD_LENGTH, f"the clip has {lengths} frames.", pictures[-1].where)
    for sound in (file for file in files if file.modality == "audio"):
        for picture in pictures[:1]:
            if abs(sound.frames - picture.frames) > _SOUND_TOLERANCE_FRAMES:
                report.error(
                    BAD_SOUND,
                    f"lasts {sound.frames / frames_per_second:.2f} s, but the clip's {picture.frames:g} frames last "
                    f"{picture.frames / frames_per_second:.2f} s.",
                    sound.where,
                )


def _check_against_most(files: list[CheckedFile], report: ProblemReport) -> None:
    """Name the files that differ from most of their modality."""
    for modality in MODALITIES:
        own = [file for file in files if file.modality == modality]
        if modality == "audio":
            _warn_of_odd([(file.where, file.sample_rate) for file in own], "samples a second", ODD_SAMPLE_RATE, report)
        else:
            _warn_of_odd([(file.where, file.frames) for file in own], "frames", ODD_LENGTH, report)


def _warn_of_odd(values: Sequence[tuple[str, float]], unit: str, kind: ProblemKind, report: ProblemReport) -> None:
    counts = Counter(value for _, value in values).most_common(1)
    for where, value in values:
        if value != counts[0][0]:
            report.warning(kind, f"has {value:g} {unit}, most have {counts[0][0]:g}.", where)


def _check_unlisted(
    tree: OfficialTree, modalities: Sequence[str], persons: Sequence[ClipId], report: ProblemReport
) -> None:
    for modality in modalities:
        listed = {tree.file(modality, person) for person in persons}
        folder = tree.folder(modality)
        unlisted = [path for path in tree.files_on_disk(modality) if path not in listed]
        if unlisted:
            named = abbreviate(path.relative_to(folder).as_posix() for path in unlisted)
            where = folder.relative_to(tree.root).as_posix()
            report.warning(UNLISTED, f"{len(unlisted)} files that {tree.split}.csv does not name: {named}.", where)
