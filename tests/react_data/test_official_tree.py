import shutil

import numpy as np
import pandas as pd
import pytest

import react_data
from react_data import official_tree
from react_data.annotations import read_coefficients, read_emotion
from react_data.clips import ClipId
from react_data.errors import AnnotationError, ClipListError, DataRootError, NeighbourMatrixError
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, OfficialTree, open_official_split
from react_data.opening import open_split


@pytest.fixture
def count_reads(monkeypatch):
    read = []

    def counting(path):
        read.append(path)
        return read_emotion(path)

    dim, schema, _ = official_tree._FACES["emotion"]
    monkeypatch.setitem(official_tree._FACES, "emotion", (dim, schema, counting))
    return read


def test_opening_reads_one_clip_and_using_a_clip_reads_only_that(tree, count_reads):
    data = open_split(tree, "train")
    assert len(count_reads) == 1
    _ = data["listener_emotion"][2:4, :10, 15].values
    assert len(count_reads) == 3


def test_the_second_half_swaps_speakers_and_listeners(tree):
    data = open_split(tree, "val")
    half = data.sizes["clip"] // 2
    np.testing.assert_array_equal(data["speaker_emotion"][:half], data["listener_emotion"][half:])
    np.testing.assert_array_equal(data["listener_3dmm"][:half], data["speaker_3dmm"][half:])
    assert data["listener_person"].values[:half].tolist() == data["speaker_person"].values[half:].tolist()
    assert data["recording"].values[:half].tolist() == data["recording"].values[half:].tolist()


def test_lazy_indexing_equals_indexing_of_the_whole(tree):
    lazy, whole = open_split(tree, "test"), open_split(tree, "test").load()
    chosen = {"clip": [3, 0], "frame": slice(5, 50, 3), "emotion": [16, 2]}
    np.testing.assert_array_equal(lazy["speaker_emotion"].isel(chosen), whole["speaker_emotion"].isel(chosen))
    np.testing.assert_array_equal(lazy["speaker_3dmm"].isel(clip=-1), whole["speaker_3dmm"].isel(clip=-1))
    assert whole["speaker_emotion"].dtype == np.float32


def test_udiva_paths_have_one_level_more(tree):
    data = open_split(tree, "train")
    udiva = data.isel(clip=(data["corpus"] == "UDIVA").values)
    assert udiva["session"].values[0].count("/") == 2
    assert np.isfinite(udiva["speaker_emotion"]).all()


def test_attributes_say_what_the_data_are(tree):
    attributes = open_split(tree, "val").attrs
    assert attributes["labels"] == "listeners"
    assert attributes["synthetic"] == 1
    assert attributes["frames_per_second"] == 25


def test_frames_are_cut_and_too_many_are_refused(tree):
    assert open_split(tree, "val", frames=100).sizes["frame"] == 100
    with pytest.raises(AnnotationError, match=r"has 120 frames, expected at least 121"):
        open_split(tree, "val", frames=121)["speaker_emotion"].load()
    with pytest.raises(AnnotationError, match="frames is 0"):
        open_split(tree, "val", frames=0)


def test_modalities_of_unequal_length_are_read_to_the_shorter(small_tree):
    for path in (small_tree / "val" / "3D_FV_files").rglob("*.npy"):
        np.save(path, np.load(path)[:-1])
    data = open_split(small_tree, "val").load()
    assert data.sizes["frame"] == 59


def test_a_tree_with_the_listed_names_in_the_emotion_folder_is_read_too(small_tree):
    before = open_split(small_tree, "val").load()
    for chat in (small_tree / "val" / "Emotion" / "NoXI").iterdir():
        (chat / "P1").rename(chat / "Expert_video")
        (chat / "P2").rename(chat / "Novice_video")
    assert open_split(small_tree, "val").load().equals(before)


def test_without_its_own_matrix_a_split_is_cut_from_the_full_one(tree, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, ignore=shutil.ignore_patterns("neighbour_*", "*.wav"))
    for split in ("train", "val", "test"):
        np.testing.assert_array_equal(open_split(copy, split)["neighbours"], open_split(tree, split)["neighbours"])
    (copy / DATA_INDICES).unlink()
    with pytest.raises(NeighbourMatrixError, match=r"needs data_indices.csv"):
        open_split(copy, "val")
    (copy / FULL_MATRIX).unlink()
    assert "neighbours" not in open_split(copy, "val")


