"""Checks of a MARS tree: files there, readable, in range, of one length a clip, in two roles, in numbered sessions."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.annotations import read_attributes, read_coefficients, read_feature
from react_data.checking import attempt, check_each, may_be_there
from react_data.clips import ClipId
from react_data.eeg import eeg_variables, read_eeg
from react_data.errors import ClipListError
from react_data.mars_tree import FRAMES_PER_SECOND, MARS_MODALITIES, ROLES, MarsTree
from react_data.official_tree import SPLITS
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.verification_of_files import (
    AGAIN,
    NO_FILE,
    UNLISTED,
    CheckedFile,
    ClipFile,
    check_against_most,
    check_array,
    check_lengths,
    check_sound,
)
from react_data.verification_of_lists import IN_TWO_SPLITS
from react_data.verification_of_values import UNREADABLE
from react_data.verification_of_videos import check_video, missing_video_library

__all__ = ["verify_mars_tree"]

BAD_SESSION = ProblemKind(
    "RD126",
    "A folder of a MARS tree is not called session0, session1 and so on. The number says which reactions are "
    "appropriate, and files are paired by it. Call the folder by the number of its session.",
)

_FACES = ("emotion", "3dmm")
_VIDEOS = ("face video", "raw video")
_READERS: dict[str, Callable[[Path], NDArray[np.float32]]] = {
    "emotion": read_attributes,
    "3dmm": read_coefficients,
    "wav2vec": partial(read_feature, width=768),
}
_SESSION = re.compile(r"session\d+")


def verify_mars_tree(
    root: Path, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None
) -> None:
    """Find every problem of a tree of REACT 2025 or 2026.

    Args:
        root: The folder that holds the splits.
        splits: Splits that have to be there; those that are there, if None.
        report: Receives the problems.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
    """
    wanted = splits if splits is not None else [split for split in SPLITS if (root / split).is_dir()]
    first_split: dict[tuple[str, str], str] = {}
    for split in wanted:
        try:
            tree = MarsTree(root, split)
        except ClipListError as error:
            report.error(NO_FILE, error.message, split)
            continue
        if not tree.clips:
            report.error(NO_FILE, "holds no clip under speaker/session*. Is it complete?", split)
            continue
        _check_split(tree, report, show_progress)
        for recording in tree.recordings:
            other = first_split.setdefault(recording, split)
            if other != split:
                report.error(IN_TWO_SPLITS, f"{'/'.join(recording)} is also in {other}. Keep one.", split)


def _check_split(tree: MarsTree, report: ProblemReport, show_progress: bool | None) -> None:
    archive = attempt(lambda: tree.eeg_archive, UNREADABLE, tree.root / tree.split, tree.split, report)
    modalities = [each for each in _modalities(tree, report) if each != "eeg" or archive is None]
    if archive is not None:
        # Its reader goes through it once, and names everything that is wrong.
        where = archive.relative_to(tree.root).as_posix()
        attempt(lambda: eeg_variables(tree.files("eeg"), archive), UNREADABLE, archive, where, report)
    persons = _persons(tree)
    files: list[ClipFile] = []
    for person in persons:
        files += _files(tree, modalities, person, report)
    checked = check_each(files, _check, report, f"verifying {tree.split}", show_progress)
    by_person: dict[ClipId, list[CheckedFile]] = defaultdict(list)
    for each in checked:
        by_person[each.file.person].append(each)
    for person in persons:
        check_lengths(by_person[person], 1, FRAMES_PER_SECOND, report, must_agree=True)
    check_against_most(checked, report, ("samples a second", "pixels"))
    for modality in modalities:
        _check_folders(tree, modality, report)
        _check_unpaired(tree, modality, persons, report)
    labels = "with listeners" if tree.labelled else "speakers only: can be validated, not scored"
    report.checked[tree.split] = (
        f"{len(tree.clips)} clips of {len(tree.recordings)} recordings, {labels}; " + ", ".join(modalities)
    )


def _modalities(tree: MarsTree, report: ProblemReport) -> list[str]:
    there = [modality for modality in MARS_MODALITIES if tree.has(modality)]
    reason = missing_video_library() if any(modality in _VIDEOS for modality in there) else ""
    if not reason:
        return there
    report.checked[f"videos of {tree.split}"] = f"not looked at: {reason}"
    return [modality for modality in there if modality not in _VIDEOS]


def _persons(tree: MarsTree) -> list[ClipId]:
    """Everybody whose files should be there: both people of every recording of which a face is there."""
    if not tree.labelled:
        return [ClipId(*recording, ROLES[0], "") for recording in tree.recordings]
    faces = [modality for modality in _FACES if tree.has(modality)]
    listeners = {
        (path.parent.name, path.stem)
        for modality in faces
        for path in tree.folder(modality).glob(f"listener/session*/*{MARS_MODALITIES[modality][1]}")
    }
    recordings = [*tree.recordings, *sorted(listeners.difference(tree.recordings))]
    return [ClipId(*recording, role, "") for recording in recordings for role in ROLES]


def _files(tree: MarsTree, modalities: Sequence[str], person: ClipId, report: ProblemReport) -> list[ClipFile]:
    """The person's files that are there; a person without any is one problem."""
    paths = {modality: tree.file(modality, person) for modality in modalities}
    there = [modality for modality, path in paths.items() if may_be_there(path)]
    if not there and len(paths) > 1:
        named = ", ".join(MARS_MODALITIES[modality][0] for modality in modalities)
        report.error(
            NO_FILE, f"has no file in any of {named}, though the partner has. Copy them.", f"{tree.split}/{person}"
        )
        return []
    for modality, path in paths.items():
        if modality not in there:
            where = path.relative_to(tree.root).as_posix()
            report.error(NO_FILE, f"does not exist, though other files of {person} do. Copy it there.", where)
    return [ClipFile(paths[each], paths[each].relative_to(tree.root).as_posix(), each, person) for each in there]


