import json
import os
import shutil
import socket
import sys

import numpy as np
import pytest

from react_data.audio import Sound, resample
from react_data.optional_libraries import LibraryMissingError
from react_data.speech_features import SpeechModel, SpeechModelError, SpeechTokens

HIDDEN, CONVOLUTIONAL = 32, 16


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny wav2vec 2.0 with the strides of the base model, as one for speech recognition saves it."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(CONVOLUTIONAL,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    folder = tmp_path_factory.mktemp("wav2vec")
    Wav2Vec2ForCTC(config).eval().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(checkpoint):
    return SpeechModel(checkpoint)


@pytest.fixture
def copied(checkpoint, tmp_path):
    return shutil.copytree(checkpoint, tmp_path / "copy")


@pytest.fixture(scope="module")
def sound():
    samples = np.random.default_rng(0).normal(0.02, 0.1, 2 * 16_000)
    return Sound(samples.astype(np.float32), 16_000)


def directly(folder, samples):
    import torch
    from transformers import Wav2Vec2Model

    with torch.inference_mode():
        found = Wav2Vec2Model.from_pretrained(folder).eval()(torch.from_numpy(samples)[None])
    return found.last_hidden_state[0].numpy(), found.extract_features[0].numpy()


def test_tokens_are_those_of_transformers_on_normalised_sound(model, checkpoint, sound):
    from transformers import Wav2Vec2FeatureExtractor

    prepared = Wav2Vec2FeatureExtractor()(sound.samples, sampling_rate=16_000, return_tensors="np").input_values[0]
    hidden, convolutional = directly(checkpoint, prepared)
    tokens = model.encode(sound, 50)
    np.testing.assert_allclose(tokens.hidden, hidden, atol=1e-5)
    np.testing.assert_allclose(tokens.convolutional, convolutional, atol=1e-5)
    assert (tokens.hidden.shape, tokens.convolutional.shape) == ((99, HIDDEN), (99, CONVOLUTIONAL))
    assert (tokens.tokens_per_second, tokens.first_centre_s) == (50, 0.0125)


def test_stacked_tokens_are_two_a_frame_with_zeros_for_the_one_that_lacks(model, sound):
    tokens = model.encode(sound, 50)
    stacked = tokens.stacked()
    assert (stacked.shape, stacked.dtype) == ((50, 2 * HIDDEN), np.float32)
    np.testing.assert_array_equal(stacked.reshape(100, HIDDEN)[:-1], tokens.hidden)
    np.testing.assert_array_equal(stacked[-1, HIDDEN:], 0)
    assert tokens.stacked("convolutional").shape == (50, 2 * CONVOLUTIONAL)


@pytest.mark.parametrize("frames_per_second", [25, 30])
def test_every_frame_has_one_vector(model, sound, frames_per_second):
    frames = 2 * frames_per_second
    tokens = model.encode(sound, frames, frames_per_second)
    assert tokens.interpolated().shape == (frames, HIDDEN)
    assert tokens.interpolated("convolutional").shape == (frames, CONVOLUTIONAL)
    assert tokens.interpolated().dtype == np.float32


@pytest.mark.parametrize("frames_per_second", [25, 30, 29.97])
def test_interpolation_gives_each_frame_the_value_at_its_centre(frames_per_second):
    seconds = (0.0125 + np.arange(99) / 50).astype(np.float32)[:, np.newaxis]
    tokens = SpeechTokens(seconds, -seconds, 50, frames_per_second, 50, 0.0125)
    centres = np.clip((np.arange(50) + 0.5) / frames_per_second, 0.0125, seconds[-1, 0])
    np.testing.assert_allclose(tokens.interpolated()[:, 0], centres, atol=1e-6)
    np.testing.assert_allclose(tokens.interpolated("convolutional")[:, 0], -centres, atol=1e-6)


def test_frames_of_a_fraction_of_tokens_cannot_be_stacked(model, sound):
    with pytest.raises(SpeechModelError, match=r"1\.67 tokens at 30 frames a second"):
        model.encode(sound, 60, 30).stacked()
    with pytest.raises(SpeechModelError, match="no layer 'last'"):
        model.encode(sound, 60, 30).interpolated("last")


def test_normalisation_covers_the_whole_clip_and_the_rest_is_silence(model, checkpoint, sound):
    normalised = (sound.samples - sound.samples.mean()) / np.sqrt(sound.samples.var() + 1e-7)
    hidden, _ = directly(checkpoint, normalised[: 20 * 640])
    np.testing.assert_allclose(model.encode(sound, 20).hidden, hidden, atol=1e-4)
    hidden, _ = directly(checkpoint, np.pad(normalised, (0, 10 * 640)))
    np.testing.assert_allclose(model.encode(sound, 60).hidden, hidden, atol=1e-4)


