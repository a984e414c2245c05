"""Our checkpoints, and the way from and to published ones."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from toy_model import ToyConfig, ToyModel

import reference_models
from react_data.errors import ReactError
from reference_models import weight_files
from reference_models.checkpoints import is_checkpoint, model_with, read_checkpoint, weights_hash
from reference_models.errors import CheckpointError
from reference_models.key_map import KeyMap, KeyRule, PublishedPart
from reference_models.weight_files import read_description, write_weights


@pytest.fixture
def model():
    return reference_models.load("toy", seed=5)


@pytest.fixture
def published(model, tmp_path):
    """The model in the layout of somebody else's code, as their training script would save it."""
    state = reference_models.find_model("toy").key_map().export_state(model.state_dict())
    file = tmp_path / "published.pth"
    torch.save({"epoch": 3, "state_dict": {f"module.{key}": value for key, value in state.items()}}, file)
    return file


def same(one, other):
    assert weights_hash(one) == weights_hash(other)
    assert one.config == other.config


@pytest.mark.parametrize("name", ["folder", "file.safetensors"])
def test_a_checkpoint_is_read_as_it_was_written(model, tmp_path, name):
    model.mean_face = np.arange(58, dtype=np.float32)
    path = reference_models.save_checkpoint(model, tmp_path / name, facts={"epoch": 3})
    found = reference_models.load_checkpoint(path)
    same(found, model)
    assert found.mean_face.tolist() == model.mean_face.tolist()
    assert read_checkpoint(path).facts == {"epoch": 3}
    same(reference_models.load("toy", path), model)


def test_a_model_that_is_not_registered_is_filled(tmp_path):
    class Mine(ToyModel):
        pass

    path = reference_models.save_checkpoint(Mine(ToyConfig()), tmp_path / "mine")
    found = reference_models.load_weights(Mine(ToyConfig()), path)
    assert weights_hash(found) == json.loads((path / "model.json").read_text())["weights"]
    with pytest.raises(CheckpointError, match="another config"):
        reference_models.load_weights(Mine(ToyConfig(width=3)), path)
    with pytest.raises(CheckpointError, match="another model"):
        reference_models.load_weights(ToyModel(ToyConfig()), path)


def test_every_key_that_does_not_fit_is_listed(model, tmp_path):
    path = reference_models.save_checkpoint(model, tmp_path / "toy")
    description = {"react_models": (path / "model.json").read_text()}
    state = load_file(path / "model.safetensors")
    state["extra"] = torch.zeros(2)
    del state["outer.bias"]
    state["inner.bias"] = torch.zeros(3)
    save_file(state, path / "model.safetensors", description)
    with pytest.raises(CheckpointError) as refused:
        reference_models.load_checkpoint(path)
    for line in ("missing: outer.bias [25]", "unexpected: extra [2]", "inner.bias [3], expected [8]"):
        assert line in str(refused.value)


@pytest.mark.parametrize("content", [b"", b'\x08\0\0\0\0\0\0\0{"a": 1}', b"x" * 100])
def test_a_damaged_checkpoint_is_refused(model, tmp_path, content):
    path = reference_models.save_checkpoint(model, tmp_path / "toy.safetensors")
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="cannot be read as safetensors"):
        reference_models.load_checkpoint(path)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        reference_models.load_checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        reference_models.load("toy", tmp_path)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"model": "else:Where"}, "not registered"),
        ({"config": {"w": 1}}, "no field 'w'"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(model, tmp_path, changed, message):
    path = reference_models.save_checkpoint(model, tmp_path / "toy")
    description = json.loads((path / "model.json").read_text())
    state = load_file(path / "model.safetensors")
    save_file(state, path / "model.safetensors", {"react_models": json.dumps(description | changed)})
    with pytest.raises(ReactError, match=message):
        reference_models.load_checkpoint(path)


def test_a_published_safetensors_file_is_told_from_ours(model, tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "theirs.safetensors")
    assert not is_checkpoint(tmp_path / "theirs.safetensors")
    with pytest.raises(CheckpointError, match="Is it a published file"):
        reference_models.load_checkpoint(tmp_path / "theirs.safetensors")


def test_a_published_file_is_converted_and_exported(model, published, tmp_path):
    config = model.config
    done = reference_models.convert_checkpoint(published, tmp_path / "ours", model="toy", config=config)
    assert done.ignored == ("net.unused",)
    same(reference_models.load_checkpoint(done.path), model)
    same(reference_models.load("toy", published, config=config), model)
    for name in ("again.pth", "again.safetensors"):
        exported = reference_models.export_checkpoint(done.path, tmp_path / name).path
        again = reference_models.convert_checkpoint(exported, tmp_path / "twice", model="toy", config=config)
        same(reference_models.load_checkpoint(again.path), model)


def test_a_published_file_of_another_layout_lists_every_key(published, tmp_path):
    content = torch.load(published, weights_only=True)["state_dict"]
    content["module.other"] = torch.zeros(4)
    del content["module.net.last.bias"]
    torch.save(content, published)
    with pytest.raises(CheckpointError) as refused:
        reference_models.convert_checkpoint(published, tmp_path / "ours", model="toy")
    for line in ("missing: outer.bias [25]", "unexpected: other [4]", "ignored: net.unused"):
        assert line in str(refused.value)
    assert not (tmp_path / "ours").exists()


class Exploit:
    def __reduce__(self):
        return print, ("code ran",)


def test_a_file_that_would_run_code_is_refused(tmp_path, capsys):
    file = tmp_path / "bad.pth"
    torch.save({"state_dict": Exploit()}, file)
    with pytest.raises(CheckpointError, match="run code"):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="toy")
    file.write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(CheckpointError):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="toy")
    assert "code ran" not in capsys.readouterr().out


