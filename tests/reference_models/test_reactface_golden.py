"""ReactFace against the official code: layouts, counts of parameters, and outputs of every mode."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles.golden_models import golden, normal_input, weight

from reference_models.reactface.config import ReactFaceConfig
from reference_models.reactface.keys import KEYS
from reference_models.reactface.model import ReactFace
from reference_models.reactface.speaker_series import SpeakerSeries
from reference_models.reactface.windows import Window

GOLDEN = golden("reactface")
STATE = GOLDEN.about["state_dict"]
WAV2VEC = "speaker_reaction_decoder.audio_encoder.wav2vec2.encoder.pos_conv_embed.conv."
CONFIG = replace(
    ReactFaceConfig.published(),
    width=32,
    feed_forward=64,
    training_window=8,
    voice_width=32,
    voice_layers=2,
    voice_heads=2,
    voice_feed_forward=64,
    voice_channels=16,
    sound_statistics="given",
)


def layout(config):
    return STATE["parameters"] | (STATE["extra_parameters_of_the_2023_layout"] if config.emotion_head else {})


def filled(config):
    ours = ReactFace(config).eval()
    published = {key: weight(key, shape) for key, shape in layout(config).items()}
    ours.load_state_dict(KEYS.import_state(published))
    return ours


@pytest.fixture(scope="module")
def ours():
    return filled(CONFIG)


def given(name):
    return normal_input(GOLDEN.about["inputs"][name]["name"], GOLDEN.about["inputs"][name]["shape"])


def speakers(frames, config=CONFIG):
    series = {"speaker_video": given("speaker_video")[:, :frames]}
    series["speaker_audio"] = given("speaker_audio")[:, : 640 * frames]
    return SpeakerSeries(series, config, 8)


def noise(mode):
    draws = iter(range(99))
    return lambda: normal_input(f"noise:rf1:{mode}:{next(draws)}", (2, 32))


def met(name, got):
    expected, tolerance = GOLDEN.outputs[name], GOLDEN.about["tolerance"]["recommended"][name]
    return got.shape == expected.shape and abs(got.numpy() - expected).max() <= tolerance * abs(expected).max()


@torch.no_grad()
def test_encoders(ours):
    tokens = ours.encode({"video": given("speaker_video"), "audio": given("speaker_audio")})
    assert met("encoder_video_features", ours.face_encoder(given("speaker_video")))
    assert met("encoder_audio_hidden", ours.voice_encoder(given("speaker_audio")))
    assert met("encoder_speaker_motion", tokens.motion)
    assert met("encoder_speaker_audio", tokens.voice)
    assert met("encoder_speaker_vector", tokens.aligned)


@torch.no_grad()
def test_the_offline_loop(ours):
    made = ours.unroll(speakers(24), noise("offline"), 8, online=False)
    assert met("offline_prediction", made.faces)
    assert met("offline_mu", made.interaction.mean)
    assert met("offline_sigma", made.interaction.deviation)
    assert met("speaker_head", ours.speaker_head(made.aligned))


@torch.no_grad()
def test_online_prefix_with_its_shifted_tail(ours):
    made = ours.unroll(speakers(20), noise("prefix"), 8, online=True)
    windows = GOLDEN.outputs["prefix_windows"]
    assert met("prefix_prediction", made.faces)
    assert met("prefix_latents", made.latents)
    assert np.allclose(made.faces[:, 16:20], windows[2][:, :4], atol=1e-4)


@torch.no_grad()
def test_online_window():
    model = filled(replace(CONFIG, online_context=8))
    made = model.unroll(speakers(16), noise("window"), 8, online=True)
    assert met("window_windows", torch.stack(made.faces.split(8, 1)))
    assert met("window_latents", made.latents)


@torch.no_grad()
def test_a_step_goes_on_from_a_given_past(ours):
    tokens = ours.encode(speakers(13).stretch(0, 13, online=True)).frames(5, 13)
    step = ours.step(Window(tokens, tokens, 0), given("listener_past"), given("latent_past"), noise("step")())
    assert met("step_prediction", step.faces)
    assert met("step_latent", step.latent)


@torch.no_grad()
def test_the_layout_of_2023():
    model = filled(replace(CONFIG, emotion_head=True))
    made = model.unroll(speakers(24), noise("layout2023"), 8, online=False)
    coefficients, emotion = made.faces.tensor_split([58], -1)
    assert met("layout2023_prediction", coefficients)
    assert met("layout2023_emotion", emotion)
    assert met("layout2023_speaker_head", model.speaker_head(made.aligned))


@pytest.mark.parametrize("emotion_head", [False, True])
def test_an_exported_state_has_the_published_keys_and_shapes(emotion_head):
    config = replace(CONFIG, emotion_head=emotion_head)
    exported = KEYS.export_state(filled(config).state_dict())
    shapes = {key: list(value.shape) for key, value in exported.items()}
    assert shapes == layout(config) | STATE["left_alone"]
    assert all(torch.equal(exported[key], weight(key, shape)) for key, shape in layout(config).items())


def test_exported_positions_are_the_published_ones(ours):
    exported = KEYS.export_state(ours.state_dict())
    assert torch.equal(exported["PPE.pe"][:, 8:16], exported["PPE.pe"][:, :8])
    assert torch.equal(exported["PE.pe"][:8, 0], exported["PPE.pe"][0, :8])


def test_new_names_of_weight_norm_are_read_too(ours):
    published = KEYS.export_state(ours.state_dict())
    for part, name in enumerate(("weight_g", "weight_v")):
        published[f"{WAV2VEC}parametrizations.weight.original{part}"] = published.pop(f"{WAV2VEC}{name}")
    assert set(KEYS.import_state(published)) == set(ours.state_dict())


def count(module):
    return sum(each.numel() for each in module.parameters())


def test_the_published_size_has_as_many_parameters_as_published():
    with torch.device("meta"):
        model = ReactFace(ReactFaceConfig.published())
        newer = ReactFace(replace(ReactFaceConfig.published(), emotion_head=True))
    expected = GOLDEN.about["parameters"]
    assert count(model) == expected["published"] == 99_949_812
    assert count(newer) == expected["published_2023_layout"]
    former, decoder, interaction = model.speaker_former, model.listener_decoder, model.interaction_encoder
    assert count(model.face_encoder) == 2_370_656
    assert count(model.voice_encoder) + count(model.unused["voice_head"]) == 94_396_320
    assert [count(former.voice_map), count(former.face_layer)] == [98_432, 198_784]
    assert [count(model.speaker_head.layer), count(model.speaker_head.coefficients)] == [198_784, 7_482]
    assert [count(interaction.past_map), count(interaction.gaussian)] == [7_552, 676_480]
    assert [count(model.unused["listener_layers"]), count(decoder)] == [397_568, 802_618]
    assert len(KEYS.export_state(dict.fromkeys(model.state_dict(), torch.zeros(128, 58)))) == 477
