"""Every hostile file gives one clear error, in time, without being unpickled."""

import contextlib
import os
import re
import runpy
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from react_eval.errors import UnreadableFileError
from react_eval.submissions import ReadingLimits, read_submission

hostile_files = runpy.run_path(str(Path(__file__).with_name("hostile_files.py")))
HOSTILE_FILES = hostile_files["HOSTILE_FILES"]


def refusal(path, **options) -> str:
    with pytest.raises(UnreadableFileError) as caught:
        read_submission(path, show_progress=False, **options)
    return caught.value.message


@pytest.mark.parametrize("bad", HOSTILE_FILES, ids=lambda bad: bad.label)
def test_is_refused_with_a_clear_message_in_time(bad, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / bad.name
    bad.build(path)
    start = time.monotonic()
    message = refusal(path)
    assert time.monotonic() - start < 5
    assert re.search(bad.match, message), message
    assert str(path) in message
    assert len(message) < 700
    assert [file.name for file in tmp_path.iterdir()] == [bad.name]


def test_there_are_many_of_them():
    assert len(HOSTILE_FILES) >= 80


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    refusal(Path(__file__))
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path):
    assert "cannot be opened: No such file" in refusal(tmp_path / "absent.h5")


def test_a_folder_is_refused(tmp_path):
    assert "is a folder, expected a file" in refusal(tmp_path)


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    assert "is a pipe or device" in refusal(tmp_path / "pipe.h5")


def test_a_device_is_refused():
    assert "is a pipe or device" in refusal("/dev/zero")


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "sparse.h5").touch()
    os.truncate(tmp_path / "sparse.h5", 20 * 2**30)
    assert "has 21.5 GB; at most 17.2 GB are read" in refusal(tmp_path / "sparse.h5")


def test_values_beyond_the_limit_are_refused(tmp_path):
    np.save(tmp_path / "p.npy", np.zeros((3, 1, 4, 25), np.float16))
    message = refusal(tmp_path / "p.npy", limits=ReadingLimits(decoded_bytes=1000))
    assert "claims to have shape (3, 1, 4, 25), which is 1.2 kB as float32; at most 1.0 kB are read" in message


def test_a_link_to_a_file_is_followed(tmp_path):
    np.save(tmp_path / "real.npy", np.ones((1, 1, 4, 25), np.float32))
    (tmp_path / "link.npy").symlink_to(tmp_path / "real.npy")
    assert read_submission(tmp_path / "link.npy").arrays["emotion"].shape == (1, 1, 4, 25)


def test_a_chunk_that_inflates_without_end_meets_the_memory_limit(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file["clip"] = ["a"]
        bomb = file.create_dataset("prediction", (1, 1, 8, 25), "f4", chunks=(1, 1, 8, 25), compression="gzip")
        bomb.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(2**29), 1))
    message = refusal(path, limits=ReadingLimits(address_space=2**29))
    assert "more than 536.9 MB of memory" in message or "damaged" in message


@pytest.mark.parametrize("seed", range(12))
def test_damaged_bytes_of_hdf5_never_pass_as_a_crash_here(tmp_path, seed):
    path = hostile_files["write_h5"](tmp_path / "damaged.h5")
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    metadata = rng.integers(8, 3000, 40)
    for position in metadata:
        content[position] = rng.integers(256)
    path.write_bytes(content)
    with contextlib.suppress(UnreadableFileError):
        read_submission(path)
