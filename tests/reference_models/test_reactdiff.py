"""ReactDiff (latent): what it generates, from what, and what it learns from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import reference_models
from reference_models.errors import ConfigError, MissingInputError, ModelInputError, TrainingError
from reference_models.reactdiff_latent.config import OnlineReactDiffConfig, ReactDiffConfig
from reference_models.reactdiff_latent.losses import clean_estimate, mean_of
from reference_models.reactdiff_latent.model import ReactDiff
from reference_models.reactdiff_latent.scaling import SequenceScaling
from reference_models.reactdiff_latent.sources import WIDTHS
from reference_models.records import find_model

CONFIGS = {"offline": ReactDiffConfig, "online": OnlineReactDiffConfig}
WINDOW, FRAMES = 10, 34
SMALL = {
    "window": WINDOW,
    "context": 0,
    "guessed": False,
    "fusion_width": 16,
    "latent_width": 8,
    "depth": 2,
    "dropout": 0.1,
    "condition_width": 16,
    "denoiser_width": 8,
    "clip_frames": 30,
    "noise_scale": 1.0,
}


def made(mode, how="clean", **changes):
    torch.manual_seed(0)
    config = replace(CONFIGS[mode].tiny(), **SMALL).answered(how)
    model = ReactDiff(replace(config, **changes)).eval()
    for parameter in model.denoiser.parameters():
        if not parameter.any():  # so that what begins at 0 says something
            torch.nn.init.normal_(parameter, std=0.3)
    return model


def batch_of(clips, frames=FRAMES, kinds=("emotion", "3dmm"), seed=0):
    generator = np.random.default_rng(seed)
    series = {f"speaker_{kind}": generator.normal(size=(clips, frames, WIDTHS[kind])) for kind in kinds}
    ids = [f"NoXI/chat/Expert_video/{number}" for number in range(clips)]
    return {"clip": ids, **{name: each.astype(np.float32) for name, each in series.items()}}


def training_batch(clips=3, frames=FRAMES, kinds=("emotion", "3dmm")):
    generator = torch.Generator().manual_seed(0)
    names = [f"{role}_{kind}" for role in ("speaker", "listener") for kind in kinds]
    names += [name for name in ("listener_emotion", "listener_3dmm") if name not in names]
    return {name: torch.randn(clips, frames, WIDTHS[name.partition("_")[2]], generator=generator) for name in names}


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


@pytest.mark.parametrize("how", ["compat", "clean"])
def test_the_same_seed_gives_the_same_bytes_for_any_batch_size(mode, how):
    model, batch = made(mode, how), batch_of(3, 30)
    whole = model.generate(batch, 2, 7, mode == "online")["coefficients"]
    alone = model.generate({name: each[2:] for name, each in batch.items()}, 2, 7, mode == "online")["coefficients"]
    assert whole[2:].tobytes() == alone.tobytes()


def test_reactions_and_seeds_differ(mode):
    one, other = (made(mode).generate(batch_of(1), 2, seed, mode == "online")["emotion"][0] for seed in (1, 2))
    assert np.abs(one[0] - one[1]).max() > 1e-4
    assert np.abs(one - other).max() > 1e-4


def test_the_listener_is_never_seen(mode):
    model, batch = made(mode), batch_of(2)
    listener = {f"listener_{kind}": np.ones((2, FRAMES, 25), np.float32) for kind in ("emotion", "3dmm")}
    bare, more = (model.generate(each, 2, 0, mode == "online")["emotion"] for each in (batch, {**batch, **listener}))
    assert bare.tobytes() == more.tobytes()


def test_each_model_has_one_mode(mode):
    with pytest.raises(ModelInputError, match=r"cannot generate (offline|online), only"):
        made(mode).generate(batch_of(1), 1, online=mode != "online")


def test_the_published_system_takes_features_and_ours_takes_behaviour():
    features = ("speaker_au25088", "speaker_fer1408", "speaker_va64", "speaker_wav2vec1536", "speaker_mfcc26")
    assert made("offline", speaker_inputs="features").inputs == features
    assert made("offline").inputs == ("speaker_emotion", "speaker_3dmm")
    assert made("offline", speaker_inputs="behaviour with sound").inputs == (
        "speaker_emotion", "speaker_3dmm", "speaker_mfcc26"
    )  # fmt: skip


@pytest.mark.parametrize("speaker_inputs", ["features", "behaviour with sound"])
def test_any_inputs_generate_and_learn(speaker_inputs):
    model = made("offline", speaker_inputs=speaker_inputs)
    kinds = model.config.sources.kinds
    assert np.isfinite(model.generate(batch_of(1, 10, kinds), 1)["emotion"]).all()
    for model.stage in ("autoencoder", "diffusion"):
        assert torch.isfinite(model.loss(training_batch(1, 20, kinds))["loss"])


def test_features_of_another_width_are_refused():
    model = made("offline", speaker_inputs="features")
    batch = batch_of(1, 10, model.config.sources.kinds)
    batch["speaker_va64"] = batch["speaker_va64"][..., :63]
    with pytest.raises(ModelInputError, match=r"speaker_va64 of clip .* expected \(frames, 64\)"):
        model.generate(batch, 1)


def test_a_missing_input_is_named(mode):
    with pytest.raises(MissingInputError, match="needs speaker_3dmm"):
        made(mode).generate({"clip": ["a"], "speaker_emotion": np.zeros((1, 9, 25))}, 1, online=mode == "online")


def test_published_clips_are_whole_windows_and_not_longer():
    model = made("offline", "compat")
    with pytest.raises(ModelInputError, match=r"clip 'NoXI/chat/Expert_video/0' has 24 frames, which are not whole"):
        model.generate(batch_of(1, 24), 1)
    with pytest.raises(ModelInputError, match=r"has 40 frames, but ReactDiff takes 1 to 30"):
        model.generate(batch_of(1, 40), 1)


def test_a_clip_is_filled_up_with_its_last_frame():
    model, batch = made("offline"), batch_of(1, 14)
    longer = {
        name: np.concatenate([each, each[:, -1:].repeat(6, 1)], 1) for name, each in batch.items() if name != "clip"
    }
    short, long = (model.generate(each, 1)["emotion"] for each in (batch, {"clip": batch["clip"], **longer}))
    assert np.array_equal(short, long[:, :, :14])


def changed_frames(model, frame, *, online):
    """Frames of reactions that change when the speaker does from a frame on."""
    batch = batch_of(1, 40)
    other = {**batch, "speaker_emotion": batch["speaker_emotion"].copy()}
    other["speaker_emotion"][:, frame:] += 1
    before, after = (model.generate(each, 2, 0, online)["emotion"] for each in (batch, other))
    return np.flatnonzero(np.abs(before - after).max((0, 1, 3)) > 1e-6)


@pytest.mark.parametrize("frame", [0, 9, 15, 29])
def test_clean_online_reactions_change_only_in_later_windows(frame):
    assert changed_frames(made("online"), frame, online=True).min() == WINDOW * (frame // WINDOW + 1)


def test_published_online_reactions_depend_on_the_future():
    model = made("online", "compat", clip_frames=40, decoder_dropout_at_inference=False)
    assert changed_frames(model, 25, online=True).min() == 0


def test_the_causality_check_tells_the_two_answers_apart():
    batch = batch_of(1, 40)
    clean, published = (made("online", how, clip_frames=40) for how in ("clean", "compat"))
    assert reference_models.check_causality(clean, batch, online=True).causal
    assert reference_models.check_causality(published, batch, online=True).looks_ahead > 0


def test_attention_knows_no_order_of_frames():
    model, order = made("offline"), torch.randperm(20)
    person = {kind: torch.from_numpy(batch_of(1, 20)[f"speaker_{kind}"]) for kind in ("emotion", "3dmm")}
    turned = model.encode({kind: each[:, order] for kind, each in person.items()})
    assert torch.allclose(turned, model.encode(person)[:, order], atol=1e-5)


def test_frames_after_a_clips_end_change_nothing(mode):
    model = made(mode)
    person = {kind: torch.from_numpy(batch_of(2, 20)[f"speaker_{kind}"]) for kind in ("emotion", "3dmm")}
    mask = torch.arange(20) < torch.tensor([[20], [13]])
    short = model.encode({kind: each[1:, :13] for kind, each in person.items()})
    assert torch.allclose(model.encode(person, mask)[1:, :13], short, atol=1e-5)


def test_published_decoders_drop_activations_when_they_generate():
    still = {name: each * 0 if name != "clip" else each for name, each in batch_of(1, 30).items()}
    published, clean = (
        made("offline", "clean", noise_scale=0.0, decoder_dropout_at_inference=each) for each in (True, False)
    )
    dropped = published.generate(still, 2)["emotion"][0]
    assert np.abs(dropped[0] - dropped[1]).max() > 1e-3
    assert published.generate(still, 2)["emotion"].tobytes() == dropped[None].tobytes()
    assert not published.decoder.training
    kept = clean.generate(still, 2)["emotion"][0]
    assert np.array_equal(kept[0], kept[1])


def test_generation_leaves_the_programs_random_state_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    made_before = torch.random.get_rng_state()
    model = made("offline", "compat")
    torch.random.set_rng_state(made_before)
    model.generate(batch_of(1, 30), 1)
    assert torch.equal(torch.rand(1), expected)


def test_a_speaker_is_encoded_once_and_all_reactions_are_denoised_together():
    model, encoded, denoised, decoded = made("offline"), [], [], []
    model.encoder.register_forward_hook(lambda _, given, told: encoded.append(len(told)))
    model.denoiser.register_forward_hook(lambda _, given, told: denoised.append(len(told)))
    model.decoder.register_forward_hook(lambda _, given, told: decoded.append(len(told[0])))
    model.generate(batch_of(1, 30), 4)
    assert encoded == [1]
    assert denoised == [4 * 3] * model.config.diffusion_steps
    assert decoded == [4]


@pytest.mark.parametrize(("statistics", "shape"), [("frame", (30, 8)), ("channel", (8,))])
@pytest.mark.parametrize("kind", ["range", "deviation", "none"])
def test_scaling_is_undone(kind, statistics, shape):
    scaling = SequenceScaling(replace(made("offline").config, latent_scaling=kind, statistics=statistics))
    latents = 3 + torch.randn(50, 30, 8, generator=torch.Generator().manual_seed(0))
    scaling.measure([latents[:20], latents[20:]])
    assert scaling.mean.shape == shape
    assert torch.allclose(scaling.undo(scaling(latents)), latents, atol=1e-5)
    assert torch.allclose(scaling.undo(scaling(latents[:, :12])), latents[:, :12], atol=1e-5)
    if kind == "range":
        assert scaling(latents).abs().max() <= 1 + 1e-5


def test_the_published_formula_shifts_and_does_not_scale():
    scaling = SequenceScaling(replace(made("offline").config, latent_scaling="range", scaling_formula="slipped"))
    latents = torch.stack([torch.zeros(8), torch.full((8,), 3.0)])[:, None]
    scaling.measure([latents])
    small = 1e-4 / (3 + 1e-4)
    assert scaling(latents)[:, 0, 0].tolist() == pytest.approx([small - 1, 6 + small - 1])
    back = scaling.undo(scaling(latents))[:, 0, 0].tolist()
    assert back == pytest.approx([0, 9], abs=1e-3)


def test_statistics_by_frame_need_clips_of_their_length():
    model = made("offline", statistics="frame")
    with pytest.raises(ModelInputError, match=r"clips of 34 frames, but statistics by frame are of 30"):
        model.begin_stage("diffusion", [training_batch()])


def test_before_the_diffusion_latents_of_frames_that_are_there_are_measured():
    model, batch = made("offline", latent_scaling="range"), training_batch()
    batch["frame_mask"] = torch.arange(FRAMES) < torch.tensor([[FRAMES], [FRAMES], [11]])
    model.begin_stage("autoencoder", [batch])
    assert model.scaling.maximum.unique().tolist() == [1]
    model.begin_stage("diffusion", iter([batch]))
    people = [{kind: batch[f"{role}_{kind}"] for kind in ("emotion", "3dmm")} for role in ("speaker", "listener")]
    mask = batch["frame_mask"]
    scaled = torch.cat([model.scaling(model.encode(each, mask))[mask] for each in people])
    assert scaled.amin(0).tolist() == pytest.approx([-1] * 8, abs=1e-5)
    assert scaled.amax(0).tolist() == pytest.approx([1] * 8, abs=1e-5)


def test_the_auto_encoder_learns_the_listener_and_the_speaker_is_no_matter():
    model, batch = made("offline"), training_batch()
    losses = model.loss(batch)
    losses["loss"].backward()
    assert losses["loss"].item() == pytest.approx(10 * losses["emotion"].item() + 10 * losses["coefficients"].item())
    assert model.loss({**batch, "speaker_emotion": batch["speaker_emotion"] + 1})["loss"] == losses["loss"]
    assert model.encoder.first.queries.weight.grad.abs().max() > 0
    assert all(each.grad is None for each in model.denoiser.parameters())


@pytest.mark.parametrize("how", ["compat", "clean"])
@pytest.mark.parametrize("predicts", ["epsilon", "sample"])
def test_the_diffusion_learns_beside_a_frozen_auto_encoder(mode, how, predicts):
    model = made(mode, how, predicts=predicts)
    model.stage, batch = "diffusion", training_batch(frames=30)
    losses = model.loss(batch)
    losses["loss"].backward()
    assert set(losses) == {"loss", "latent"}
    assert losses["loss"].item() == pytest.approx(10 * losses["latent"].item())
    assert model.conditioner[1].weight.grad.abs().max() > 0
    assert model.encoder.first.queries.weight.grad is None
    model.loss_weights = {"emotion": 1.0}
    assert set(model.loss(batch)) == {"loss", "latent", "emotion", "coefficients"}


def test_errors_can_be_squared():
    absolute, squared = (made("offline", dropout=0.0, errors=each) for each in ("absolute", "squared"))
    batch, real = training_batch(), training_batch()["listener_emotion"]
    _, emotion = absolute.decoder(absolute.encode({kind: batch[f"listener_{kind}"] for kind in ("emotion", "3dmm")}))
    assert absolute.loss(batch)["emotion"].item() == pytest.approx((emotion - real).abs().mean().item(), rel=1e-4)
    assert squared.loss(batch)["emotion"].item() == pytest.approx((emotion - real).square().mean().item(), rel=1e-4)


def test_errors_count_where_a_clip_is():
    there = torch.tensor([[True, False], [True, True]])
    errors = torch.tensor([[[1.0, 3.0], [99.0, 99.0]], [[5.0, 5.0], [3.0, 3.0]]])
    assert mean_of(errors, there).item() == pytest.approx((2 + 5 + 3) / 3)


def test_the_clean_estimate_undoes_the_noise():
    model = made("offline", predicts="epsilon", largest=0.0)
    clean, noise, steps = torch.randn(3, 10, 8), torch.randn(3, 10, 8), torch.tensor([0, 3, 6])
    noisy = model.diffusion.add_noise(clean, noise, steps)
    assert torch.allclose(clean_estimate(model.diffusion, noisy, noise, steps, model.config), clean, atol=1e-4)
    limited = clean_estimate(model.diffusion, noisy, noise, steps, replace(model.config, largest=0.5))
    assert limited.abs().max() == 0.5


def test_what_cannot_be_learned_from_is_refused():
    model = made("offline")
    features = made("offline", speaker_inputs="features")
    batch = training_batch(1, 10, features.config.sources.kinds)
    del batch["listener_va64"]
    with pytest.raises(MissingInputError, match=r"no listener_va64.*Name 'va64' in the recipe's outputs"):
        features.loss(batch)
    model.stage = "diffusion"
    with pytest.raises(ModelInputError, match="clips of 4 frames, but ReactDiff learns from at least 10"):
        model.loss(training_batch(frames=4))
    model.stage = "dreaming"
    with pytest.raises(TrainingError, match="no stage 'dreaming', only autoencoder, diffusion"):
        model.loss(training_batch())


def test_action_units_can_be_rounded():
    units, usual = (
        made("offline", action_units=each).generate(batch_of(1), 1)["emotion"] for each in ("rounded", "real")
    )
    assert np.array_equal(units[..., :15], usual[..., :15].round())
    assert np.array_equal(units[..., 15:], usual[..., 15:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"setting": "after"}, "setting is 'after'"),
        ({"speaker_inputs": "smell"}, "speaker_inputs is 'smell'"),
        ({"predicts": "future"}, "predicts is 'future'"),
        ({"window": 0}, "window is 0"),
        ({"fusion_width": 6}, "fusion_width is 6, expected a multiple of 4"),
        ({"latent_width": 12}, "latent_width is 12, expected a multiple of 8"),
        ({"denoiser_multipliers": ()}, r"denoiser_multipliers is \(\)"),
        ({"noise_scale": -1.0}, r"noise_scale is -1\.0"),
        ({"cond_init_seed": -2}, "cond_init_seed is -2"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        ReactDiffConfig(**changes)


def test_a_configuration_survives_json():
    config = OnlineReactDiffConfig.published()
    assert OnlineReactDiffConfig.from_dict(config.to_dict()) == config


def test_half_precision_works():
    model = made("offline")
    with torch.autocast("cpu", torch.bfloat16):
        for model.stage in ("autoencoder", "diffusion"):
            model.loss(training_batch())["loss"].backward()
        out = model.generate(batch_of(1, 30), 2)["emotion"]
    assert np.isfinite(out).all()


def test_it_trains_and_comes_back(dyads, tmp_path):
    config = replace(ReactDiffConfig.tiny(), **SMALL)
    recipe = find_model("reactdiff_latent").training_recipe().tiny
    found = reference_models.train(
        "reactdiff_latent", dyads, out=tmp_path / "run", config=config, recipe=recipe, epochs=1, validation="",
        show_progress=False,
    )  # fmt: skip
    again = reference_models.load("reactdiff_latent", tmp_path / "run")
    assert found.model.scaling.deviation.unique().numel() > 1
    batch = batch_of(1)
    assert again.generate(batch, 1)["emotion"].tobytes() == found.model.generate(batch, 1)["emotion"].tobytes()
