"""Tables of neighbours say what their matrix says, keep their provenance, and are refused where they do not fit."""

import h5py
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from react_data import open_split
from react_data.clip_lists import mirrored, read_split_list
from react_data.errors import NeighbourMatrixError
from react_data.neighbour_files import load_neighbours, read_neighbour_group, save_neighbours, write_neighbour_group
from react_data.neighbour_source import NeighbourSource
from react_data.neighbour_table import NeighbourTable

CLIPS = ["a", "b", "c", "d"]
MATRIX = np.array([[1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 0], [1, 1, 1, 1]])
DISTANCES = np.array([[0.0, 2, 9, 9], [2, 0, 9, 3], [9, 9, 0, 9], [4, 3, 1, 0]])
FOUND = NeighbourSource(
    source="retrieval",
    values="distance",
    measure="dtw",
    features="emotion-25",
    groups=(("all", 0, 25, 0.5),),
    threshold=4.0,
    within=("split",),
    version="1",
)


@pytest.fixture
def table():
    return NeighbourTable.from_matrix(MATRIX, CLIPS, values=DISTANCES, source=FOUND)


@settings(max_examples=30, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_a_table_and_its_matrix_say_the_same(matrix):
    clips, listeners = ([f"{axis}{n}" for n in range(count)] for axis, count in zip("kn", matrix.shape, strict=True))
    table = NeighbourTable.from_matrix(matrix, clips, listeners)
    np.testing.assert_array_equal(table.to_matrix(), matrix)
    assert [found.tolist() for found in table.lists()] == [np.flatnonzero(row).tolist() for row in matrix]
    assert table.counts.tolist() == matrix.sum(axis=1).tolist()


def test_the_summary_counts_what_papers_print(table):
    assert table.summary() == {
        "clips": 4,
        "listeners": 4,
        "pairs": 9,
        "density": 9 / 16,
        "fewest": 1,
        "median": 2,
        "most": 4,
        "share_alone": 0.25,
    }
    assert not table.problems()


def test_a_cut_keeps_pairs_of_both_axes_in_the_order_asked_for(table):
    cut = table.cut(["d", "a"])
    np.testing.assert_array_equal(cut.to_matrix(), [[1, 1], [0, 1]])
    assert cut.values.tolist() == [0, 4, 0]
    assert table.cut(["a"], CLIPS).lists()[0].tolist() == [0, 1]
    with pytest.raises(NeighbourMatrixError, match="no clip x"):
        table.cut(["x"])


def test_the_personal_mask_keeps_the_same_listener_person(table):
    masked = table.personal(["Anna", "Anna", "Ben", "Ben"])
    np.testing.assert_array_equal(masked.to_matrix(), [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]])
    assert masked.source.masked == "listener person"
    assert masked.summary()["share_alone"] == 0.5
    with pytest.raises(NeighbourMatrixError, match="3 persons were given for 4"):
        table.personal(["Anna"] * 3)


@pytest.mark.parametrize(("split", "directed"), [("train", 3092), ("val", 1086)])
def test_the_personalised_clips_of_the_real_lists_are_as_many_as_published(real, split, directed):
    rows = [row for row in read_split_list(real / "lists" / f"{split}.csv") if row.speaker.site != "UDIVA"]
    clips = mirrored(rows)
    table = NeighbourTable.from_matrix(np.eye(len(clips), dtype=bool), [str(clip.speaker) for clip in clips])
    cut = table.cut([str(clip.speaker) for clip in clips if clip.speaker.clip != "1"])
    masked = cut.personal([clip.listener.person_path for clip in clips if clip.speaker.clip != "1"])
    assert (len(masked.clips), masked.summary()["share_alone"]) == (directed, 1.0)


def test_masking_a_synthetic_split_is_masking_its_matrix(tree):
    split = open_split(tree, "train")
    persons = split.listener_person.to_numpy()
    table = NeighbourTable.from_matrix(split.neighbours.to_numpy(), split["clip"].to_numpy().tolist())
    expected = split.neighbours.to_numpy() & (persons[:, None] == persons)
    np.testing.assert_array_equal(table.personal(persons.tolist()).to_matrix(), expected)


