"""PerFRDiff against the official code: layouts, counts of parameters, and outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles.golden_models import drawn, golden, normal_input, weight

import reference_models
from reference_models.conversion import load_published
from reference_models.errors import CheckpointError
from reference_models.perfrdiff.config import PerFRDiffConfig
from reference_models.perfrdiff.denoiser import step_waves
from reference_models.perfrdiff.keys import KEYS
from reference_models.perfrdiff.listeners import Listener
from reference_models.perfrdiff.model import PerFRDiff

GOLDEN = {
    "width": 32,
    "feed_forward": 64,
    "head_widths": (16, 16),
    "coefficient_width": 32,
    "style_width": 32,
    "style_feed_forward": 64,
    "hypernetwork_width": 64,
    "prior_layers": 2,
    "prior_head_width": 16,
}
PARTS = {
    "TransformerDenoiser": "denoiser",
    "DiffusionPriorNetwork": "prior",
    "person_specific": "style",
    "embedder_latent": "autoencoder",
    "embedder_3dmm": "unused_autoencoder",
    "ModifierNetwork": "hypernetwork",
}
EXPECTED = golden("perfrdiff")
SHIFTED = {"shift_mapping": "mapping", "shift_layer4": "layers.4.cross", "shift_layer6": "layers.6.cross"}


def given(name):
    """An input of the golden outputs."""
    about = EXPECTED.about["inputs"][name]
    values = drawn(f"input:{about['name']}", about["shape"])
    if about["function"] == "emotion_input":
        expression = np.exp(values[..., 17:])
        parts = (values[..., :15] > 0.8, np.tanh(values[..., 15:17]), expression / expression.sum(-1, keepdims=True))
        values = np.concatenate(parts, axis=-1).astype(np.float32)
    return torch.from_numpy(values)


def noise_of(used_by):
    (about,) = (each for each in EXPECTED.about["draws"]["order"] if each["used_by"] == used_by)
    return normal_input(about["name"], about["shape"])


def published_state():
    """What is published, with the network's name before each key."""
    found = {}
    for network, entries in EXPECTED.about["state_dict"].items():
        found |= {f"{network}.{key}": weight(key, shape) for key, shape in entries["parameters"].items()}
        for key, (channels,) in entries["left_alone"].items():
            found[f"{network}.{key}"] = 10000 ** -(torch.arange(0, 2 * channels, 2) / (2 * channels))
    return found


def check(name, got):
    expected = EXPECTED.outputs[name]
    most = EXPECTED.about["tolerance"]["recommended"][name] * np.abs(expected).max()
    assert np.abs(got.reshape(expected.shape).numpy() - expected).max() <= most, name


def conditions(rows=slice(None)):
    return {
        kind: given(f"window_{name}")[rows]
        for kind, name in (("mfcc78", "audio"), ("3dmm", "3dmm"), ("emotion", "emotion"))
    }


@pytest.fixture(scope="module")
def model():
    made = PerFRDiff(replace(PerFRDiffConfig.published(), **GOLDEN)).eval()
    made.load_state_dict(KEYS.import_state(published_state()))
    return made


@pytest.fixture(scope="module")
def listener(model):
    with torch.no_grad():
        return model.personalise(given("listener_clip")[:1])


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return PerFRDiff(PerFRDiffConfig.published())


@pytest.mark.parametrize(("network", "part"), list(PARTS.items()))
def test_every_network_has_as_many_parameters_as_published(published, network, part):
    own = getattr(published, part)
    ours = sum(each.numel() for each in own.parameters())
    if part == "prior":  # the official code counts the one table of frequencies that all its layers share
        ours += own.layers[0][0].rotary_emb.freqs.numel()
    assert ours == EXPECTED.about["parameters"]["published"][network]


def test_an_exported_state_has_the_published_keys_and_values(model):
    exported, expected = KEYS.export_state(model.state_dict()), published_state()
    assert set(exported) == set(expected)
    assert all(torch.equal(exported[key], value) for key, value in expected.items())


def test_the_published_configuration_has_the_published_shapes(published):
    shapes = {key: tuple(value.shape) for key, value in KEYS.export_state(published.state_dict()).items()}
    assert shapes["TransformerDenoiser.decoder.layers.6.multihead_attn.in_proj_weight"] == (1536, 512)
    assert shapes["TransformerDenoiser.query_pos.pe"] == (500, 1, 512)
    assert shapes["ModifierNetwork.branches.0.weight"] == (12_800, 1024)
    assert shapes["ModifierNetwork.branches.2.weight"] == (786_432, 1024)
    assert shapes["DiffusionPriorNetwork.causal_transformer.layers.3.1.5.weight"] == (512, 2048)
    assert shapes["person_specific.cls_token"] == (1, 1, 512)
    assert len(shapes) == 146 + 55 + 55 + 24 + 24 + 10


@pytest.fixture
def official_files(tmp_path):
    """The files that the official code saves, where it saves them; the last stage also keeps what it did not train."""
    places = {
        "person_specific": ("",),
        "embedder_latent": ("",),
        "embedder_3dmm": ("",),
        "DiffusionPriorNetwork": ("diffusion_model", "rewrite_weight"),
        "TransformerDenoiser": ("diffusion_model", "rewrite_weight"),
        "ModifierNetwork": ("rewrite_weight",),
    }
    for network, folders in places.items():
        prefix = f"{network}."
        state = {key.removeprefix(prefix): each for key, each in published_state().items() if key.startswith(prefix)}
        for folder in folders:
            file = tmp_path / "checkpoints" / folder / network / "checkpoint.pth"
            file.parent.mkdir(parents=True)
            torch.save({"state_dict": state, "optimizer": {"state": {}, "param_groups": []}}, file)
    return tmp_path / "checkpoints"


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


