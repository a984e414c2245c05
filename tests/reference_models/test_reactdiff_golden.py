"""ReactDiff (latent) against the official code: layouts, counts of parameters, and outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles.golden_models import golden, normal_input

import reference_models
from reference_models.errors import CheckpointError
from reference_models.reactdiff_latent.config import OnlineReactDiffConfig, ReactDiffConfig
from reference_models.reactdiff_latent.keys import KEYS
from reference_models.reactdiff_latent.model import ReactDiff

COUNTS = {
    "mmt": (("encoder", "decoder"), 124_986_707, 194),
    "unet": (("denoiser",), 404_312_626, 368),
    "condition": (("conditioner",), 13_110_272, 4),
}
CONFIGS = {"offline": ReactDiffConfig, "online": OnlineReactDiffConfig}
FEATURES = {"video": ("va64", "au25088", "fer1408"), "audio": ("mfcc26", "wav2vec1536")}
WIDTHS = {"va64": 64, "au25088": 25088, "fer1408": 1408, "mfcc26": 26, "wav2vec1536": 1536}
SMALL = {
    "window": 10,
    "fusion_width": 32,
    "latent_width": 32,
    "condition_width": 64,
    "denoiser_width": 32,
    "clip_frames": 30,
    "decoder_dropout_at_inference": False,
}


def person(expected):
    """Features by kind, of the inputs that hold several of them side by side."""
    found = {}
    for each in expected.about["inputs"]:
        kinds = FEATURES.get(each["name"].rpartition("/")[2], ())
        parts = normal_input(each["name"], each["shape"]).split([WIDTHS[kind] for kind in kinds], -1) if kinds else ()
        found |= dict(zip(kinds, parts, strict=True))
    return found


def statistics(expected):
    """What the auto-encoder's file says of latents, by frame."""
    ends = {
        each["name"].rpartition("_")[2]: normal_input(each["name"], each["shape"]) * each["scale"] + each["offset"]
        for each in expected.about["inputs"]
        if "statistics" in each["name"]
    }
    return ends | {"mean": torch.zeros(30, 32), "std": torch.ones(30, 32), "var": torch.ones(30, 32)}


def published_state():
    expected = golden("reactdiff_sampling")
    of_latents = {f"statistics.{name}": value for name, value in statistics(expected).items()}
    return {key: value for part in COUNTS for key, value in expected.state(part).items()} | of_latents


def model_of(mode):
    """Our model with the weights of the golden outputs, which is narrower than the published one."""
    model = ReactDiff(replace(CONFIGS[mode].published(), **SMALL)).eval()
    model.load_state_dict(KEYS.import_state(published_state()))
    return model


def check(expected, got):
    for name, value in got.items():
        largest = np.abs(value.reshape(expected.outputs[name].shape).numpy() - expected.outputs[name]).max()
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
        return ReactDiff(ReactDiffConfig.published())


@pytest.mark.parametrize("part", COUNTS)
def test_every_part_has_as_many_parameters_and_tensors_as_published(published, part):
    modules, count, tensors = COUNTS[part]
    ours = [each for module in modules for each in getattr(published, module).parameters()]
    assert sum(each.numel() for each in ours) == count
    assert len(ours) == tensors
    assert golden("reactdiff_sampling").about["parts"][part]["parameters_published_configuration"] == count


def test_the_whole_has_no_other_parameters(published):
    assert sum(each.numel() for each in published.parameters()) == 542_409_605


def test_an_exported_state_has_the_published_keys_and_shapes(offline):
    expected = golden("reactdiff_sampling")
    layout = {key: shape for part in COUNTS for key, shape in expected.layout(part).items()}
    layout |= {f"statistics.{name}": (30, 32) for name in statistics(expected)}
    exported = KEYS.export_state(offline.state_dict())
    assert {key: tuple(value.shape) for key, value in exported.items()} == layout


def test_the_published_configuration_has_the_published_shapes(published):
    exported = KEYS.export_state(published.state_dict())
    shapes = {
        "Behaviour_features_fusion.video_features_fusion.fusion_0.q.weight": (1024, 25088),
        "Behaviour_features_fusion.video_features_fusion.fusion_cyc.1.attn2.k.weight": (1024, 64),
        "linear.1.weight": (1024, 12800),
        "statistics.min": (750, 256),
        "input_blocks.0.0.weight": (256, 50, 3),
        "middle_block.1.qkv.weight": (6144, 2048, 1),
        "output_blocks.0.0.in_layers.2.weight": (2048, 4096, 3),
        "output_blocks.2.1.conv.weight": (2048, 2048, 3),
        "output_blocks.11.0.emb_layers.1.weight": (256, 2048),
    }
    assert {key: tuple(exported[key].shape) for key in shapes} == shapes


def test_export_undoes_import(offline):
    exported = KEYS.export_state(offline.state_dict())
    assert all(torch.equal(exported[key], value) for key, value in published_state().items())


