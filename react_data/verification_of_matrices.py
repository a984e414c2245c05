"""Checks of the appropriateness matrices of an official tree: shape, values, diagonal, and that they agree."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.checking import attempt
from react_data.clip_lists import read_data_indices, recording_key
from react_data.errors import NeighbourMatrixError
from react_data.neighbours import cut_neighbours, load_matrix, matrix_problems
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, OfficialTree
from react_data.problems import ProblemKind, ProblemReport, abbreviate

__all__ = ["check_matrices", "check_matrix"]

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
CROSSING = ProblemKind(
    "RD125",
    "The full appropriateness matrix holds neighbours in different splits, which the challenge's never does: its rows "
    "are not in the order of data_indices.csv, or the lists are of another edition.",
)

_ROWS_AT_ONCE = 512

Stored = NDArray[np.generic]


def check_matrices(root: Path, trees: Sequence[OfficialTree], report: ProblemReport) -> None:
    """Check the matrices of all splits, and the full one against them.

    Args:
        root: The folder with the split lists.
        trees: The splits.
        report: Receives the problems.
    """
    full = _load(root / FULL_MATRIX, report)
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
        own = check_matrix(root / f"neighbour_emotion_{tree.split}.npy", tree.clip_ids, report)
        cut = None if full is None or not positions else _cut(full, positions, tree, report)
        if own is not None and cut is not None:
            _compare(own, cut, tree, report)
        if full is None and not (root / f"neighbour_emotion_{tree.split}.npy").is_file():
            report.warning(NO_MATRIX, "has no usable appropriateness matrix. Copy the challenge's.", tree.split)
    if full is not None and positions:
        _check_crossing(full, positions, trees, report)


def check_matrix(path: Path, clips: Sequence[str], report: ProblemReport, where: str = "") -> Stored | None:
    """Check the matrix of a split.

    Args:
        path: Its file; no problem if there is none.
        clips: Directed clip ids of the split, in order.
        report: Receives the problems.
        where: What the report calls the file; its name, if empty.

    Returns:
        The matrix, or None if it has problems.
    """
    where = where or path.name
    matrix = _load(path, report, where)
    if matrix is None:
        return None
    problems = attempt(lambda: matrix_problems(matrix, clips), BAD_MATRIX, path, where, report)
    for problem in problems or []:
        report.error(BAD_MATRIX, f"{problem}. Is it the matrix of this split and edition?", where)
    return matrix if problems == [] else None


def _load(path: Path, report: ProblemReport, where: str = "") -> Stored | None:
    if not path.is_file():
        return None
    return attempt(lambda: load_matrix(path), BAD_MATRIX, path, where or path.name, report)


def _positions(root: Path, needed: bool, trees: Sequence[OfficialTree], report: ProblemReport) -> dict[str, int] | None:
    path = root / DATA_INDICES
    if not path.is_file():
        if needed:
            report.error(BAD_INDEX, f"does not exist, but {FULL_MATRIX} needs it. Copy it there.", DATA_INDICES)
        return None
    positions = attempt(lambda: read_data_indices(path), BAD_INDEX, path, DATA_INDICES, report)
    for tree in trees if positions is not None else ():
        missing = [row.speaker.recording for row in tree.rows if recording_key(row.speaker) not in (positions or {})]
        if missing:
            message = f"lacks recordings of {tree.split}.csv: {abbreviate(missing)}. Use the one of the lists' edition."
            report.error(BAD_INDEX, message, DATA_INDICES)
    return positions


def _cut(
    full: Stored, positions: dict[str, int], tree: OfficialTree, report: ProblemReport
) -> NDArray[np.bool_] | None:
    if any(recording_key(row.speaker) not in positions for row in tree.rows):
        return None
    try:
        return cut_neighbours(full, positions, tree.rows)
    except NeighbourMatrixError as error:
        report.error(BAD_MATRIX, f"for {tree.split}: {error.message}", FULL_MATRIX)
        return None


def _compare(own: Stored, cut: NDArray[np.bool_], tree: OfficialTree, report: ProblemReport) -> None:
    different = np.argwhere(np.asarray(own) != cut)
    if different.size:
        clip, listener = (tree.clip_ids[index] for index in different[0])
        report.error(
            MATRICES_DISAGREE,
            f"differs from the cut of {FULL_MATRIX} in {len(different)} entries, the first for clip {clip} and "
            f"listener {listener}. Use files of one edition.",
            f"neighbour_emotion_{tree.split}.npy",
        )


def _check_crossing(
    full: Stored, positions: dict[str, int], trees: Sequence[OfficialTree], report: ProblemReport
) -> None:
    """Neighbours in different splits; a few rows at a time, since the full matrix is large."""
    places = {tree.split: _places(tree, positions) for tree in trees}
    for one, other in permutations(places, 2):
        rows, columns = places[one], places[other]
        # A recording that is in both splits is reported as such.
        clips, listeners = sorted(rows.keys() - columns.keys()), sorted(columns.keys() - rows.keys())
        found = 0
        first = ""
        for start in range(0, len(clips), _ROWS_AT_ONCE):
            chosen = clips[start : start + _ROWS_AT_ONCE]
            crossing = np.argwhere(full[np.ix_(chosen, listeners)])
            found += len(crossing)
            if len(crossing) and not first:
                row, column = crossing[0]
                first = f"clip {rows[chosen[row]]} and listener {columns[listeners[column]]}"
        if found:
            message = f"holds {found} neighbours of {one} in {other}, the first for {first}. Use files of one edition."
            report.error(CROSSING, message, FULL_MATRIX)


def _places(tree: OfficialTree, positions: dict[str, int]) -> dict[int, str]:
    """The rows of the full matrix that a split has, and the clips they stand for."""
    half = len(positions)
    found = [(positions.get(recording_key(row.speaker)), row) for row in tree.rows]
    forth = {place: str(row.speaker) for place, row in found if place is not None}
    return forth | {place + half: str(row.listener or row.speaker) for place, row in found if place is not None}
