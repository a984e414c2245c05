"""BeLFusion: what it generates, from what, and what it learns from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reference_models.belfusion.config import BeLFusionConfig, OnlineBeLFusionConfig
from reference_models.belfusion.losses import best_of
from reference_models.belfusion.model import BeLFusion
from reference_models.belfusion.windows import drawn_pairs, drawn_windows, join, spans, whole_windows
from reference_models.blocks.latent_scaling import LatentScaling
from reference_models.errors import ConfigError, MissingInputError, ModelInputError, TrainingError

CONFIGS = {"offline": BeLFusionConfig, "online": OnlineBeLFusionConfig}
WINDOW, FRAMES = 10, 34
SMALL = {"window": WINDOW, "width": 16, "denoiser_width": 32, "time_channels": 8, "noise_scale": 1.0}


def made(mode, how="clean", **changes):
    torch.manual_seed(0)
    small = replace(CONFIGS[mode].tiny(), **SMALL, windows_a_clip=1, context=0).answered(how)
    return BeLFusion(replace(small, **changes)).eval()


def batch_of(clips, frames=FRAMES, seed=0):
    emotion = np.random.default_rng(seed).normal(size=(clips, frames, 25)).astype(np.float32)
    return {"clip": [f"NoXI/chat/Expert_video/{number}" for number in range(clips)], "speaker_emotion": emotion}


def training_batch(clips=3, frames=FRAMES):
    generator = torch.Generator().manual_seed(0)
    widths = {"speaker_emotion": 25, "listener_emotion": 25, "listener_3dmm": 58}
    return {name: torch.randn(clips, frames, width, generator=generator) for name, width in widths.items()}


def counted(frames, clips=2):
    """Clips in which every channel of a frame holds its number, from 1 on."""
    return torch.arange(1.0, frames + 1)[None, :, None].expand(clips, frames, 25)


@pytest.fixture(params=CONFIGS)
def mode(request):
    return request.param


@pytest.mark.parametrize("frames", [FRAMES, 30, 4])
def test_reactions_have_both_heads_at_any_length(mode, frames):
    out = made(mode).generate(batch_of(2, frames), 3, online=mode == "online")
    assert {head: each.shape for head, each in out.items()} == {
        "emotion": (2, 3, frames, 25),
        "coefficients": (2, 3, frames, 58),
    }


def test_reactions_to_a_speaker_differ(mode):
    out = made(mode).generate(batch_of(1), 2, online=mode == "online")["emotion"]
    assert np.abs(out[0, 0] - out[0, 1]).max() > 1e-4


@pytest.mark.parametrize("how", ["compat", "clean"])
def test_the_same_seed_gives_the_same_bytes_for_any_batch_size(mode, how):
    model, batch = made(mode, how), batch_of(3, 30)
    whole = model.generate(batch, 2, 7, mode == "online")["coefficients"]
    alone = model.generate({name: each[2:] for name, each in batch.items()}, 2, 7, mode == "online")["coefficients"]
    assert whole[2:].tobytes() == alone.tobytes()


def test_another_seed_gives_other_reactions(mode):
    one, other = (made(mode).generate(batch_of(1), 1, seed, mode == "online")["emotion"] for seed in (1, 2))
    assert np.abs(one - other).max() > 1e-4


def test_the_listener_is_never_seen(mode):
    model, batch = made(mode), batch_of(2)
    listener = {f"listener_{kind}": np.ones((2, FRAMES, 25), np.float32) for kind in ("emotion", "3dmm")}
    bare, more = (model.generate(each, 2, 0, mode == "online")["emotion"] for each in (batch, {**batch, **listener}))
    assert bare.tobytes() == more.tobytes()


def test_each_model_has_one_mode(mode):
    with pytest.raises(ModelInputError, match=r"cannot generate (offline|online), only"):
        made(mode).generate(batch_of(1), 1, online=mode != "online")


def test_a_missing_input_is_named(mode):
    with pytest.raises(MissingInputError, match="needs speaker_emotion"):
        made(mode).generate({"clip": ["a"]}, 1, online=mode == "online")


def test_a_speaker_of_another_width_is_refused(mode):
    with pytest.raises(ModelInputError, match=r"expected \(frames, 25\)"):
        made(mode).generate(
            {"clip": ["a"], "speaker_emotion": np.zeros((1, 20, 24), np.float32)}, 1, 0, mode == "online"
        )


def test_published_clips_are_whole_windows():
    batch = batch_of(1)
    with pytest.raises(ModelInputError, match=r"clip 'NoXI/chat/Expert_video/0': a clip of 34 frames is not whole"):
        made("offline", "compat").generate(batch, 1)


def changed_frames(model, frame, *, online):
    """Frames of reactions that change when the speaker does from a frame on."""
    batch = batch_of(1, 40)
    other = {**batch, "speaker_emotion": batch["speaker_emotion"].copy()}
    other["speaker_emotion"][:, frame:] += 1
    before, after = (model.generate(each, 2, 0, online)["emotion"] for each in (batch, other))
    return np.flatnonzero(np.abs(before - after).max((0, 1, 3)))


@pytest.mark.parametrize("how", ["compat", "clean"])
@pytest.mark.parametrize("frame", [0, 9, 15, 29])
def test_online_reactions_change_only_in_later_windows(how, frame):
    first = WINDOW * (frame // WINDOW + 1)
    changed = changed_frames(made("online", how), frame, online=True)
    assert changed.min() >= first
    assert changed.min() == first


def test_offline_reactions_look_ahead_to_the_end_of_their_window():
    assert changed_frames(made("offline", "compat"), 29, online=False).min() == 20


def test_a_latent_is_decoded_once(mode):
    model, calls = made(mode), []
    model.autoencoder.decoder.register_forward_hook(lambda _, given, __: calls.append(len(given[0])))
    model.generate(batch_of(1, 30), 4, online=mode == "online")
    assert calls == [4 * 3]


def test_a_speaker_is_encoded_once_for_all_reactions():
    model, calls = made("offline"), []
    model.autoencoder.encoder.register_forward_hook(lambda _, given, __: calls.append(len(given[0])))
    model.generate(batch_of(1, 30), 4)
    assert calls == [3]


def test_windows_of_a_reaction_can_share_their_noise():
    still = {"clip": ["a"], "speaker_emotion": np.ones((1, 30, 25), np.float32)}
    shared, usual = (
        made("offline", cross_fade=0, noise=noise).generate(still, 1)["emotion"][0, 0].reshape(3, WINDOW, 25)
        for noise in ("reaction", "window")
    )
    assert np.abs(shared[0] - shared[1]).max() < 1e-5
    assert np.abs(usual[0] - usual[1]).max() > 1e-4


def test_reactions_without_noise_are_the_same():
    one, other = made("offline", noise_scale=0.0).generate(batch_of(1), 2)["emotion"][0]
    assert np.array_equal(one, other)


def test_latents_are_means_in_clean_and_states_as_published():
    windows = torch.randn(2, WINDOW, 25)
    published, clean = (made("offline", how) for how in ("compat", "clean"))
    state = clean.autoencoder.state(windows)
    assert torch.equal(published.latents(windows), state)
    assert torch.equal(clean.latents(windows), clean.autoencoder.mean(state))


def test_published_latents_stay_in_the_range_of_training():
    condition, noise = torch.zeros(2, 16), 9 * torch.randn(50, 2, 16)
    assert made("offline", "compat").sample(condition, noise).abs().max() <= 1
    assert made("offline", "clean").sample(condition, noise).abs().max() > 1


@pytest.mark.parametrize(("action_units", "expected"), [("rounded", {-1, 0, 1, 2}), ("binary", {0, 1})])
def test_action_units_can_be_made_whole_numbers(action_units, expected):
    model = made("offline", action_units=action_units)
    real = torch.linspace(-1, 2, 30).expand(1, 25, -1).mT
    units = model._with_action_units(real)
    assert set(units[..., :15].unique().tolist()) == expected
    assert torch.equal(units[..., 15:], real[..., 15:])


def test_the_last_window_ends_with_the_clip_offline_and_begins_on_the_grid_online():
    offline, online = (replace(CONFIGS[mode](), window=10, cross_fade=0) for mode in CONFIGS)
    assert spans(34, offline) == [(0, 0), (10, 10), (20, 20), (24, 30)]
    assert spans(34, online) == [(0, 0), (10, 10), (20, 20), (30, 30)]
    assert spans(4, offline) == spans(4, online) == [(0, 0)]


def test_a_window_fades_into_the_next():
    windows = torch.stack([torch.full((7, 1), value) for value in (0.0, 8.0)])[None]
    joined = join(windows, [(0, 0), (4, 4)], 8)[0, :, 0]
    assert joined.tolist() == [0, 0, 0, 0, 2, 4, 6, 8]


def test_a_clip_that_ends_while_windows_fade_begins_as_a_longer_one():
    windows = torch.stack([torch.full((7, 1), value) for value in (0.0, 8.0)])[None]
    joined = join(windows, [(0, 0), (4, 4)], 6)[0, :, 0]
    assert joined.tolist() == [0, 0, 0, 0, 2, 4]


def test_only_windows_within_a_clip_are_learned_from():
    batch = {"series": counted(25), "frame_mask": torch.arange(25) < torch.tensor([[25], [19]])}
    windows, there = whole_windows(batch, "series", WINDOW)
    assert windows[:, 0, 0].tolist() == [1, 11, 1, 11]
    assert there.tolist() == [True, True, True, False]


def test_the_auto_encoder_learns_from_windows_anywhere_in_clean_only():
    batch = {"listener_emotion": counted(35, 1), "listener_3dmm": counted(35, 1)}
    published, clean = (made("offline", how).config for how in ("compat", "clean"))
    drawn = [drawn_windows(batch, list(batch), clean) for _ in range(60)]
    starts = {int(start) for windows, _ in drawn for start in windows["listener_emotion"][:, 0, 0]}
    assert drawn_windows(batch, list(batch), published)[0]["listener_3dmm"][:, 0, 0].tolist() == [1, 11, 21]
    assert starts == set(range(1, 27))
    assert all(torch.equal(*windows.values()) for windows, _ in drawn)


def test_published_diffusion_learns_the_same_early_frames_of_every_clip(mode):
    config = made(mode, "compat").config
    lag = WINDOW if mode == "online" else 0
    clips = {f"{role}_emotion": counted(100) for role in ("speaker", "listener")}
    drawn = [drawn_pairs(clips, config) for _ in range(40)]
    starts = {int(listener[0, 0, 0]) for _, listener in drawn}
    assert all(torch.equal(listener[0], listener[1]) for _, listener in drawn)
    assert all(bool((speaker == listener - lag).all()) for speaker, listener in drawn)
    assert starts <= set(range(1 + lag, 1 + lag + WINDOW))


def test_clean_diffusion_learns_from_the_whole_clip(mode):
    config = made(mode, windows_a_clip=200).config
    lag = WINDOW if mode == "online" else 0
    mask = torch.arange(60) < torch.tensor([[60], [40]])
    clips = {f"{role}_emotion": counted(60) for role in ("speaker", "listener")} | {"frame_mask": mask}
    speaker, listener = (each[:, :, 0].unflatten(0, (2, 200)) for each in drawn_pairs(clips, config))
    assert listener.amin((1, 2)).tolist() == [1, 1]
    assert listener.amax((1, 2)).tolist() == [60, 40]
    known = speaker > 0
    assert bool((speaker == listener - lag)[known].all())
    assert bool((known.all(-1) | ~known.any(-1)).all())
    assert bool(known.all()) == (mode == "offline")


def test_the_auto_encoder_learns_emotion_divergence_and_coefficients():
    model = made("offline")
    losses = model.loss(training_batch())
    losses["loss"].backward()
    weighted = losses["emotion"] + 1e-5 * losses["divergence"] + losses["coefficients"]
    assert losses["loss"].item() == pytest.approx(weighted.item())
    assert model.autoencoder.encoder.weight_ih_l0.grad.abs().max() > 0
    assert all(each.grad is None for each in model.denoiser.parameters())


def test_published_coefficients_learn_zeros():
    batch = training_batch()
    del batch["listener_3dmm"]
    assert made("offline", "compat").loss(batch)["coefficients"] < 1
    with pytest.raises(MissingInputError, match="no listener_3dmm"):
        made("offline").loss(batch)


@pytest.mark.parametrize("how", ["compat", "clean"])
def test_the_diffusion_learns_latents_and_what_they_decode_to(mode, how):
    model = made(mode, how)
    model.stage, model.loss_weights = "diffusion", {"latent": 2.0}
    losses = model.loss(training_batch())
    losses["loss"].backward()
    assert losses["loss"].item() == pytest.approx(2 * losses["latent"].item() + 10 * losses["decoded"].item())
    assert model.denoiser.layers[0].linear.weight.grad.abs().max() > 0
    assert model.autoencoder.encoder.weight_ih_l0.grad is None


def test_the_best_of_several_samples_counts():
    errors = torch.tensor([[1.0, 4.0], [3.0, 2.0]])[:, :, None]
    assert best_of(errors).item() == 1.5


def test_more_samples_lessen_the_loss():
    def latent_loss(samples):
        model = made("offline", samples=samples, windows_a_clip=8)
        model.stage = "diffusion"
        return model.loss(training_batch())["latent"].item()

    assert latent_loss(10) < latent_loss(1)


def test_before_the_diffusion_latents_are_measured():
    model, batch = made("offline", latent_scaling="range"), training_batch()
    batch["frame_mask"] = torch.ones(3, FRAMES, dtype=torch.bool)
    model.begin_stage("autoencoder", [batch])
    assert model.scaling.maximum.unique().tolist() == [1]
    model.begin_stage("diffusion", iter([batch]))
    both = [whole_windows(batch, f"{role}_emotion", WINDOW)[0] for role in ("speaker", "listener")]
    scaled = model.scaling(model.latents(torch.cat(both)))
    assert scaled.amin(0).tolist() == pytest.approx([-1] * 16, abs=1e-5)
    assert scaled.amax(0).tolist() == pytest.approx([1] * 16, abs=1e-5)


@pytest.mark.parametrize("kind", ["range", "deviation", "none"])
def test_scaling_is_undone(kind):
    scaling, latents = LatentScaling(4, kind), 3 + torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    latents[:, 3] = 5
    scaling.measure([latents[:0], latents[:20], latents[20:]])
    assert torch.allclose(scaling.undo(scaling(latents)), latents, atol=1e-5)
    assert torch.allclose(scaling.mean, latents.mean(0), atol=1e-5)
    assert torch.allclose(scaling.deviation, latents.std(0), atol=1e-5)


def test_what_cannot_be_learned_from_is_refused():
    model = made("offline")
    with pytest.raises(ModelInputError, match="has 4 frames, but BeLFusion learns from at least 10"):
        model.loss(training_batch(frames=4))
    with pytest.raises(MissingInputError, match="no listener_emotion"):
        model.loss({"speaker_emotion": torch.zeros(1, 20, 25), "listener_3dmm": torch.zeros(1, 20, 58)})
    model.stage = "dreaming"
    with pytest.raises(TrainingError, match="no stage 'dreaming', only autoencoder and diffusion"):
        model.loss(training_batch())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"setting": "after"}, "setting is 'after'"),
        ({"latent": "blue"}, "latent is 'blue'"),
        ({"samples": 0}, "samples is 0"),
        ({"noise_scale": -1.0}, "noise_scale is -1.0"),
        ({"head_widths": ()}, r"head_widths is \(\)"),
        ({"time_channels": 3}, "time_channels is 3"),
        ({"cross_fade": 51}, "cross_fade is 51"),
        ({"denoiser_layers": 1}, "denoiser_layers is 1"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        BeLFusionConfig(**changes)


def test_a_configuration_survives_json():
    config = OnlineBeLFusionConfig.published()
    assert OnlineBeLFusionConfig.from_dict(config.to_dict()) == config


def test_half_precision_works():
    model = made("offline")
    with torch.autocast("cpu", torch.bfloat16):
        model.loss(training_batch())["loss"].backward()
        model.stage = "diffusion"
        model.loss(training_batch())["loss"].backward()
        out = model.generate(batch_of(1, 30), 2)["emotion"]
    assert np.isfinite(out).all()
