"""Pickled modules are read without running anything of them; files that try are refused."""

import io
import os
import pickle
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from official_regnn import install, official_module
from torch import nn

import reference_models
from reference_models.errors import CheckpointError
from reference_models.pickled_modules import read_pickled_module

STATE = {
    "a.norm_layer.weight": torch.arange(6.0).reshape(2, 3),
    "a.bias": torch.ones(2),
    "version": torch.tensor([2.0]),
}
MODULE = b"cmodels.mhp\nMHP\n)\x81"  # an object of that class, without attributes


class Runs:
    """What would call something if it were unpickled."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def archived(program, storages=(), *, compression=zipfile.ZIP_STORED):
    """A file of `torch.save` with any pickle in it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr("archive/data.pkl", program)
        archive.writestr("archive/byteorder", "little")
        for key, values in enumerate(storages):
            archive.writestr(f"archive/data/{key}", values)
    return content.getvalue()


def attributes(program):
    """A module whose attributes are what a program leaves."""
    return archived(b"\x80\x02" + MODULE + program + b"b.")


def tensor(size, stride, offset=b"K\x00", count=b"K\x04"):
    """A module with one parameter, described by steps of a pickle."""
    storage = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpu" + count + b"tQ"
    made = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset + size + stride + b"\x89}tR"
    program = b"\x80\x02" + MODULE + b"}X\x0b\x00\x00\x00_parameters}X\x01\x00\x00\x00w" + made + b"ssb."
    return archived(program, [torch.arange(4.0).numpy().tobytes()])


def read(content, tmp_path):
    file = tmp_path / "module.pth"
    file.write_bytes(content)
    return read_pickled_module(file, modules=("models", "utils"), flags=("_init",))


@pytest.fixture
def module(monkeypatch):
    return official_module(monkeypatch, STATE)


def saved(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def test_tensors_and_flags_are_read(module, tmp_path):
    found = read(saved(module), tmp_path)
    assert found.keys() == {*STATE, "a.norm_layer._init"}
    assert all(torch.equal(found[key], value) for key, value in STATE.items())
    assert found["a.norm_layer._init"].item() is True
    assert read(tensor(b"K\x02K\x02\x86", b"K\x01K\x02\x86"), tmp_path)["w"].tolist() == [[0, 2], [1, 3]]


def test_a_real_module_of_torch_is_read(tmp_path):
    layer = nn.Sequential(nn.MultiheadAttention(4, 2), nn.BatchNorm1d(3), nn.GELU(), nn.GRU(2, 3)).half()
    found, expected = read(saved(layer), tmp_path), layer.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())


@pytest.mark.parametrize("content", [b"", b"x" * 50, saved({"w": torch.ones(2)}), pickle.dumps(Runs(print, "ran"))])
def test_files_of_other_kinds_are_left_to_other_readers(content, tmp_path):
    assert read(content, tmp_path) is None


