"""What is filled piece by piece has one writer at a time, and is never made half of old and half of new data."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import react_data
from react_data.errors import NeighbourMatrixError, PackError, RetrievalError, SynthesisError
from react_data.exclusive_writing import LOCK, sole_writer
from react_data.feature_writing import FeatureError, write_features
from react_data.opening import open_split
from react_data.packed_blocks import PackedBlocks
from react_data.packed_sources import PackedSource
from react_data.retrieval import retrieve_neighbours

QUICK = {"recordings": 6, "frames": 60, "sample_rate": 8000, "show_progress": False}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A tree of 2024 with sound, which tests only read."""
    return react_data.synthesise(tmp_path_factory.mktemp("tree") / "data", **QUICK)


@pytest.fixture
def copied(tree, tmp_path):
    """A tree that a test may change."""
    return shutil.copytree(tree, tmp_path / "data")


def make(what, tree, place):
    """Make one of the things that are filled piece by piece; tells what is locked meanwhile."""
    if what == "pack":
        return react_data.pack(tree, place, show_progress=False)
    if what == "features":
        return write_features(tree, place, "mfcc26", show_progress=False)
    if what == "synthesise":
        return react_data.synthesise(place, **QUICK)
    speakers = open_split(tree, "val")["speaker_emotion"]
    return retrieve_neighbours(speakers, measure="ccc", top_k=1, out=place, show_progress=False)