def _check(file: ClipFile, report: ProblemReport) -> CheckedFile | None:
    return attempt(lambda: _check_content(file, report), UNREADABLE, file.path, file.where, report)


def _check_content(file: ClipFile, report: ProblemReport) -> CheckedFile | None:
    if file.modality == "audio":
        return check_sound(file, FRAMES_PER_SECOND, report)
    if file.modality == "eeg":
        rows = attempt(lambda: read_eeg(file.path), UNREADABLE, file.path, file.where, report, AGAIN)
        return None if rows is None else CheckedFile(file, len(rows) * FRAMES_PER_SECOND)
    if file.modality in _VIDEOS:
        return check_video(file, FRAMES_PER_SECOND, report)
    return check_array(file, _READERS[file.modality], report, ranges=file.modality == "emotion")


def _check_folders(tree: MarsTree, modality: str, report: ProblemReport) -> None:
    for folder in sorted(path for role in ROLES for path in tree.folder(modality).glob(f"{role}/*/")):
        if not _SESSION.fullmatch(folder.name):
            message = "is no session: expected session0, session1 and so on. Call it by the number of its session."
            report.error(BAD_SESSION, message, folder.relative_to(tree.root).as_posix())


def _check_unpaired(tree: MarsTree, modality: str, persons: Sequence[ClipId], report: ProblemReport) -> None:
    """Files of a name that no face has: they belong to no clip."""
    folder, suffix = MARS_MODALITIES[modality]
    known = {tree.file(modality, person) for person in persons}
    unknown = sorted(path for path in tree.folder(modality).rglob(f"*{suffix}") if path not in known)
    if unknown:
        named = abbreviate(path.relative_to(tree.folder(modality)).as_posix() for path in unknown)
        report.warning(UNLISTED, f"{len(unknown)} files of no clip: {named}. Remove them.", f"{tree.split}/{folder}")