def test_a_stricter_threshold_keeps_the_nearer_pairs_and_the_own_ones(table):
    np.testing.assert_array_equal(table.at(2).to_matrix(), [[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]])
    assert table.at(2).source.threshold == 2
    with pytest.raises(NeighbourMatrixError, match="found with the threshold 4, so pairs within 5"):
        table.at(5)
    with pytest.raises(NeighbourMatrixError, match="only neighbours found by a threshold"):
        NeighbourTable.from_matrix(MATRIX, CLIPS).at(1)


def test_a_table_survives_a_file_and_opens_in_xarray(table, tmp_path):
    save_neighbours(table, tmp_path / "n.h5")
    again = load_neighbours(tmp_path / "n.h5")
    assert (again.source, again.clips, again.listeners) == (table.source, table.clips, table.listeners)
    np.testing.assert_array_equal(again.to_matrix(), table.to_matrix())
    np.testing.assert_array_equal(again.values, table.values)
    with xr.open_dataset(tmp_path / "n.h5", engine="h5netcdf") as opened:
        assert opened.row_size.dims == ("clip",)
        assert opened["clip"].to_numpy().tolist() == CLIPS
        assert opened.distance.to_numpy().tolist() == table.values.tolist()


def test_a_table_is_a_group_among_others(table, tmp_path):
    with h5py.File(tmp_path / "pack.h5", "w") as file:
        write_neighbour_group(table, file.create_group("neighbours/val"))
        again = read_neighbour_group(file["neighbours/val"])
        with pytest.raises(NeighbourMatrixError, match="group /neighbours holds no neighbours"):
            read_neighbour_group(file["neighbours"])
    np.testing.assert_array_equal(again.to_matrix(), MATRIX)


def test_an_empty_table_survives_a_file(tmp_path):
    table = NeighbourTable.from_matrix(np.zeros((2, 3)), ["a", "b"], ["x", "y", "z"])
    save_neighbours(table, tmp_path / "n.h5")
    assert len(load_neighbours(tmp_path / "n.h5")) == 0
    assert [line.partition(":")[0] for line in table.problems()] == [
        "2 clips have no listener of their own in the table",
        "2 clips have no neighbour",
    ]


def test_damaged_files_say_what_is_wrong(table, tmp_path):
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(NeighbourMatrixError, match=r"text\.h5 is not a file of neighbours"):
        load_neighbours(tmp_path / "text.h5")
    save_neighbours(table, tmp_path / "n.h5")
    with h5py.File(tmp_path / "n.h5", "a") as file:
        file["neighbour"][0] = 9
    with pytest.raises(NeighbourMatrixError, match=r"is damaged.*positions are outside 0\.\.3"):
        load_neighbours(tmp_path / "n.h5")


def table_of(**changed):
    given = {"clips": ("a", "b"), "listeners": ("a", "b"), "starts": [0, 1, 3], "positions": [0, 0, 1]} | changed
    return NeighbourTable(**{name: np.array(v) if name in ("starts", "positions") else v for name, v in given.items()})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"clips": ("a", "a")}, "clip ids occur more than once: a"),
        ({"listeners": ("b", "b")}, "listener ids occur more than once: b"),
        ({"starts": [0, 3]}, "do not divide 3 pairs among 2 clips"),
        ({"starts": [0, 2, 1]}, "do not divide"),
        ({"positions": [0, 1, 0]}, "do not ascend within a clip"),
        ({"positions": [0, 0, 2]}, r"outside 0\.\.1"),
        ({"values": np.zeros(2)}, "2 values for 3 pairs"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changed, reason):
    assert len(table_of()) == 3
    with pytest.raises(NeighbourMatrixError, match=reason):
        table_of(**changed)


@pytest.mark.parametrize(
    ("matrix", "listeners", "reason"),
    [
        (MATRIX[:3], None, r"shape is \(3, 4\)"),
        (MATRIX - np.eye(4), None, "diagonal is 0 for 4 clips"),
        (2 * MATRIX, None, "values 2"),
        (MATRIX, ["x"], r"expected \(4, 1\)"),
        (0.5 * MATRIX, ["w", "x", "y", "z"], "not only 0 and 1"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(matrix, listeners, reason):
    with pytest.raises(NeighbourMatrixError, match=reason):
        NeighbourTable.from_matrix(matrix, CLIPS, listeners)


def test_a_source_reads_as_a_sentence():
    assert str(FOUND) == ("retrieval: dtw of emotion-25, normalisation , distance at most 4, within the same split")
