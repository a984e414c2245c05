"""Our checkpoints, and the way from and to published ones."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from toy_model import ToyConfig, ToyModel

import reference_models
from react_data.errors import ReactError
from reference_models.checkpoints import is_checkpoint, read_checkpoint, weights_hash
from reference_models.errors import CheckpointError


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