def test_a_participants_split_has_speakers_only(small_tree):
    path = small_tree / "test.csv"
    pd.read_csv(path).drop(columns="listener_path").to_csv(path, index=False)
    data = open_split(small_tree, "test")
    assert data.attrs["labels"] == "none"
    assert set(data.variables) & {"listener_emotion", "listener_3dmm", "neighbours", "listener_person"} == set()
    assert data.sizes["clip"] == 2


def test_a_split_whose_listeners_files_are_absent_has_speakers_only(small_tree):
    for modality in ("emotion", "3dmm"):
        for clip in OfficialTree(small_tree, "test").rows:
            OfficialTree(small_tree, "test").file(modality, clip.listener).unlink()
    data = open_split(small_tree, "test")
    assert data.attrs["labels"] == "none"
    assert data.sizes["clip"] == 2


def test_a_tree_of_3dmm_alone_has_labels(small_tree):
    shutil.rmtree(small_tree / "val" / "Emotion")
    assert "listener_3dmm" in open_split(small_tree, "val")


def test_errors_name_what_is_missing(small_tree):
    with pytest.raises(ClipListError, match="Did you mean 'val'"):
        open_official_split(small_tree, "vall")
    with pytest.raises(ClipListError, match="no split list at all"):
        open_official_split(small_tree / "val", "val")
    (small_tree / "train.csv").unlink()
    with pytest.raises(ClipListError, match="This data set has the splits val, test"):
        open_official_split(small_tree, "train")
    tree = OfficialTree(small_tree, "val")
    tree.file("emotion", tree.rows[0].speaker).unlink()
    with pytest.raises(AnnotationError, match="does not exist, though"):
        open_split(small_tree, "val")


@pytest.mark.parametrize("shape", [(7, 58), (7, 1, 58), (7, 1, 1, 58)])
def test_coefficients_may_have_singleton_axes(tmp_path, shape):
    np.save(tmp_path / "1.npy", np.ones(shape))
    assert read_coefficients(tmp_path / "1.npy").shape == (7, 58)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.ones((7, 57)), "57 columns, expected 58"),
        (np.ones(58), "frames and coefficients"),
        (np.ones((7, 58), dtype=int), "does not hold an array of floats"),
        (np.full((7, 58), np.inf), "406 values that are not finite, the first at frame 0, column 0"),
        (np.array([{}]), "not a .npy array"),
    ],
)
def test_unusable_coefficients_say_why(tmp_path, values, reason):
    np.save(tmp_path / "1.npy", values, allow_pickle=True)
    with pytest.raises(AnnotationError, match=reason):
        read_coefficients(tmp_path / "1.npy")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not a csv of numbers"),
        ("AU1,AU2\n", "not a csv of numbers"),
        ("AU1,AU2\n1,x\n", "not a csv of numbers"),
        ("AU1,AU2\n1,0\n", "2 columns, expected 25"),
        ("h\n" + ",".join(["1"] * 24 + ["nan"]) + "\n", "first at frame 0, column 24"),
    ],
)
def test_unusable_attributes_say_why(tmp_path, content, reason):
    (tmp_path / "1.csv").write_text(content)
    with pytest.raises(AnnotationError, match=reason):
        read_emotion(tmp_path / "1.csv")


def test_the_data_root_is_looked_for(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("REACT_DATA", str(tree))
    assert react_data.find_data_root() == tree
    with pytest.raises(DataRootError, match="argument data"):
        react_data.find_data_root(tmp_path / "none")
    monkeypatch.delenv("REACT_DATA")
    monkeypatch.setattr("react_data.location.config_file", lambda: tmp_path / "config.toml")
    with pytest.raises(DataRootError, match="no data set is named"):
        react_data.find_data_root()
    (tmp_path / "config.toml").write_text(f"data = '{tree}'\n")
    assert react_data.find_data_root() == tree
    (tmp_path / "config.toml").write_text("data = \n")
    with pytest.raises(DataRootError, match="not valid TOML"):
        react_data.find_data_root()


def test_a_clip_named_twice_is_found_under_the_lists_name(small_tree):
    tree = OfficialTree(small_tree, "val")
    speaker = tree.rows[0].speaker
    aliased = tree.file("emotion", speaker)
    listed = small_tree / "val" / "Emotion" / f"{ClipId.parse(str(speaker))}.csv"
    listed.parent.mkdir()
    shutil.copy(aliased, listed)
    assert tree.file("emotion", speaker) == listed