WRITTEN = {
    "pack": (".parts", PackError),
    "features": ("", FeatureError),
    "synthesise": ("", SynthesisError),
    "neighbours": (".blocks", RetrievalError),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_a_second_writer_is_told_so_and_changes_nothing(tree, tmp_path, what):
    suffix, error = WRITTEN[what]
    place = tmp_path / "made.h5"
    folder = tmp_path / f"made.h5{suffix}"
    with sole_writer(folder, error):
        with pytest.raises(error, match=rf"{folder} is being written by another run \(this very process"):
            make(what, tree, place)
        assert [path.name for path in folder.iterdir()] == [LOCK]
    make(what, tree, place)
    assert place.exists()
    assert not list(tmp_path.rglob(LOCK))


def test_two_packs_at_once_leave_one_whole_file(tree, tmp_path):
    command = f"import react_data; react_data.pack({str(tree)!r}, 'x.h5', show_progress=False)"
    runs = [
        subprocess.Popen([sys.executable, "-c", command], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs].count(0) == 1
    assert all("PackError" in each.splitlines()[-1] for run, each in zip(runs, said, strict=True) if run.returncode), (
        said
    )
    assert react_data.verify(tmp_path / "x.h5", show_progress=False).problems == []
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_who_comes_while_the_file_is_finished_does_not_write_it_again(tree, tmp_path, monkeypatch):
    """The other run has passed the first look when this one finishes."""
    place = tmp_path / "x.h5"
    opened, resume = threading.Event(), threading.Event()
    original = PackedSource.opened

    def slow(*arguments):
        source = original(*arguments)
        if threading.current_thread() is other:
            opened.set()
            resume.wait(30)
        return source

    failures = []

    def run():
        try:
            react_data.pack(tree, place, splits=["val"], show_progress=False)
        except PackError as error:
            failures.append(error.message)

    other = threading.Thread(target=run)
    monkeypatch.setattr(PackedSource, "opened", slow)
    other.start()
    opened.wait(30)
    react_data.pack(tree, place, splits=["val"], show_progress=False)
    written = place.stat().st_mtime_ns
    resume.set()
    other.join(30)
    assert failures == [f"{place} exists. Choose another name, or delete it."]
    assert place.stat().st_mtime_ns == written


def interrupted(monkeypatch, target, name, after):
    """Let a method end the run when it is called for the last time."""
    original, calls = getattr(target, name), []

    def stops(*arguments, **options):
        calls.append(arguments)
        if len(calls) > after:
            raise KeyboardInterrupt
        return original(*arguments, **options)

    monkeypatch.setattr(target, name, stops)


def begun_pack(copied, place, monkeypatch):
    with monkeypatch.context() as patch:
        interrupted(patch, PackedSource, "rows", 3)
        with pytest.raises(KeyboardInterrupt):
            react_data.pack(copied, place, show_progress=False)


def test_a_pack_is_not_continued_with_changed_files(copied, tmp_path, monkeypatch):
    place = tmp_path / "x.h5"
    begun_pack(copied, place, monkeypatch)
    changed = next((copied / "train" / "Emotion").rglob("*.csv"))
    lines = changed.read_text().splitlines()
    changed.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    name = f"data/{changed.relative_to(copied).as_posix()}"
    with pytest.raises(PackError, match=rf"1 files have changed since .*x\.h5\.parts was begun: {name}\. Delete"):
        react_data.pack(copied, place, show_progress=False)
    shutil.rmtree(tmp_path / "x.h5.parts")
    react_data.pack(copied, place, show_progress=False)
    tree, packed = (open_split(each, "train")["speaker_emotion"].values for each in (copied, place))
    assert np.array_equal(tree, packed)


def test_a_pack_is_continued_though_other_files_come(copied, tmp_path, monkeypatch):
    place = copied / "x.h5"
    begun_pack(copied, place, monkeypatch)
    (copied / "log.txt").write_text("made since")
    react_data.pack(copied, place, show_progress=False)
    assert react_data.verify(place, show_progress=False).problems == []


def test_features_are_not_continued_with_changed_sound(copied, tmp_path, monkeypatch):
    folder = tmp_path / "features"
    with monkeypatch.context() as patch:
        interrupted(patch, sys.modules["react_data.feature_writing"], "mfcc", 3)
        with pytest.raises(KeyboardInterrupt):
            write_features(copied, folder, "mfcc26", show_progress=False)
    sound = sorted((copied / "train" / "Audio_files").rglob("*.wav"))
    content = sound[0].read_bytes()
    sound[0].write_bytes(content[:-100] + bytes(100))
    with pytest.raises(FeatureError, match=rf"1 files have changed since {folder} was begun: data/train/Audio_files"):
        write_features(copied, folder, "mfcc26", show_progress=False)
    sound[0].write_bytes(content)
    (folder / "sources.json").unlink()  # as the message says, where only times have changed
    write_features(copied, folder, "mfcc26", show_progress=False)
    assert len(list(folder.rglob("*.npy"))) == 12


def test_a_tree_that_was_moved_is_the_same(copied, tmp_path):
    folder = write_features(copied, tmp_path / "features", "mfcc26", splits=["val"], show_progress=False)
    (tmp_path / "elsewhere").mkdir()
    moved = copied.rename(tmp_path / "elsewhere" / "data")
    write_features(moved, folder, "mfcc26", show_progress=False)
    assert len(list(folder.rglob("*.npy"))) == 12


def test_links_that_lead_back_are_followed_once(copied, tmp_path):
    (copied / "val" / "all").symlink_to(copied, target_is_directory=True)
    folder = write_features(copied, tmp_path / "features", "mfcc26", splits=["val"], show_progress=False)
    assert "data/val.csv" in (folder / "sources.json").read_text()


def test_a_damaged_record_of_sources_says_what_to_do(copied, tmp_path):
    folder = write_features(copied, tmp_path / "features", "mfcc26", splits=["val"], show_progress=False)
    (folder / "sources.json").write_text("{")
    with pytest.raises(FeatureError, match=r"sources\.json is damaged"):
        write_features(copied, folder, "mfcc26", show_progress=False)


def retrieved(root, split, place, series="speaker_emotion", **options):
    speakers = open_split(root, split, modalities="all")[series]
    settings = {"measure": "euclidean", "top_k": 2, "show_progress": False} | options
    react_data.save_neighbours(retrieve_neighbours(speakers, **settings), place)
    return place


@pytest.mark.parametrize("series", ["speaker_emotion", "speaker_3dmm"])
@pytest.mark.parametrize("normalise", ["none", "z-score by channel"])
def test_neighbours_of_the_same_clips_of_other_data_are_refused(tree, copied, tmp_path, series, normalise):
    own = retrieved(tree, "val", tmp_path / "own.h5", series, normalise=normalise)
    react_data.pack(tree, tmp_path / "own-pack.h5", neighbours=own, show_progress=False)
    assert len(react_data.load_neighbours(tmp_path / "own-pack.h5", "val"))
    file = next((copied / "val" / "3D_FV_files").rglob("*.npy"))
    np.save(file, np.load(file) * 1.5)
    table = next((copied / "val" / "Emotion").rglob("*.csv"))
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    foreign = retrieved(copied, "val", tmp_path / "foreign.h5", series, normalise=normalise)
    with pytest.raises(PackError, match=rf"foreign\.h5 has neighbours .* from other behaviour than .* {series[8:]}"):
        react_data.pack(tree, tmp_path / "x.h5", neighbours=foreign, show_progress=False)
    react_data.pack(tree, tmp_path / "x.h5", neighbours=own, show_progress=False)


def test_neighbours_of_all_splits_together_and_of_unpacked_behaviour_are_taken(tree, tmp_path):
    splits = [open_split(tree, split) for split in ("val", "test")]
    speakers = np.concatenate([each["speaker_emotion"].values for each in splits])
    ids = [clip for each in splits for clip in each["clip"].values.tolist()]
    both = retrieve_neighbours(speakers, ids=ids, measure="ccc", top_k=3, show_progress=False)
    react_data.save_neighbours(both, tmp_path / "both.h5")
    options = {"neighbours": tmp_path / "both.h5", "show_progress": False}
    react_data.pack(tree, tmp_path / "x.h5", splits=["val", "test"], **options)
    other = retrieve_neighbours(speakers[::-1], ids=ids, measure="ccc", top_k=3, show_progress=False)
    react_data.save_neighbours(other, tmp_path / "both.h5")
    with pytest.raises(PackError, match="retrieved from other behaviour than the speakers' emotion here"):
        react_data.pack(tree, tmp_path / "y.h5", splits=["val", "test"], **options)
    embedded = retrieve_neighbours(speakers[..., :7], ids=ids, measure="ccc", top_k=3, show_progress=False)
    react_data.save_neighbours(embedded, tmp_path / "both.h5")
    react_data.pack(tree, tmp_path / "z.h5", splits=["val", "test"], **options)


def test_neighbours_of_unequal_clips_are_compared_too(tmp_path):
    root = react_data.synthesise(tmp_path / "data", layout="react2026", modalities=["emotion"], **QUICK)
    val = open_split(root, "val")
    speakers, ids = list(react_data.clip_series(val, "speaker_emotion")), val["clip"].values.tolist()
    for name, series in (("own", speakers), ("foreign", [each * 0.5 for each in speakers])):
        table = retrieve_neighbours(series, ids=ids, top_k=1, show_progress=False)
        react_data.save_neighbours(table, tmp_path / f"{name}.h5")
    react_data.pack(root, tmp_path / "x.h5", neighbours=tmp_path / "own.h5", show_progress=False)
    with pytest.raises(PackError, match="other behaviour"):
        react_data.pack(root, tmp_path / "y.h5", neighbours=tmp_path / "foreign.h5", show_progress=False)


def test_a_layout_without_a_split_is_said_to_be_so(tree, tmp_path):
    with pytest.raises(PackError, match=r"holds no split in the layout react2025\. Is it of another layout"):
        react_data.pack(tree, tmp_path / "x.h5", layout="react2025")


def test_a_matrix_of_plain_arrays_has_a_row_a_clip(tmp_path):
    root = react_data.synthesise(tmp_path / "data", layout="arrays", modalities=["emotion"], **QUICK)
    np.save(root / "val" / "neighbours.npy", np.eye(3))
    with pytest.raises(NeighbourMatrixError, match=r"its shape is \(3, 3\), expected \(4, 4\) for the 4 clips of the"):
        open_split(root, "val")


def test_blocks_need_no_more_than_their_folder(tmp_path):
    blocks = PackedBlocks(tmp_path, {"a": 1}, {})
    assert sorted(path.name for path in Path(blocks.folder).iterdir()) == ["pack.json", "sources.json"]
