"""`SubmissionWriter`: one at a time, resumed after any interruption, and never over a finished submission."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from react_eval.errors import InputError, ShapeError
from react_eval.submissions import SubmissionWriter, durable, read_submission, save_submission

PREDICTION = np.random.default_rng(0).random((3, 2, 20, 25), dtype=np.float32)
COEFFICIENTS = np.random.default_rng(1).normal(size=(3, 2, 20, 58)).astype(np.float32)
CLIPS = ["RECOLA/group-2/P41/1", "RECOLA/group-2/P41/2", "UDIVA/talk/023102/FC1/8"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p.h5"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "p.h5.partial"


def interrupted_run(path, clips=CLIPS, **options):
    """Two or three clips are finished; returns the files they lie in."""
    writer = SubmissionWriter(path, **options)
    files = []
    for number, clip in enumerate(clips):
        before = set(writer.folder.glob("clip-*.finished"))
        writer.write(clip, PREDICTION[number])
        files += set(writer.folder.glob("clip-*.finished")) - before
    writer.pause()
    return files


# one at a time ---------------------------------------------------------------------------------------------------


def test_a_second_writer_of_this_process_is_refused(path):
    first = SubmissionWriter(path)
    with pytest.raises(InputError) as caught:
        SubmissionWriter(path)
    message = caught.value.message
    assert message.startswith(f"{path} is being written by another SubmissionWriter (this very process, since ")
    assert re.search(r"call its close\(\) or pause\(\)", message)
    first.write(CLIPS[0], PREDICTION[0])
    first.close()


def test_a_second_process_is_refused_and_harms_nothing(path):
    first = SubmissionWriter(path)
    first.write(CLIPS[0], PREDICTION[0])
    program = "import sys; from react_eval.submissions import SubmissionWriter as W; W(sys.argv[1])"
    second = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    assert f"another SubmissionWriter (process {os.getpid()} of this machine, since " in second.stderr
    first.write(CLIPS[1], PREDICTION[1])
    first.close()
    np.testing.assert_array_equal(read_submission(path).arrays["emotion"], PREDICTION[:2])


RUN = """
import sys, numpy as np
from react_eval.submissions import SubmissionWriter
try:
    with SubmissionWriter(sys.argv[1], overwrite=True) as writer:
        print("started", flush=True)
        for clip in range(30):
            writer.write(f"NoXI/chat/Expert_video/{clip}", np.full((2, 5, 25), clip, np.float32))
except Exception as error:
    sys.exit(type(error).__name__)
