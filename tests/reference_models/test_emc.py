"""EMC on its three bases: what equals the base, what is missing, what training learns, and whose weights begin."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.distributions import Categorical, Normal, kl_divergence

import react_data
import reference_models
from react_data.feature_writing import write_features
from reference_models.blocks.gaussian import Gaussian
from reference_models.causality import check_causality
from reference_models.checkpoints import weights_hash
from reference_models.cli import main
from reference_models.conversion import export_checkpoint
from reference_models.emc.config import EMCFields, FaceAISEMCConfig, REGNNEMCConfig, TransVAEEMCConfig
from reference_models.emc.divergences import categorical_divergence, gaussian_divergence, mean_divergence
from reference_models.emc.emotion import EmotionVectors
from reference_models.emc.parts import Branch
from reference_models.emc.recipe import EMC_STAGE, SPEECH_STAGE
from reference_models.emc.streams import Presence, Streams, held
from reference_models.errors import CheckpointError, ConfigError, MissingInputError, ModelInputError, TrainingError
from reference_models.records import find_model
from reference_models.training.loop import _without_base
from reference_models.weightless import weightless

FRAMES, REACTIONS = 22, 3
WIDTHS = {"speaker_emotion": 25, "speaker_3dmm": 58, "speaker_mfcc78": 78}
OFFLINE = ("transvae", "regnn")
BASES = (*OFFLINE, "faceais")
SMALL = {
    "transvae": replace(TransVAEEMCConfig.tiny(), width=16, feed_forward=16),
    "regnn": replace(
        REGNNEMCConfig.tiny(), window=10, width=16, feed_forward=16, layers=1, fused_width=8, node_width=8,
        edge_channels=2, components=2, sample_width=8, noise="field",
    ),
    "faceais": replace(
        FaceAISEMCConfig.tiny(), block=4, context=8, own_past=8, levels=(4, 3), tokenizer_width=16, vocabulary=16,
        width=16, layers=2, blocks_a_clip=2, temperature=1.0, spread=1.0, noise="token",
    ),
}  # fmt: skip


def made(base, how="clean", **changes):
    """A model far from where training begins, but for its gates."""
    torch.manual_seed(0)
    config = replace(SMALL[base].answered(how), **changes)
    if base == "faceais" and how == "compat":
        config = replace(config, other_lengths="filled")
    model = find_model(f"{base}_emc").model_class()(config)
    with torch.no_grad():
        for name, value in model.emc.named_parameters():
            value.mul_(1 if name.endswith("gate") else 3)
        if base == "faceais":  # whose distributions are even at first, so that nothing would change them
            for part in (model.tokenizer, model.predictor):
                for name, value in part.named_parameters():
                    value.copy_(torch.ones(()) if name.endswith("gate") else value * 10 if value.ndim > 1 else value)
    return model.eval()


def base_of(model, base):
    kind = find_model(base).config_class()
    alone = find_model(base).model_class()(
        kind(**{each.name: getattr(model.config, each.name) for each in fields(kind)})
    )
    own = {key: value for key, value in model.state_dict().items() if not key.startswith("emc.")}
    alone.load_state_dict(own)
    return alone.eval()


def gated(model, gate=0.7):
    with torch.no_grad():
        for name, value in model.emc.named_parameters():
            if name.endswith("gate"):
                value.fill_(gate)
    return model


def batch_of(clips=2, frames=FRAMES, **more):
    rng = np.random.default_rng(0)
    series = {name: rng.random((clips, frames, width), "f4") for name, width in WIDTHS.items()}
    return {"clip": [f"clip{number}" for number in range(clips)], **series, **more}


def lost(batch, face=(), speech=()):
    """A batch in which frames of a modality are missing."""
    clips, frames = batch["speaker_3dmm"].shape[:2]
    masks = {}
    for modality, places in (("face", face), ("speech", speech)):
        masks[modality] = np.ones((clips, frames), bool)
        masks[modality][:, places] = False
    shown = {
        name: values * masks["speech" if name == "speaker_mfcc78" else "face"][..., None].astype("f4")
        for name, values in batch.items()
        if name in WIDTHS
    }
    return batch | shown | {f"speaker_{name}_present": mask for name, mask in masks.items()}


def react(model, batch, reactions=REACTIONS, seed=1):
    return model.generate(batch, reactions, seed, model.modes[0] == "online")["emotion"]


def training_batch(model, clips=3):
    frames = model.config.window if "window" in {each.name for each in fields(model.config)} else FRAMES
    batch = {name: torch.from_numpy(each) for name, each in batch_of(clips, frames).items() if name != "clip"}
    targets = {"listener_emotion": torch.rand(clips, frames, 25), "listener_3dmm": torch.randn(clips, frames, 58)}
    return batch | targets


@pytest.mark.parametrize("how", ["compat", "clean"])
@pytest.mark.parametrize("base", BASES)
def test_with_nothing_missing_and_gates_at_0_it_is_its_base(base, how):
    model = made(base, how)
    batch = batch_of(frames=20) if (base, how) == ("regnn", "compat") else batch_of()
    batch["speaker_emotion"] = np.abs(batch["speaker_emotion"])
    online = model.modes[0] == "online"
    ours, theirs = (each.generate(batch, REACTIONS, 4, online) for each in (model, base_of(model, base)))
    assert set(ours) == set(theirs)
    assert all(np.abs(ours[head] - theirs[head]).max() <= 1e-5 for head in ours)
    assert np.abs(react(gated(model), batch, seed=4) - theirs["emotion"]).max() > 1e-4


@pytest.mark.parametrize("base", BASES)
def test_what_is_new_lies_under_emc(base):
    model = made(base)
    theirs = base_of(model, base).state_dict()
    new = [key for key in model.state_dict() if key not in theirs]
    parts = {"e_mlp", "u_ea_f", "u_ea_s", "m_ea", "s_ea", "cma_s", "cma_f", "speech_emotion"}
    assert all(key.startswith("emc.") for key in new)
    assert {key.split(".")[1] for key in new} - {"scaling"} == parts


@pytest.mark.parametrize(
    ("base", "count", "attention"), [("transvae", 1327876, 198913), ("regnn", 1190788, 198913), ("faceais", 9712120, 0)]
)
def test_published_sizes_have_as_many_parameters_as_the_spec_counts(base, count, attention):
    record = find_model(f"{base}_emc")
    added = weightless(record.model_class(), record.config_class().published()).emc
    sizes = {name: sum(each.numel() for each in part.parameters()) for name, part in added.named_children()}
    assert sum(sizes.values()) - sizes["speech_emotion"] == count
    assert not attention or sizes["u_ea_f"] == sizes["u_ea_s"] == sizes["m_ea"] == attention


@pytest.mark.parametrize("base", BASES)
def test_no_field_of_a_base_is_meant_by_two(base):
    own = {each.name for each in fields(EMCFields)}
    assert not own & {each.name for each in fields(find_model(base).config_class())}


@pytest.mark.parametrize("gone", [["speaker_mfcc78"], ["speaker_emotion", "speaker_3dmm"]])
@pytest.mark.parametrize("base", BASES)
def test_a_modality_may_be_no_part_of_the_data(base, gone):
    model, batch = gated(made(base)), batch_of(1)
    found = react(model, {name: values for name, values in batch.items() if name not in gone}, 10)
    told = {"face": range(FRAMES)} if len(gone) > 1 else {"speech": range(FRAMES)}
    assert found.shape == (1, 10, FRAMES, 25)
    assert np.isfinite(found).all()
    assert found.tobytes() == react(model, lost(batch, **told), 10).tobytes()
    assert np.abs(found - react(model, batch, 10)).max() > 1e-4


FRAMEWISE = [
    {"face": range(5, 12)},
    {"speech": range(3, 20)},
    {"face": range(12), "speech": range(8, 22)},
    {"face": range(22), "speech": range(4, 9)},
    {"face": range(3, 9), "speech": range(22)},
]


@pytest.mark.parametrize("where", FRAMEWISE)
@pytest.mark.parametrize("base", BASES)
def test_frames_may_lack_either_modality_or_both(base, where):
    model = gated(made(base))
    found = react(model, lost(batch_of(), **where))
    assert np.isfinite(found).all()
    assert np.abs(found - react(model, batch_of())).max() > 1e-5


@pytest.mark.parametrize("base", BASES)
def test_values_of_what_is_missing_do_not_matter(base):
    model, where = gated(made(base)), {"face": range(2, 12), "speech": range(9, 22)}
    shown = lost(batch_of(), **where)
    junk = {name: values for name, values in batch_of().items() if name in WIDTHS}
    assert react(model, shown).tobytes() == react(model, shown | junk).tobytes()


def test_frames_that_are_missing_take_no_part_in_the_norms_of_a_video():
    model = made("transvae", speaker_inputs=("speaker_video", "speaker_mfcc78"))
    video, there = torch.rand(1, 6, 3, 16, 16), torch.tensor([[True, False, True, True, False, True]])
    found = model._video(video, there)
    alone = model._video(video[:, there[0]], torch.ones(1, 4, dtype=torch.bool))
    assert torch.allclose(found[:, there[0]], alone)
    assert torch.equal(found[:, 1], found[:, 0])
    batch = {name: values for name, values in batch_of(1, 6).items() if name != "speaker_3dmm"}
    whole = react(model, batch | {"speaker_video": video.numpy()})
    blank = react(model, {name: values for name, values in batch.items() if name != "speaker_emotion"})
    assert np.isfinite(whole).all()
    assert np.isfinite(blank).all()


@pytest.mark.parametrize("base", OFFLINE)
def test_what_replaces_a_face_is_no_zeros(base):
    model, batch = made(base), lost(batch_of(1, 10), face=range(10))
    seen = []
    model.emc.completed, complete = lambda *given: seen.append(complete(*given)) or seen[-1], model.emc.completed
    react(model, batch)
    assert (seen[0].face != 0).all()
    without = made(base, compensation=False)
    without.emc.completed, complete = lambda *given: seen.append(complete(*given)) or seen[-1], without.emc.completed
    react(without, batch)
    assert not seen[1].face.any()


def test_one_latent_is_held_for_a_clip_or_drawn_for_each_frame():
    generator = torch.Generator().manual_seed(3)
    for scope, frames in (("clip", 1), ("frame", 6)):
        noise = made("transvae", z_scope=scope).emc.noise(6, torch.zeros(1), generator)
        assert noise.shape == (2, 6, 8)
        assert len({*map(bytes, noise[0].numpy())}) == frames
    assert not made("transvae", prior_scale=0.0).emc.noise(6, torch.zeros(1), generator).any()
    assert torch.equal(torch.randn(2, generator=generator), torch.randn(2, generator=torch.Generator().manual_seed(3)))


@pytest.mark.parametrize("base", BASES)
def test_the_same_seed_gives_the_same_bytes_however_clips_are_batched(base):
    model, batch = gated(made(base)), lost(batch_of(3), face=range(4, 20))
    second = {name: values[1:2] for name, values in batch.items()}
    assert react(model, batch)[1:2].tobytes() == react(model, second).tobytes()
    assert np.abs(react(model, second) - react(model, second, seed=2)).max() > 1e-4


@pytest.mark.parametrize("base", BASES)
def test_the_listener_is_never_seen(base):
    model, batch = gated(made(base)), batch_of(1)
    listener = {"listener_emotion": np.ones((1, FRAMES, 25), np.float32)}
    assert react(model, batch).tobytes() == react(model, batch | listener).tobytes()


def test_on_an_online_base_it_is_causal():
    model = gated(made("faceais"))
    report = check_causality(model, batch_of(2, 20), clips=2)
    assert report.causal
    assert report.listens


def test_on_an_online_base_what_is_missing_later_is_not_known_before():
    model, batch = gated(made("faceais")), batch_of(1)
    whole = react(model, batch)
    for where in ({"face": range(12, 22)}, {"speech": range(12, 22)}, {"face": range(12, 22), "speech": range(14, 20)}):
        part = react(model, lost(batch, **where))
        assert part[..., :12, :].tobytes() == whole[..., :12, :].tobytes()
        assert np.abs(part - whole).max() > 1e-5


@pytest.mark.parametrize("branch", [0, 1, 2], ids=["complete", "no speech", "no face"])
@pytest.mark.parametrize("base", BASES)
def test_every_part_learns_in_every_branch(base, branch, monkeypatch):
    model = gated(made(base)).train()
    batch = training_batch(model)
    monkeypatch.setattr(torch, "randint", chooser(branch))
    losses = model.loss(batch)
    losses["loss"].backward()
    assert {"compensation", "fusion"} < set(losses)
    for name, value in model.emc.named_parameters():
        if not name.startswith("speech_emotion."):
            assert value.grad is not None, name
            assert value.grad.isfinite().all(), name
    assert all(value.grad.abs().sum() > 0 for name, value in model.emc.named_parameters() if name.endswith("gate"))
    assert all(value.grad is None for value in model.emc.speech_emotion.parameters())


def chooser(branch):
    drawn = torch.randint

    def randint(*given, **how):
        return torch.tensor(branch) if given == (3, ()) else drawn(*given, **how)

    return randint


@pytest.mark.parametrize("base", BASES)
def test_perfect_compensation_leaves_nothing_to_compare(base, monkeypatch):
    model = made(base, attention=())
    monkeypatch.setattr(type(model.emc), "_made", lambda _self, streams, _noise: streams)
    assert model.loss(training_batch(model))["fusion"].abs().item() < 1e-6
    monkeypatch.undo()
    assert model.loss(training_batch(model))["fusion"].item() > 1e-9


def test_divergences_are_those_of_torch():
    torch.manual_seed(0)
    means, logs = torch.randn(2, 5, 4), torch.randn(2, 5, 4)
    first, second = (Gaussian(*each) for each in zip(means, logs, strict=True))
    normals = [Normal(each.mean, each.deviation) for each in (first, second)]
    assert torch.allclose(gaussian_divergence(first, second), kl_divergence(*normals), atol=1e-5)
    fixed = [Normal(each, 0.3) for each in means]
    assert torch.allclose(mean_divergence(*means, 0.3), kl_divergence(*fixed), atol=1e-5)
    categories = [Categorical(logits=each) for each in logs]
    assert torch.allclose(categorical_divergence(*logs), kl_divergence(*categories), atol=1e-5)


def test_the_emotion_of_a_frame_is_seen_or_else_heard():
    vectors = EmotionVectors(6, mean_of_both=False)
    face, speech = torch.rand(1, 4, 25), torch.rand(1, 4, 10)
    seen, heard = (torch.tensor([[True, False, False, True]]), torch.tensor([[True, True, False, False]]))
    found = vectors(face, speech, Presence.of(seen, heard))
    by_face, by_speech = vectors.shared(vectors.face(face)), vectors.shared(vectors.speech(speech))
    assert torch.allclose(found, torch.where(torch.tensor([1, 0, 1, 1]).bool()[:, None], by_face, by_speech))
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    assert torch.allclose(vectors(face, speech, Presence.of(nothing, heard)), by_speech)


def test_without_a_face_emotion_comes_from_speech():
    model, batch = gated(made("transvae")), lost(batch_of(1), face=range(FRAMES))
    before = react(model, batch)
    with torch.no_grad():
        model.emc.speech_emotion.output.bias.add_(2.0)
    assert np.abs(react(model, batch) - before).max() > 1e-5
    given = gated(made("transvae", speech_emotion="given"))
    assert "speaker_speech_emotion10" in given.inputs
    heard = np.random.default_rng(1).random((1, FRAMES, 10), "f4")
    assert np.isfinite(react(given, batch | {"speaker_speech_emotion10": heard})).all()
    with pytest.raises(ModelInputError, match=r"expected \(frames, 10\)"):
        react(given, batch | {"speaker_speech_emotion10": heard[..., :9]})


@pytest.mark.parametrize("base", BASES)
def test_the_emotion_in_speech_is_learnt_alone(base):
    model = made(base)
    model.stage, batch = SPEECH_STAGE, training_batch(model)
    model.begin_stage(SPEECH_STAGE, [batch])
    losses = model.loss(batch)
    losses["loss"].backward()
    assert set(losses) == {"loss", "heard"}
    assert 0 < losses["heard"].item() < 2
    with_gradients = {name for name, value in model.named_parameters() if value.grad is not None}
    assert all(name.startswith("emc.speech_emotion.") for name in with_gradients)
    heard = model.emc.hear(model.sound(batch))
    assert torch.allclose(heard[..., 2:].sum(-1), torch.ones(heard.shape[:2]))
    assert heard[..., :2].abs().max() <= 1


@pytest.mark.parametrize("base", BASES)
def test_stages_of_the_base_are_its_own(base):
    model = made(base)
    alone, batch = base_of(model, base), training_batch(model)
    for stage in model.base_stages:
        model.stage = alone.stage = stage
        found = []
        for each in (model, alone):
            torch.manual_seed(5)
            found.append({name: value.item() for name, value in each.train().loss(batch).items()})
        assert found[0] == found[1]


ABLATIONS = [
    {"attention": (), "compensation": True},
    {"compensation": False},
    {"attention": (), "compensation": False, "emotion_input": True},
    {"attention": ("fused",), "both_present": "mean", "attention_norm": "before", "attention_layers": 2},
    {"branch_noise": "posterior", "z_scope": "frame", "reduction": "sum", "detached_fusion": True},
    {"decoded": "complete", "detached_targets": False, "attention_positions": False, "compensation_layers": 0},
]


@pytest.mark.parametrize("changes", ABLATIONS)
@pytest.mark.parametrize("base", BASES)
def test_every_choice_generates_and_learns(base, changes):
    model = gated(made(base, **changes))
    found = react(model, lost(batch_of(1), speech=range(FRAMES)), 2)
    assert np.isfinite(found).all()
    model.train().stage = EMC_STAGE
    losses = model.loss(training_batch(model))
    losses["loss"].backward()
    assert losses["loss"].isfinite()
    assert ("compensation" in losses) == ("fusion" in losses) == model.config.compensation


def test_the_control_adds_the_emotion_only_after_training():
    model = made("transvae", attention=(), compensation=False, emotion_input=True)
    batch = batch_of(1)
    before = react(model, batch)
    assert np.abs(before - react(base_of(model, "transvae"), batch)).max() <= 1e-5
    with torch.no_grad():
        model.emc.input.weight.normal_()
    assert np.abs(before - react(model, batch)).max() > 1e-4


def test_how_large_features_of_speech_are_does_not_matter_where_they_are_scaled():
    model, found = gated(made("regnn", "compat", speaker=("emotion", "vggish128"), width=128)), []
    batch, sound = training_batch(model), torch.rand(3, 10, 128)
    for largest in (255, 25):
        shown = batch | {"speaker_vggish128": largest * sound}
        model.begin_stage(EMC_STAGE, [shown])
        assert model.emc.scaling.deviation.mean() > largest / 5
        torch.manual_seed(0)
        known = model.taught(shown)
        branches, losses = model.emc.branches(known)
        change = (model.emc.attended(branches[0]).speech - known.streams.speech) / largest
        found.append((losses["compensation"].item(), change))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-3)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-4)
    gated(model, 0.0)
    attended = model.emc.attended(Branch(known.streams, model.emc.emotion(known, known.presence)))
    assert torch.equal(attended.speech, known.streams.speech)


def test_what_was_last_known_is_held():
    series, present = torch.tensor([[9.0, 1.0, 9.0, 3.0, 9.0]]), torch.tensor([[False, True, False, True, False]])
    assert held(series, present, ahead=True).tolist() == [[1.0, 1.0, 1.0, 3.0, 3.0]]
    assert held(series, present, ahead=False).tolist() == [[9.0, 1.0, 1.0, 3.0, 3.0]]


@pytest.mark.parametrize("base", BASES)
def test_a_clip_with_neither_face_nor_speech_is_one_error(base):
    model, nothing = made(base), range(FRAMES)
    with pytest.raises(ModelInputError, match=r"neither face nor speech of the speaker of clip 'clip0'"):
        react(model, lost(batch_of(), face=nothing, speech=nothing))
    with pytest.raises(MissingInputError, match="speaker_mfcc78"):
        react(model, {"clip": ["a"]})
    batch = lost(batch_of(), face=range(3))
    batch["speaker_face_present"] = batch["speaker_face_present"][:, :-1]
    with pytest.raises(ModelInputError, match="21 and 22 frames, expected 22"):
        react(model, batch)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speaker_inputs": ("speaker_emotion",)}, "needs a face and speech"),
        ({"attention": (), "compensation": False}, "this is the base"),
        ({"attention": ("nowhere",)}, "'nowhere'"),
        ({"attention_heads": 3}, "attention of 3 heads has 16 channels"),
        ({"compensation_kernel": 4}, "expected an odd number"),
        ({"z_scope": "ever"}, "z_scope is 'ever'"),
        ({"latent_share": 0.0}, "latent_share is 0"),
    ],
)
def test_configurations_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        replace(SMALL["transvae"], **changes)


@pytest.mark.parametrize("base", BASES)
def test_weights_of_a_base_are_a_beginning(base, tmp_path):
    alone = base_of(made(base), base)
    alone.mean_face = np.full(58, 0.5, np.float32)
    saved = reference_models.save_checkpoint(alone, tmp_path / "base")
    begun = reference_models.load(f"{base}_emc", base=saved, config={"z_scope": "frame"})
    assert begun.config.z_scope == "frame"
    online = begun.modes[0] == "online"
    ours, theirs = (each.generate(batch_of(), 2, 3, online) for each in (begun, alone))
    assert all(np.abs(ours[head] - theirs[head]).max() <= 1e-5 for head in theirs)
    whole = reference_models.save_checkpoint(begun, tmp_path / "whole")
    again = reference_models.load(f"{base}_emc", whole)
    assert react(again, batch_of()).tobytes() == react(begun, batch_of()).tobytes()
    recipe = find_model(f"{base}_emc").training_recipe()
    assert [stage.name for stage in _without_base(recipe, begun).stages] == [SPEECH_STAGE, EMC_STAGE]


def test_published_weights_of_a_base_are_a_beginning(tmp_path):
    alone = reference_models.load("regnn", config=replace(find_model("regnn").config_class().published(), layers=5))
    with torch.no_grad():
        for layer in alone.motor.layers:
            layer.norm.initialised.fill_(True)
    published = tmp_path / "published.pth"
    export_checkpoint(reference_models.save_checkpoint(alone, tmp_path / "base"), published)
    begun = reference_models.load("regnn_emc", base=published)
    assert begun.config.answered("compat") == begun.config
    assert torch.equal(begun.fusion.face_map.weight, alone.fusion.face_map.weight)


def test_the_command_line_trains_on_from_a_base(tmp_path):
    root = react_data.synthesise(
        tmp_path / "data", recordings=6, frames=30, modalities=("emotion", "3dmm", "audio"), show_progress=False
    )
    features = write_features(root, tmp_path / "features", features=["mfcc78"], show_progress=False)
    alone = base_of(made("transvae"), "transvae")
    saved = reference_models.save_checkpoint(alone, tmp_path / "base")
    call = f"train transvae_emc --data {root} --out {tmp_path / 'run'} --features {features} --base {saved}"
    done = CliRunner().invoke(main, [*call.split(), "--preset", "tiny", "--epochs", "1", "--quiet"])
    assert not done.exit_code, done.output
    run = json.loads((tmp_path / "run" / "training.json").read_text())["run"]
    assert [stage["name"] for stage in run["recipe"]["stages"]] == [SPEECH_STAGE, EMC_STAGE]
    assert run["base"] == weights_hash(alone)
    trained = reference_models.load("transvae_emc", tmp_path / "run")
    assert trained.config.width == alone.config.width
    assert all(value != 0 for name, value in trained.emc.named_parameters() if name.endswith("gate"))
    assert not torch.equal(trained.latent.mean_token, alone.latent.mean_token)
    with pytest.raises(TrainingError, match="config and base are for a model that is made anew"):
        reference_models.train(trained, root, out=tmp_path / "other", base=saved)


def test_other_weights_are_refused_as_a_base(tmp_path):
    saved = reference_models.save_checkpoint(base_of(made("transvae"), "transvae"), tmp_path / "base")
    with pytest.raises(CheckpointError, match="is a checkpoint of transvae, not of regnn"):
        reference_models.load("regnn_emc", base=saved)
    with pytest.raises(ConfigError, match="adds something to a base"):
        reference_models.load("transvae", base=saved)
    with pytest.raises(ConfigError, match="not both"):
        reference_models.load("transvae_emc", saved, base=saved)


def test_a_mixture_is_made_of_what_is_aware_of_emotion_as_in_training():
    model = gated(made("regnn", noise="mixture", mixture_scale=0.0, components=1))
    batch = batch_of(1, model.config.window)
    windows = {name: torch.from_numpy(values) for name, values in batch.items() if name != "clip"}
    with torch.no_grad():
        known = model.taught(windows)
        branch = Branch(known.streams, model.emc.emotion(known, known.presence))
        mean = model.branch_distribution(branch, known)
        latents = model.cognition.mixture(model._sampled(mean[None], branch)[0])
        expected = model.decode(latents, model.edges(mean))[0]
    assert np.allclose(react(model, batch, 1)[0], expected.numpy(), atol=1e-5)


def test_emotion_after_the_end_of_a_clip_changes_nothing():
    model = gated(made("transvae", speaker_inputs=("speaker_3dmm", "speaker_mfcc78"), decoded="complete"))
    batch, found = training_batch(model), []
    batch["frame_mask"] = torch.arange(FRAMES) < torch.tensor([[FRAMES], [9], [FRAMES]])
    for value in (0.0, 1.0):
        batch["speaker_emotion"][1, 9:] = value
        torch.manual_seed(0)
        found.append(model.loss(batch)["emotion"].item())
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_what_comes_before_a_clip_is_no_face_that_was_seen():
    model = made("faceais")
    batch = training_batch(model)
    batch["speaker_face_present"] = torch.zeros(3, FRAMES, dtype=torch.bool)
    known = model.taught(batch)
    begun = known.lesson[0].starts > 0  # before the first block there is nothing but padding
    assert begun.any()
    assert torch.equal(known.presence.face_known, ~begun)


def test_sound_that_is_lost_is_silent():
    model = made("faceais", speaker_inputs=("speaker_3dmm", "speaker_audio"), speech_channels=8, sound_context=8)
    speaker = {"speaker_audio": torch.ones(1, 640 * 3 + 5), "speaker_3dmm": torch.ones(1, 3, 58)}
    speaker["speaker_emotion"] = torch.ones(1, 3, 25)
    there = torch.tensor([[True, False, True]])
    heard = model.held(speaker, Presence.of(there | True, there))["speaker_audio"]
    assert heard.view(-1).nonzero().flatten().tolist() == [*range(640), *range(1280, 1925)]


def test_training_needs_what_it_learns_from():
    model = made("transvae")
    batch = {name: values for name, values in training_batch(model).items() if name != "speaker_mfcc78"}
    with pytest.raises(MissingInputError, match="no speaker_mfcc78, which EMC learns from"):
        model.loss(batch)


def test_frames_without_both_modalities_are_no_example_of_compensation():
    model = made("transvae", attention=())
    streams = Streams(torch.zeros(1, 4, 32), torch.zeros(1, 4, 16))
    there = torch.tensor([[True, True, False, False]])
    found = []
    for value in (0.0, 5.0):
        streams.face[:, 2:] = value
        torch.manual_seed(0)
        known = model.taught(training_batch(model, 1))._replace(streams=streams, presence=Presence.of(there, ~there))
        found.append(model.emc.branches(known)[1]["compensation"])
    assert found[0].item() == found[1].item() == 0
