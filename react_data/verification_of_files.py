"""Checks of single files: readable, in range, and of the length of the clip's other files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.annotations import read_emotion
from react_data.channels import EMOTION_25
from react_data.checking import attempt, without
from react_data.clips import ClipId
from react_data.errors import RecordingFormatError
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.verification_of_values import UNREADABLE, check_values
from react_data.wave_files import open_wave

__all__ = [
    "AGAIN",
    "NO_FILE",
    "ODD_LENGTH",
    "SHORT",
    "UNLISTED",
    "CheckedFile",
    "ClipFile",
    "check_against_most",
    "check_array",
    "check_emotion_csv",
    "check_lengths",
    "check_sound",
]

NO_FILE = ProblemKind("RD111", "A file of a listed clip, or every file of a split, is missing. Copy it there.")
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
CHANNEL_ORDER = ProblemKind(
    "RD122",
    "The header of a facial-attribute csv names the challenge's channels in another order, or some of them twice. "
    "Columns are read by their place, so values would be taken for those of other channels. Write them in the order of "
    "`react_data.EMOTION_25`.",
)
UNKNOWN_CHANNELS = ProblemKind(
    "RD129",
    "The header of a facial-attribute csv has names that are none of the challenge's channels. Columns are read by "
    "their place: a warning where some are not known, an error where none is, since the file may be of something else.",
)
ODD_VIDEO = ProblemKind(
    "RD124", "A video has another rate than the data set, or another size than most videos. Extract it again."
)

_KINDS_OF_TRAITS = {
    "samples a second": ODD_SAMPLE_RATE,
    "pixels": ODD_VIDEO,
    "frames a second": ODD_VIDEO,
    "frames": ODD_LENGTH,
}
_TOLERANCE_FRAMES = {"audio": 2.0, "eeg": 30.0}
AGAIN = "Copy or extract it again."
_SAMPLES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class ClipFile:
    """A person's file of one modality, to be checked.

    Attributes:
        path: Where it lies.
        where: The same below the data set's folder.
        modality: Such as ``"3dmm"``.
        person: Whose it is.
    """

    path: Path
    where: str
    modality: str
    person: ClipId


@dataclass(frozen=True)
class CheckedFile:
    """What was learnt from a readable file.

    Attributes:
        file: The file.
        frames: How long it is, in video frames.
        traits: What files of a modality should have in common, unit to value, such as ``{"pixels": "256 × 256"}``.
    """

    file: ClipFile
    frames: float
    traits: Mapping[str, float | str] = field(default_factory=dict)


def check_emotion_csv(file: ClipFile, report: ProblemReport) -> CheckedFile | None:
    """Check a csv of facial attributes: its header, its columns, its values.

    Args:
        file: The file.
        report: Receives the problems.

    Returns:
        What was learnt; None if it cannot be read.
    """
    values = attempt(lambda: read_emotion(file.path), UNREADABLE, file.path, file.where, report, AGAIN)
    if values is None:
        return None
    _check_header(file, report)
    check_values(values, file.where, lambda frame: f"line {frame + 2}", report)
    return CheckedFile(file, len(values), {"frames": len(values)})


def _check_header(file: ClipFile, report: ProblemReport) -> None:
    with file.path.open(encoding="utf-8-sig") as lines:
        names = [name.strip().strip('"') for name in next(lines, "").split(",")]
    try:
        first = float(names[0])
    except ValueError:
        pass
    else:
        message = f"line 1 begins with the number {first:g}, expected the channel names. Put a header before it."
        report.warning(NO_HEADER, message, file.where)
        return
    _check_names(names, file.where, report)
    known = set(EMOTION_25.channels)
    moved = [
        f"column {place + 1} is {name}, expected {expected}"
        for place, (name, expected) in enumerate(zip(names, EMOTION_25.channels, strict=False))
        if name != expected and name in known
    ]
    if moved:
        message = f"line 1 names the channels in another order: {abbreviate(moved, 3)}."
        report.error(CHANNEL_ORDER, f"{message} Columns are read by their place. Sort them.", file.where)


def _check_names(names: Sequence[str], where: str, report: ProblemReport) -> None:
    known = {name.casefold() for name in EMOTION_25.channels}
    unknown = [
        f"column {place + 1} is {name}, expected {expected}"
        for place, (name, expected) in enumerate(zip(names, EMOTION_25.channels, strict=False))
        if name.casefold() not in known
    ]
    if len(unknown) == len(names):
        message = f"line 1 names none of the challenge's channels: {abbreviate(unknown, 3)}."
        report.error(UNKNOWN_CHANNELS, f"{message} Is it a file of facial attributes? Name its columns so.", where)
    elif unknown:
        message = f"line 1 has names that are not known: {abbreviate(unknown, 3)}."
        report.warning(UNKNOWN_CHANNELS, f"{message} Columns are read by their place. Name them so.", where)


def check_array(
    file: ClipFile, read: Callable[[Path], NDArray[np.float32]], report: ProblemReport, *, ranges: bool = False
) -> CheckedFile | None:
    """Check an array with a row a frame.

    Args:
        file: The file.
        read: Its reader.
        report: Receives the problems.
        ranges: Whether they are facial attributes, whose values have ranges.

    Returns:
        What was learnt; None if it cannot be read.
    """
    values = attempt(lambda: read(file.path), UNREADABLE, file.path, file.where, report, AGAIN)
    if values is None:
        return None
    if ranges:
        check_values(values, file.where, lambda frame: f"frame {frame}", report)
    return CheckedFile(file, len(values), {"frames": len(values)})


def check_sound(file: ClipFile, frames_per_second: int, report: ProblemReport) -> CheckedFile | None:
    """Check a wav file; its length is told in video frames.

    Samples are only read where they are stored as floats, since whole numbers cannot be wrong.

    Args:
        file: The file.
        frames_per_second: Of the video.
        report: Receives the problems.

    Returns:
        What was learnt; None if it cannot be read.
    """
    sound = attempt(lambda: open_wave(file.path), BAD_SOUND, file.path, file.where, report)
    if sound is None:
        return None
    if "f" in sound.encoding:
        try:
            for first in range(0, sound.samples, _SAMPLES_AT_ONCE):
                sound.read(first, min(first + _SAMPLES_AT_ONCE, sound.samples))
        except RecordingFormatError as error:
            report.error(BAD_SOUND, without(file.path, error.message), file.where)
    return CheckedFile(file, sound.seconds * frames_per_second, {"samples a second": sound.sample_rate})


def check_lengths(
    files: Sequence[CheckedFile], least: int, frames_per_second: int, report: ProblemReport, *, must_agree: bool = False
) -> set[str]:
    """Compare the lengths of the files of one person's clip.

    Args:
        files: The files.
        least: Frames that each must have.
        frames_per_second: Of the video.
        report: Receives the problems.
        must_agree: Whether a series of another length is an error, as where clips are not cut to one length.

    Returns:
        The files that were reported.
    """
    if not files:
        return set()
    exact = [file for file in files if file.file.modality not in _TOLERANCE_FRAMES]
    usual = Counter(round(file.frames) for file in files if file.file.modality != "eeg").most_common(1)
    length = usual[0][0] if usual else 0
    report_length = report.error if must_agree else report.warning
    named = set()
    for file in files:
        own, where = file.file.modality, file.file.where
        differs = abs(file.frames - length) > _TOLERANCE_FRAMES.get(own, 0)
        if file in exact and file.frames < least:
            report.error(SHORT, f"has {file.frames:g} frames, expected at least {least}. Extract it again.", where)
        elif own in _TOLERANCE_FRAMES and exact and differs:
            add, kind = (report.error, BAD_SOUND) if own == "audio" else (report_length, ODD_LENGTH)
            lasts = f"lasts {file.frames / frames_per_second:.2f} s, but the clip's {length} frames last"
            add(kind, f"{lasts} {length / frames_per_second:.2f} s. Extract it again.", where)
        elif file in exact and differs:
            others = ", ".join(each.file.modality for each in files if round(each.frames) == length)
            message = f"has {file.frames:g} frames of {own}, but {length} of {others}. Extract it again."
            report_length(ODD_LENGTH, message, where)
        else:
            continue
        named.add(where)
    return named


def check_against_most(files: Iterable[CheckedFile], report: ProblemReport, traits: Sequence[str]) -> None:
    """Name the files that differ from most of their modality.

    Args:
        files: The files of a split.
        report: Receives the problems.
        traits: The traits to compare, as `CheckedFile` has them.
    """
    groups: dict[tuple[str, str], list[tuple[str, float | str]]] = {}
    for file in files:
        for unit in traits:
            if unit in file.traits:
                groups.setdefault((file.file.modality, unit), []).append((file.file.where, file.traits[unit]))
    for (_, unit), found in groups.items():
        most = Counter(value for _, value in found).most_common(1)[0][0]
        for where, value in found:
            if value != most:
                report.warning(
                    _KINDS_OF_TRAITS[unit], f"has {value} {unit}, most have {most}. Extract it again.", where
                )