def test_other_rates_are_resampled(model, sound):
    faster = resample(sound, 44_100)
    np.testing.assert_allclose(
        model.encode(faster, 50).hidden, model.encode(resample(faster, 16_000), 50).hidden, atol=1e-5
    )


def test_normalisation_and_rate_follow_the_checkpoint(copied, sound):
    (copied / "preprocessor_config.json").write_text('{"do_normalize": false, "sampling_rate": 8000}')
    halved = resample(sound, 8000)
    np.testing.assert_allclose(
        SpeechModel(copied).encode(sound, 50).hidden, directly(copied, halved.samples)[0], atol=1e-5
    )


def test_long_clips_are_encoded_in_stretches_with_context(checkpoint):
    samples = np.random.default_rng(1).normal(0, 0.1, 9 * 16_000).astype(np.float32)
    whole = SpeechModel(checkpoint).encode(Sound(samples, 16_000), 225)
    parts = SpeechModel(checkpoint, longest_pass_s=4).encode(Sound(samples, 16_000), 225)
    assert parts.hidden.shape == whole.hidden.shape
    for found, expected in [(parts.hidden, whole.hidden), (parts.convolutional, whole.convolutional)]:
        assert np.abs(found - expected).max() < 0.2 * expected.std()


def test_one_short_frame_is_filled_to_a_token(model):
    tokens = model.encode(Sound(np.zeros(10, np.float32), 16_000), 1, 60)
    assert tokens.interpolated().shape == (1, HIDDEN)


def test_checkpoints_with_the_old_names_of_weight_norm_are_read(copied, checkpoint, sound):
    from safetensors.numpy import load_file, save_file

    file = copied / "model.safetensors"
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    weights = load_file(file)
    renamed = {next((k.replace(new, old) for new, old in names.items() if new in k), k): v for k, v in weights.items()}
    assert renamed.keys() != weights.keys()
    save_file(renamed, file, metadata={"format": "pt"})
    expected = SpeechModel(checkpoint).encode(sound, 10).hidden
    np.testing.assert_array_equal(SpeechModel(copied).encode(sound, 10).hidden, expected)


def test_nothing_is_shown_or_downloaded(checkpoint, monkeypatch, capfd):
    def refuse(*_):
        raise OSError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    SpeechModel(checkpoint)
    assert capfd.readouterr() == ("", "")


def without_weight(folder):
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights.pop("wav2vec2.feature_projection.projection.bias")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def changed(**settings):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | settings))

    return change


DAMAGE = {
    "no config": (lambda folder: (folder / "config.json").unlink(), r"config\.json cannot be read"),
    "no json": (lambda folder: (folder / "config.json").write_text("{"), r"config\.json cannot be read"),
    "a list": (lambda folder: (folder / "config.json").write_text("[]"), "does not hold settings by name"),
    "another model": (changed(model_type="hubert"), "type 'hubert', expected 'wav2vec2'"),
    "an adapter": (changed(add_adapter=True), "with an adapter"),
    "other sizes": (changed(hidden_size=48), "cannot be loaded"),
    "only a pickle": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "Weights in pickle files are not read",
    ),
    "truncated": (lambda folder: os.truncate(folder / "model.safetensors", 2000), "cannot be loaded"),
    "a weight lacks": (without_weight, r"lacks weights.*feature_projection\.projection\.bias"),
    "an odd rate": (
        lambda folder: (folder / "preprocessor_config.json").write_text('{"sampling_rate": "16k"}'),
        "sampling_rate '16k'",
    ),
}


@pytest.mark.parametrize(("damage", "said"), DAMAGE.values(), ids=DAMAGE)
def test_damaged_checkpoints_are_refused(copied, damage, said):
    damage(copied)
    with pytest.raises(SpeechModelError, match=said) as refused:
        SpeechModel(copied)
    assert str(copied) in str(refused.value)


def test_a_name_that_is_no_folder_is_never_looked_up(tmp_path):
    with pytest.raises(SpeechModelError, match="nothing is downloaded"):
        SpeechModel("facebook/wav2vec2-base-960h")
    with pytest.raises(SpeechModelError, match=r"longest_pass_s is 0"):
        SpeechModel(tmp_path, longest_pass_s=0)


def test_the_extra_is_named_where_transformers_is_missing(checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(LibraryMissingError, match=r"pip install 'react-eval\[speech\]'"):
        SpeechModel(checkpoint)
