"""Verification of an official tree: every problem of its lists, matrices and files, reported together.

Conventions: an error keeps clips from being used or scored as the challenge does; a warning wants a look. Of each kind
up to twenty findings are listed, then how many there are in all.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.clip_lists import RecordingRow, read_data_indices, recording_key, scan_split_list
from react_data.errors import ClipListError, LayoutError, NeighbourMatrixError, ReactError
from react_data.location import find_data_root
from react_data.neighbours import cut_neighbours, load_matrix, matrix_problems
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, SPLITS, SYNTHESIS_RECORD, OfficialTree
from react_data.opening import Layout, find_layout, open_split
from react_data.problems import Problem, ProblemKind, ProblemReport, abbreviate
from react_data.progress import track
from react_data.verification_of_files import check_files

__all__ = ["verify", "verify_official_tree"]

_LISTED = 20

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
BAD_INDEX = ProblemKind(
    "RD104",
    "data_indices.csv, which names the rows of the full appropriateness matrix, is missing, malformed, or lacks "
    "recordings of the lists. Use the one that came with the matrix.",
)
BAD_MATRIX = ProblemKind(
    "RD105",
    "An appropriateness matrix is unreadable or does not fit its split: it is square, its side is twice the number of "
    "recordings, its entries are 0 or 1, and every clip is its own neighbour.",
)
MATRICES_DISAGREE = ProblemKind(
    "RD106",
    "The matrix of a split is not what the full matrix holds for the split's clips, so scores would depend on which "
    "one is read. Use files of one edition, in the order of the lists.",
)
NO_MATRIX = ProblemKind(
    "RD107",
    "A split with listeners has no appropriateness matrix, neither of its own nor the full one, so it cannot be scored "
    "against appropriate reactions.",
)
UNUSABLE = ProblemKind(
    "RD109", "A split cannot be opened, or a series cannot be read. The message says which file and what to do."
)
BAD_RECORD = ProblemKind(
    "RD108", "synthesis.json, which says what a synthetic tree holds, is damaged. Synthesise the tree anew."
)


def verify(
    root: str | os.PathLike[str] | None = None,
    splits: Sequence[str] | None = None,
    *,
    layout: str | None = None,
    show_progress: bool | None = None,
) -> ProblemReport:
    """Find every problem of a data set of any layout.

    Args:
        root: Folder of the data set, or a packed file; ``$REACT_DATA`` or config.toml names it, if not given.
        splits: Splits that have to be there; those that are there, if not given.
        layout: Name of the layout; recognised if not given.
        show_progress: Whether to show a progress bar on stderr; only on a terminal, if not given.

    Returns:
        The problems, and in ``checked`` what was looked at. A split with speakers only is no problem, but said there.

    Raises:
        DataRootError: If the data set does not exist.
        ClipListError: If there is no such split.
        LayoutError: If there is no layout of that name.
    """
    place = find_data_root(root)
    report = ProblemReport(str(place))
    found = _layout(place, layout)
    if found is None:
        verify_official_tree(place, splits, report, show_progress)  # which says what is missing
    elif found.verify is not None:
        found.verify(place, splits, report, show_progress)
    else:
        _read_everything(place, found, splits, report, show_progress)
    report.problems = _limited(report.problems)
    return report


def _layout(place: Path, name: str | None) -> Layout | None:
    try:
        return find_layout(place, name)
    except LayoutError:
        if name is not None:
            raise
        return None


def _read_everything(
    place: Path, layout: Layout, splits: Sequence[str] | None, report: ProblemReport, show_progress: bool | None
) -> None:
    """The check of a layout without one of its own: every series can be read."""
    for split in splits if splits is not None else layout.splits(place):
        try:
            dataset = open_split(place, split, layout=layout.name)
            names = [str(name) for name in dataset.data_vars if str(name).startswith(("speaker_", "listener_"))]
            for name in track(names, f"verifying {split}", unit="variable", show=show_progress):
                dataset[name].load()
        except ReactError as error:
            report.error(UNUSABLE, error.message, split)
            continue
        report.checked[split] = f"{dataset.sizes['clip']} clips; {', '.join(names)}"


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
    _check_matrices(root, trees, report)
    for tree in trees:
        check_files(tree, report, settings=record, show_progress=show_progress)


def _synthesis_record(root: Path, report: ProblemReport) -> dict[str, Any]:
    path = root / SYNTHESIS_RECORD
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        frames, splits = int(record["frames"]), [split for split in record["splits"] if split in SPLITS]
    except (ValueError, TypeError, LookupError):
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
        try:
            rows, problems = scan_split_list(path)
        except ClipListError as error:
            report.error(BAD_LIST, _without(path, error.message), path.name)
            continue
        for problem in problems:
            report.error(BAD_LIST, f"{problem.removesuffix('.')}. Use the list as the challenge ships it.", path.name)
        tree = OfficialTree(root, split, tuple(rows))
        report.checked[split] = _summary(tree)
        trees.append(tree)
    return trees


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


def _check_matrices(root: Path, trees: Sequence[OfficialTree], report: ProblemReport) -> None:
    full = _matrix(root / FULL_MATRIX, report)
    positions = _positions(root, full is not None, trees, report)
    if full is not None and positions and full.shape != (2 * len(positions),) * 2:
        report.error(
            BAD_MATRIX,
            f"its shape is {full.shape}, but {DATA_INDICES} lists {len(positions)} recordings, so the side should be "
            f"{2 * len(positions)}. Use the two files of one edition.",
            FULL_MATRIX,
        )
        full = None
    for tree in trees:
        if not tree.labelled:
            continue
        own = _own_matrix(tree, report)
        cut = None if full is None or not positions else _cut(full, positions, tree, report)
        if own is not None and cut is not None and own.shape == cut.shape:
            _compare(own, cut, tree, report)
        if full is None and not (root / f"neighbour_emotion_{tree.split}.npy").is_file():
            report.warning(NO_MATRIX, "has no usable appropriateness matrix. Copy the challenge's.", tree.split)


def _matrix(path: Path, report: ProblemReport) -> NDArray[np.generic] | None:
    if not path.is_file():
        return None
    try:
        return load_matrix(path)
    except NeighbourMatrixError as error:
        report.error(BAD_MATRIX, _without(path, error.message), path.name)
        return None


def _positions(root: Path, needed: bool, trees: Sequence[OfficialTree], report: ProblemReport) -> dict[str, int] | None:
    path = root / DATA_INDICES
    if not path.is_file():
        if needed:
            report.error(BAD_INDEX, f"does not exist, but {FULL_MATRIX} needs it. Copy it there.", DATA_INDICES)
        return None
    try:
        positions = read_data_indices(path)
    except ClipListError as error:
        report.error(BAD_INDEX, _without(path, error.message), DATA_INDICES)
        return None
    for tree in trees:
        missing = [row.speaker.recording for row in tree.rows if recording_key(row.speaker) not in positions]
        if missing:
            report.error(BAD_INDEX, f"lacks recordings of {tree.split}.csv: {abbreviate(missing)}.", DATA_INDICES)
    return positions


def _own_matrix(tree: OfficialTree, report: ProblemReport) -> NDArray[np.generic] | None:
    path = tree.root / f"neighbour_emotion_{tree.split}.npy"
    matrix = _matrix(path, report)
    if matrix is None:
        return None
    for problem in matrix_problems(matrix, tree.clip_ids):
        report.error(BAD_MATRIX, f"{problem}. Is it the matrix of this split and edition?", path.name)
    return matrix


def _cut(
    full: NDArray[np.generic], positions: dict[str, int], tree: OfficialTree, report: ProblemReport
) -> NDArray[np.bool_] | None:
    rows: list[RecordingRow] = tree.rows
    if any(recording_key(row.speaker) not in positions for row in rows):
        return None
    try:
        return cut_neighbours(full, positions, rows)
    except NeighbourMatrixError as error:
        report.error(BAD_MATRIX, f"for {tree.split}: {error.message}", FULL_MATRIX)
        return None


def _compare(own: NDArray[np.generic], cut: NDArray[np.bool_], tree: OfficialTree, report: ProblemReport) -> None:
    different = np.argwhere(np.asarray(own) != cut)
    if different.size:
        clip, listener = (tree.clip_ids[index] for index in different[0])
        report.error(
            MATRICES_DISAGREE,
            f"differs from the cut of {FULL_MATRIX} in {len(different)} entries, the first for clip {clip} and "
            f"listener {listener}. Use files of one edition.",
            f"neighbour_emotion_{tree.split}.npy",
        )


def _without(path: Path, message: str) -> str:
    """The message without the path that the report names already."""
    return message.removeprefix(f"{path}").lstrip(": ")


def _limited(problems: Sequence[Problem]) -> list[Problem]:
    """The first findings of each kind, and one that counts the others."""
    counts = Counter((problem.code, problem.severity) for problem in problems)
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for problem in problems:
        kind = (problem.code, problem.severity)
        seen[kind] += 1
        if seen[kind] <= _LISTED:
            kept.append(problem)
        elif seen[kind] == counts[kind]:
            others = f"… and {counts[kind] - _LISTED} more of this kind, {counts[kind]} in all."
            kept.append(Problem(problem.code, problem.severity, others))
    return kept
