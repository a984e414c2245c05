"""ReactFace: generation, causality, losses, and the speaker's inputs that it can have."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reference_models import check_causality
from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.speech_sound import scaled_sound
from reference_models.blocks.temporal_bias import periodic_bias
from reference_models.errors import ConfigError, MissingInputError, ModelInputError
from reference_models.reactface.config import ReactFaceConfig
from reference_models.reactface.losses import (
    LOSS_WEIGHTS,
    diversity_loss,
    nearest_target_loss,
    smoothness_loss,
)
from reference_models.reactface.model import ReactFace
from reference_models.reactface.speaker_series import SpeakerSeries

SMALL = replace(
    ReactFaceConfig.tiny(),
    width=16,
    feed_forward=16,
    latent_feed_forward=16,
    voice_width=16,
    window=8,
    training_window=8,
    online_context=16,
    offline_history=16,
)
RAW = replace(
    SMALL,
    speaker=("video", "audio"),
    voice_layers=1,
    voice_heads=2,
    voice_feed_forward=16,
    voice_channels=8,
)
WINDOW_ONLY = {"online_context": 8}
PREFIX = {"online_context": 0}
FRAMES = 30


def model(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return ReactFace(config)


def batch(clips=2, frames=FRAMES, config=SMALL):
    rng = np.random.default_rng(0)
    shapes = {"emotion": (frames, 25), "3dmm": (frames, 58), "mfcc78": (frames, 78), "wav2vec": (frames, 32)}
    shapes |= {"video": (frames, 3, 16, 16), "audio": (640 * frames,)}
    made = {f"speaker_{kind}": rng.random((clips, *shapes[kind]), dtype="f4") for kind in config.speaker}
    return {"clip": [f"clip{number}" for number in range(clips)], **made}


def training_batch(config=SMALL, clips=2, frames=24, neighbours=3):
    series = {name: torch.from_numpy(value) for name, value in batch(clips, frames, config).items() if name != "clip"}
    targets = torch.randn(clips, neighbours, frames, 58)
    there = torch.ones(clips, neighbours, dtype=torch.bool)
    return series | {"speaker_3dmm": torch.randn(clips, frames, 58), "target_3dmm": targets, "target_mask": there}


@pytest.mark.parametrize("online", [False, True])
def test_the_same_seed_gives_the_same_bytes_however_clips_are_batched(online):
    ours, both = model(), batch()
    together = ours.generate(both, reactions=3, seed=5, online=online)["coefficients"]
    second = {name: values[1:] for name, values in both.items()}
    alone = ours.generate(second, reactions=3, seed=5, online=online)["coefficients"]
    assert together.shape == (2, 3, FRAMES, 58)
    assert together[1:].tobytes() == alone.tobytes()


def test_reactions_differ_and_so_do_seeds():
    ours = model()
    first, other = (ours.generate(batch(1), 2, seed)["coefficients"] for seed in (0, 1))
    assert abs(first[0, 0] - first[0, 1]).max() > 1e-4
    assert abs(first - other).max() > 1e-4


def test_the_listener_is_never_seen():
    ours, known = model(), batch(1)
    listener = {"listener_3dmm": np.ones((1, FRAMES, 58), "f4"), "listener_emotion": np.ones((1, FRAMES, 25), "f4")}
    expected = ours.generate(known, 2)["coefficients"]
    assert np.array_equal(ours.generate(known | listener, 2)["coefficients"], expected)


@pytest.mark.parametrize("mode", [PREFIX, WINDOW_ONLY, {"online_context": 16}, {"online_past": "window"}])
def test_clean_online_generation_is_causal(mode):
    report = check_causality(model(replace(SMALL, **mode)), batch(1, 24), clips=1, reactions=1)
    assert report.causal
    assert report.listens


@pytest.mark.parametrize("mode", [PREFIX, WINDOW_ONLY])
def test_published_online_generation_looks_to_the_end_of_its_window(mode):
    ours = model(replace(SMALL.answered("compat"), **mode))
    assert check_causality(ours, batch(1, 24), clips=1, reactions=1).looks_ahead == 7


def changed_sound(statistics):
    """How much what is heard of frames 0 to 8 differs if the sound is louder from frame 8 on."""
    sound = torch.randn(1, 12 * 640)
    louder = torch.cat([sound[:, : 8 * 640], 9 * sound[:, 8 * 640 :]], 1)
    config = replace(RAW, sound_statistics=statistics, look_ahead="end")
    series = ({"speaker_video": torch.zeros(1, 12, 3, 4, 4), "speaker_audio": each} for each in (sound, louder))
    first, second = (SpeakerSeries(each, config, 8).stretch(0, 8, online=True)["audio"] for each in series)
    return abs(first - second).max()


def test_the_scale_of_sound_looks_ahead_in_the_published_answer_only():
    assert changed_sound("running") == 0
    assert changed_sound("clip") > 0.1


def test_offline_sees_the_whole_clip():
    assert check_causality(model(), batch(1, 16), online=False, clips=1, searches=1).looks_ahead > 7


@pytest.mark.parametrize("frames", [1, 5, 8, 13])
def test_clips_of_any_length(frames):
    for online in (False, True):
        assert model().generate(batch(1, frames), 2, online=online)["coefficients"].shape == (1, 2, frames, 58)


def test_the_published_tail_is_another():
    whole, published = (replace(SMALL, look_ahead="end", pad_tail=each) for each in (True, False))
    made = [model(config).generate(batch(1), 1, online=True)["coefficients"] for config in (whole, published)]
    assert np.array_equal(made[0][:, :, :24], made[1][:, :, :24])
    assert abs(made[0][:, :, 24:] - made[1][:, :, 24:]).max() > 1e-4


@pytest.mark.parametrize("speaker", [("video", "audio"), ("3dmm", "wav2vec"), ("emotion", "mfcc78")])
def test_every_kind_of_input_trains_and_generates(speaker):
    config = replace(RAW, speaker=speaker, samples=2)
    ours = model(config)
    parts = ours.loss(training_batch(config, 1, 8))
    parts["loss"].backward()
    assert all(torch.isfinite(value) for value in parts.values())
    assert ours.generate(batch(1, 9, config), 2, online=True)["coefficients"].shape == (1, 2, 9, 58)


@pytest.mark.parametrize("answer", ["compat", "clean"])
def test_losses_reach_every_trained_parameter(answer):
    ours = model(SMALL.answered(answer))
    ours.loss(training_batch(frames=64))["loss"].backward()
    untouched = [name for name, each in ours.named_parameters() if each.requires_grad and each.grad is None]
    assert untouched == []


def test_the_emotion_head_is_trained_and_given():
    config = replace(SMALL, emotion_head=True)
    ours = model(config)
    parts = ours.loss(training_batch() | {"target_emotion": torch.rand(2, 3, 24, 25)})
    assert parts["emotion"] > 0
    assert ours.generate(batch(1), 2)["emotion"].shape == (1, 2, FRAMES, 25)


def test_a_few_steps_lower_the_loss():
    ours, known = model(), training_batch()
    ours.begin_stage("reaction", [known])
    ours.loss_weights = {"diversity": 0.0}
    optimiser = torch.optim.Adam(ours.parameters(), 3e-3)
    losses = []
    for _ in range(15):
        parts = ours.loss(known)
        losses.append(parts["expression"].item())
        optimiser.zero_grad()
        parts["loss"].backward()
        optimiser.step()
    assert losses[-1] < losses[0]


def test_measured_series_are_standardised():
    ours, known = model(), training_batch()
    ours.begin_stage("reaction", [known])
    scaled = ours.scaling(known["target_3dmm"]).flatten(0, 2)
    assert torch.allclose(scaled.mean(0), torch.zeros(58), atol=1e-5)
    assert torch.allclose(scaled.std(0), torch.ones(58), atol=0.02)
    published = model(SMALL.answered("compat"))
    assert not any("scaling" in key for key in published.state_dict())


def test_only_the_nearest_target_that_is_there_counts():
    predictions, near, far = torch.zeros(1, 4, 2), torch.ones(1, 1, 4, 2), torch.full((1, 1, 4, 2), 3.0)
    targets, all_there = torch.cat([near, far], 1), torch.ones(1, 2, 4, dtype=torch.bool)
    without_near = all_there & torch.tensor([False, True])[None, :, None]
    assert nearest_target_loss(predictions, targets, all_there) == 0.5
    assert nearest_target_loss(predictions, targets, without_near) == 2.5
    assert nearest_target_loss(predictions, targets, torch.zeros_like(all_there)) == 0


def test_concordance_is_of_the_most_concordant_target_over_the_frames_that_are_there():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 12, 4)), rng.normal(1.0, 2.0, size=(2, 3, 12, 4))
    there = np.ones((2, 3, 12), bool)
    there[0, 0, 7:] = there[1, 2] = False

    def concordance(speaker, target):
        seen = there[speaker, target]
        a, b = ours[speaker, seen], theirs[speaker, target, seen]
        covariance = ((a - a.mean(0)) * (b - b.mean(0))).mean(0)
        return (2 * covariance / (a.var(0) + b.var(0) + (a.mean(0) - b.mean(0)) ** 2)).mean()

    best = [max(concordance(0, target) for target in (0, 1, 2)), max(concordance(1, target) for target in (0, 1))]
    found = concordance_loss(*(torch.from_numpy(each) for each in (ours, theirs, there)))
    assert found.item() == pytest.approx(1 - np.mean(best), abs=1e-3)
    nothing = concordance_loss(*(torch.from_numpy(each) for each in (ours, theirs, np.zeros_like(there))))
    assert nothing == 0


def test_concordance_counts_only_where_it_has_a_weight():
    ours, known = model(), training_batch()
    assert "concordance" not in ours.loss(known)
    ours.loss_weights = {"concordance": 2.0}
    parts = ours.loss(known)
    weighted = sum(
        {**LOSS_WEIGHTS, "concordance": 2.0}[name] * value for name, value in parts.items() if name != "loss"
    )
    assert parts["loss"].item() == pytest.approx(weighted.item(), rel=1e-5)


def test_diversity_counts_pairs_and_smoothness_accelerations():
    same = torch.zeros(3, 2, 4, 5)
    assert diversity_loss(same, 100.0) == 3
    ramp = torch.arange(6.0)[None, :, None].expand(1, 6, 58)
    assert smoothness_loss(ramp, 52) == 0
    assert torch.isclose(smoothness_loss(ramp.square(), 52), torch.tensor(1.5 * 1.1))


@pytest.mark.parametrize(("queries", "keys"), [(8, 8), (8, 16), (13, 26)])
def test_temporal_bias_is_that_of_the_paper(queries, keys):
    bias = periodic_bias(queries, keys, 8, 8)
    for head, i, j in ((0, 0, 0), (7, queries - 1, 3), (3, 2, keys - 1)):
        distance = keys - queries + i - j
        assert bias[head, i, j] == (-torch.inf if distance < 0 else -(2.0 ** -(head + 1)) * (distance // 8))


@torch.no_grad()
def test_decoder_layers_are_those_of_torch():
    torch.manual_seed(0)
    theirs = torch.nn.TransformerDecoderLayer(16, 4, 32, 0.0, batch_first=True).eval()
    ours = DecoderLayer(16, 4, 32, 0.0).eval()
    ours.load_state_dict(theirs.state_dict())
    queries, memory, bias = torch.randn(3, 5, 16), torch.randn(3, 10, 16), periodic_bias(5, 10, 4, 2)
    expected = theirs(queries, memory, memory_mask=bias.repeat(3, 1, 1))
    assert torch.allclose(ours(queries, memory, memory_bias=bias), expected, atol=1e-5)
    shared = ours(queries, memory[:1], memory_bias=bias)
    assert torch.allclose(shared, ours(queries, memory[:1].repeat(3, 1, 1), memory_bias=bias), atol=1e-6)


def test_sound_is_scaled_by_what_was_heard():
    sound = torch.randn(1, 1000) * 3 + 2
    assert torch.allclose(scaled_sound(sound).std(correction=0), torch.ones(()), atol=1e-4)
    assert torch.equal(scaled_sound(sound[:, :10], sound), scaled_sound(sound)[:, :10])


@pytest.mark.parametrize("dtype", [torch.bfloat16])
def test_autocast_gives_finite_losses(dtype):
    with torch.autocast("cpu", dtype=dtype):
        assert torch.isfinite(model().loss(training_batch())["loss"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speaker": ("emotion",)}, "beside them one of"),
        ({"speaker": ("video", "emotion", "audio")}, "expected 'video', or"),
        ({"speaker": ("emotion", "mfcc")}, "no input 'mfcc'"),
        ({"width": 30}, "multiple of 4"),
        ({"momentum": 1.0}, "0 ≤ momentum < 1"),
        ({"training_loop": "prefix"}, "training_loop is 'prefix'"),
    ],
)
def test_configurations_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        replace(SMALL, **settings)


def test_bad_batches_are_refused():
    ours, good = model(), batch(1)
    with pytest.raises(MissingInputError, match="speaker_mfcc78"):
        ours.generate({name: values for name, values in good.items() if name != "speaker_mfcc78"})
    with pytest.raises(ModelInputError, match=r"expected \(frames, 25\)"):
        ours.generate(good | {"speaker_emotion": good["speaker_emotion"][..., :20]})
    with pytest.raises(ModelInputError, match="frames"):
        ours.generate(good | {"speaker_3dmm": good["speaker_3dmm"][:, :20]})
    with pytest.raises(MissingInputError, match="target_3dmm or listener_3dmm"):
        ours.loss({name: torch.from_numpy(values) for name, values in good.items() if name != "clip"})
    with pytest.raises(ModelInputError, match="mono at 16000"):
        model(RAW).generate(batch(1, config=RAW) | {"speaker_audio": np.zeros((1, 44100), "f4")})
    with pytest.raises(ModelInputError, match="at least a window of 8"):
        model(replace(SMALL, pad_tail=False)).generate(batch(1, 5))


def test_wav2vec_starts_from_a_folder_and_the_model_forgets_it(tmp_path):
    transformers = pytest.importorskip("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    theirs = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(conv_dim=[16] * 7, **sizes))
    theirs.save_pretrained(tmp_path, safe_serialization=True)
    ours = model(replace(RAW, wav2vec_folder=str(tmp_path)))
    assert ours.config.wav2vec_folder == ""
    assert (ours.config.voice_width, ours.config.voice_channels) == (32, 16)
    kept = ours.voice_encoder.wav2vec2.state_dict()
    assert all(torch.equal(kept[key], value) for key, value in theirs.state_dict().items())
    assert not any(each.requires_grad for each in ours.voice_encoder.wav2vec2.feature_extractor.parameters())
