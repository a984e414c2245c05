"""What reading may cost: decoded sizes, room on the disk, and folders of processes that were killed."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from react_eval.errors import InputError, UnreadableFileError
from react_eval.submissions import ReadingLimits, asking, child, private_folder, read_submission, save_submission
from react_eval.submissions.costs import check_costs

PREDICTION = np.random.default_rng(0).random((4, 3, 40, 25), dtype=np.float32)
CLIPS = [f"NoXI/065_2016-04-14_Nottingham/Expert_video/{n}" for n in range(4)]
CONSTANT = np.full((14, 10, 750, 25), 0.25, np.float32)


@pytest.fixture
def path(tmp_path):
    np.save(tmp_path / "p.npy", PREDICTION)
    return tmp_path / "p.npy"


# sizes -----------------------------------------------------------------------------------------------------------


def test_honest_constant_submissions_pass(tmp_path):
    with h5py.File(tmp_path / "p.h5", "w") as file:
        options = {"chunks": CONSTANT.shape, "compression": "gzip", "compression_opts": 9, "shuffle": True}
        file.create_dataset("prediction", data=CONSTANT.astype(np.float16), **options)
        file["clip"] = [f"a{n}" for n in range(len(CONSTANT))]
    np.savez_compressed(tmp_path / "p.npz", prediction=CONSTANT)
    assert CONSTANT.nbytes > 600 * (tmp_path / "p.h5").stat().st_size
    strict = ReadingLimits(ratio_bytes=0)
    for name in ("p.h5", "p.npz"):
        np.testing.assert_array_equal(read_submission(tmp_path / name, limits=strict).arrays["emotion"], CONSTANT)


def test_more_than_is_expected_is_refused_with_both_numbers(path):
    with pytest.raises(UnreadableFileError, match=r"it decodes to 48.0 kB, but at most 47.0 kB are expected here"):
        read_submission(path, largest=47_000)
    assert read_submission(path, largest=48_000).arrays["emotion"].shape == PREDICTION.shape


def test_expectations_of_no_size_are_a_mistake(path):
    with pytest.raises(InputError, match="largest is 0, expected a positive number of bytes"):
        read_submission(path, largest=0)


@pytest.mark.parametrize(("decoded", "unpacked"), [(2000, 0), (1000, 1000)])
def test_room_on_the_disk_is_checked_before_decoding(tmp_path, monkeypatch, decoded, unpacked):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1999))
    match = rf"decoding it needs 2.0 kB in {tmp_path.parent}, where only 2.0 kB are free. Set TMPDIR to a folder on"
    with pytest.raises(UnreadableFileError, match=match):
        check_costs(decoded, 100, tmp_path, ReadingLimits(), unpacked_bytes=unpacked)


def test_the_process_that_asked_checks_again(tmp_path, monkeypatch):
    path = save_submission(tmp_path / "p.h5", np.ones((40, 3, 40, 25), np.float32), clips=[f"a{n}" for n in range(40)])
    room = path.stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=room))
    with pytest.raises(UnreadableFileError, match=r"decoding it needs 480.0 kB in .*, where only .* are free"):
        read_submission(path)


def test_an_answer_beyond_what_is_expected_is_refused(path, monkeypatch):
    array = '{"shape": [4, 3, 40, 25], "kind": "emotion", "stored_dtype": "float32", "channels": null}'
    rest = '"format": "npy", "clips": null, "row_sizes": null, "attributes": {}, "notes": []'
    program = f"print('''{{\"structure\": {{\"arrays\": [{array}], {rest}}}}}'''); print('{{\"finished\": true}}')"
    monkeypatch.setattr(asking, "READER", (sys.executable, "-c", program))
    with pytest.raises(UnreadableFileError, match=r"it decodes to 48.0 kB, but at most 1.0 kB are expected here"):
        read_submission(path, largest=1000)


def test_two_arrays_count_together(tmp_path):
    np.savez(tmp_path / "p.npz", prediction=PREDICTION, prediction_3dmm=np.ones((4, 3, 40, 58), np.float32))
    with pytest.raises(UnreadableFileError, match=r"decodes to 159.4 kB; at most 120.0 kB are read"):
        read_submission(tmp_path / "p.npz", limits=ReadingLimits(decoded_bytes=120_000))


def test_only_what_is_used_stays_on_the_disk(tmp_path):
    np.savez(tmp_path / "p.npz", prediction=PREDICTION)
    submission = read_submission(tmp_path / "p.npz")
    assert {file.name for file in submission.folder.iterdir()} == {"emotion.float32", "reader.lock"}


# causes that are not the file's ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "match"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full.*Set TMPDIR"),
        (ImportError("libhdf5.so: cannot open"), "library that reads it cannot be loaded here .libhdf5.so"),
    ],
)
def test_the_file_is_not_blamed(path, monkeypatch, capsys, error, match):
    def fail(*_):
        raise error

    monkeypatch.setattr(child, "_read", fail)
    monkeypatch.setattr(child, "limit_resources", lambda *_: None)
    monkeypatch.setattr(child, "end_with_parent", lambda: None)
    assert child.main([str(path), str(path.parent), ReadingLimits().to_json(), "p.npy"]) == 1
    answer = capsys.readouterr().out
    assert len(answer.splitlines()) == 1
    assert re.search(match, answer)
    assert "damaged" not in answer


def test_a_full_disk_while_copying_is_named(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("react_eval.submissions.private_copy._copy", full)
    with pytest.raises(UnreadableFileError, match=r"p.npy cannot be copied to .*: No space left on device"):
        read_submission(path)


# folders of killed processes -------------------------------------------------------------------------------------

READ_AND_WAIT = """
import sys, time
from react_eval.submissions import read_submission
submission = read_submission(sys.argv[1])
print(submission.folder, flush=True)
time.sleep(60)
"""


@pytest.fixture
def temporary_folder(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    tempfile.tempdir = None


def make_older(folder):
    long_ago = time.time() - 3600
    os.utime(folder / "reader.lock", (long_ago, long_ago))


def test_the_folder_of_a_killed_process_is_removed_by_the_next(path, temporary_folder):
    with subprocess.Popen([sys.executable, "-c", READ_AND_WAIT, path], stdout=subprocess.PIPE, text=True) as process:
        left = Path(process.stdout.readline().strip())
        make_older(left)
        read_submission(path).close()
        assert left.is_dir()
        os.kill(process.pid, signal.SIGKILL)
    assert left.is_dir()
    read_submission(path).close()
    assert not list(temporary_folder.iterdir())


def test_a_folder_that_was_just_made_is_left_alone(path, temporary_folder):
    young = temporary_folder / "react-eval-reading-abcdefgh"
    young.mkdir()
    (young / "reader.lock").touch()
    read_submission(path).close()
    assert young.is_dir()


def test_folders_of_others_are_left_alone(path, temporary_folder, monkeypatch):
    results = temporary_folder / "react-eval-results"
    other_users = temporary_folder / "react-eval-reading-12345678"
    without_lock = temporary_folder / "react-eval-reading-87654321"
    for folder in (results, other_users):
        folder.mkdir()
        (folder / "reader.lock").touch()
        make_older(folder)
    without_lock.mkdir()
    (temporary_folder / "react-eval-reading-linklink").symlink_to(results)
    monkeypatch.setattr(private_folder.os, "getuid", lambda: path.stat().st_uid + 1)
    read_submission(path).close()
    monkeypatch.undo()
    assert {folder.name for folder in temporary_folder.iterdir()} == {
        "react-eval-results",
        "react-eval-reading-12345678",
        "react-eval-reading-87654321",
        "react-eval-reading-linklink",
    }


def test_a_forked_process_does_not_remove_the_folder(path):
    submission = read_submission(path)
    forked = os.fork()
    if forked == 0:
        submission.close()
        os._exit(0)
    os.waitpid(forked, 0)
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    assert submission.folder.is_dir()


def test_the_reading_process_ends_with_the_one_that_asked(tmp_path):
    asked = tmp_path / "asked"
    wait = f"""
import os, time
from pathlib import Path
from react_eval.submissions.resources import end_with_parent
end_with_parent()
Path({str(asked)!r}).write_text(str(os.getpid()))
time.sleep(60)
"""
    ask = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]]).wait()"
    with subprocess.Popen([sys.executable, "-c", ask, wait]) as process:
        while not (asked.exists() and asked.read_text()):
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    for _ in range(300):
        status = Path(f"/proc/{asked.read_text()}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("the reading process outlives the one that asked")
