"""Trans-VAE against the official code: layouts, counts of parameters, and outputs."""

import pytest
import torch
from oracles.golden_models import golden

from reference_models.transvae.config import OnlineTransVAEConfig, TransVAEConfig
from reference_models.transvae.keys import KEYS
from reference_models.transvae.model import TransVAE
from reference_models.transvae.online import OnlineTransVAE

MODELS = {
    "transvae_offline": (TransVAE, TransVAEConfig),
    "transvae_online": (OnlineTransVAE, OnlineTransVAEConfig),
}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    """A golden output, and our model with the same weights."""
    model, config = MODELS[request.param]
    expected, ours = golden(request.param), model(config.published())
    ours.load_state_dict(KEYS.import_state(expected.state()))
    return expected, ours.eval()


def count(module):
    return sum(each.numel() for each in module.parameters())


def test_parameters_are_as_many_as_published(case):
    expected, ours = case
    assert count(ours) == expected.about["parts"]["model"]["parameters_published_configuration"]


def test_every_part_has_as_many_parameters_as_published(case):
    _, ours = case
    decoder = ours.decoder
    heads = decoder.coefficients, torch.nn.ModuleList([decoder.joined, decoder.emotion])
    parts = (ours.speaker, ours.latent, decoder.from_latent, decoder.from_frames, *heads)
    assert [count(part) for part in parts] == [707_296, 149_248, 198_784, 198_784, 7_482, 27_161]


def test_an_exported_state_has_the_published_keys_and_shapes(case):
    expected, ours = case
    exported = KEYS.export_state(ours.state_dict())
    assert {key: tuple(value.shape) for key, value in exported.items()} == expected.layout()


def test_export_undoes_import(case):
    expected, ours = case
    exported = KEYS.export_state(ours.state_dict())
    filled = {key: value for key, value in expected.state().items() if not KEYS.is_ignored(key)}
    assert all(torch.equal(exported[key], value) for key, value in filled.items())


@torch.no_grad()
def test_outputs_are_those_of_the_official_code(case):
    expected, ours = case
    video, sound = expected.inputs()
    noise = iter(expected.inputs("random_draws"))
    views = ours.views({"speaker_video": video, "speaker_mfcc78": sound})
    (coefficients, emotion), gaussians = ours.decode(views, video.shape[1], 1, lambda: next(noise))
    got = {"coefficients": coefficients, "emotion": emotion, "speaker_feature": views[0]}
    got["mu"], got["std"] = (
        torch.stack(each) for each in zip(*((each.mean, each.deviation) for each in gaussians), strict=True)
    )
    for name, tolerance in expected.tolerances.items():
        largest = abs(got[name].reshape(expected.outputs[name].shape).numpy() - expected.outputs[name]).max()
        assert largest < tolerance, name
