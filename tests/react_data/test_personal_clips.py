"""Personalised clips: the published counts, the official names and shapes, and the mask by listener."""

import csv

import numpy as np
import pytest

from react_data.clip_lists import read_split_list
from react_data.clips import ClipId
from react_data.dataset_neighbours import neighbours_of
from react_data.errors import ClipIdError, ClipListError, LayoutError, NeighbourMatrixError
from react_data.opening import open_split
from react_data.packing import pack
from react_data.personal_clips import history_clip, personal_mask, personalised_clips, write_person_specific
from react_data.synthesis import synthesise

# Recordings, conversations of NoXI (RECOLA has one more of 9 clips), and personalised clips of both directions.
PUBLISHED = {"train": (1593, 46, 3092), "val": (562, 18, 1086)}


def write_split(root, split, recordings, conversations):
    """A list with so many recordings, every clip its own neighbour, and the files that say listeners are there."""
    pairs = [(f"RECOLA/group-{split}/P25/{clip}", f"RECOLA/group-{split}/P26/{clip}") for clip in range(1, 10)]
    for place in range(recordings - 9):
        clip, chat = divmod(place, conversations)
        folder = f"NoXI/{split}_{chat:03d}_2016-04-14_Nottingham"
        pairs.append((f"{folder}/Expert_video/{clip + 1}", f"{folder}/Novice_video/{clip + 1}"))
    rows = "".join(f"{3 * place},{speaker},{listener}\n" for place, (speaker, listener) in enumerate(pairs))
    (root / f"{split}.csv").write_text(f",speaker_path,listener_path\n{rows}")
    for _, listener in pairs:
        path = root / split / "3D_FV_files" / f"{listener}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    np.save(root / f"neighbour_emotion_{split}.npy", np.eye(2 * recordings, dtype=bool))


@pytest.fixture
def own(tmp_path):
    """A tree that a test may write into."""
    return synthesise(tmp_path / "data", recordings=24, frames=10, modalities=["emotion"], show_progress=False)


def test_the_published_counts_come_out_of_lists_of_that_structure(tmp_path):
    for split, (recordings, conversations, _) in PUBLISHED.items():
        write_split(tmp_path, split, recordings, conversations)
    paths = {path.name: path for path in write_person_specific(tmp_path, tmp_path / "personal")}
    for split, (recordings, conversations, directed) in PUBLISHED.items():
        masked = "" if split == "train" else "masked_"
        matrix = np.load(paths[f"person_specific_{masked}neighbour_emotion_{split}.npy"], mmap_mode="r")
        rows = read_split_list(paths[f"person_specific_{split}.csv"])
        assert (len(rows), matrix.shape) == (recordings - conversations - 1, (directed, directed))
        assert "1" not in {row.speaker.clip for row in rows}
    assert len(paths) == 4


def test_the_list_keeps_the_rows_as_they_are(own, tmp_path):
    write_person_specific(own, tmp_path / "personal", splits=["val"])
    paths = (own / "val.csv", tmp_path / "personal" / "person_specific_val.csv")
    whole, kept = (list(csv.reader(path.read_text(encoding="utf-8").splitlines())) for path in paths)
    assert kept == [row for row in whole if not row[1].endswith("/1")]


def test_train_is_not_masked_and_the_others_are(own):
    paths = {path.name: path for path in write_person_specific(own)}
    assert all(path.parent == own for path in paths.values())
    for split, masked in (("train", False), ("val", True), ("test", True)):
        opened = open_split(own, split)
        kept = np.array([ClipId.parse(clip).clip != "1" for clip in opened["clip"].values])
        persons = opened.listener_person.to_numpy()[kept]
        expected = opened.neighbours.to_numpy()[np.ix_(kept, kept)]
        expected &= (persons[:, None] == persons) if masked else True
        written = np.load(paths[f"person_specific_{'masked_' * masked}neighbour_emotion_{split}.npy"])
        np.testing.assert_array_equal(written, expected)
        assert written.dtype == np.float32


def test_the_mask_keeps_what_the_same_listener_did(own):
    opened = open_split(own, "train")
    masked = personal_mask(neighbours_of(opened), opened.listener_person.to_numpy().tolist())
    assert masked.clips == masked.listeners == tuple(personalised_clips(opened["clip"].values))
    assert masked.source.masked == "listener person"
    for clip, found in zip(masked.clips, masked.lists(), strict=True):
        people = {ClipId.parse(masked.listeners[place]).person_path for place in found}
        assert people == {ClipId.parse(clip).person_path}
    with pytest.raises(NeighbourMatrixError, match="1 persons were given for"):
        personal_mask(neighbours_of(opened), ["Anna"])


def test_a_history_is_clip_1_of_the_conversation():
    assert history_clip("UDIVA/talk/023102/FC1/8") == "UDIVA/talk/023102/FC1/1"
    with pytest.raises(ClipIdError, match="session3/Camera-1/speaker' has no clip number"):
        history_clip("session3/Camera-1/speaker")


def test_nothing_is_overwritten(own):
    first = write_person_specific(own, splits=["val"])
    before = [path.read_bytes() for path in first]
    with pytest.raises(ClipListError, match=r"person_specific_val\.csv.* already"):
        write_person_specific(own)
    assert [path.read_bytes() for path in first] == before
    assert not (own / "person_specific_train.csv").exists()


def test_splits_without_listeners_or_matrices_are_left_out_or_refused(tmp_path):
    settings = {"recordings": 12, "frames": 10, "modalities": ["emotion"], "show_progress": False}
    root = synthesise(tmp_path / "data", hidden=["test"], **settings)
    assert {path.stem.rpartition("_")[2] for path in write_person_specific(root, tmp_path / "out")} == {"train", "val"}
    with pytest.raises(ClipListError, match=r"the listeners of .*test\.csv are not there"):
        write_person_specific(root, tmp_path / "other", splits=["test"])
    (root / "neighbour_emotion_val.npy").unlink()
    with pytest.raises(NeighbourMatrixError, match="has no appropriateness matrix of val"):
        write_person_specific(root, tmp_path / "other", splits=["val"])
    (root / "neighbour_emotion_train.npy").unlink()
    with pytest.raises(NeighbourMatrixError, match="no split with listeners and an appropriateness matrix"):
        write_person_specific(root, tmp_path / "other")


def test_only_a_tree_with_lists_has_personal_files(own, tmp_path):
    packed = pack(own, tmp_path / "packed.h5", show_progress=False)
    with pytest.raises(
        LayoutError, match=r"packed\.h5 is of the layout pack, .* Name the folder that holds train\.csv"
    ):
        write_person_specific(packed, tmp_path / "personal")
    assert not (tmp_path / "personal").exists()


def test_the_real_lists_give_the_published_counts(real, tmp_path):
    for split, (_, _, directed) in PUBLISHED.items():
        rows = [row for row in read_split_list(real / "lists" / f"{split}.csv") if row.speaker.site != "UDIVA"]
        clips = [str(clip) for row in rows for clip in (row.speaker, row.listener)]
        assert len(personalised_clips(clips)) == directed
