import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from react_data.clip_lists import RecordingRow, read_data_indices, read_split_list, recording_key
from react_data.clips import ClipId
from react_data.errors import NeighbourMatrixError
from react_data.neighbours import cut_neighbours, read_neighbours


def rows_of(clips):
    return [
        RecordingRow(ClipId("NoXI", "c", "Expert_video", str(n)), ClipId("NoXI", "c", "Novice_video", str(n)))
        for n in clips
    ]


def full_matrix(half, seed=0):
    full = (np.random.default_rng(seed).random((2 * half, 2 * half)) < 0.3).astype(np.float32)
    np.fill_diagonal(full, 1)
    return full


POSITIONS = {f"NOXI/c/{n}": n for n in range(8)}


@given(st.lists(st.integers(0, 7), min_size=1, max_size=8, unique=True), st.integers(0, 5))
def test_the_cut_has_the_four_blocks_of_the_full_matrix(chosen, seed):
    full = full_matrix(8, seed)
    cut = cut_neighbours(full, POSITIONS, rows_of(chosen))
    a, b = np.array(chosen), np.array(chosen) + 8
    blocks = np.block([[full[np.ix_(a, a)], full[np.ix_(a, b)]], [full[np.ix_(b, a)], full[np.ix_(b, b)]]])
    np.testing.assert_array_equal(cut, blocks.astype(bool))


@given(st.permutations(range(8)))
def test_cutting_a_cut_is_cutting_at_once(order):
    full = full_matrix(8)
    once = cut_neighbours(full, POSITIONS, rows_of(order[:4]))
    wide = cut_neighbours(full, POSITIONS, rows_of(order))
    narrowed = {f"NOXI/c/{n}": position for position, n in enumerate(order)}
    np.testing.assert_array_equal(cut_neighbours(wide, narrowed, rows_of(order[:4])), once)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda m: m[:-1], r"shape is \(3, 4\), expected \(4, 4\)"),
        (lambda m: m * 0.5, "values 0.5, expected only 0 and 1"),
        (lambda m: m * np.nan, "values nan"),
        (lambda m: m - np.diag([0, 1, 0, 0]), "diagonal is 0 for 1 clips"),
    ],
)
def test_wrong_matrices_say_why(tmp_path, damage, reason):
    np.save(tmp_path / "m.npy", damage(np.eye(4)))
    with pytest.raises(NeighbourMatrixError, match=reason):
        read_neighbours(tmp_path / "m.npy", ["a", "b", "c", "d"])


def test_a_matrix_file_is_never_unpickled(tmp_path):
    np.save(tmp_path / "m.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(NeighbourMatrixError, match=r"not a \.npy matrix"):
        read_neighbours(tmp_path / "m.npy", ["a"])


@pytest.mark.parametrize(
    ("full", "clips", "reason"),
    [
        (np.eye(4), [0], "lists 8 recordings"),
        (np.eye(16), [0, 9], "NoXI/c/Expert_video/9"),
        (np.zeros((16, 16)), [0], "diagonal is 0 for 2 clips"),
        (2 * np.eye(16), [0], "values 2.0"),
    ],
)
def test_a_full_matrix_that_does_not_fit_says_why(full, clips, reason):
    with pytest.raises(NeighbourMatrixError, match=reason):
        cut_neighbours(full, POSITIONS, rows_of(clips))


def test_the_challenge_lists_cut_their_block_from_a_matrix_of_the_real_side(real):
    positions = read_data_indices(real / "lists" / "data_indices.csv")
    rows = read_split_list(real / "lists" / "val.csv")
    half = len(positions)
    full = np.eye(2 * half, dtype=np.uint8)
    last, first = positions[recording_key(rows[-1].speaker)], positions[recording_key(rows[0].speaker)]
    full[last + half, first] = 1
    cut = cut_neighbours(full, positions, rows)
    np.testing.assert_array_equal(np.argwhere(cut & ~np.eye(1678, dtype=bool)), [[1677, 0]])
