"""Checks of a MARS tree: files there, readable, in range, of one length a clip, in two roles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from react_data.annotations import read_attributes, read_coefficients
from react_data.clips import ClipId
from react_data.errors import AnnotationError, ClipListError
from react_data.mars_tree import FRAMES_PER_SECOND, MARS_MODALITIES, MarsTree
from react_data.official_tree import SPLITS
from react_data.problems import ProblemReport, abbreviate
from react_data.progress import track
from react_data.verification_of_files import (
    NO_FILE,
    UNLISTED,
    UNREADABLE,
    CheckedFile,
    check_lengths,
    check_sound,
    check_values,
)

__all__ = ["verify_mars_tree"]

_READERS = {"emotion": read_attributes, "3dmm": read_coefficients}


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
    for split in wanted:
        try:
            tree = MarsTree(root, split)
        except ClipListError as error:
            report.error(NO_FILE, error.message, split)
            continue
        if not tree.clips:
            report.error(NO_FILE, "holds no clip under speaker/session*.", split)
            continue
        _check_split(tree, report, show_progress)


def _check_split(tree: MarsTree, report: ProblemReport, show_progress: bool | None) -> None:
    modalities = [modality for modality in (*_READERS, "audio", "eeg") if tree.has(modality)]
    roles = ("speaker", "listener") if tree.labelled else ("speaker",)
    persons = [ClipId(*recording, role, "") for role in roles for recording in tree.recordings]
    for person in track(persons, f"verifying {tree.split}", show=show_progress):
        files = [_check_file(tree, modality, person, report) for modality in modalities]
        check_lengths([file for file in files if file is not None], 1, FRAMES_PER_SECOND, report)
    for modality in modalities:
        _check_unpaired(tree, modality, persons, report)
    labels = "with listeners" if tree.labelled else "speakers only: can be validated, not scored"
    report.checked[tree.split] = (
        f"{len(tree.clips)} clips of {len(tree.recordings)} recordings, {labels}; " + ", ".join(modalities)
    )


def _check_file(tree: MarsTree, modality: str, person: ClipId, report: ProblemReport) -> CheckedFile | None:
    path = tree.file(modality, person)
    where = path.relative_to(tree.root).as_posix()
    if not path.is_file():
        report.error(NO_FILE, f"does not exist, though other files of {person} do. Copy it there.", where)
        return None
    if modality == "audio":
        return check_sound(path, where, person, FRAMES_PER_SECOND, report)
    if modality == "eeg":
        return None
    try:
        values = _READERS[modality](path)
    except AnnotationError as error:
        report.error(UNREADABLE, f"{error.message.removeprefix(str(path)).strip()} Copy it again.", where)
        return None
    if modality == "emotion":
        check_values(values, where, "frame", 0, report)
    return CheckedFile(where, modality, person, len(values))


def _check_unpaired(tree: MarsTree, modality: str, persons: Sequence[ClipId], report: ProblemReport) -> None:
    """Files of a name that no speaker's face has: they belong to no clip."""
    suffix = MARS_MODALITIES[modality][1]
    known = {tree.file(modality, person) for person in persons}
    unknown = sorted(path for path in tree.folder(modality).rglob(f"*{suffix}") if path not in known)
    if unknown:
        named = abbreviate(path.relative_to(tree.folder(modality)).as_posix() for path in unknown)
        report.warning(
            UNLISTED, f"{len(unknown)} files of no clip: {named}.", f"{tree.split}/{MARS_MODALITIES[modality][0]}"
        )
