"""BeLFusion against the official code: layouts, counts of parameters, and outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from oracles.golden_models import drawn, golden, normal_input, weight

import reference_models
from reference_models.belfusion.config import BeLFusionConfig, OnlineBeLFusionConfig
from reference_models.belfusion.keys import KEYS
from reference_models.belfusion.model import BeLFusion
from reference_models.belfusion.windows import conditions, spans
from reference_models.cli import main
from reference_models.errors import CheckpointError

COUNTS = {"autoencoder": 242_579, "denoiser": 12_300_928}
CONFIGS = {"offline": BeLFusionConfig, "online": OnlineBeLFusionConfig}


def emotion_input(name, shape):
    """Facial attributes: action units that are on or off, valence and arousal, probabilities of expressions."""
    values = drawn(f"input:{name}", shape)
    expression = np.exp(values[..., 17:])
    parts = (values[..., :15] > 0.8, np.tanh(values[..., 15:17]), expression / expression.sum(-1, keepdims=True))
    return torch.from_numpy(np.concatenate(parts, axis=-1).astype(np.float32))


def filled(expected, part):
    """The published state; an alias holds what its original does."""
    entries = {each["key"]: each for each in expected.about["parts"][part]["state_dict"]}
    originals = {key: each["value"].removeprefix("alias of ") for key, each in entries.items()}
    return {
        key: weight(key if originals[key] == "fill" else originals[key], each["shape"]) for key, each in entries.items()
    }


def statistics(expected):
    """What the auto-encoder's file says of latents."""
    given = {each["name"].rpartition("_")[2]: each for each in expected.about["inputs"][:2]}
    ends = {
        name: normal_input(each["name"], each["shape"]) * each["scale"] + each["offset"] for name, each in given.items()
    }
    others = {"mean": torch.zeros(128), "std": torch.ones(128), "var": torch.ones(128)}
    return {f"statistics.{name}": value for name, value in {**ends, **others}.items()}


def published_state():
    expected = golden("belfusion_sampling")
    return {**filled(expected, "autoencoder"), **filled(expected, "denoiser"), **statistics(expected)}


def model_of(mode):
    """Our model with the weights of the golden outputs, whose denoiser is narrower than the published one."""
    model = BeLFusion(replace(CONFIGS[mode].published(), denoiser_width=256)).eval()
    model.load_state_dict(KEYS.import_state(published_state()))
    return model


def differences(expected, got):
    return {
        name: np.abs(value.reshape(expected.outputs[name].shape).numpy() - expected.outputs[name]).max()
        for name, value in got.items()
    }


def check(expected, got):
    for name, largest in differences(expected, got).items():
        assert largest < expected.tolerances[name], name


@pytest.fixture(scope="module", params=CONFIGS)
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def offline():
    return model_of("offline")


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return BeLFusion(BeLFusionConfig.published())


@pytest.mark.parametrize(("part", "count"), list(COUNTS.items()))
def test_every_part_has_as_many_parameters_as_published(published, part, count):
    ours = sum(each.numel() for each in getattr(published, part).parameters())
    about = golden(f"belfusion_{part}").about["parts"][part]
    assert ours == about["parameters_published_configuration"] == count


def test_the_whole_has_no_other_parameters(published):
    assert sum(each.numel() for each in published.parameters()) == 12_543_507


def test_an_exported_state_has_the_published_keys_and_shapes(offline):
    expected = golden("belfusion_sampling")
    layout = expected.layout("autoencoder") | expected.layout("denoiser") | dict.fromkeys(statistics(expected), (128,))
    exported = KEYS.export_state(offline.state_dict())
    assert {key: tuple(value.shape) for key, value in exported.items()} == layout


def test_the_published_configuration_has_the_published_shapes(published):
    exported = KEYS.export_state(published.state_dict())
    shapes = [tuple(exported[f"layers.{layer}.linear.weight"].shape) for layer in (0, 1, 8, 9)]
    assert shapes == [(1024, 256), (1024, 1152), (1024, 1152), (128, 1152)]
    assert tuple(exported["layers.0.cond_layers.1.weight"].shape) == (1024, 256)


def test_export_undoes_import(offline):
    exported = KEYS.export_state(offline.state_dict())
    assert all(torch.equal(exported[key], value) for key, value in published_state().items())


def test_modulations_that_differ_under_their_two_names_are_refused():
    state = published_state()
    state["layers.3.cond_layers.1.bias"] = state["layers.3.cond_layers.1.bias"] + 1
    with pytest.raises(CheckpointError, match=r"layers\.3\.cond_layers\.1\.bias should be the same as linear_emb"):
        KEYS.import_state(state)