@torch.no_grad()
def test_the_auto_encoder_is_the_official_one(offline):
    expected = golden("reactdiff_mmt")
    assert expected.layout("mmt") == golden("reactdiff_sampling").layout("mmt")
    latents = offline.encode(person(expected))
    (drawn,) = (each for each in expected.about["inputs"] if each["name"].endswith("latent"))
    got = {"latent": latents}
    for suffix, each in (("", latents), ("_from_latent", normal_input(drawn["name"], drawn["shape"]))):
        got[f"coefficients{suffix}"], got[f"emotion{suffix}"] = offline.decoder(each)
    check(expected, got)


@torch.no_grad()
def test_the_denoiser_is_the_official_one(offline):
    expected = golden("reactdiff_unet")
    noisy, condition = expected.inputs()
    steps = torch.tensor(expected.about["facts"]["timesteps"])
    check(expected, {"epsilon": offline.denoiser(noisy, steps, condition)})


@torch.no_grad()
def test_sampling_is_the_official_one(mode):
    expected, model = golden("reactdiff_sampling"), model_of(mode)
    speaker = person(expected)
    condition = model.condition(speaker)
    (noise,) = (each for each in expected.about["random_draws"] if f"_{mode}_" in each["name"])
    seen = {}
    model.denoiser.register_forward_hook(lambda _, given, told: seen.update({int(given[1]): (given[0], told)}))
    scaled = model.sample(condition, normal_input(noise["name"], noise["shape"])).view(2, 30, 32)
    coefficients, emotion = model.decoder(model.scaling.undo(scaled), model.seen(30))
    got = {
        "latent": scaled,
        "emotion": emotion,
        "coefficients": coefficients,
        "epsilon_first": seen[19][1],
        "network_input_t9": seen[9][0],
        "network_input_t0": seen[0][0],
    }
    check(expected, {f"{name}_{mode}": value for name, value in got.items()})
    if mode == "offline":
        check(expected, {"condition": condition, "speaker_latent": model.scaling(model.encode(speaker))})


def test_the_schedule_is_the_published_one(offline):
    betas = (
        golden("reactdiff_sampling").about["facts"]["diffusion"],
        golden("reactdiff_sampling").about["facts"]["betas"],
    )
    signal = torch.cat(
        [offline.diffusion.add_noise(torch.ones(1), torch.zeros(1), torch.tensor([t])) for t in range(20)]
    )
    assert signal.square().numpy() == pytest.approx(np.cumprod(1 - np.array(betas[1])), rel=1e-3)


@pytest.fixture
def official_files(tmp_path):
    """The auto-encoder and the denoiser as the official code saves them: without the conditioner."""
    expected, beside = golden("reactdiff_sampling"), {"epoch": 199, "optimizer": {"state": {}, "param_groups": []}}
    mmt, denoiser = tmp_path / "checkpoint_epoch200.pth", tmp_path / "checkpoint_epoch200_ldm.pth"
    torch.save({**beside, "state_dict": expected.state("mmt"), "statistics": statistics(expected)}, mmt)
    torch.save({**beside, "state_dict": expected.state("unet")}, denoiser)
    return mmt, denoiser


@pytest.fixture
def conditioner_file(tmp_path):
    torch.save(golden("reactdiff_sampling").state("condition"), tmp_path / "conditioner.pth")
    return tmp_path / "conditioner.pth"


def test_released_files_without_the_conditioner_are_refused(official_files, offline, tmp_path):
    with (
        pytest.warns(RuntimeWarning, match=r"no linear\.\*.*cond_init_seed"),
        pytest.raises(CheckpointError, match=r"missing: conditioner\.1\.weight"),
    ):
        reference_models.convert_checkpoint(
            official_files, tmp_path / "ours", model="reactdiff_latent", config=offline.config
        )


def test_with_a_seed_the_missing_conditioner_is_made_at_random(official_files, offline, tmp_path):
    config = replace(offline.config, cond_init_seed=3)
    with pytest.warns(RuntimeWarning, match="at random only"):
        done = reference_models.convert_checkpoint(
            official_files, tmp_path / "ours", model="reactdiff_latent", config=config
        )
    one, again = reference_models.load_checkpoint(done.path), ReactDiff(config)
    assert torch.equal(one.conditioner[1].weight, again.conditioner[1].weight)
    assert not torch.equal(
        one.conditioner[1].weight, ReactDiff(replace(config, cond_init_seed=4)).conditioner[1].weight
    )
    assert torch.equal(one.denoiser.out[2].weight, offline.denoiser.out[2].weight)
    assert not any(key.startswith("conditioner.") for key in one.state_dict())


def test_a_conditioner_that_is_given_is_taken(official_files, conditioner_file, offline, tmp_path):
    done = reference_models.convert_checkpoint(
        [*official_files, conditioner_file], tmp_path / "ours", model="reactdiff_latent", config=offline.config
    )
    found = reference_models.load_checkpoint(done.path).state_dict()
    assert all(torch.equal(found[key], value) for key, value in offline.state_dict().items())
    exported = reference_models.export_checkpoint(done.path, tmp_path / "whole.pth").path
    content = torch.load(exported, weights_only=True)
    assert set(content["statistics"]) == {"min", "max", "mean", "std", "var"}
    assert len(content["state_dict"]) == 194 + 368 + 4
