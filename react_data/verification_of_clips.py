"""Checks of the files of a split of an official tree: there, readable, in range, and of one length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from react_data.annotations import read_coefficients
from react_data.checking import attempt, check_each
from react_data.clips import ClipId
from react_data.file_access import seen
from react_data.official_tree import FRAMES_PER_SECOND, FRAMES_SCORED, MODALITIES, VIDEO_FOLDER, OfficialTree
from react_data.problems import ProblemReport, abbreviate
from react_data.verification_of_files import (
    NO_FILE,
    UNLISTED,
    CheckedFile,
    ClipFile,
    check_against_most,
    check_array,
    check_emotion_csv,
    check_lengths,
    check_sound,
)
from react_data.verification_of_values import UNREADABLE
from react_data.verification_of_videos import FILMS, check_video, missing_video_library

__all__ = ["check_files"]


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
    modalities = _modalities(tree, report)
    if not modalities:
        report.error(NO_FILE, "has no folder of facial attributes, 3DMM coefficients or sound.", tree.split)
        return
    persons = [clip.speaker for clip in tree.clips]
    files = [_file(tree, modality, person) for person in persons for modality in modalities]

    def check(file: ClipFile, own: ProblemReport) -> CheckedFile | None:
        return attempt(lambda: _check(file, tree, own), UNREADABLE, file.path, file.where, own)

    checked = check_each(files, check, report, f"verifying {tree.split}", show_progress)
    by_person: dict[ClipId, list[CheckedFile]] = defaultdict(list)
    for each in checked:
        by_person[each.file.person].append(each)
    least = min(int(settings.get("frames", FRAMES_SCORED)), FRAMES_SCORED)
    named: set[str] = set()
    for person in persons:
        named |= check_lengths(by_person[person], least, FRAMES_PER_SECOND, report)
    others = [each for each in checked if each.file.where not in named]
    check_against_most(others, report, ("frames", "samples a second", "pixels"))
    _check_unlisted(tree, files, modalities, report)
    report.checked[tree.split] += f"; {', '.join(modalities)}"


def _modalities(tree: OfficialTree, report: ProblemReport) -> list[str]:
    there = [modality for modality in MODALITIES if tree.has(modality)]
    if seen((tree.root / tree.split / VIDEO_FOLDER).is_dir):
        reason = missing_video_library()
        if not reason:
            return [*there, "video"]
        report.checked[f"videos of {tree.split}"] = f"not looked at: {reason}"
    return there


def _file(tree: OfficialTree, modality: str, person: ClipId) -> ClipFile:
    path = _video(tree, person) if modality == "video" else tree.file(modality, person)
    return ClipFile(path, path.relative_to(tree.root).as_posix(), modality, person)


def _video(tree: OfficialTree, person: ClipId) -> Path:
    """The person's folder of images or, where there is none, the film."""
    folders = [tree.root / tree.split / VIDEO_FOLDER / str(name) for name in (person, person.alias)]
    films = [folder.with_name(f"{folder.name}{suffix}") for folder in folders for suffix in FILMS]
    return next((path for path in (*folders, *films) if seen(path.exists)), folders[0])


def _check(file: ClipFile, tree: OfficialTree, report: ProblemReport) -> CheckedFile | None:
    if not file.path.exists():
        message = f"does not exist, though {tree.split}.csv lists {file.person}. Copy it there."
        report.error(NO_FILE, message, file.where)
        return None
    if file.modality == "emotion":
        return check_emotion_csv(file, report)
    if file.modality == "3dmm":
        return check_array(file, read_coefficients, report)
    if file.modality == "audio":
        return check_sound(file, FRAMES_PER_SECOND, report)
    return check_video(file, FRAMES_PER_SECOND, report)


def _check_unlisted(
    tree: OfficialTree, files: Sequence[ClipFile], modalities: Sequence[str], report: ProblemReport
) -> None:
    listed = {file.path for file in files}
    for modality in modalities:
        folder = tree.root / tree.split / VIDEO_FOLDER if modality == "video" else tree.folder(modality)
        there = _videos_on_disk(folder) if modality == "video" else tree.files_on_disk(modality)
        unlisted = [path for path in there if path not in listed]
        if unlisted:
            named = abbreviate(path.relative_to(folder).as_posix() for path in unlisted)
            where = folder.relative_to(tree.root).as_posix()
            report.warning(
                UNLISTED, f"{len(unlisted)} files that {tree.split}.csv does not name: {named}. Remove them.", where
            )


def _videos_on_disk(folder: Path) -> list[Path]:
    return sorted(
        {path.parent for path in folder.rglob("*.png")} | {path for path in folder.rglob("*") if path.suffix in FILMS}
    )
