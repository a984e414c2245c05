"""REGNN against the official code: layouts, counts of parameters, outputs, and its pickled file."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from official_regnn import official_module
from oracles.golden_models import drawn, golden, normal_input, weight

import reference_models
from reference_models.cli import main
from reference_models.errors import CheckpointError
from reference_models.regnn.config import REGNNConfig
from reference_models.regnn.keys import KEYS
from reference_models.regnn.model import REGNN
from reference_models.regnn.sampling import limited_noise
from reference_models.regnn.windows import join

GOLDEN = golden("regnn")
LAYOUT = GOLDEN.layout()


def published_state():
    return {key: weight(key, shape) for key, shape in LAYOUT.items()}


def emotion_input(name, shape):
    """Facial attributes: action units that are on or off, valence and arousal, probabilities of expressions."""
    values = drawn(f"input:{name}", shape)
    expression = np.exp(values[..., 17:])
    parts = (values[..., :15] > 0.8, np.tanh(values[..., 15:17]), expression / expression.sum(-1, keepdims=True))
    return torch.from_numpy(np.concatenate(parts, axis=-1).astype(np.float32))


@pytest.fixture(scope="module")
def model():
    made = REGNN(REGNNConfig.published())
    made.load_state_dict(KEYS.import_state(published_state()))
    return made.eval()


@pytest.fixture(scope="module")
def outputs(model):
    """Everything that the official code gave, by ours."""
    video = normal_input("regnn/video", (4, 50, 768))
    audio = (64 * normal_input("regnn/audio", (4, 50, 128)) + 128).round().clip(0, 255)
    noise = limited_noise(normal_input("noise:regnn/noise", (1, 4, 25, 50)), 0.06)[0]
    with torch.no_grad():
        fused = model.fuse(model.speaker_streams({"speaker_swin768": video, "speaker_vggish128": audio}))
        mean = model.distribution(fused)
        edges = model.edges(mean)
        target = emotion_input("regnn/target", (4, 50, 25))
        reaction = model.decode(mean + noise, edges)
        return {
            "fused": model.fusion.head(fused),
            "speaker_feature": mean,
            "edge": edges,
            "encoded_target": model.motor(target.transpose(1, 2), edges),
            "reaction_without_noise": model.decode(mean, edges),
            "reaction": reaction,
            "clip": join(reaction, [0, 25, 50, 75], 125),
        }


@pytest.mark.parametrize("name", list(GOLDEN.outputs))
def test_outputs_are_the_official_ones(outputs, name):
    assert np.abs(outputs[name].numpy() - GOLDEN.outputs[name]).max() < GOLDEN.tolerances[name]


@torch.no_grad()
def test_the_inverse_is_as_near_as_the_official_one(model, outputs):
    target = emotion_input("regnn/target", (4, 50, 25))
    found = model.decode(outputs["encoded_target"], outputs["edge"])
    fact = GOLDEN.about["facts"]["inverse_of_encoded_target_differs_from_target_by_at_most"]
    assert abs(found - target).max() == pytest.approx(fact, rel=0.2)


def test_every_part_has_as_many_parameters_as_published():
    with torch.device("meta"):
        model = REGNN(REGNNConfig.published())
    parts = {name: sum(each.numel() for each in part.parameters()) for name, part in model.named_children()}
    counted = {"fusion": 2_139_200, "cognition": 78_605, "motor": 15_366}
    assert {name: count for name, count in parts.items() if count} == counted
    assert sum(counted.values()) == GOLDEN.about["parts"]["model"]["parameters"] == 2_233_171


def test_an_exported_state_has_the_published_keys_and_shapes(model):
    exported = KEYS.export_state(model.state_dict())
    assert {key: tuple(value.shape) for key, value in exported.items()} == LAYOUT
    assert len(exported) == 184


def test_export_undoes_import(model):
    exported, published = KEYS.export_state(model.state_dict()), published_state()
    computed = [key for key in exported if KEYS.is_ignored(key)]
    assert len(computed) == 4
    assert all(torch.equal(exported[key], published[key]) for key in exported if key not in computed)


def same(one, other):
    return all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_the_official_pickled_module_is_converted(model, monkeypatch, tmp_path):
    file = tmp_path / "mhp-epoch95-seed1.pth"
    torch.save(official_module(monkeypatch, published_state()), file)
    told = CliRunner().invoke(main, ["convert", str(file), str(tmp_path / "ours"), "--model", "regnn"])
    assert told.exit_code == 0, told.output
    found = reference_models.load("regnn", tmp_path / "ours")
    assert same(model, found)
    assert found.config == REGNNConfig.published()
    assert all(layer.norm.initialised for layer in found.motor.layers)


def test_a_state_dict_is_converted_and_exported(model, tmp_path):
    file = tmp_path / "state.pth"
    torch.save(published_state(), file)
    done = reference_models.convert_checkpoint(file, tmp_path / "ours", model="regnn")
    exported = reference_models.export_checkpoint(done.path, tmp_path / "again.pth").path
    again = reference_models.convert_checkpoint(exported, tmp_path / "twice", model="regnn")
    assert same(model, reference_models.load_checkpoint(again.path))


def test_a_module_that_was_never_trained_is_refused(monkeypatch, tmp_path):
    file = tmp_path / "fresh.pth"
    torch.save(official_module(monkeypatch, published_state(), initialised=False), file)
    with pytest.raises(CheckpointError, match="never trained"):
        reference_models.convert_checkpoint(file, tmp_path / "ours", model="regnn")