def test_tensors_larger_than_their_file_are_refused(tmp_path):
    file = tmp_path / "wide.pth"
    torch.save({"state_dict": {"net.last.bias": torch.zeros(1).expand(10**9)}}, file)
    with pytest.raises(CheckpointError, match="take 4,000,000,000 bytes"):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="toy")


@pytest.mark.parametrize("content", [torch.zeros(3), {"state_dict": 3}, {"epoch": 3}, {}])
def test_a_file_without_weights_is_refused(tmp_path, content):
    file = tmp_path / "empty.pth"
    torch.save(content, file)
    with pytest.raises(CheckpointError, match="expected"):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="toy")


def test_a_truncated_file_is_refused(published, tmp_path):
    published.write_bytes(published.read_bytes()[:500])
    with pytest.raises(CheckpointError, match="Copy it again"):
        reference_models.convert_checkpoint(published, tmp_path / "ours", model="toy")


def test_checkpoints_are_safetensors_files_like_any_other(tmp_path):
    """We write the format ourselves; the library reads the same values, and every kind of value is there."""
    state = {
        "wide": torch.randn(300, 64), "odd": torch.randn(25), "turned": torch.randn(7, 33).T, "one": torch.tensor(3.5),
        "flag": torch.tensor([True, False, True]), "count": torch.tensor(7), "half": torch.randn(9).bfloat16(),
        "none": torch.zeros(0, 4), "bytes": torch.arange(5, dtype=torch.uint8),
    }  # fmt: skip
    write_weights(state, tmp_path / "x.safetensors", {"a": 1})
    found = load_file(tmp_path / "x.safetensors")
    assert set(found) == set(state)
    for name, value in state.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value), name
    assert found["wide"].data_ptr() % 64 == 0
    assert read_description(tmp_path / "x.safetensors") == {"a": 1}
    with pytest.raises(CheckpointError, match=r"cannot hold z \(torch.complex64\)"):
        write_weights({"z": torch.zeros(2, dtype=torch.complex64)}, tmp_path / "x.safetensors", None)


def test_weights_are_written_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(weight_files, "_PIECE", 100)
    state = {"wide": torch.randn(30, 64), "flat": torch.randn(333), "turned": torch.randn(7, 33).T}
    assert {len(piece) for piece in weight_files.pieces(state["flat"])} == {100, 32}
    write_weights(state, tmp_path / "x.safetensors", None)
    found = load_file(tmp_path / "x.safetensors")
    assert all(torch.equal(found[name], value) for name, value in state.items())


def test_a_loaded_model_generates_and_trains_like_any_other(model, tmp_path):
    path = reference_models.save_checkpoint(model, tmp_path / "toy.safetensors")
    before, found = path.read_bytes(), reference_models.load_checkpoint(path)
    batch = {"clip": ["a"], "speaker_emotion": np.random.default_rng(0).random((1, 30, 25), dtype="f4")}
    made = [each.generate(batch, reactions=2)["emotion"].tobytes() for each in (model, found)]
    assert made[0] == made[1]
    assert all(parameter.requires_grad for parameter in found.parameters())
    optimiser = torch.optim.SGD(found.parameters(), lr=1.0)
    found.inner(torch.ones(1, 25)).sum().backward()
    optimiser.step()
    assert weights_hash(found) != weights_hash(model)
    assert path.read_bytes() == before, "the file is mapped for reading only"


class Computing(ToyModel):
    """Has tensors beside its weights, one of which is computed of them."""

    def __init__(self, config):
        super().__init__(config)
        self.register_buffer("steps", torch.arange(3.0), persistent=False)
        self.start = self.inner.weight.detach() if config.width == 3 else torch.ones(2)


@pytest.mark.parametrize("width", [3, 4])
def test_what_is_no_weight_is_there_in_a_loaded_model(width):
    model = Computing(ToyConfig(width=width))
    found = model_with(Computing, model.config, model.state_dict(), "here")
    same(found, model)
    assert found.steps.tolist() == [0, 1, 2]
    assert not found.start.is_meta


@pytest.mark.parametrize("name", sorted(set(reference_models.models()) - {"toy", "personal_toy"}))
def test_every_model_takes_mapped_weights(name, tmp_path):
    model = reference_models.load(name, config="tiny")
    found = reference_models.load_checkpoint(reference_models.save_checkpoint(model, tmp_path / "x.safetensors"))
    same(found, model)
    assert not any(value.is_meta for value in (*found.parameters(), *found.buffers()))