def test_the_folder_of_the_official_files_is_converted_and_exported(official_files, model, tmp_path):
    done = reference_models.convert_checkpoint(
        official_files, tmp_path / "ours", model="perfrdiff", config=model.config
    )
    assert same_weights(reference_models.load("perfrdiff", done.path), model)
    exported = reference_models.export_checkpoint(done.path, tmp_path / "theirs").path
    assert {file.parent.name for file in exported.rglob("*.pth")} == set(PARTS)
    again = reference_models.load("perfrdiff", exported, config=model.config)
    assert same_weights(again, model)


def test_the_generator_alone_is_enough_without_personalisation(official_files, model):
    generic = replace(model.config, personalisation="none", unused_parts=False)
    files = [official_files / "embedder_latent", official_files / "diffusion_model" / "TransformerDenoiser"]
    assert same_weights(load_published(files, model="perfrdiff", config=generic), model)
    with pytest.raises(CheckpointError, match=r"missing: hypernetwork\.shared\.0\.weight"):
        load_published(files, model="perfrdiff", config=model.config)


@torch.no_grad()
def test_the_recurrent_state_is_the_official_one(model):
    windows = given("window_emotion")
    sequence, _ = model.autoencoder.encoder(windows)
    check("gru_state", model.autoencoder.state(windows))
    check("gru_sequence", sequence)


def test_steps_and_schedule_are_the_official_ones(model):
    steps = torch.tensor(EXPECTED.about["timesteps"])
    check("time_projection", step_waves(steps, 64))
    every = torch.arange(1000)
    kept = model.diffusion.add_noise(torch.ones(1000), torch.zeros(1000), every).square()
    check("alphas_cumprod", kept)


@pytest.mark.parametrize("prefix", ["", "personal_"])
@torch.no_grad()
def test_the_denoiser_is_the_official_one(model, listener, prefix):
    known = listener if prefix else Listener()
    steps, memories = torch.tensor(EXPECTED.about["timesteps"]), model.memories(conditions(), known)
    conditional, unconditional = model.denoiser(given("x_t"), steps, memories, known.shifts)
    check(f"{prefix}denoiser_conditional", conditional)
    check(f"{prefix}denoiser_unconditional", unconditional)
    check(f"{prefix}denoiser_guided", model.denoise(given("x_t"), steps, memories, known))


@pytest.mark.parametrize(("guidance", "prefix"), [(7.5, "ddim"), (1.5, "ddim_low")])
@torch.no_grad()
def test_sampling_is_the_official_one(guidance, prefix, monkeypatch):
    states, estimates = [], []
    made = PerFRDiff(replace(PerFRDiffConfig.published(), **GOLDEN, guidance=guidance)).eval()
    made.load_state_dict(KEYS.import_state(published_state()))
    usual = made.denoise

    def seen(noisy, *others):
        states.append(noisy)
        estimates.append(usual(noisy, *others).clamp(-1, 1))
        return estimates[-1]

    monkeypatch.setattr(made, "denoise", seen)
    noise, known = given("x_T")[:, None], conditions(slice(0, 2))
    check(f"{prefix}_x_after49", made.sample(known, noise))
    assert len(estimates) == 49
    states.clear()
    estimates.clear()
    monkeypatch.setattr(made, "config", replace(made.config, result="estimate"))
    clean = made.sample(known, noise)
    check(f"{prefix}_x0_call1", estimates[0])
    check(f"{prefix}_x0_call50", clean)
    for calls in (1, 10, 25):
        check(f"{prefix}_x_after{calls}", states[calls])
    check(f"{prefix}_x_after49", states[-1])


@pytest.mark.parametrize("prefix", ["ddim", "ddim_low"])
def test_the_official_last_step_which_is_left_out_moves_nothing_but_by_rounding(prefix):
    """It sets the step before the first to itself; 1 - ᾱ of that, 4e-5, has few digits in float32."""
    after, final = (EXPECTED.outputs[f"{prefix}_{name}"] for name in ("x_after49", "final"))
    rounding = np.finfo(np.float32).eps / (1 - EXPECTED.outputs["alphas_cumprod"][0])
    assert np.abs(final - after).max() <= rounding


@torch.no_grad()
def test_styles_and_changes_of_weights_are_the_official_ones(model, listener):
    clips = given("listener_clip")
    check("style_feature", model.style.feature(clips))
    check("style", model.style(clips))
    for name, component in SHIFTED.items():
        check(name, listener.shifts[component].whole()[0])


@torch.no_grad()
def test_the_prior_is_the_official_one(model):
    known, steps = conditions(), torch.tensor(EXPECTED.about["timesteps"])
    state = model.autoencoder.state(known["emotion"])
    check("prior_x0", model.prior(given("prior_x_t")[:, 0], steps, known["mfcc78"], known["3dmm"], state))


@pytest.mark.parametrize(("output", "reactions"), [("generate_emotion", 2), ("personal_generate_emotion", 1)])
@torch.no_grad()
def test_whole_generation_is_the_official_one(model, listener, output, reactions):
    speakers = {
        f"speaker_{kind}": given(f"speaker_{name}")
        for kind, name in (("mfcc78", "audio"), ("3dmm", "3dmm"), ("emotion", "emotion"))
    }
    noise = noise_of(output).reshape(1, 2, reactions, 50, 25)
    known = listener if output.startswith("personal") else Listener()
    check(output, model.react_together(speakers, noise, known)["emotion"])