@pytest.fixture
def official_files(tmp_path):
    """The auto-encoder and the denoiser as the official code saves them, each with what it keeps beside weights."""
    expected, beside = golden("belfusion_sampling"), {"epoch": 99, "optimizer": {"state": {}, "param_groups": []}}
    latents = {key.removeprefix("statistics."): value for key, value in statistics(expected).items()}
    autoencoder, denoiser = tmp_path / "checkpoint_999.pth", tmp_path / "checkpoint_99.pth"
    torch.save({**beside, "state_dict": filled(expected, "autoencoder"), "statistics": latents}, autoencoder)
    torch.save({**beside, "state_dict": filled(expected, "denoiser")}, denoiser)
    return autoencoder, denoiser


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_the_two_official_files_are_converted_together(official_files, offline, tmp_path):
    config, out = tmp_path / "narrow.yaml", tmp_path / "ours"
    config.write_text("config: {denoiser_width: 256}")
    command = ["convert", *map(str, official_files), str(out), "--model", "belfusion", "--config", str(config)]
    told = CliRunner().invoke(main, command, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    found = reference_models.load("belfusion", out)
    assert found.config == offline.config
    assert same_weights(found, offline)


def test_the_official_files_come_in_any_order_and_back_as_one(official_files, offline, tmp_path):
    how = {"model": "belfusion", "config": offline.config}
    done = reference_models.convert_checkpoint(official_files[::-1], tmp_path / "ours", **how)
    assert "statistics.var" in done.ignored
    exported = reference_models.export_checkpoint(done.path, tmp_path / "whole.pth").path
    content = torch.load(exported, weights_only=True)
    assert set(content) == {"state_dict", "statistics"}
    assert set(content["statistics"]) == {"min", "max", "mean", "std", "var"}
    again = reference_models.convert_checkpoint(exported, tmp_path / "again", **how)
    assert same_weights(reference_models.load_checkpoint(again.path), offline)


def test_one_of_the_official_files_is_not_enough(official_files, offline, tmp_path):
    with pytest.raises(CheckpointError, match=r"missing: denoiser\.time\.0\.weight") as refused:
        reference_models.convert_checkpoint(official_files[0], tmp_path, model="belfusion", config=offline.config)
    assert "all that the model is published in" in str(refused.value)
    assert "scaling" not in str(refused.value)


def test_official_files_of_two_runs_are_not_mixed(official_files, offline, tmp_path):
    other = tmp_path / "checkpoint_98.pth"
    content = torch.load(official_files[1], weights_only=True)
    content["state_dict"] = {key: value + 1 for key, value in content["state_dict"].items()}
    torch.save(content, other)
    with pytest.raises(CheckpointError, match=r"checkpoint_98\.pth holds keys of a file before it .*: .*time_embed"):
        reference_models.convert_checkpoint(
            [*official_files, other], tmp_path / "ours", model="belfusion", config=offline.config
        )


def test_one_checkpoint_at_a_time_is_exported(official_files, tmp_path):
    told = CliRunner().invoke(main, ["convert", *map(str, official_files), str(tmp_path / "out"), "--export"])
    assert told.exit_code == 2
    assert "--export takes one checkpoint" in told.output


@torch.no_grad()
def test_the_auto_encoder_is_the_official_one(offline):
    expected, autoencoder = golden("belfusion_autoencoder"), offline.autoencoder
    emotion, latent = expected.about["inputs"]
    windows = emotion_input(emotion["name"], emotion["shape"]).reshape(4, 50, 25)
    hidden = autoencoder.state(windows)
    gaussian = autoencoder.gaussian(hidden)
    decoded = autoencoder.decode(gaussian.mean, 50)
    got = {
        "mu": gaussian.mean,
        "logvar": gaussian.log_variance,
        "hidden": hidden,
        "emotion": decoded,
        "coefficients": autoencoder.coefficients(decoded),
        "emotion_from_hidden": autoencoder.decode(hidden, 50),
        "emotion_from_latent": autoencoder.decode(normal_input(latent["name"], latent["shape"]), 50),
    }
    check(expected, got)


@torch.no_grad()
def test_the_denoiser_is_the_official_one(offline):
    expected = golden("belfusion_denoiser")
    noisy, condition = expected.inputs()
    steps = torch.tensor(expected.about["facts"]["timesteps"])
    check(expected, {"x_0": offline.denoiser(noisy, steps, condition)})


@torch.no_grad()
def test_sampling_is_the_official_one(mode):
    expected, model = golden("belfusion_sampling"), model_of(mode)
    speakers = emotion_input("belfusion_sampling/speaker_emotion", (2, 150, 25))
    windows = torch.cat([conditions(each, spans(150, model.config), model.config) for each in speakers])
    condition = model.scaling(model.latents(windows))
    (noise,) = (each for each in expected.about["random_draws"] if each["name"].endswith(mode))
    seen = {}
    model.denoiser.register_forward_hook(lambda _, given, __: seen.update({int(given[1]): given[0]}))
    latent = model.sample(condition, normal_input(noise["name"], noise["shape"])[None])
    emotion = model.autoencoder.decode(model.scaling.undo(latent)[0], 50)
    got = {
        "latent": latent,
        "emotion": emotion,
        "coefficients": model.autoencoder.coefficients(emotion),
        "network_input_t4": seen[4],
        "network_input_t0": seen[0],
    }
    check(expected, {f"{name}_{mode}": value for name, value in got.items()})
    if mode == "offline":
        listeners = emotion_input("belfusion_sampling/listener_emotion", (2, 150, 25)).reshape(6, 50, 25)
        check(expected, {"condition": condition, "target_latent": model.scaling(model.latents(listeners))})


def test_the_schedule_is_the_published_one(offline):
    cleanest, noisiest = (
        offline.diffusion.add_noise(torch.ones(1, 1), torch.zeros(1, 1), torch.tensor([step])) for step in (0, 9)
    )
    assert cleanest.square() == pytest.approx(0.9721, abs=1e-4)
    assert noisiest.square() == pytest.approx(2.4e-5, abs=1e-6)
