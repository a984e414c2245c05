"""PerFRDiff: what it generates, from what, in whose style, and what it learns from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles.plain_perfrdiff import plain_reactions

import reference_models
from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.supervised_contrast import supervised_contrast
from reference_models.errors import ConfigError, MissingInputError, ModelInputError, TrainingError
from reference_models.perfrdiff.config import PerFRDiffConfig
from reference_models.perfrdiff.listeners import Listener
from reference_models.perfrdiff.losses import clip_discordance
from reference_models.perfrdiff.model import PerFRDiff
from reference_models.perfrdiff.recipe import RECIPE
from reference_models.perfrdiff.windows import draw_lesson, spans
from reference_models.training.loop import train

WINDOW, FRAMES = 10, 34
SMALL = {
    "window": WINDOW,
    "context": WINDOW,
    "width": 16,
    "feed_forward": 24,
    "time_channels": 8,
    "head_widths": (8,),
    "coefficient_width": 8,
    "style_width": 16,
    "style_feed_forward": 24,
    "hypernetwork": "full",
    "hypernetwork_width": 8,
    "condition_dropout": 0.2,
    "sampling_steps": 5,
    "windows_a_clip": 1,
    "noise_scale": 1.0,
    "cross_fade": 2,
}
WIDTHS = {"emotion": 25, "3dmm": 58, "mfcc78": 78}


def made(how="clean", **changes):
    """A small model whose hypernetwork changes something."""
    torch.manual_seed(0)
    small = replace(PerFRDiffConfig.tiny(), **SMALL).answered(how)
    changes = {"cross_fade": 2 if how == "clean" else 0, "first_shift": "random", **changes}
    return PerFRDiff(replace(small, **changes)).eval()


def batch_of(clips, frames=FRAMES, seed=0, history=0, kinds=("emotion", "3dmm")):
    rng = np.random.default_rng(seed)
    series = {f"speaker_{kind}": rng.normal(size=(clips, frames, WIDTHS[kind])).astype(np.float32) for kind in kinds}
    if history:
        series["history_3dmm"] = rng.normal(size=(clips, history, 58)).astype(np.float32)
    return {"clip": [f"NoXI/chat/Expert_video/{number}" for number in range(clips)], **series}


def training_batch(clips=4, frames=FRAMES, neighbours=0):
    generator = torch.Generator().manual_seed(0)
    names = {"speaker_emotion": 25, "speaker_3dmm": 58, "speaker_mfcc78": 78, "listener_emotion": 25}
    names |= {"listener_3dmm": 58, "history_3dmm": 58}
    batch = {name: torch.randn(clips, frames, width, generator=generator) for name, width in names.items()}
    batch["listener_number"] = torch.arange(clips) // 2
    batch["history_frame_mask"] = torch.ones(clips, frames, dtype=torch.bool)
    if neighbours:
        batch["target_emotion"] = torch.randn(clips, neighbours, frames, 25, generator=generator)
        batch["target_mask"] = torch.ones(clips, neighbours, dtype=torch.bool)
        batch["target_frame_mask"] = torch.ones(clips, neighbours, frames, dtype=torch.bool)
    return batch


def largest(one, other):
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())


@pytest.mark.parametrize("online", [False, True])
@pytest.mark.parametrize("frames", [FRAMES, 30, 4])
def test_reactions_have_the_speakers_length(frames, online):
    model = made(coefficients=True)
    out = model.generate(batch_of(2, frames), 3, online=online)
    assert {head: each.shape for head, each in out.items()} == {
        "emotion": (2, 3, frames, 25),
        "coefficients": (2, 3, frames, 58),
    }


def test_the_published_model_generates_facial_attributes_only():
    assert PerFRDiffConfig.published().coefficients is False
    assert made().heads == ("emotion",)


def test_reactions_to_a_speaker_differ():
    out = made().generate(batch_of(1), 2)["emotion"]
    assert largest(out[0, 0], out[0, 1]) > 1e-4


@pytest.mark.parametrize("history", [0, 21])
@pytest.mark.parametrize("how", ["compat", "clean"])
def test_the_same_seed_gives_the_same_bytes_for_any_batch_size(how, history):
    model, batch = made(how), batch_of(3, 30, history=history)
    whole = model.generate(batch, 2, 7)["emotion"]
    alone = model.generate({name: each[2:] for name, each in batch.items()}, 2, 7)["emotion"]
    assert whole[2:].tobytes() == alone.tobytes()


def test_online_and_offline_are_one():
    offline, online = (made().generate(batch_of(1), 2, online=mode)["emotion"] for mode in (False, True))
    assert offline.tobytes() == online.tobytes()


def test_a_longer_clip_begins_as_a_shorter_one():
    model, batch = made(), batch_of(1, 60)
    short = {name: each[:, :FRAMES] if name != "clip" else each for name, each in batch.items()}
    longer, shorter = (model.generate(each, 2)["emotion"] for each in (batch, short))
    assert largest(longer[:, :, :FRAMES], shorter) < 1e-5


@pytest.mark.parametrize("how", ["compat", "clean"])
def test_reactions_depend_on_the_past_only(how):
    model, batch = made(how), batch_of(1, 40)
    changed = {name: each.copy() if name != "clip" else each for name, each in batch.items()}
    for name in model.inputs:
        changed[name][:, 20:] += 1
    one, other = (model.generate(each, 2)["emotion"] for each in (batch, changed))
    assert one[:, :, :21].tobytes() == other[:, :, :21].tobytes()
    assert largest(one[:, :, 30:], other[:, :, 30:]) > 1e-4


def test_the_listener_is_never_seen():
    model, batch = made(), batch_of(2, history=20)
    listener = {f"listener_{kind}": np.ones((2, FRAMES, WIDTHS[kind]), np.float32) for kind in ("emotion", "3dmm")}
    bare, more = (model.generate(each, 2)["emotion"] for each in (batch, {**batch, **listener}))
    assert bare.tobytes() == more.tobytes()


def test_published_clips_are_whole_windows():
    with pytest.raises(ModelInputError, match=r"clip 'NoXI/chat/Expert_video/0': a clip of 34 frames is not whole"):
        made("compat").generate(batch_of(1), 1)


def test_a_missing_input_is_named():
    with pytest.raises(MissingInputError, match="needs speaker_3dmm"):
        made().generate(batch_of(1, kinds=("emotion",)), 1)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (("emotion", "3dmm"), ("speaker_3dmm", "speaker_emotion")),  # without audio
        (("mfcc78",), ("speaker_mfcc78",)),  # without video
        (("mfcc78", "3dmm", "emotion"), ("speaker_mfcc78", "speaker_3dmm", "speaker_emotion")),
    ],
)
def test_ablations_of_inputs_run(inputs, expected):
    model = made(speaker_inputs=inputs)
    assert model.inputs == expected
    model.loss(training_batch())["loss"].backward()
    assert model.eval().generate(batch_of(1, kinds=inputs), 2)["emotion"].shape == (1, 2, FRAMES, 25)


def test_without_diffusion_the_denoiser_is_called_once():
    model, calls = made(diffusion=False), []
    model.denoiser.register_forward_hook(lambda _, given, __: calls.append(int(given[1])))
    out = model.generate(batch_of(1), 2)["emotion"]
    assert calls == [999]
    assert largest(out[0, 0], out[0, 1]) > 0


def test_without_diffusion_the_denoiser_learns_from_noise():
    model, calls = made(diffusion=False), []
    model.denoiser.register_forward_hook(lambda _, given, __: calls.extend(given[1].tolist()))
    model.loss(training_batch())["loss"].backward()
    assert calls == [999] * 4


def test_what_is_published_leaves_the_last_step_out_and_a_little_noise_in():
    for how, calls, most in (("compat", 4, 1.1), ("clean", 5, 1.0)):
        model, seen = made(how), []
        model.denoiser.register_forward_hook(lambda _, given, __, seen=seen: seen.append(int(given[1])))
        out = model.generate(batch_of(1, 30), 2)["emotion"]
        assert len(seen) == calls
        assert np.abs(out).max() <= most


@pytest.mark.parametrize(("dtype", "most"), [(torch.float32, 1e-4), (torch.float64, 1e-5)])
@pytest.mark.parametrize("personal", [False, True])
def test_savings_change_nothing(dtype, most, personal):
    changes = {"speaker_inputs": ("mfcc78", "3dmm", "emotion"), "unused_parts": True, "prior_layers": 1}
    changes |= {"emotion_frames": False, "sampling_steps": 50, "guidance": 1.5}
    model = made("compat", **changes).to(dtype)
    generator = torch.Generator().manual_seed(0)
    speaker = {kind: torch.randn(30, width, generator=generator).to(dtype) for kind, width in WIDTHS.items()}
    noise = torch.randn(3, 2, WINDOW, 25, generator=generator).to(dtype)
    history = torch.randn(21, 58, generator=generator).to(dtype) if personal else None
    with torch.no_grad():
        slow = plain_reactions(model, speaker, noise, history)
        known = model.personalise(history[None]) if personal else Listener()
        quick = model.react_together(
            {f"speaker_{kind}": each[None] for kind, each in speaker.items()}, noise[None], known
        )
    assert largest(quick["emotion"][0], slow) < most


EDITS = [
    {},
    {"edited_rows": "kv"},
    {"edit": "offset"},
    {"edit": "weight"},
    {"hypernetwork": "low rank", "rank": 2},
    {"hypernetwork": "low rank", "rank": 2, "edit": "offset", "edited_rows": "kv"},
    {"edited": ("embedding", "layers.0.self", "layers.1.first", "layers.2.second", "layers.2.cross")},
    {"personalisation": "input"},
    {"personalisation": "input", "input_style": "feature"},
]


@pytest.mark.parametrize("guidance", [1.0, 2.0])
@pytest.mark.parametrize("changes", EDITS, ids=str)
@torch.no_grad()
def test_a_batch_of_several_listeners_is_as_one_by_one(changes, guidance):
    model = made(**changes, guidance=guidance)
    batch = {name: torch.from_numpy(each) for name, each in batch_of(3, history=21).items() if name != "clip"}
    histories = batch.pop("history_3dmm")
    noise = torch.stack([model.draw_noise(FRAMES, 2, torch.Generator().manual_seed(n)) for n in range(3)])
    together = model.react_together(batch, noise, model.personalise(histories))["emotion"]
    for n in range(3):
        one = {name: each[n : n + 1] for name, each in batch.items()}
        alone = model.react_together(one, noise[n : n + 1], model.personalise(histories[n : n + 1]))["emotion"]
        assert largest(together[n], alone[0]) < 1e-5
        generic = model.react_together(one, noise[n : n + 1])["emotion"]
        assert largest(generic, alone) > 1e-6


@pytest.mark.parametrize("changes", EDITS, ids=str)
def test_listeners_never_change_the_model(changes):
    model, batch = made(**changes), batch_of(2, history=21)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    generic = {name: each for name, each in batch.items() if name != "history_3dmm"}
    first = model.generate(generic, 2)["emotion"]
    personal = model.generate(batch, 2)["emotion"]
    assert largest(first, personal) > 1e-6
    assert model.generate(generic, 2)["emotion"].tobytes() == first.tobytes()
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_hypernetwork_begins_without_a_change():
    for changes in ({}, {"hypernetwork": "low rank"}, {"edit": "offset"}):
        model, batch = made(**changes, first_shift="zero"), batch_of(1, history=21)
        generic = {name: each for name, each in batch.items() if name != "history_3dmm"}
        assert largest(model.generate(batch, 1)["emotion"], model.generate(generic, 1)["emotion"]) == 0


def test_only_keys_and_values_change_where_that_is_wanted():
    shifts = made(edited_rows="kv").personalise(torch.randn(2, 21, 58)).shifts
    cross = shifts["layers.1.cross"].whole()
    assert cross.shape == (2, 48, 16)
    assert not cross[:, :16].any()
    assert cross[:, 16:].abs().min() > 0
    assert shifts["mapping"].whole().abs().min() > 0


def test_branches_are_in_the_published_order():
    model = made(edited=("layers.2.cross", "layers.1.self", "mapping", "embedding"))
    assert list(model.hypernetwork.left_out) == ["embedding", "mapping", "layers.1.self", "layers.2.cross"]


def test_low_rank_changes_are_of_low_rank_and_few_parameters():
    full, low = made(), made(hypernetwork="low rank", rank=2)
    change = low.personalise(torch.randn(1, 21, 58)).shifts["layers.1.cross"].whole()[0]
    assert torch.linalg.matrix_rank(change) == 2
    sizes = [sum(each.numel() for each in model.hypernetwork.parameters()) for model in (full, low)]
    assert sizes[1] < sizes[0] / 3


def test_branches_in_parts_are_as_a_whole(monkeypatch):
    style = torch.randn(2, 16)
    whole = made().hypernetwork(style)["mapping"].whole()
    monkeypatch.setattr("reference_models.perfrdiff.hypernetwork._NUMBERS_AT_ONCE", 24)
    assert largest(made().hypernetwork(style)["mapping"].whole().detach(), whole.detach()) < 1e-6


def calls_of_the_hypernetwork(model):
    calls = []
    model.hypernetwork.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_a_listener_is_computed_once():
    model, batch = made(), batch_of(3, history=21)
    calls = calls_of_the_hypernetwork(model)
    batch["history_3dmm"][1] = batch["history_3dmm"][0]
    one, other = (model.generate(batch, 1)["emotion"] for _ in range(2))
    assert len(calls) == 2
    assert one.tobytes() == other.tobytes()


@torch.no_grad()
def test_changed_weights_are_never_overlooked():
    model, batch = made(), batch_of(1, history=21)
    calls = calls_of_the_hypernetwork(model)
    first = model.generate(batch, 1)["emotion"]
    model.hypernetwork.shared[0].bias.add_(1)
    second = model.generate(batch, 1)["emotion"]
    model.train().style.token.data.mul_(3)  # past torch's knowledge, as trainers do
    third = model.generate(batch, 1)["emotion"]
    assert len(calls) == 3
    assert min(largest(first, second), largest(second, third)) > 0


def test_few_listeners_are_kept():
    model = made()
    model.generate(batch_of(20, 4, history=5), 1)
    assert len(model._listeners) == 16


def test_a_model_that_does_not_personalise_has_no_style():
    model = made(personalisation="none")
    assert (model.style, model.hypernetwork, model.history) == (None, None, ())
    with pytest.raises(ModelInputError, match="personalisation='none'"):
        model.personalise(torch.zeros(1, 5, 58))


def test_styles_depend_on_frames_that_are_there_only():
    model, clip = made(), torch.randn(1, 20, 58)
    longer = torch.cat([clip, torch.full((1, 9, 58), 50.0)], 1)
    there = torch.arange(29)[None] < 20
    assert torch.allclose(model.style(longer, there), model.style(clip), atol=1e-5)
    assert torch.allclose(model.style(clip).norm(dim=-1), torch.ones(1))


STAGES = {
    "emotion_autoencoder": {"emotion", "divergence", "coefficients"},
    "style": {"contrast"},
    "generator": {"reaction"},
    "personal": {"reaction"},
}
TRAINED = {
    "emotion_autoencoder": {"autoencoder"},
    "style": {"style"},
    "generator": {"denoiser"},
    "personal": {"denoiser", "hypernetwork", "style"},  # of which the recipe freezes all but the hypernetwork
}


@pytest.mark.parametrize("neighbours", [0, 3])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["compat", "clean"])
def test_every_stage_has_its_losses(how, stage, neighbours):
    model = made(how).train()
    model.stage = stage
    losses = model.loss(training_batch(neighbours=neighbours))
    losses["loss"].backward()
    assert set(losses) == {"loss", *STAGES[stage]}
    learned = {name.partition(".")[0] for name, each in model.named_parameters() if each.grad is not None}
    assert learned == TRAINED[stage]


@pytest.mark.parametrize("stage", ["generator", "personal"])
def test_concordance_counts_only_where_it_has_a_weight(stage):
    model = made()
    model.stage, model.loss_weights = stage, {"concordance": 3.0}
    found = model.loss(training_batch())
    torch.testing.assert_close(found["loss"], found["reaction"] + 3 * found["concordance"])
    model.loss_weights = {}
    assert "concordance" not in model.loss(training_batch())


def test_concordance_is_of_all_windows_of_a_clip():
    generator = torch.Generator().manual_seed(0)
    made, targets = torch.randn(2, 6, 3, 4, 25, generator=generator)
    there = torch.ones(6, 3, 4, dtype=torch.bool)
    # Of clip n, windows 2n and 2n + 1.
    clips = [
        (made[n : n + 2, k].reshape(1, 8, 25), targets[n : n + 2, k].reshape(1, 1, 8, 25))
        for n in (0, 2, 4)
        for k in range(3)
    ]
    expected = [concordance_loss(*clip, torch.ones(1, 1, 8, dtype=torch.bool)) for clip in clips]
    torch.testing.assert_close(clip_discordance(made, targets, there, 2), torch.stack(expected).mean())


def test_the_published_generator_is_trained_with_its_prior():
    every = {"speaker_inputs": ("mfcc78", "3dmm", "emotion"), "unused_parts": True, "prior_layers": 1}
    assert set(made("compat", **every).loss(training_batch(neighbours=2))) == {"loss", "reaction", "prior"}
    assert set(made("clean", **every).loss(training_batch())) == {"loss", "reaction"}


def test_reactions_that_are_not_there_teach_nothing():
    model, batch = made(), training_batch(neighbours=3)
    batch["target_mask"][:, 2] = False
    batch["target_emotion"][:, 2] = 1e6
    assert model.loss(batch)["reaction"] < 100


def test_late_steps_are_drawn_more_often_where_that_is_wanted():
    torch.manual_seed(0)
    usual, late = (made().diffusion.draw_steps(4000, torch.device("cpu"), power) for power in (1.0, 4.0))
    assert min(usual.min(), late.min()) >= 0
    assert max(usual.max(), late.max()) < 1000
    assert usual.float().mean() == pytest.approx(500, rel=0.05)
    assert late.float().mean() == pytest.approx(800, rel=0.05)


def test_all_of_the_speaker_is_hidden_together_or_apart():
    from reference_models.perfrdiff.lessons import _hidden

    groups = [torch.ones(400, 2, 3) for _ in range(3)]
    for how, equal in (("clean", True), ("compat", False)):
        kept = torch.stack([each[:, 0, 0] for each in _hidden(made(how), groups)])
        assert (kept == kept[0]).all().item() is equal
        assert 0.7 < kept.mean() < 0.9


def test_windows_of_training_follow_what_is_known_of_the_speaker():
    counted = torch.arange(1.0, FRAMES + 1)[None, :, None]
    batch = {"speaker_emotion": counted.expand(6, -1, 25), "speaker_3dmm": counted.expand(6, -1, 58)}
    batch["listener_emotion"] = counted.expand(6, -1, 25)
    for how in ("compat", "clean"):
        config = replace(made(how).config, windows_a_clip=3)
        lessons = [draw_lesson(batch, config) for _ in range(20)]
        last = torch.stack([each.conditions["emotion"][:, -1, 0] for each in lessons])
        first = torch.stack([each.targets[:, 0, 0, 0] for each in lessons])
        assert torch.equal(last + 1, first)
        assert bool((first[0].view(6, 3) == first[0].view(6, 3)[0]).all()) is (how == "compat")
        assert bool((first <= WINDOW).any()) is (how == "clean")


def test_style_vectors_are_compared_in_full_precision_under_autocast():
    vectors = torch.nn.functional.normalize(torch.randn(6, 8), dim=-1)
    persons = torch.tensor([0, 0, 0, 1, 1, 2])
    with torch.autocast("cpu", torch.bfloat16):
        found = supervised_contrast(vectors.bfloat16(), persons)
    assert torch.equal(found, supervised_contrast(vectors.bfloat16(), persons))


@pytest.mark.parametrize("how", ["compat", "clean"])
def test_the_frozen_style_encoder_drops_nothing_unless_published(how):
    model = made(how, personalisation="input").train()
    model.stage = "generator"
    model.loss(training_batch())
    assert model.style.training is (how == "compat")


def test_the_style_encoder_learns_who_is_who():
    vectors = torch.nn.functional.normalize(torch.randn(6, 8), dim=-1)
    persons = torch.tensor([0, 0, 0, 1, 1, 2])
    expected = []
    for i in range(6):
        others = [j for j in range(6) if j != i]
        scores = {j: (vectors[i] @ vectors[j] / 0.07).exp() for j in others}
        alike = [j for j in others if persons[j] == persons[i]]
        expected.append(-sum((scores[j] / sum(scores.values())).log() for j in alike) / max(1, len(alike)))
    assert supervised_contrast(vectors, persons) == pytest.approx(float(sum(expected) / 6), rel=1e-4)


def test_frozen_parts_work_as_in_generation_unless_as_published():
    for how, expected in (("compat", True), ("clean", False)):
        model = made(how).train()
        model.stage = "personal"
        model.loss(training_batch())
        assert (model.style.training, model.denoiser.training) == (expected, expected)


def test_what_cannot_be_learned_from_is_refused():
    model = made(personalisation="none")
    for stage in ("style", "personal"):
        model.stage = stage
        with pytest.raises(TrainingError, match="Leave out stage"):
            model.loss(training_batch())
    model.stage = "dreaming"
    with pytest.raises(TrainingError, match="no stage 'dreaming'"):
        model.loss(training_batch())
    model = made()
    with pytest.raises(ModelInputError, match="has 4 frames, but PerFRDiff learns from at least 10"):
        model.loss(training_batch(frames=4))
    model.stage = "personal"
    batch = training_batch()
    del batch["history_3dmm"]
    with pytest.raises(MissingInputError, match="no history_3dmm"):
        model.loss(batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"personalisation": "telepathy"}, "personalisation is 'telepathy'"),
        ({"speaker_inputs": ()}, r"speaker_inputs is \(\)"),
        ({"speaker_inputs": ("smell",)}, "speaker_inputs"),
        ({"edited": ("layers.7.cross",)}, "edited names 'layers.7.cross'"),
        ({"edited": ("mapping", "mapping")}, "each once"),
        ({"sampling_steps": 3}, "does not divide 1000"),
        ({"cross_fade": 50}, "cross_fade is 50"),
        ({"guidance": -1.0}, "guidance is -1.0"),
        ({"heads": 5}, "does not divide 512"),
        ({"rank": 0}, "rank is 0"),
        ({"late_steps": 0.0}, "late_steps is 0.0, expected more than 0"),
        ({"context": 300}, "500 positions"),
        ({"personalisation": "input", "style_width": 64}, "as it is an input"),
        ({"edit": "weight", "edited_rows": "kv"}, "goes with edited_rows='all' only"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        PerFRDiffConfig(**changes)


def test_a_configuration_survives_json():
    config = PerFRDiffConfig.published()
    assert PerFRDiffConfig.from_dict(config.to_dict()) == config


def test_windows_overlap_by_what_fades():
    assert spans(34, made().config) == [(0, 0), (8, 8), (16, 16), (24, 24), (32, 32)]
    assert spans(30, made("compat").config) == [(0, 0), (10, 10), (20, 20)]


def test_half_precision_works():
    model = made()
    with torch.autocast("cpu", torch.bfloat16):
        for stage in STAGES:
            model.stage = stage
            model.loss(training_batch())["loss"].backward()
        out = model.generate(batch_of(1, 30, history=21), 2)["emotion"]
    assert np.isfinite(out).all()


def test_all_stages_train_one_after_another(dyads, tmp_path):
    short = {stage.name: {"epochs": 1, "batch_size": 16} for stage in RECIPE.tiny.stages}
    short["style"] |= {"batch_size": 4, "clips_a_listener": 2}
    recipe = RECIPE.tiny.changed({"stages": short, "validate_every": 1})
    config = made(layers=1, edited=("mapping",), sampling_steps=1, style_layers=1).config
    found = train(
        "perfrdiff",
        dyads,
        out=tmp_path / "run",
        recipe=recipe,
        config=config,
        accelerator="cpu",
        show_progress=False,
        validation_reactions=1,
        validation_clips=1,
    )
    fresh = reference_models.load("perfrdiff", config=config)
    changed = {
        name.partition(".")[0]
        for name, each in found.model.state_dict().items()
        if each.ndim > 1 and not torch.equal(each, fresh.state_dict()[name])
    }
    assert changed == {"autoencoder", "denoiser", "style", "hypernetwork"}
    assert list(found.scores) == [0]