HOSTILE = {
    "print": (print, "ran"),
    "system": (os.system, "echo ran"),
    "eval": (eval, "print('ran')"),
    "getattr": (getattr, "", "join"),
    "load": (pickle.loads, pickle.dumps(3)),
    "torch.load": (torch.load, "file"),
    "storage": (torch.storage._load_from_bytes, b""),
    "partial": (__import__("functools").partial, print),
    "hub": (torch.hub.load, "a", "b"),
    "compile": (compile, "1", "x", "eval"),
    "class of torch": (nn.Linear, 3, 3),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", ["root", "attribute", "parameter", "buffer", "module"])
def test_calls_are_refused_wherever_they_are(kind, place, module, tmp_path, capfd):
    hostile = Runs(*HOSTILE[kind])
    if place == "attribute":
        module.harmless = hostile
    held = {"parameter": "_parameters", "buffer": "_buffers", "module": "_modules"}.get(place)
    if held:
        getattr(module.a, held)["b"] = hostile
    with pytest.raises(CheckpointError, match=r"names|calls|has the step"):
        read(saved(hostile if place == "root" else module), tmp_path)
    assert capfd.readouterr().out == ""


def test_the_published_classes_are_never_called_even_if_they_are_there(monkeypatch, tmp_path):
    kind = install(monkeypatch, "models.mhp.MHP")
    kind.__setstate__ = kind.__new__ = lambda *_: pytest.fail("code ran")
    assert read(attributes(b"}"), tmp_path) == {}


STEPS = {
    "names outside": b"cposix\nsystem\n",
    "names by the stack": b"X\x02\x00\x00\x00osX\x06\x00\x00\x00system\x93",
    "an extension": b"\x82\x01",
    "an old instance": b"(iposix\nsystem\n",
    "an old object": b"(cmodels\nA\no",
    "a persistent name": b"Pkey\n",
    "a new object with arguments by name": b"cmodels\nA\n)}\x92",
    "text that python evaluates": b"S'a'\n",
    "a number in digits": b"L1L\n",
    "a copy of the top": b"}2",
    "bytes": b"C\x01a",
    "a call of a class": b"cmodels\nA\n)R",
    "a call of no name": b"K\x01)R",
    "an object of a function": b"ctorch._utils\n_rebuild_tensor_v2\n)\x81",
    "an object of no class": b"K\x01)\x81",
    "attributes for a class": b"cmodels\nA\n}b",
    "attributes for a number": b"K\x01}b",
    "keys that are tuples": b"})K\x01s",
    "keys that are objects": b"}" + MODULE + b"K\x01s",
    "items for no dict": b"]K\x01K\x02s",
    "items for no list": b"}K\x01a",
    "half an item": b"}(K\x01u",
    "more than the stack": b"\x87\x87\x87\x87",
    "a mark that is none": b"t",
    "a memory that is none": b"h\x09",
    "a storage of no kind": b"(K\x01K\x02K\x03K\x04K\x05tQ",
    "a storage that is no tuple": b"K\x01Q",
    "a tensor of nothing": b"ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00))tR",
    "no end": b"",
}


@pytest.mark.parametrize("kind", STEPS)
def test_steps_that_no_module_has_are_refused(kind, tmp_path):
    content = attributes(STEPS[kind]) if kind != "no end" else archived(b"\x80\x02" + MODULE)
    with pytest.raises(CheckpointError):
        read(content, tmp_path)


TENSORS = {
    "larger than its storage": tensor(b"K\x05\x85", b"K\x01\x85"),
    "beyond its storage": tensor(b"K\x02\x85", b"K\x04\x85"),
    "from beyond its storage": tensor(b"K\x01\x85", b"K\x01\x85", offset=b"K\x04"),
    "repeated": tensor(b"J\xff\xff\xff\x7f\x85", b"K\x00\x85"),
    "of a negative step": tensor(b"K\x02\x85", b"J\xff\xff\xff\xff\x85"),
    "of a negative offset": tensor(b"K\x02\x85", b"K\x01\x85", offset=b"J\xff\xff\xff\xff"),
    "of more steps than axes": tensor(b"K\x02\x85", b"K\x01K\x01\x86"),
    "of true as size": tensor(b"\x88\x85", b"K\x01\x85"),
    "of many axes": tensor(b"(" + b"K\x01" * 40 + b"t", b"(" + b"K\x01" * 40 + b"t"),
    "of a storage that claims more": tensor(b"K\x01\x85", b"K\x01\x85", count=b"J\xff\xff\xff\x7f"),
    "of a storage that claims less": tensor(b"K\x01\x85", b"K\x01\x85", count=b"K\x03"),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_that_are_not_there_are_refused(kind, tmp_path):
    with pytest.raises(CheckpointError, match="damaged"):
        read(TENSORS[kind], tmp_path)


def test_compressed_and_large_records_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"data\.pkl"):
        read(archived(b"\x80\x02" + b"0" * 2**20 + b".", compression=zipfile.ZIP_DEFLATED), tmp_path)
    with pytest.raises(CheckpointError, match="more than there can be"):
        read(archived(b"\x80\x02" + b"N0" * 2**23 + b"."), tmp_path)


def test_structures_that_grow_without_end_are_refused(tmp_path):
    held = b"}X\x08\x00\x00\x00_modules"
    within_itself = b"\x80\x02" + MODULE + b"q\x00" + held + b"}X\x01\x00\x00\x00ah\x00ssb."
    with pytest.raises(CheckpointError, match="without end"):
        read(archived(within_itself), tmp_path)
    doubled = MODULE + b"q\x00"
    for level in range(1, 40):
        inner = b"}(X\x01\x00\x00\x00ah" + bytes([level - 1]) + b"X\x01\x00\x00\x00bh" + bytes([level - 1]) + b"u"
        doubled += MODULE + b"q" + bytes([level]) + held + inner + b"sb"
    with pytest.raises(CheckpointError, match="without end"):
        read(archived(b"\x80\x02" + doubled + b"."), tmp_path)


def test_a_memory_far_away_takes_no_room(tmp_path):
    assert read(attributes(b"}r\xf0\xff\xff\xff"), tmp_path) == {}


def test_a_truncated_file_is_refused(module, tmp_path):
    content = saved(module)
    for length in range(0, len(content) - 1, 500):
        with suppress(CheckpointError):
            assert read(content[:length], tmp_path) is None


def test_conversion_refuses_a_hostile_module(module, tmp_path, capfd):
    module.harmless, file = Runs(os.system, "echo ran"), tmp_path / "hostile.pth"
    torch.save(module, file)
    with pytest.raises(CheckpointError, match=r"names 'posix.system'"):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="regnn")
    file.write_bytes(pickle.dumps(Runs(os.system, "echo ran")))
    with pytest.raises(CheckpointError):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="regnn")
    assert capfd.readouterr().out == ""


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8), st.booleans())
def test_changed_bytes_are_refused_or_harmless(changes, program_only):
    content = bytearray(SMALL)
    begin, end = PROGRAM if program_only else (0, len(content))
    for place, value in changes:
        content[begin + place % (end - begin)] = value
    FILE.write_bytes(content)
    try:
        found = read_pickled_module(FILE, modules=("models",))
    except CheckpointError:
        return
    assert found is None or sum(value.numel() for value in found.values()) <= len(content)


@pytest.fixture(autouse=True, scope="module")
def small_file(tmp_path_factory):
    """A real module whose bytes are changed."""
    global FILE, SMALL, PROGRAM
    FILE = tmp_path_factory.mktemp("changed") / "module.pth"
    SMALL = saved(nn.Linear(2, 2))
    begin = SMALL.index(b"data.pkl")
    PROGRAM = (begin, SMALL.index(b"PK", begin))
