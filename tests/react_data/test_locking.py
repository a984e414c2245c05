"""Locks: one holder at a time, gone with the process that held it, with and without locks of the system."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys

import pytest

from react_data import locking
from react_data.locking import describe_holder, try_lock

HOLD = """
import sys, time
from pathlib import Path
from react_data import locking
if sys.argv[2] == "without":
    locking.fcntl = None
lock = locking.try_lock(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(60)
"""


def refuse(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")


@pytest.fixture(params=["with", "without", "refused"])
def system_locks(request, monkeypatch):
    if request.param == "without":
        monkeypatch.setattr(locking, "fcntl", None)
    elif request.param == "refused":
        monkeypatch.setattr(locking.fcntl, "flock", refuse)
    return "with" if request.param == "with" else "without"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "lock"


def test_there_is_one_holder(file, system_locks):
    lock = try_lock(file)
    assert lock is not None
    assert try_lock(file) is None
    assert describe_holder(file).startswith("this very process")
    lock.release()
    assert not file.exists()
    assert try_lock(file) is not None


def test_releasing_twice_leaves_the_next_holder_alone(file, system_locks):
    first = try_lock(file)
    first.release()
    second = try_lock(file)
    first.release()
    assert try_lock(file) is None
    second.release()


def test_a_collected_lock_is_released(file, system_locks):
    lock = try_lock(file)
    del lock
    assert try_lock(file) is not None


def test_a_killed_holder_is_no_holder(file, system_locks):
    with subprocess.Popen([sys.executable, "-c", HOLD, file, system_locks], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert try_lock(file) is None
        assert describe_holder(file).startswith(f"process {process.pid} of ")
        os.kill(process.pid, signal.SIGKILL)
    assert file.exists()
    assert try_lock(file) is not None


def test_a_holder_on_another_machine_is_believed(file, monkeypatch):
    monkeypatch.setattr(locking, "fcntl", None)
    file.write_text(json.dumps({"process": 1, "machine": "elsewhere", "since": "2026-01-01T00:00:00"}))
    assert try_lock(file) is None
    assert describe_holder(file) == "process 1 of the machine elsewhere, since 2026-01-01T00:00:00"


@pytest.mark.parametrize("content", ["", "[]", '{"process": "many"}', "\udcff"])
def test_a_damaged_record_is_of_an_unknown_holder(file, monkeypatch, content):
    monkeypatch.setattr(locking, "fcntl", None)
    file.write_bytes(content.encode(errors="surrogateescape"))
    assert try_lock(file) is None
    assert "unknown" in describe_holder(file)


def test_a_forked_process_does_not_release_its_parents_lock(file, system_locks):
    lock = try_lock(file)
    child = multiprocessing.get_context("fork").Process(target=lock.release)
    child.start()
    child.join()
    assert file.exists()
    assert try_lock(file) is None


def test_a_link_is_not_followed(tmp_path, file):
    (tmp_path / "precious").write_text("keep me")
    file.symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="lock"):
        try_lock(file)
    assert (tmp_path / "precious").read_text() == "keep me"