PARTS = KeyMap(
    rules=(KeyRule("first.", "inner."), KeyRule("last.", "outer.")),
    parts=(PublishedPart("first", "weight", 25), PublishedPart("last", "weight", 8), PublishedPart("scale", "scale")),
)


@pytest.fixture
def in_parts(monkeypatch, model, tmp_path):
    """A model that is published in files of the same keys; each keeps more than weights."""
    monkeypatch.setattr("toy_model.KEYS", replace(PARTS, rules=(*PARTS.rules, KeyRule("scale.scale", "scale"))))
    content = {
        "a/first.pth": model.inner.state_dict(),
        "b/last.pth": model.outer.state_dict(),
        "c.pth": {"scale": model.scale},
    }
    for name, state in content.items():
        (tmp_path / "parts" / name).parent.mkdir(parents=True, exist_ok=True)
        torch.save({"state_dict": state, "optimizer": {"momentum": [torch.zeros(3)]}}, tmp_path / "parts" / name)
    return tmp_path / "parts"


def test_files_of_the_same_keys_are_told_apart(model, in_parts, tmp_path):
    done = reference_models.convert_checkpoint(in_parts, tmp_path / "ours", model="toy", config=model.config)
    same(reference_models.load_checkpoint(done.path), model)
    same(reference_models.load("toy", in_parts, config=model.config), model)
    exported = reference_models.export_checkpoint(done.path, tmp_path / "again").path
    assert sorted(path.relative_to(exported).as_posix() for path in exported.rglob("*.pth")) == [
        "first/checkpoint.pth", "last/checkpoint.pth", "scale/checkpoint.pth",
    ]  # fmt: skip
    same(reference_models.load("toy", exported, config=model.config), model)


def test_copies_of_a_part_are_one_and_others_are_refused(model, in_parts, tmp_path):
    copy = in_parts / "d" / "first.pth"
    copy.parent.mkdir()
    copy.write_bytes((in_parts / "a" / "first.pth").read_bytes())
    same(reference_models.load("toy", in_parts, config=model.config), model)
    torch.save({"state_dict": {"weight": torch.zeros(8, 25), "bias": torch.zeros(8)}}, copy)
    with pytest.raises(CheckpointError, match=r"other values: first\.weight, first\.bias"):
        reference_models.load("toy", in_parts, config=model.config)
    torch.save({"state_dict": {"what": torch.zeros(8)}}, copy)
    with pytest.raises(CheckpointError, match=r"d/first.pth is none of the files of this model: first \(with weight\)"):
        reference_models.load("toy", in_parts, config=model.config)
    copy.unlink()
    (in_parts / "c.pth").unlink()
    with pytest.raises(CheckpointError, match="missing: scale"):
        reference_models.load("toy", in_parts, config=model.config)


def test_an_unfinished_run_is_no_published_model(model, tmp_path):
    reference_models.save_checkpoint(model, tmp_path / "stages" / "first")
    torch.save({"state_dict": model.state_dict()}, tmp_path / "stages" / "first" / "last.ckpt")
    with pytest.raises(CheckpointError, match="there is no checkpoint at"):
        reference_models.load("toy", tmp_path)


class Published(nn.Module):
    """A file of the toy's published layout, of any width."""

    def __init__(self, width):
        super().__init__()
        self.net = nn.ModuleDict({"first": nn.Linear(25, width), "last": nn.Linear(width, 25)})
        self.net["first"].weight = nn.Parameter(self.net["first"].weight.detach().T.contiguous())
        self.register_buffer("scale", torch.ones(()))


MEASURED = """
import resource, sys
sys.path.insert(0, {here!r})
import toy_model, torch, reference_models
from reference_models.conversion import convert_checkpoint
from toy_model import ToyConfig

def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) * 1024

convert_checkpoint({small!r}, {out!r}, model="toy", config=ToyConfig())
before = peak()
done = convert_checkpoint({large!r}, {out!r}, model="toy", config=ToyConfig(width={width}))
converted = peak()
model = reference_models.load_checkpoint({out!r})
print(before, converted, peak(), done.parameters)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by /proc")
def test_a_large_file_is_converted_piece_by_piece(tmp_path):
    """Like the published hypernetwork of PerFRDiff, of 6.5 GB and as much of its optimiser's, but smaller."""
    width, files = 2_000_000, {}
    for name, size in (("small", 8), ("large", width)):
        model = Published(size)
        optimiser = {"state": {0: {"momentum_buffer": torch.zeros(size, 25)}}}
        files[name] = tmp_path / f"{name}.pth"
        torch.save({"state_dict": model.state_dict(), "optimizer": optimiser}, files[name])
        with files[name].open("rb") as opened:
            os.fsync(opened)  # pages that are still to be written to the disk cannot leave memory
    code = MEASURED.format(
        here=str(Path(__file__).parent),
        out=str(tmp_path / "ours"),
        width=width,
        **{k: str(v) for k, v in files.items()},
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    before, converted, loaded, parameters = map(int, done.stdout.split())
    assert parameters * 4 > 400e6
    assert files["large"].stat().st_size > 600e6
    assert max(converted, loaded) - before < 150e6
