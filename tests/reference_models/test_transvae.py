"""Trans-VAE: what it generates, from what, and what it learns from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reference_models.errors import ConfigError, MissingInputError, ModelInputError
from reference_models.transvae.config import OnlineTransVAEConfig, TransVAEConfig
from reference_models.transvae.frame_statistics import ClipStatistics, RunningStatistics
from reference_models.transvae.losses import diversity, reconstruction
from reference_models.transvae.model import TransVAE
from reference_models.transvae.online import OnlineTransVAE
from reference_models.transvae.speaker_encoder import SpeakerEncoder

FRAMES = 20
KINDS = {"offline": (TransVAE, TransVAEConfig), "online": (OnlineTransVAE, OnlineTransVAEConfig)}
VIDEO_INPUTS = ("speaker_video", "speaker_mfcc78")


def made(kind, config=None, **changes):
    model, configuration = KINDS[kind]
    torch.manual_seed(0)
    return model(replace(config or configuration.tiny(), **changes)).eval()


def small(kind, how, **changes):
    """A small model of video whose traps are answered one way."""
    config = replace(KINDS[kind][1].tiny(), speaker_inputs=VIDEO_INPUTS, width=16, feed_forward=16)
    return made(kind, config.answered(how), **changes)


def batch_of(clips, frames=FRAMES, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"speaker_emotion": (25,), "speaker_3dmm": (58,), "speaker_mfcc78": (78,), "speaker_video": (3, 24, 24)}
    series = {name: rng.normal(size=(clips, frames, *shape)).astype(np.float32) for name, shape in shapes.items()}
    return {"clip": [f"NoXI/chat/Expert_video/{number}" for number in range(clips)], **series}


def training_batch(clips=3, frames=FRAMES):
    series = {name: torch.from_numpy(each) for name, each in batch_of(clips, frames).items() if name != "clip"}
    listener = {f"listener_{kind}": series[f"speaker_{kind}"].flip(0) for kind in ("emotion", "3dmm")}
    return {**series, **listener}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_reactions_have_both_heads(kind):
    out = made(kind).generate(batch_of(2), 3, online=kind == "online")
    assert {head: each.shape for head, each in out.items()} == {
        "emotion": (2, 3, FRAMES, 25),
        "coefficients": (2, 3, FRAMES, 58),
    }


def test_reactions_to_a_speaker_differ(kind):
    out = made(kind).generate(batch_of(1), 2, online=kind == "online")["emotion"]
    assert np.abs(out[0, 0] - out[0, 1]).max() > 1e-3


def test_the_same_seed_gives_the_same_bytes_for_any_batch_size(kind):
    model, batch = made(kind), batch_of(3)
    whole = model.generate(batch, 2, 7, kind == "online")["coefficients"]
    alone = model.generate({name: each[2:] for name, each in batch.items()}, 2, 7, kind == "online")["coefficients"]
    assert whole[2:].tobytes() == alone.tobytes()


def test_the_listener_is_never_seen(kind):
    model, batch = made(kind), batch_of(2)
    listener = {"listener_emotion": np.ones((2, FRAMES, 25), np.float32)}
    bare, more = (model.generate(each, 2, 0, kind == "online")["emotion"] for each in (batch, {**batch, **listener}))
    assert bare.tobytes() == more.tobytes()


def test_each_model_has_one_mode(kind):
    with pytest.raises(ModelInputError, match=r"cannot generate (offline|online), only"):
        made(kind).generate(batch_of(1), 1, online=kind != "online")


def test_a_missing_input_is_named(kind):
    batch = batch_of(1)
    del batch["speaker_3dmm"]
    with pytest.raises(MissingInputError, match="needs speaker_3dmm"):
        made(kind).generate(batch, 1, online=kind == "online")


def test_a_video_of_another_shape_is_refused(kind):
    batch = batch_of(1) | {"speaker_video": np.zeros((1, FRAMES, 24, 24, 3), np.float32)}
    with pytest.raises(ModelInputError, match=r"expected \(frames, 3, height, width\)"):
        small(kind, "clean").generate(batch, 1, online=kind == "online")


def test_published_models_take_751_frames_at_most():
    model = made("offline", longest_clip=751)
    with pytest.raises(ModelInputError, match="752 frames"):
        model.generate(batch_of(1, 752), 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 30}, "width is 30"),
        ({"speaker_inputs": ("speaker_smell",)}, "speaker_inputs"),
        ({"memory_mask": "blue"}, "memory_mask is 'blue'"),
        ({"longest_clip": -1}, "longest_clip is -1"),
        ({"tail": "blue"}, "tail is 'blue'"),
        ({"window": 0}, "window and generation_window are 0"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        OnlineTransVAEConfig(**changes)


def changed_rows(model, batch, frame, *, online):
    """Which frames of the reactions change when the speaker does from a frame on."""
    other = {name: each if name == "clip" else each.copy() for name, each in batch.items()}
    for name in model.inputs:
        other[name][:, frame:] += 1
    before, after = (model.generate(each, 2, 0, online)["coefficients"] for each in (batch, other))
    return np.flatnonzero((before != after).any((0, 1, 3)))


@pytest.mark.parametrize("frame", [5, 8, 16])
def test_clean_online_reactions_never_depend_on_later_frames(frame):
    changed = changed_rows(small("online", "clean", window=8), batch_of(1), frame, online=True)
    assert len(changed)
    assert changed.min() >= frame


@pytest.mark.parametrize("frame", [15, 23])
def test_published_online_reactions_look_a_window_ahead(frame):
    changed = changed_rows(small("online", "compat"), batch_of(1, 24), frame, online=True)
    assert changed.min() == frame - 7


def test_published_code_leaves_the_end_of_a_clip_at_zero():
    out = small("online", "compat").generate(batch_of(1), 1, online=True)["coefficients"][0, 0]
    assert not out[16:].any()
    assert out[:16].all()


def test_the_end_of_a_clip_is_decoded():
    assert small("online", "clean", window=8).generate(batch_of(1), 1, online=True)["coefficients"][0, 0].all()


def test_a_clip_shorter_than_a_published_window_is_refused():
    with pytest.raises(ModelInputError, match="fewer than a window of 8"):
        small("online", "compat").generate(batch_of(1, 6), 1, online=True)


def test_published_generation_has_windows_of_8_and_training_of_16():
    model = small("online", "compat")
    speaker = {name: torch.from_numpy(each) for name, each in batch_of(1, 32).items() if name in VIDEO_INPUTS}
    sizes = [[each.shape[1] for each in model.train(training).views(speaker)] for training in (True, False)]
    assert sizes == [[16, 32], [8, 16, 24, 32]]


def test_a_published_latent_sees_a_set_of_frames():
    batch = batch_of(1)
    turned = {name: each if name == "clip" else each[:, ::-1].copy() for name, each in batch.items()}
    found = {}
    for how in ("compat", "clean"):
        model = small("offline", how)
        found[how] = np.abs(model.generate(batch, 1)["emotion"] - model.generate(turned, 1)["emotion"]).max()
    assert found["compat"] < 1e-5 < 1e-4 < found["clean"]


def test_reactions_can_share_the_noise_of_their_windows():
    model = made("online", window=8, dropout=0.0)
    draws = []
    draw = model._draw(2, torch.Generator().manual_seed(0))
    speaker = {name: torch.from_numpy(batch_of(1)[name]) for name in model.inputs}
    model.decode(model.views(speaker), FRAMES, 2, lambda: draws.append(1) or draw())
    assert len(draws) == 1


@torch.no_grad()
def test_running_statistics_go_on_where_the_last_frames_ended():
    encoder = SpeakerEncoder(replace(TransVAEConfig.tiny(), speaker_inputs=VIDEO_INPUTS)).eval()
    speaker = {name: torch.from_numpy(batch_of(2, 37)[name]) for name in VIDEO_INPUTS}
    whole = encoder.encode(encoder.prepare(speaker), RunningStatistics())
    torch.testing.assert_close(encoder.stream(speaker), whole)


@torch.no_grad()
def test_running_statistics_of_the_first_layer_end_as_those_of_the_clip():
    moments = (
        SpeakerEncoder(replace(TransVAEConfig.tiny(), speaker_inputs=VIDEO_INPUTS))
        .video.stem(torch.from_numpy(batch_of(1)["speaker_video"]))
        .moments
    )
    running, clip = RunningStatistics()(0, moments), ClipStatistics()(0, moments)
    torch.testing.assert_close(running.first[:, -1:], clip.first)
    torch.testing.assert_close(running.second[:, -1:], clip.second)


def test_every_parameter_that_is_used_learns(kind):
    model = small(kind, "compat", window=4, generation_window=0) if kind == "online" else small(kind, "compat")
    model.train().loss(training_batch())["loss"].backward()
    idle = {name for name, each in model.named_parameters() if each.grad is None}
    assert idle == ({"fusion.weight", "fusion.bias"} if kind == "offline" else set())


def test_the_loss_is_the_weighted_sum_of_its_parts(kind):
    model = made(kind)
    model.loss_weights = {"pose": 3.0, "divergence": 2.0, "diversity": 5.0}
    found = model.loss(training_batch())
    expected = found["emotion"] + found["expression"] + 3 * found["pose"] + 2 * found["divergence"]
    torch.testing.assert_close(found["loss"], expected + 5 * found["diversity"])


def test_diversity_is_learned(kind):
    model = made(kind)
    model.loss(training_batch())["diversity"].backward()
    assert any(each.grad is not None and bool(each.grad.any()) for each in model.decoder.parameters())


def test_a_training_batch_without_listeners_is_refused(kind):
    batch = {name: each for name, each in training_batch().items() if not name.startswith("listener")}
    with pytest.raises(MissingInputError, match="no listener_emotion and no listener_3dmm"):
        made(kind).loss(batch)


def test_frames_after_the_end_of_a_clip_do_not_count():
    batch = training_batch()
    decoded = batch["speaker_3dmm"], batch["speaker_emotion"]
    mask = torch.zeros(3, FRAMES, dtype=torch.bool)
    mask[:, :5] = True
    cut = {name: each[:, :5] for name, each in batch.items()}
    short = reconstruction((decoded[0][:, :5], decoded[1][:, :5]), cut)
    masked = reconstruction(decoded, {**batch, "frame_mask": mask})
    assert {name: float(each) for name, each in masked.items()} == pytest.approx(
        {name: float(each) for name, each in short.items()}
    )


def test_diversity_is_2_of_equal_and_small_of_distant_reactions():
    one = torch.zeros(2, 5, 58), torch.zeros(2, 5, 25)
    far = one[0] + 1, one[1] + 1
    assert float(diversity(one, one)) == 2
    assert float(diversity(one, far)) == pytest.approx(np.exp(-2.9) + np.exp(-1.25))


def test_training_starts_at_the_mean_reaction(kind):
    model, batch = made(kind), training_batch()
    model.begin_stage("whole", iter([batch]))
    torch.testing.assert_close(model.decoder.coefficients.bias, batch["listener_3dmm"].mean((0, 1)))
    torch.testing.assert_close(model.decoder.emotion.bias, batch["listener_emotion"].mean((0, 1)))


def test_a_few_steps_lower_the_loss(kind):
    model, batch = made(kind).train(), training_batch(2, 8)
    model.loss_weights = {"diversity": 0.0}
    optimiser = torch.optim.Adam(model.parameters(), 1e-2)
    losses = []
    torch.manual_seed(0)
    for _ in range(6):
        optimiser.zero_grad()
        loss = model.loss(batch)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


def test_half_precision_generates(kind):
    model = small(kind, "clean")
    speaker = {name: torch.from_numpy(batch_of(1)[name][0]) for name in VIDEO_INPUTS}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        out = model.react(speaker, 2, torch.Generator().manual_seed(0), online=kind == "online")
    assert all(torch.isfinite(each.float()).all() for each in out.values())