"""


def test_writers_at_once_never_mislabel_a_clip(path):
    runs = [subprocess.Popen([sys.executable, "-c", RUN, path], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    endings = [run.communicate()[1].strip() for run in runs]
    assert "" in endings
    assert set(endings) <= {"", "InputError"}
    submission = read_submission(path)
    assert submission.clips == tuple(f"NoXI/chat/Expert_video/{clip}" for clip in range(30))
    assert list(submission.arrays["emotion"][:, 0, 0, 0]) == list(range(30))


def test_a_paused_writer_is_continued_by_another(path):
    first = SubmissionWriter(path)
    first.write(CLIPS[0], PREDICTION[0])
    first.pause()
    with pytest.raises(InputError, match="was closed or paused"):
        first.write(CLIPS[1], PREDICTION[1])
    with SubmissionWriter(path) as second:
        assert second.done == {CLIPS[0]}
    assert read_submission(path).clips == (CLIPS[0],)


def test_a_forked_process_does_not_write(path):
    writer = SubmissionWriter(path)
    child = os.fork()
    if child == 0:
        try:
            writer.write(CLIPS[0], PREDICTION[0])
        except InputError as error:
            os._exit(7 if "belongs to process" in error.message else 1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_closing_twice_is_harmless(path):
    with SubmissionWriter(path) as writer:
        writer.write(CLIPS[0], PREDICTION[0])
        assert writer.close() == path
        modified = path.stat().st_mtime_ns
        assert writer.close() == path
    assert path.stat().st_mtime_ns == modified
    with pytest.raises(InputError, match="was closed or paused"):
        writer.write(CLIPS[1], PREDICTION[1])


def test_a_close_that_fails_can_be_repeated(path, monkeypatch):
    writer = SubmissionWriter(path)
    writer.write(CLIPS[0], PREDICTION[0])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            writer.close()
    assert writer.close() == path
    assert [file.name for file in path.parent.iterdir()] == ["p.h5"]


# interrupted runs ------------------------------------------------------------------------------------------------


def cut(file):
    os.truncate(file, file.stat().st_size // 2)


def empty(file):
    os.truncate(file, 0)


def zero(file):
    file.write_bytes(bytes(file.stat().st_size))


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def pickled(file):
    with file.open("wb") as stream:
        np.savez(stream, clip=np.array([{}], dtype=object))


@pytest.mark.parametrize("damage", [cut, empty, zero, flip, pickled])
def test_a_damaged_clip_is_dropped_and_written_again(path, damage):
    damage(interrupted_run(path)[1])
    with pytest.warns(UserWarning, match=r"1 finished clip is damaged in .*p.h5.partial .* has to be written again"):
        writer = SubmissionWriter(path)
    assert writer.done == {CLIPS[0], CLIPS[2]}
    assert "is damaged" in writer.notes[0]
    writer.write(CLIPS[1], PREDICTION[1])
    writer.close()
    submission = read_submission(path)
    assert submission.clips == (CLIPS[0], CLIPS[2], CLIPS[1])
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION[[0, 2, 1]])


def test_a_file_of_another_clip_is_not_believed(path):
    files = interrupted_run(path)
    files[0].replace(files[1])
    with pytest.warns(UserWarning, match="is damaged"):
        assert SubmissionWriter(path).done == {CLIPS[2]}


def test_a_clip_that_is_damaged_meanwhile_is_not_assembled(path):
    writer = SubmissionWriter(path)
    writer.write(CLIPS[0], PREDICTION[0])
    flip(next(writer.folder.glob("clip-*.finished")))
    with pytest.raises(InputError, match=r"finished clip 'RECOLA/group-2/P41/1' .* damaged.*run the same code again"):
        writer.close()
    assert not path.exists()


def test_warnings_that_are_errors_release_the_lock(path):
    flip(interrupted_run(path)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="is damaged"):
            SubmissionWriter(path)
    with pytest.warns(UserWarning, match="is damaged"):
        assert SubmissionWriter(path).done == set(CLIPS[1:])


@pytest.mark.parametrize("content", ["", "{", "[]", None])
def test_clips_of_an_unknown_run_are_not_claimed(path, folder, content):
    interrupted_run(path)
    (folder / "run.json").unlink() if content is None else (folder / "run.json").write_text(content)
    with pytest.raises(
        InputError, match=r"run.json, which says of which run, is missing or damaged. Remove the folder"
    ):
        SubmissionWriter(path)


def test_a_file_in_the_place_of_the_folder_is_named(path, folder):
    folder.write_text("notes")
    with pytest.raises(InputError, match=r"p.h5.partial is in the way: it is a file"):
        SubmissionWriter(path)


def test_what_a_kill_left_while_assembling_is_removed(path, folder):
    interrupted_run(path)
    (folder / "assembled.tmp").write_bytes(bytes(1000))
    (folder / "clip-0.tmp").write_bytes(bytes(1000))
    with SubmissionWriter(path):
        assert not list(folder.glob("*.tmp"))
    assert [file.name for file in path.parent.iterdir()] == ["p.h5"]


def test_files_of_others_are_left_alone(path, folder):
    interrupted_run(path)
    (folder / "my notes.txt").write_text("keep")
    SubmissionWriter(path).close()
    assert [file.name for file in folder.iterdir()] == ["my notes.txt"]


def test_clips_are_safe_on_disk_before_they_count(path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda old, new: (calls.append(f"rename to {new.name}"), replace(old, new)))
    writer = SubmissionWriter(path)
    calls.clear()
    writer.write(CLIPS[0], PREDICTION[0])
    clip = next(writer.folder.glob("clip-*.finished"))
    assert calls == [clip.with_suffix(".tmp"), f"rename to {clip.name}", writer.folder]
    calls.clear()
    writer.close()
    assert calls == [writer.folder / "assembled.tmp", "rename to p.h5", path.parent]


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def of_files_only(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").is_dir():
            raise OSError(22, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", of_files_only)
    (tmp_path / "a.tmp").write_text("a")
    durable.replace_durably(tmp_path / "a.tmp", tmp_path / "a")
    assert (tmp_path / "a").read_text() == "a"


# guards ----------------------------------------------------------------------------------------------------------


def test_a_leftover_folder_does_not_lift_the_guard(path, folder):
    save_submission(path, PREDICTION, clips=CLIPS)
    interrupted_run(path, overwrite=True)
    with pytest.raises(InputError, match=r"p.h5 exists. Pass overwrite=True"):
        SubmissionWriter(path)
    assert read_submission(path).clips == tuple(CLIPS)


def test_a_file_that_appears_meanwhile_is_not_overwritten(path):
    writer = SubmissionWriter(path)
    writer.write(CLIPS[0], PREDICTION[0])
    save_submission(path, PREDICTION[1:], clips=CLIPS[1:])
    with pytest.raises(InputError, match=r"p.h5 exists"):
        writer.close()
    assert read_submission(path).clips == tuple(CLIPS[1:])


@pytest.mark.parametrize(
    ("clip", "match"),
    [
        (7, "clip 7 is of type int, expected its id"),
        ("", "expected its id"),
        ("a\0b", "characters that cannot be printed"),
        ("a\nb", "characters that cannot be printed"),
        ("a\udc80b", "characters that cannot be printed"),
        ("x" * 501, "has 501 characters; at most 500 are read"),
    ],
)
def test_ids_that_could_not_be_read_back_are_refused_at_once(path, clip, match):
    with pytest.raises(InputError, match=match):
        SubmissionWriter(path).write(clip, PREDICTION[0])
    with pytest.raises(InputError, match=match):
        save_submission(path, PREDICTION[:1], clips=[clip])


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"run_seed": None}, "run_seed is None, expected an integer"),
        ({"run_seed": 1.5}, "run_seed is 1.5, expected an integer"),
        ({"run_seed": 2**63}, "expected an integer of 64 bits"),
        ({"method": "m" * 1001}, "method has 1001 characters; at most 1000 are read"),
        ({"method": "a\udc80"}, "method .* cannot be printed"),
        ({"split": "val\0"}, "split .* cannot be printed"),
        ({"method": None}, "method is None, expected text"),
    ],
)
def test_attributes_that_could_not_be_read_back_are_refused_at_once(path, folder, options, match):
    with pytest.raises(InputError, match=match):
        SubmissionWriter(path, **options)
    assert not folder.exists()


def test_a_numpy_seed_is_an_integer(path):
    with SubmissionWriter(path, run_seed=np.int64(3)) as writer:
        writer.write(CLIPS[0], PREDICTION[0])
    assert read_submission(path).attributes["run_seed"] == "3"


def test_kinds_that_do_not_fit_each_other_are_refused_at_once(path):
    with pytest.raises(ShapeError, match="differ in reactions or frames"):
        SubmissionWriter(path).write(CLIPS[0], PREDICTION[0], COEFFICIENTS[0, :, :9])


def test_58_channels_are_coefficients(path):
    with SubmissionWriter(path) as writer:
        writer.write(CLIPS[0], COEFFICIENTS[0])
        with pytest.raises(InputError, match="both 3DMM coefficients, by their 58 channels"):
            writer.write(CLIPS[1], COEFFICIENTS[1], COEFFICIENTS[1])
    assert list(read_submission(path).arrays) == ["coefficients"]
