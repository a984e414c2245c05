"""Personalised generation: which clip shows the listener, that it is never the one in question, and what is refused."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_model import PersonalModel, Shout, ToyConfig, ToyModel

import react_data
import react_eval.cli
import react_eval.references
import reference_models
from react_data.clips import ClipId
from react_data.histories import Histories
from react_data.synthetic_conversations import random_generator
from react_eval.submissions import read_submission
from reference_models.cli import main
from reference_models.errors import MissingInputError, ModelInputError
from reference_models.speaker_inputs import SpeakerInputs


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Listeners with several clips each, but for RECOLA's."""
    return react_data.synthesise(
        tmp_path_factory.mktemp("people") / "data", recordings=24, frames=60, modalities=("emotion", "3dmm"),
        show_progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def test(people):
    return react_data.open_split(people, "test")


@pytest.fixture
def model():
    return PersonalModel(ToyConfig())


def generate(model, data, out, **how):
    return reference_models.generate_submission(model, data, out, reactions=2, show_progress=False, **how)


def with_others(dataset):
    """Without the conversations of one clip."""
    counts = dataset["clip"].groupby(dataset["listener_person"]).count().to_series()
    return dataset.isel(clip=[counts[person] > 1 for person in dataset["listener_person"].values])


def test_clip_1_is_the_history_and_no_task(model, test):
    speakers = SpeakerInputs(test, model, history="first")
    assert speakers.clips == react_data.personalised_clips(test["clip"].values.tolist())
    batch = speakers.batch(range(len(speakers.clips)))
    assert batch["history_clip"] == [react_data.history_clip(clip) for clip in speakers.clips]
    place = test["clip"].values.tolist().index(batch["history_clip"][2])
    np.testing.assert_array_equal(batch["history_3dmm"][2], test["listener_3dmm"][place])


@pytest.mark.parametrize("which", ["other", "stranger"])
def test_a_drawn_history_is_of_the_right_person(model, people, which):
    speakers = SpeakerInputs(react_data.open_split(people, "train"), model, history=which)
    batch = speakers.batch(range(len(speakers.clips)))
    for clip, history in zip(batch["clip"], batch["history_clip"], strict=True):
        assert clip != history
        assert (ClipId.parse(clip).person_path == ClipId.parse(history).person_path) == (which == "other")
        assert which == "other" or ClipId.parse(clip).session != ClipId.parse(history).session


def test_a_history_depends_on_the_seed_and_the_clip_only(model, test):
    dataset = with_others(test)
    drawn = [
        SpeakerInputs(dataset, model, history="other", seed=seed, clips=clips).batch([0])["history_clip"]
        for seed, clips in ((3, None), (3, dataset["clip"].values[:1].tolist()))
    ]
    assert drawn[0] == drawn[1]
    seeds = {tuple(SpeakerInputs(dataset, model, history="other", seed=seed).batch([0, 1, 2])["history_clip"])
             for seed in range(8)}  # fmt: skip
    assert len(seeds) > 1


def test_the_same_recording_under_another_name_is_no_history(test):
    """An alias, or a second direction that has the same listener, would show the model what it has to generate."""
    clips = ["RECOLA/group-2/P41/1", "RECOLA/group-2/P1/1", "RECOLA/group-2/P41/2", "copy/of/P41/2"]
    listener = ["RECOLA/group-2/P42/1", "RECOLA/group-2/P2/1", "RECOLA/group-2/P42/2", "RECOLA/group-2/P2/2"]
    dataset = test.isel(clip=range(4)).drop_vars("listener_person").assign_coords(
        clip=clips, listener_clip=("clip", listener), listener_person=("clip", ["Anna"] * 4)
    )  # fmt: skip
    found = Histories(dataset, "other")
    drawn = [{found.draw(clip, random_generator(seed)) for seed in range(20)} for clip in range(4)]
    assert drawn == [{2, 3}, {2, 3}, {0, 1}, {0, 1}]


def test_the_reaction_in_question_changes_nothing(model, test, tmp_path):
    """Whatever the listener does in a clip, what is generated for that clip stays as it is."""
    clip = react_data.personalised_clips(test["clip"].values.tolist())[1]
    place = test["clip"].values.tolist().index(clip)
    changed = test.load().copy(deep=True)
    for name in ("listener_emotion", "listener_3dmm"):
        changed[name][place] = 1.0
    for history in ("first", "other"):
        made = [
            generate(
                model, dataset, tmp_path / f"{history}{number}.h5", clips=[clip], personalise=True, history=history
            )
            for number, dataset in enumerate((test, changed))
        ]
        assert made[0].read_bytes() == made[1].read_bytes()


def test_a_model_personalises_where_a_history_is_there(model, test, tmp_path):
    clips = SpeakerInputs(test, model, history="first").clips
    personal = generate(model, test, tmp_path / "personal.h5", personalise=True)
    generic = generate(model, test, tmp_path / "generic.h5", clips=clips)
    found = [read_submission(path) for path in (personal, generic)]
    assert found[0].clips == found[1].clips == tuple(clips)
    assert not np.allclose(found[0].arrays["emotion"][0], found[1].arrays["emotion"][0])
    assert found[0].attributes["method"] == "Personal toy (personalised)"
    run = json.loads((tmp_path / "personal.h5.run.json").read_text())
    assert (run["history"], run["history_frames"], run["clips"]) == ("first", None, len(clips))


def test_histories_are_cut(model, test):
    batch = SpeakerInputs(test, model, history="first", history_frames=7).batch([0, 1])
    assert batch["history_3dmm"].shape == (2, 7, 58)


def test_histories_are_centred_as_the_speaker_is(test):
    seen = {}

    class Watching(PersonalModel):
        def react(self, speaker, reactions, generator, *, online):
            seen.update(speaker)
            return super().react(speaker, reactions, generator, online=online)

    model = Watching(ToyConfig())
    model.mean_face, model.std_face = np.full(58, 2, "f4"), np.full(58, 4, "f4")
    batch = SpeakerInputs(test, model, history="first").batch([0])
    model.generate(batch, reactions=1)
    np.testing.assert_allclose(seen["history_3dmm"].numpy(), (batch["history_3dmm"][0] - 2) / 4, rtol=1e-6)


def test_batches_do_not_change_what_is_generated(model, test):
    speakers = SpeakerInputs(test, model, history="first")
    positions = range(len(speakers.clips))
    whole = model.generate(speakers.batch(positions), reactions=2)["emotion"]
    single = [model.generate(speakers.batch([each]), reactions=2)["emotion"][0] for each in positions]
    assert whole.tobytes() == np.stack(single).tobytes()


def test_histories_are_part_of_the_digest(model, test):
    usual = SpeakerInputs(test, model, history="first").digest()
    assert usual != SpeakerInputs(test, model, history="other", clips=with_others(test)["clip"].values).digest()
    changed = test.copy(deep=True).load()
    changed["listener_3dmm"][test["clip"].values.tolist().index(react_data.history_clip(test["clip"].values[1]))] += 1
    assert SpeakerInputs(changed, model, history="first").digest() != usual
    assert SpeakerInputs(changed, model).digest() == SpeakerInputs(test, model).digest()


def test_what_cannot_be_personalised_is_refused(model, people, test, tmp_path):
    out = tmp_path / "out.h5"
    for generator in (ToyModel(ToyConfig()), Shout()):
        with pytest.raises(ModelInputError, match="cannot personalise: it takes no history"):
            generate(generator, test, out, personalise=True)
        with pytest.raises(ModelInputError, match="cannot personalise: it takes no history"):
            generate(generator, people, out, split="test", personalise=True)
    with pytest.raises(MissingInputError, match="the data set names none"):
        generate(model, test.drop_vars("listener_person"), out, personalise=True, history="other")
    with pytest.raises(MissingInputError, match="2 clips have no other clip that shows their listener: RECOLA"):
        generate(model, test, out, personalise=True, history="other")
    with pytest.raises(MissingInputError, match="8 clips have no clip of somebody else"):
        generate(model, with_others(test), out, personalise=True, history="stranger")
    with pytest.raises(MissingInputError, match="no other clip"):
        generate(model, test, out, personalise=True, clips=test["clip"].values[:1].tolist())
    speakers_only = test.drop_vars([name for name in test.data_vars if name.startswith("listener_")])
    with pytest.raises(MissingInputError, match="speakers only"):
        generate(model, speakers_only, out, personalise=True)
    with pytest.raises(MissingInputError, match="personalises by the listener's 3dmm; the split has emotion"):
        generate(model, test.drop_vars("listener_3dmm"), out, personalise=True)
    with pytest.raises(ModelInputError, match="no clip nowhere"):
        generate(model, test, out, clips=["nowhere"])
    assert list(tmp_path.iterdir()) == []


def test_half_a_history_is_refused(test):
    class Two(PersonalModel):
        history = ("history_3dmm", "history_emotion")

    model = Two(ToyConfig())
    batch = SpeakerInputs(test, model, history="first").batch([0])
    assert batch["history_emotion"].shape == (1, 60, 25)
    del batch["history_emotion"]
    with pytest.raises(MissingInputError, match="needs history_emotion"):
        model.generate(batch)
    with pytest.raises(ModelInputError, match=r"history_3dmm of clip .* has shape \(60, 57\)"):
        model.generate({**batch, "history_emotion": np.zeros((1, 60, 25)), "history_3dmm": np.zeros((1, 60, 57))})


def test_a_mars_split_has_no_clip_1(tmp_path, model):
    root = react_data.synthesise(
        tmp_path / "mars", layout="react2025", recordings=6, frames=30, modalities=("emotion", "3dmm"),
        splits=("val",), show_progress=False,
    )  # fmt: skip
    dataset = react_data.open_split(root, "val").assign_attrs(frames_per_second=25)
    with pytest.raises(react_data.errors.ClipIdError, match="Use history='other'"):
        generate(model, dataset, tmp_path / "out.h5", personalise=True)


def test_personalised_references_are_kept_apart(people, tmp_path, monkeypatch):
    monkeypatch.setenv("REACT_MODELS", str(tmp_path / "models"))
    reference_models.save_checkpoint(reference_models.load("personal_toy"), tmp_path / "models" / "personal_toy")
    how = {"split": "test", "cache": tmp_path / "cache", "reactions": 1, "show_progress": False}
    files = [
        reference_models.reference_submission("personal_toy", people, **how, **more)
        for more in ({}, {"personalise": True}, {"personalise": True})
    ]
    assert files[1] == files[2] != files[0]
    assert read_submission(files[1]).attributes["method"] == "Personal toy (personalised)"


def test_the_command_line_personalises(people, tmp_path):
    torch.manual_seed(0)
    reference_models.save_checkpoint(reference_models.load("personal_toy"), tmp_path / "toy")
    out = tmp_path / "out.h5"
    how = ["--split", "test", "--device", "cpu", "--quiet", "--reactions", "1", "--personalise"]
    made = CliRunner().invoke(main, ["generate", str(tmp_path / "toy"), "--data", str(people), *how, "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert read_submission(out).attributes["method"] == "Personal toy (personalised)"


@pytest.fixture(scope="module")
def compared(people, tmp_path_factory):
    """A generic and a personalised reference under the protocol of both tasks, as the command line compares them."""
    folder = tmp_path_factory.mktemp("compared")
    reference_models.save_checkpoint(reference_models.load("personal_toy"), folder / "models" / "personal_toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REACT_MODELS", str(folder / "models"))
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        generic = reference_models.generate_submission(
            "personal_toy", people, folder / "generic.h5", split="test", show_progress=False
        )
        how = "--against personal_toy+personalised --protocol perfrdiff --resamples 10 --device cpu --quiet --json"
        command = ["compare", str(generic), "--split", "test", "--data", str(people), *how.split()]
        return CliRunner().invoke(react_eval.cli.main, command)


def test_both_tasks_are_scored_side_by_side(compared, people):
    """MAFRG counts every appropriate reaction, PMAFRG those of the same listener, both without clip 1."""
    assert compared.exit_code == 0, compared.output
    found = json.loads(compared.stdout)
    (comparison,) = found["comparisons"].values()
    assert {(each["first"], each["second"]) for each in comparison["differences"]} == {
        ("Personal toy", "Personal toy (personalised)")
    }
    (results,) = found["results"].values()
    for result in results.values():
        value = {key: float(each) for key, each in result["scores"]["values"].items()}
        assert value["FRCorr_personal"] <= value["FRCorr"]
        assert value["FRDist_personal"] >= value["FRDist"]


def test_a_submission_without_histories_is_valid_for_their_task_only(model, people, tmp_path):
    file = generate(model, people, tmp_path / "out.h5", split="test", personalise=True)
    how = {"split": "test", "data": people, "reactions": 2, "show_progress": False}
    assert react_eval.validate(file, protocol="perfrdiff", **how).ok
    for protocol in ("react2024", ["react2024", "perfrdiff"], None):
        report = react_eval.validate(file, protocol=protocol, **how)
        assert "4 of 10 clips are missing" in str(report)


def test_only_known_variants_of_references(people):
    with pytest.raises(react_eval.errors.UnknownNameError, match=r"Did you mean 'transvae\+personalised'"):
        react_eval.references.reference_file("transvae+personal", people, split="test")
