"""FaceAIS against the official code: layouts, counts of parameters, and outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles.golden_models import drawn, golden, normal_input

import reference_models
from reference_models.conversion import load_published
from reference_models.errors import CheckpointError
from reference_models.faceais.config import FaceAISConfig
from reference_models.faceais.keys import KEYS
from reference_models.faceais.model import FaceAIS
from reference_models.faceais.windows import filled

TOKENIZER, PREDICTOR = "face_tokenizer.", "model."
SMALL = {
    "tokenizer_width": 48,
    "tokenizer_heads": 4,
    "tokenizer_layers": 2,
    "width": 48,
    "heads": 4,
    "layers": 2,
    "context": 64,
}
CONFIG = replace(FaceAISConfig.published(), **SMALL)


def tokenizer_state(prefix=TOKENIZER):
    return {prefix + key: value for key, value in golden("faceais_tokenizer").state("tokenizer").items()}


def predictor_state():
    found = golden("faceais_predictor").state("predictor")
    return {key: torch.tensor(0.5) if key.endswith("gated_alpha") else value for key, value in found.items()}


def speech_state(model):
    """What the official file holds of wav2vec 2.0, with a key of the layers that are not used."""
    held = {key: value for key, value in KEYS.export_state(model.state_dict()).items() if key.startswith("sound_")}
    return held | {"sound_feature_extractor.model.masked_spec_embed": torch.zeros(768)}


@pytest.fixture(scope="module")
def model():
    made = FaceAIS(CONFIG).eval()
    state = {**tokenizer_state(), **predictor_state(), **speech_state(made)}
    made.load_state_dict(KEYS.import_state({key: value for key, value in state.items() if not KEYS.is_ignored(key)}))
    return made


@pytest.fixture(scope="module")
def published():
    with torch.device("meta"):
        return FaceAIS(FaceAISConfig.published())


def given_tokens(name, shape):
    """Whole numbers of a fill: the integer part of 10000 |x|, modulo the number of codes."""
    return torch.from_numpy((10000 * np.abs(drawn(f"input:{name}", shape).astype(np.float64))).astype(np.int64) % 1000)


def check(name, got):
    expected = golden(name)
    for output, value in got.items():
        assert value.shape == expected.outputs[output].shape, output
        assert np.abs(value.numpy() - expected.outputs[output]).max() <= expected.tolerances[output], output


def count(module):
    return sum(each.numel() for each in module.parameters())


def test_every_part_has_as_many_parameters_as_published(published):
    parts = {"tokenizer": published.tokenizer, "predictor": published.predictor}
    for name, part in parts.items():
        about = golden(f"faceais_{name}").about["parts"][name]
        assert count(part) == about["parameters_published_configuration"], name
    assert [count(published.tokenizer), count(published.predictor)] == [27_570_568, 86_087_896]
    assert count(published.speech) == 4_201_472


def test_the_published_configuration_has_the_published_layout(published):
    exported = KEYS.export_state(published.state_dict())
    sizes = {prefix: sum(key.startswith(prefix) for key in exported) for prefix in (TOKENIZER, PREDICTOR)}
    shapes = {key: tuple(value.shape) for key, value in exported.items()}
    assert sizes == {TOKENIZER: 231, PREDICTOR: 733}
    assert shapes["model.lm_head.weight"] == shapes["model.lt_cm_transformer.wte.weight"] == (2050, 360)
    assert shapes["model.sp_cm_transformer.wpe_sound.weight"] == (512, 360)
    assert shapes["face_tokenizer.model.encoder.h.11.attn.c_attn.weight"] == (756, 252)


def test_an_exported_state_has_the_published_keys_shapes_and_values(model):
    exported = KEYS.export_state(model.state_dict())
    expected = {**tokenizer_state(), **predictor_state()}
    assert {key for key in exported if not key.startswith("sound_")} == set(expected)
    assert all(torch.equal(exported[key], value) for key, value in expected.items())


@torch.no_grad()
def test_the_tokenizer_is_the_official_one(model):
    faces, tokenizer = normal_input("faceais_tokenizer/face", (2, 96, 58)), model.tokenizer
    tokens, independent = tokenizer.tokenise(faces), given_tokens("faceais_tokenizer/tokens", (2, 64))
    decoded, others = (tokenizer.decode(tokenizer.vectors(each)) for each in (tokens, independent))
    forward = tokenizer(faces[:, :32])
    got = {
        "tokens": tokens,
        "before_rounding": tokenizer.quantiser.bounded(tokenizer.encode(faces)),
        "coefficients": decoded[0],
        "emotion": decoded[1],
        "coefficients_forward": forward[0],
        "emotion_forward": forward[1],
        "input_tokens": independent,
        "coefficients_from_tokens": others[0],
        "emotion_from_tokens": others[1],
    }
    check("faceais_tokenizer", got)


@pytest.fixture(scope="module")
def stretch():
    """Speech, and shifted tokens of speakers and listeners."""
    names = ("speaker_tokens", "listener_tokens")
    speaker, listener = (given_tokens(f"faceais_predictor/{name}", (2, 64)) + 2 for name in names)
    return normal_input("faceais_predictor/sound", (2, 128, 512)), speaker, listener


def logits(model, speech, speaker, listener):
    return model.distribution(model.fuse(model.speaker_streams(speaker, speech)), listener, rows=32)


@torch.no_grad()
def test_the_predictor_is_the_official_one(model, stretch):
    _, speaker, listener = stretch
    check(
        "faceais_predictor",
        {"logits": logits(model, *stretch), "input_speaker_tokens": speaker, "input_listener_tokens": listener},
    )


@torch.no_grad()
def test_closed_gates_are_the_official_ones(model, stretch):
    gates = [value for name, value in model.named_parameters() if name.endswith("gate")]
    for gate in gates:
        gate.zero_()
    got = logits(model, *(each[:1] for each in stretch))[:, ::8]
    for gate in gates:
        gate.fill_(0.5)
    check("faceais_predictor", {"logits_gates_zero": got})


@torch.no_grad()
@pytest.mark.parametrize(("output", "begin"), [("logits_first_step", 0), ("logits_later_step", 32)])
def test_steps_of_generation_are_the_official_ones(model, stretch, output, begin):
    speech, speaker, listener = (each[:1] for each in stretch)
    got = model._next(speaker, speech, listener[:, :begin], begin)
    check("faceais_predictor", {output: got[:, ::4]})


@torch.no_grad()
def test_padding_that_is_left_out_changes_nothing(model, stretch):
    speech, speaker, listener = (each[:1] for each in stretch)
    known = torch.arange(64, 0, -1)[None] <= 32
    padded = [
        filled(each, rows) for each, rows in ((speech[:, :66], 128), (speaker[:, :33], 64), (listener[:, :32], 64))
    ]
    streams = model.speaker_streams(padded[1], padded[0], known | (torch.arange(64) == 31), None)
    streams = streams._replace(second_known=streams.face_known)
    whole = model.distribution(model.fuse(streams), padded[2], known)[:, -32:]
    assert torch.allclose(whole, model._next(speaker, speech, listener[:, :32], 32), atol=2e-5)


@torch.no_grad()
def test_one_speaker_serves_all_reactions(model, stretch):
    speech, speaker, _ = (each[:1] for each in stretch)
    pasts = stretch[2]
    together = model._next(speaker, speech, pasts[:, :32], 32)
    alone = torch.cat([model._next(speaker, speech, each[None, :32], 32) for each in pasts])
    assert torch.allclose(together, alone, atol=2e-5)


@pytest.fixture
def official_files(model, tmp_path):
    """The tokenizer's and the predictor's checkpoint as Lightning writes them, with what it keeps beside weights."""
    beside = {"epoch": 91, "global_step": 9200, "pytorch-lightning_version": "2.2.0", "loops": {"fit_loop": {}}}
    tokenizer, predictor = tmp_path / "epoch=185-step=37200.ckpt", tmp_path / "epoch=91-step=9200.ckpt"
    torch.save({**beside, "state_dict": tokenizer_state("")}, tokenizer)
    state = {**tokenizer_state(), **predictor_state(), **speech_state(model)}
    torch.save({**beside, "state_dict": state, "optimizer_states": [{"state": {}}]}, predictor)
    return tokenizer, predictor


def same_weights(one, other):
    return all(torch.equal(value, other.state_dict()[key]) for key, value in one.state_dict().items())


@pytest.mark.parametrize("files", [slice(1, 2), slice(0, 2), slice(None, None, -1)])
def test_the_official_files_are_converted(official_files, model, tmp_path, files):
    done = reference_models.convert_checkpoint(
        official_files[files], tmp_path / "ours", model="facevis", config=model.config
    )
    assert done.ignored == ("sound_feature_extractor.model.masked_spec_embed",)
    assert same_weights(reference_models.load_checkpoint(done.path), model)
    exported = reference_models.export_checkpoint(done.path, tmp_path / "whole.ckpt").path
    again = load_published(exported, model="faceais", config=model.config)
    assert same_weights(again, model)


def test_the_tokenizer_alone_is_not_the_model(official_files, model, tmp_path):
    with pytest.raises(CheckpointError, match=r"missing: predictor\.speaker\.face\.tokens\.weight"):
        reference_models.convert_checkpoint(official_files[0], tmp_path, model="faceais", config=model.config)


def test_files_of_other_tokenizers_are_refused(official_files, model, tmp_path):
    state = tokenizer_state("")
    state["model.encoder.wfe.bias"] = state["model.encoder.wfe.bias"] + 1
    torch.save({"state_dict": state}, official_files[0])
    with pytest.raises(CheckpointError, match=r"model\.encoder\.wfe\.bias differ from the tokenizer"):
        reference_models.convert_checkpoint(official_files, tmp_path, model="faceais", config=model.config)
