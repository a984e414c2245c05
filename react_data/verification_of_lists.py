"""Checks of an official tree: its record and lists here, its matrices and files in modules of their own."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from react_data.checking import attempt
from react_data.clip_lists import RecordingRow, scan_split_list
from react_data.official_tree import SPLITS, SYNTHESIS_RECORD, OfficialTree
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.verification_of_clips import check_files
from react_data.verification_of_matrices import check_matrices

__all__ = ["IN_TWO_SPLITS", "verify_official_tree"]

NO_LIST = ProblemKind(
    "RD101",
    "A split list (train.csv, val.csv, test.csv) is missing. Copy the challenge's list there; where the tree is "
    "synthetic and was interrupted, run `react-data synthesise` again with the same settings.",
)
BAD_LIST = ProblemKind(
    "RD102",
    "A split list has malformed or repeated rows. Each row names the speaker's and the listener's path of one "
    "recording; use the list as the challenge ships it.",
)
IN_TWO_SPLITS = ProblemKind(
    "RD103", "A recording is in two splits, so that a model would be tested on what it was trained on. Keep one."
)
ROLES_EXCHANGED = ProblemKind(
    "RD110",
    "A list names the second person of a recording (Novice_video, P26, P42, P46, FC2) as its speaker, while the "
    "challenge's lists always name the first. The rows of the matrices are those of the lists, so clips would get the "
    "neighbours of their partners.",
)
BAD_RECORD = ProblemKind(
    "RD108", "synthesis.json, which says what a synthetic tree holds, is damaged. Synthesise the tree anew."
)


def verify_official_tree(
    root: Path, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None
) -> None:
    """Find every problem of a tree of REACT 2023 or 2024.

    Args:
        root: The folder with the split lists.
        splits: Splits that have to be there; those that have a list, if None.
        report: Receives the problems.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
    """
    record = _synthesis_record(root, report)
    trees = _trees(root, splits if splits is not None else record.get("splits"), report)
    _check_overlap(trees, report)
    check_matrices(root, trees, report)
    for tree in trees:
        check_files(tree, report, settings=record, show_progress=show_progress)


def _synthesis_record(root: Path, report: ProblemReport) -> dict[str, Any]:
    path = root / SYNTHESIS_RECORD
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        frames, splits = int(record["frames"]), [split for split in record["splits"] if split in SPLITS]
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError, OSError):
        report.error(
            BAD_RECORD, "is damaged, so what the tree should hold is not known. Synthesise it anew.", path.name
        )
        return {}
    report.checked["synthetic"] = f"yes, {record.get('recordings')} recordings with seed {record.get('seed')}"
    return {"frames": frames, "splits": splits}


def _trees(root: Path, wanted: Sequence[str] | None, report: ProblemReport) -> list[OfficialTree]:
    names = wanted if wanted is not None else [split for split in SPLITS if (root / f"{split}.csv").is_file()]
    if not names:
        report.error(NO_LIST, "holds no split list at all. Name the folder with train.csv, val.csv or test.csv.")
    trees = []
    for split in names:
        if split in SPLITS and not (root / f"{split}.csv").is_file():
            report.error(NO_LIST, "does not exist. Copy the challenge's list there.", f"{split}.csv")
            continue
        path = OfficialTree(root, split).list_path
        scanned = attempt(partial(scan_split_list, path), BAD_LIST, path, path.name, report)
        if scanned is None:
            continue
        rows, problems = scanned
        for problem in problems:
            report.error(BAD_LIST, f"{problem.removesuffix('.')}. Use the list as the challenge ships it.", path.name)
        _check_roles(rows, path.name, report)
        tree = OfficialTree(root, split, tuple(rows))
        report.checked[split] = _summary(tree)
        trees.append(tree)
    return trees


def _check_roles(rows: Sequence[RecordingRow], where: str, report: ProblemReport) -> None:
    exchanged = [str(row.speaker) for row in rows if row.speaker.alias.person == "P2"]
    if exchanged:
        message = f"{len(exchanged)} rows name the second person as the speaker: {abbreviate(exchanged, 5)}."
        report.error(ROLES_EXCHANGED, f"{message} Exchange the two columns there.", where)


def _summary(tree: OfficialTree) -> str:
    if tree.labelled:
        return f"{len(tree.clips)} clips of {len(tree.rows)} recordings, with listeners"
    return f"{len(tree.clips)} clips, speakers only: can be validated, not scored"


def _check_overlap(trees: Sequence[OfficialTree], report: ProblemReport) -> None:
    splits: dict[str, list[str]] = defaultdict(list)
    for tree in trees:
        for row in tree.rows:
            splits[row.speaker.recording].append(tree.split)
    for recording, names in splits.items():
        if len(names) > 1:
            report.error(IN_TWO_SPLITS, f"{recording} is also in {names[0]}.csv. Keep one.", f"{names[1]}.csv")
