"""Folders of plain arrays with every kind of damage at once are reported completely in one run."""

import numpy as np
import pytest

from react_data.verification import verify
from tests.react_data.damages import DamagedTree, array, content, entry, not_expected, not_reported, remove, truncate

CLIPS, FRAMES = 6, 20


def attributes(rng):
    values = np.zeros((CLIPS, FRAMES, 25), dtype=np.float32)
    values[..., :15] = rng.random((CLIPS, FRAMES, 15)) < 0.4
    values[..., 15:17] = rng.uniform(-1, 1, (CLIPS, FRAMES, 2))
    values[..., 17] = 1
    return values


@pytest.fixture
def tree(tmp_path):
    rng = np.random.default_rng(0)
    for split in ("test", "train", "val"):
        folder = tmp_path / "data" / split
        folder.mkdir(parents=True)
        for role in ("speaker", "listener"):
            np.save(folder / f"{role}_emotion.npy", attributes(rng))
            np.save(folder / f"{role}_3dmm.npy", rng.random((CLIPS, FRAMES, 58), dtype=np.float32))
            np.save(folder / f"{role}_mfcc78.npy", rng.random((CLIPS, FRAMES, 78), dtype=np.float32))
        np.save(folder / "neighbours.npy", np.eye(CLIPS))
        (folder / "clips.txt").write_text("\n".join(f"{split}-{number}" for number in range(CLIPS)))
        (folder / "sessions.txt").write_text("\n".join("aabbcc"))
    return DamagedTree(tmp_path / "data")


def test_whole_arrays_have_no_problem(tree):
    report = tree.verify()
    assert report.problems == []
    assert report.checked["val"].startswith("6 clips; ")


def test_every_damage_is_reported_in_one_run_with_its_file_and_reason_and_nothing_else(tree):
    tree.change("train/speaker_emotion.npy", "RD112", "2 values that are not finite", entry((2, 5, 15), np.nan))
    array(lambda values: values.__setitem__((2, 6, 3), np.inf))(tree.root / "train/speaker_emotion.npy")
    tree.expected[-1] = ("RD112", "train/speaker_emotion.npy", "the first nan in clip train-2, frame 5, valence")
    tree.change(
        "train/speaker_emotion.npy", "RD113", "first -4 in clip train-4, frame 1, arousal", entry((4, 1, 16), -4)
    )
    tree.change(
        "train/listener_emotion.npy", "RD127", "(6, 20, 24), expected (6, 20, 25)", array(lambda v: v[..., :24])
    )
    tree.change("train/speaker_3dmm.npy", "RD127", "(5, 20, 58), expected (6, 20, 58)", array(lambda v: v[:5]))
    tree.change("train/listener_3dmm.npy", "RD127", "(6, 20, 57)", array(lambda values: values[..., :57]))
    tree.change("train/speaker_mfcc78.npy", "RD112", "column 9", entry((0, 0, 9), np.nan))
    tree.change("train/listener_mfcc78.npy", "RD127", "(6, 19, 78)", array(lambda values: values[:, :19]))
    tree.change("train/neighbours.npy", "RD105", "expected (6, 6)", array(lambda values: values[:5]))
    tree.change("train/sessions.txt", "RD128", "has 7 lines, expected 6: one for each session", content(b"a\n" * 7))
    tree.change("train", "RD121", "listeners.npy", lambda path: np.save(path / "listeners.npy", 1))
    tree.change("val/speaker_3dmm.npy", "RD112", "", truncate)
    tree.change("val/listener_3dmm.npy", "RD112", "Python objects", array(lambda values: values.astype(object)))
    tree.change("val/listener_emotion.npy", "RD127", "int64", array(lambda values: values.astype(int)))
    tree.change("val/neighbours.npy", "RD105", "diagonal is 0 for 1 clips (train-1)", entry((1, 1), 0))
    names = b"val-0\ntrain-1\nval-2\nval-3\nval-4\nval-4"
    tree.change("val/clips.txt", "RD128", "names val-4 more than once", content(names))
    tree.expect("RD103", "val/clips.txt", "train-1 is also in train")
    tree.change("val/channels.txt", "RD128", "is not UTF-8", content(b"\xff\xfe"))
    tree.expected[-1] = ("RD128", "val/channels.txt", "can't decode byte")
    tree.change("test/speaker_emotion.npy", "RD111", "does not exist. Save what the speakers do", remove)
    tree.change("test/listener_3dmm.npy", "RD127", "float32 of shape (6, 1160)", array(lambda v: v.reshape(6, -1)))
    report = tree.verify()
    assert not_reported(report, tree.expected) == []
    assert not_expected(report, tree.expected) == []
    assert len(tree.expected) >= 18


def test_a_split_that_is_not_there_is_reported(tree):
    report = verify(tree.root, ["val", "vall"], show_progress=False)
    assert [(problem.code, problem.where) for problem in report] == [("RD111", "vall")]
