"""Files and folders that the system does not give us: one message, and everything else is still looked at."""

import builtins
import errno
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import react_data
from react_data.cli import main
from react_data.errors import FileAccessError
from react_data.file_access import file_access
from react_data.mars_tree import MarsTree
from react_data.official_tree import OfficialTree
from react_data.opening import find_layout, open_split
from react_data.personal_clips import write_person_specific
from react_data.verification import verify


@pytest.fixture
def close(monkeypatch):
    """Takes the permission to read a file, or to look into a folder, from everybody; `chmod 000` spares root."""

    def closed(place):
        def guarded(call, *, itself):
            def refuse(path, *arguments, **options):
                if isinstance(path, str | os.PathLike):
                    asked = Path(path)
                    if asked.is_relative_to(place) and (itself or asked != place):
                        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
                return call(path, *arguments, **options)

            return refuse

        for module, name in ((os, "stat"), (os, "scandir"), (os, "listdir"), (io, "open"), (builtins, "open")):
            monkeypatch.setattr(module, name, guarded(getattr(module, name), itself=name != "stat"))

    return closed


def found(report):
    return {(problem.code, problem.where) for problem in report}


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_closed_folder_of_an_official_tree_leaves_the_rest_checked(small_tree, close):
    tree = OfficialTree(small_tree, "val")
    damaged, missing = tree.file("3dmm", tree.clips[0].speaker), tree.file("audio", tree.clips[1].speaker)
    np.save(damaged, np.zeros((60, 57), np.float32))
    missing.unlink()
    close(small_tree / "val" / "Emotion")
    report = verify(small_tree, show_progress=False)
    others = {
        ("RD112", damaged.relative_to(small_tree).as_posix()),
        ("RD111", missing.relative_to(small_tree).as_posix()),
    }
    assert found(report) >= {("RD134", "val/Emotion")} | others
    emotions = [problem for problem in report if problem.where.startswith("val/Emotion/")]
    assert len(emotions) == len(tree.clips)
    assert all("Permission denied" in problem.message for problem in emotions)
    assert set(report.checked) >= {"train", "val", "test"}


def test_a_closed_list_is_a_problem_of_its_own(small_tree, close):
    close(small_tree / "val.csv")
    report = verify(small_tree, show_progress=False)
    assert found(report) == {("RD102", "val.csv")}
    assert "emotion" in report.checked["test"]


def test_a_closed_split_leaves_the_others_checked(small_tree, close):
    close(small_tree / "val")
    report = verify(small_tree, show_progress=False)
    assert ("RD134", "val") in found(report)
    assert {problem.where.split("/")[0] for problem in report} == {"val"}


def test_only_the_splits_that_are_asked_for_are_looked_into(small_tree, close):
    close(small_tree / "train")
    assert verify(small_tree, ["val"], show_progress=False).problems == []


def test_a_closed_folder_of_a_mars_tree_leaves_the_rest_checked(tmp_path, close):
    options = {"recordings": 6, "frames": 30, "sample_rate": 1000, "show_progress": False}
    root = react_data.synthesise(tmp_path / "data", layout="react2025", **options)
    tree = MarsTree(root, "test")
    damaged = tree.file("emotion", tree.clips[0].speaker)
    np.save(damaged, np.zeros((30, 24), np.float32))
    close(root / "val" / "coefficients" / "listener")
    report = verify(root, show_progress=False)
    assert found(report) >= {("RD134", "val/coefficients/listener"), ("RD112", damaged.relative_to(root).as_posix())}
    assert set(report.checked) == {"train", "val", "test"}
    closed = [problem.message for problem in report if problem.where.startswith("val/coefficients/listener/")]
    assert closed
    assert all("Permission denied" in message for message in closed)


def test_a_closed_folder_of_arrays_leaves_the_rest_checked(tmp_path, close):
    for split in ("train", "val"):
        folder = tmp_path / split
        folder.mkdir()
        np.save(folder / "speaker_emotion.npy", np.full((2, 9, 3), np.nan, np.float32))
    close(tmp_path / "train")
    for splits in (None, ["train", "val"]):
        report = verify(tmp_path, splits, layout="arrays", show_progress=False)
        assert found(report) >= {("RD134", "train"), ("RD112", "val/speaker_emotion.npy")}


def test_what_cannot_be_read_is_an_error_of_ours(small_tree, tmp_path, close):
    packed = react_data.pack(small_tree, tmp_path / "packed.h5", modalities=["emotion"], show_progress=False)
    shutil.copytree(small_tree, tmp_path / "closed")
    close(packed)
    for call in (find_layout, verify, react_data.pack, lambda root: open_split(root, "val")):
        arguments = (packed, tmp_path / "other.h5") if call is react_data.pack else (packed,)
        with pytest.raises(FileAccessError, match=r"packed\.h5 cannot be read or written: Permission denied"):
            call(*arguments)
    close(tmp_path / "closed" / "val" / "Emotion")
    with pytest.raises(FileAccessError, match=r"val/Emotion/.* cannot be read or written: Permission denied"):
        open_split(tmp_path / "closed", "val")


@pytest.mark.parametrize("command", ["info", "verify", "pack"])
def test_an_unreadable_pack_is_one_message_and_exit_code_2(small_tree, tmp_path, close, command):
    packed = react_data.pack(small_tree, tmp_path / "packed.h5", modalities=["emotion"], show_progress=False)
    close(packed)
    outcome = invoke(command, packed, *([tmp_path / "other.h5"] if command == "pack" else []))
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert outcome.stderr.startswith(f"error: {packed} cannot be read or written: Permission denied")
    assert len(outcome.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("synthesise", "file/data", "--recordings", 6),
        ("pack", "tree", "file/packed.h5"),
        ("features", "tree", "file/features", "--feature", "mfcc26"),
        ("neighbours", "tree", "--split", "val", "--top-k", 1, "--out", "file/neighbours.h5"),
        ("personal", "tree", "--out", "file/personal"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_place_that_cannot_be_written_is_one_message_and_exit_code_2(small_tree, monkeypatch, arguments):
    monkeypatch.chdir(small_tree.parent)
    small_tree.rename("tree")
    Path("file").touch()
    outcome = invoke(*arguments)
    assert (outcome.exit_code, outcome.stdout) == (2, "")
    assert "file" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_personal_files_that_cannot_be_written_are_an_error_of_ours(small_tree, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileAccessError, match="file"):
        write_person_specific(small_tree, tmp_path / "file" / "personal")


def test_errors_without_a_name_are_told_on_one_line_and_pipes_are_left_alone():
    with (
        pytest.raises(FileAccessError, match=r"a file cannot be read or written: too many open\. Check"),
        file_access(),
    ):
        raise OSError("too many\n open.")
    with pytest.raises(BrokenPipeError), file_access():
        raise BrokenPipeError
