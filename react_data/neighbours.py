"""Appropriateness matrices: which listeners' reactions are appropriate for which speakers.

Conventions: entry [k, n] is True if the reaction of listener n is appropriate for speaker k. Rows and columns are the
directed clips of a split, first half as recorded, second half with the roles swapped. The matrix need not be symmetric;
its diagonal is set.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.clip_lists import RecordingRow, recording_key
from react_data.errors import NeighbourMatrixError
from react_data.problems import abbreviate
from react_data.stored_arrays import open_array

__all__ = ["cut_neighbours", "load_matrix", "matrix_problems", "read_neighbours"]

Matrix = NDArray[np.bool_]


def load_matrix(path: Path) -> NDArray[np.generic]:
    """Map a matrix file into memory without reading it.

    Args:
        path: A ``.npy`` file.

    Returns:
        The stored array, read-only.

    Raises:
        NeighbourMatrixError: If the file is no plain ``.npy`` array.
    """
    try:
        return open_array(path)
    except (ValueError, OSError, EOFError) as error:
        raise NeighbourMatrixError(f"{path} is not a .npy matrix: {error}. Copy the challenge's file again.") from None


def matrix_problems(matrix: NDArray[np.generic], clips: Sequence[str]) -> list[str]:
    """What keeps an array from being the appropriateness matrix of `clips`.

    Args:
        matrix: The array.
        clips: Directed clip ids of the split, in order.

    Returns:
        One sentence a problem; empty for a valid matrix.
    """
    side = len(clips)
    if matrix.shape != (side, side):
        return [f"its shape is {matrix.shape}, expected ({side}, {side}) for the {side} clips of the split"]
    problems = []
    values = np.asarray(matrix)
    if not np.isin(values, (0, 1)).all():
        odd = np.unique(values[~np.isin(values, (0, 1))])
        return [f"it holds the values {abbreviate(odd, 5)}, expected only 0 and 1"]
    unset = np.flatnonzero(np.diagonal(values) == 0)
    if unset.size:
        named = abbreviate((clips[int(k)] for k in unset), 5)
        problems.append(f"the diagonal is 0 for {unset.size} clips ({named}), but a clip is its own neighbour")
    return problems


def read_neighbours(path: Path, clips: Sequence[str]) -> Matrix:
    """Read ``neighbour_emotion_{split}.npy``.

    Args:
        path: The matrix, 0/1 of any numeric type.
        clips: Directed clip ids of the split, in order.

    Returns:
        (N, N) bool.

    Raises:
        NeighbourMatrixError: If the shape does not fit, values other than 0 and 1 occur, or the diagonal is not set.
    """
    matrix = load_matrix(path)
    problems = matrix_problems(matrix, clips)
    if problems:
        raise NeighbourMatrixError(f"{path}: {'; '.join(problems)}. Is it the matrix of this split and edition?")
    return np.asarray(matrix, dtype=bool)


def cut_neighbours(full: NDArray[np.generic], positions: dict[str, int], rows: Sequence[RecordingRow]) -> Matrix:
    """Cut the matrix of a split out of the full one.

    The full matrix has side 2H for H recordings, the second half of each axis with the roles swapped. For positions
    a of the split's rows the result is [[M(a, a), M(a, a+H)], [M(a+H, a), M(a+H, a+H)]].

    Args:
        full: ``Approprirate_facial_reaction.npy`` (spelt so), (2H, 2H) of 0 and 1.
        positions: Position of each recording, from `read_data_indices`.
        rows: The split's rows.

    Returns:
        (2·rows, 2·rows) bool.

    Raises:
        NeighbourMatrixError: If the full matrix is not of side 2H, a recording is not indexed, values other than 0
            and 1 occur, or the diagonal is not set.
    """
    half = len(positions)
    if full.shape != (2 * half, 2 * half):
        raise NeighbourMatrixError(
            f"the full appropriateness matrix has shape {full.shape}, but data_indices.csv lists {half} recordings, "
            f"so ({2 * half}, {2 * half}) was expected. Use the two files of one edition."
        )
    missing = [str(row.speaker) for row in rows if recording_key(row.speaker) not in positions]
    if missing:
        raise NeighbourMatrixError(f"{len(missing)} recordings are not in data_indices.csv: {abbreviate(missing)}.")
    first = np.array([positions[recording_key(row.speaker)] for row in rows])
    both = np.concatenate([first, first + half])
    cut = full[np.ix_(both, both)]
    clips = [str(row.speaker) for row in rows] + [str(row.listener or row.speaker) for row in rows]
    problems = matrix_problems(cut, clips)
    if problems:
        raise NeighbourMatrixError(f"the cut of the full appropriateness matrix: {'; '.join(problems)}.")
    return np.asarray(cut, dtype=bool)
