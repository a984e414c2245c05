"""Predictions that wait in a temporary file: what fails leaves nothing, and forked processes do not mix theirs up."""

import copy
import multiprocessing
import os
import pickle
import tempfile

import numpy as np
import pytest

from react_eval.errors import ReactError
from react_eval.spool import Spool

SHAPE = (2, 30, 5)


def clip(number):
    return np.full(SHAPE, number, np.float32)


def spool_of(*numbers):
    return Spool().grown((str(number), clip(number)) for number in numbers)


def holds(spool, *numbers):
    return list(spool) == [str(number) for number in numbers] and all((spool[str(n)] == clip(n)).all() for n in numbers)


def test_growing_leaves_the_spool_before_as_it_was():
    first = spool_of(1, 2)
    second = first.grown([("3", clip(3))])
    assert holds(first, 1, 2)
    assert holds(second, 1, 2, 3)


def test_an_empty_spool_has_no_file(monkeypatch):
    monkeypatch.setattr(tempfile, "TemporaryFile", pytest.fail)
    assert len(Spool().grown([])) == 0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda spool: pickle.loads(pickle.dumps(spool))])
def test_a_copy_has_the_clips_and_a_file_of_its_own(copied):
    spool = spool_of(1, 2)
    grown = copied(spool).grown([("3", clip(3))])
    assert holds(grown, 1, 2, 3)
    assert holds(spool.grown([("4", clip(4))]), 1, 2, 4)
    assert holds(grown, 1, 2, 3)


class FullDisk:
    """A file on a disk that takes no more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, stored):
        if len(stored) > self.room:
            raise OSError(28, "No space left on device")
        self.room -= len(stored)
        return self.file.write(stored)


def test_a_full_disk_is_said_and_leaves_nothing(monkeypatch):
    spool = spool_of(1)
    size = os.fstat(spool._file._file.fileno()).st_size
    real = spool._file._file
    monkeypatch.setattr(spool._file, "_file", FullDisk(real, room=clip(2).nbytes))
    with pytest.raises(ReactError, match=f"temporary folder {tempfile.gettempdir()}: .*No space left.* make room"):
        spool.grown([("2", clip(2)), ("3", clip(3))])
    assert os.fstat(real.fileno()).st_size == size
    monkeypatch.setattr(spool._file, "_file", real)
    assert holds(spool.grown([("2", clip(2)), ("3", clip(3))]), 1, 2, 3)


def test_a_folder_that_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(ReactError, match="gone"):
        spool_of(1)


def test_a_platform_without_pread_reads_the_same(monkeypatch):
    monkeypatch.delattr(os, "pread", raising=False)
    assert holds(spool_of(1, 2).grown([("3", clip(3))]), 1, 2, 3)


def grow_in_child(spool, number, together, answers):
    together.wait()
    for each in range(number, number + 50):
        spool = spool.grown([(str(each), clip(each))])
    together.wait()
    answers.put(holds(spool, 0, *range(number, number + 50)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_processes_write_files_of_their_own_and_read_what_was_there():
    context = multiprocessing.get_context("fork")
    spool, together, answers = spool_of(0), context.Barrier(2), context.Queue()
    children = [context.Process(target=grow_in_child, args=(spool, n, together, answers)) for n in (100, 200)]
    for each in children:
        each.start()
    assert [answers.get(timeout=60) for _ in children] == [True, True]
    for each in children:
        each.join()
    assert holds(spool.grown([("1", clip(1))]), 0, 1)
