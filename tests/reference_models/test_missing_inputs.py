"""What generators get of lossy speakers, and the robustness harness with models of torch and anybody's generators."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_model import ToyConfig, ToyModel

import react_data
import react_eval
import react_eval.cli
import reference_models
from react_data.missing_conditions import find_conditions
from react_eval.errors import GenerationFailedError
from reference_models.errors import ConfigError, GeneratorError, ModelInputError
from reference_models.generator_names import identity
from reference_models.missing_inputs import Losses, UnderCondition
from reference_models.prepared import PreparedGenerator

HERE = Path(__file__).parent
FRAMES = 60
CLIP = "NoXI/065/Expert_video/1"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Six short recordings with sound."""
    options = {"recordings": 6, "frames": 100, "splits": ["val"], "modalities": ["emotion", "3dmm", "audio"]}
    return react_data.synthesise(tmp_path_factory.mktemp("lossy") / "data", **options, show_progress=False)


class Recorder:
    """Mimics the speaker, and remembers what it got."""

    inputs = ("speaker_emotion", "speaker_audio")

    def __init__(self, loudness=1.0):
        self.loudness, self.got = loudness, {}

    def __getstate__(self):
        return self.loudness

    def generate(self, batch, reactions=10, seed=0, online=False):
        self.got[batch["clip"][0]] = dict(batch)
        loud = self.loudness * np.abs(batch["speaker_audio"]).mean()
        return {"emotion": np.repeat(batch["speaker_emotion"][:, None] + loud, reactions, axis=1)}


class Told(Recorder):
    takes_missing = True


class TellingToy(ToyModel):
    """A model of ours that takes missing data: it sees a mean face where there is none."""

    inputs = ("speaker_3dmm", "speaker_emotion")
    takes_missing = True
    seen = None

    def react(self, speaker, reactions, generator, *, online):
        self.seen = speaker
        return super().react(speaker, reactions, generator, online=online)


def batch(frames=FRAMES, samples=640):
    rng = np.random.default_rng(0)
    return {
        "clip": [CLIP],
        "speaker_emotion": rng.uniform(0.1, 1, (1, frames, 25)).astype("f4"),
        "speaker_3dmm": rng.uniform(0.1, 1, (1, frames, 58)).astype("f4"),
        "speaker_audio": rng.uniform(0.1, 1, (1, frames * samples)).astype("f4"),
        "speaker_eeg": np.ones((1, 2, 14), "f4"),
        "history_3dmm": np.ones((1, 9, 58), "f4"),
    }


def lost(name, frames=FRAMES, **how):
    return Losses(find_conditions(name, complete=False)[0], {CLIP: frames}, 25.0, **how)


def test_what_a_kind_belongs_to_decides_what_is_lost():
    found = [
        Losses(find_conditions("face:whole", complete=False, modality_of={"gaze": modality})[0], {CLIP: 9}, 25.0)
        for modality in ("face", "neither")
    ]
    assert found[0].identity != found[1].identity


def test_a_lost_modality_is_0_and_the_rest_is_untouched():
    given = batch()
    found = lost("face:segments:0.5").batch(given, told=True)
    there = found["speaker_face_present"][0]
    assert (there.shape, there.sum(), found["speaker_speech_present"].all()) == ((FRAMES,), FRAMES // 2, True)
    for name in ("speaker_emotion", "speaker_3dmm"):
        assert not found[name][0, ~there].any()
        np.testing.assert_array_equal(found[name][0, there], given[name][0, there])
    for name in ("speaker_audio", "speaker_eeg", "history_3dmm"):
        assert found[name] is given[name]


def test_a_generator_that_is_not_told_gets_what_fill_says():
    given = batch()
    there = lost("face:segments:0.5").batch(given, told=True)["speaker_face_present"][0]
    filled = {fill: lost("face:segments:0.5", fill=fill).batch(given, told=False) for fill in (None, "zeros", "hold")}
    np.testing.assert_array_equal(filled[None]["speaker_emotion"], filled["zeros"]["speaker_emotion"])
    held, last = filled["hold"]["speaker_emotion"][0], np.flatnonzero(~there)[0] - 1
    np.testing.assert_array_equal(held[last], held[last + 5])
    assert all("speaker_face_present" not in each for each in filled.values())
    assert "speaker_emotion" not in lost("face:segments:0.5", fill="fail").batch(given, told=False)


@pytest.mark.parametrize(
    ("fill", "kept"), [(None, False), ("fail", False), ("hold", False), ("zeros", True)]
)  # fmt: skip
def test_a_modality_that_is_lost_altogether_is_not_there(fill, kept):
    found = lost("speech:whole", fill=fill).batch(batch(), told=False)
    assert ("speaker_audio" in found) is kept
    assert "speaker_emotion" in found
    told = lost("speech:whole", fill=fill).batch(batch(), told=True)
    assert not told["speaker_audio"].any()
    assert not told["speaker_speech_present"].any()


def test_nobody_is_told_of_a_frozen_face():
    found = lost("face:frozen:0.5", fill="fail").batch(batch(), told=True)
    assert found["speaker_face_present"].all()
    assert found["speaker_emotion"].all()
    assert (
        len(np.unique(found["speaker_emotion"][0], axis=0)) == FRAMES // 2 + (found["speaker_emotion"][0, 0] < 0).any()
    )


def test_clips_of_unequal_length_stay_a_list():
    given = {"clip": ["a", "b"], "speaker_emotion": [np.ones((9, 25), "f4"), np.ones((5, 25), "f4")]}
    losses = Losses(find_conditions("face:whole", complete=False)[0], {"a": 9, "b": 5}, 25.0)
    found = losses.batch(given, told=True)
    assert [len(each) for each in found["speaker_emotion"]] == [9, 5]
    assert [len(each) for each in found["speaker_face_present"]] == [9, 5]


def test_a_generator_under_a_condition_is_itself_in_everything_else():
    model = ToyModel(ToyConfig())
    under = UnderCondition(model, lost("speech:whole"))
    assert (under.config, under.most_frames, under.device) == (model.config, 800, model.device)
    with pytest.raises(GenerationFailedError, match="ToyModel needs speaker_emotion; the batch has clip"):
        UnderCondition(model, lost("face:whole")).generate(batch())


def test_a_model_that_takes_missing_data_is_told_of_it():
    model = TellingToy(ToyConfig())
    model.mean_face = np.full(58, 0.5, "f4")
    UnderCondition(model, lost("face:segments:0.5")).generate(batch(), reactions=1)
    there = model.seen["speaker_face_present"]
    assert (there.dtype, int(there.sum())) == (torch.bool, FRAMES // 2)
    assert not model.seen["speaker_3dmm"][~there].any()
    assert model.seen["speaker_3dmm"][there].any()
    model.generate(batch(), reactions=1)
    assert "speaker_face_present" not in model.seen


def test_a_run_says_what_was_lost(root, tmp_path):
    file = submission(prepared(Recorder(), root, tmp_path, fill="hold"), "face:bursts:0.5")
    told = json.loads(file.with_name(file.name + ".run.json").read_text())
    assert (told["condition"], told["loss_seed"], told["fill"]) == ("face:bursts:0.5", 0, "hold")
    assert told["generator"].endswith("test_missing_inputs.Recorder")


def test_missing_data_that_a_model_would_not_know_of_is_refused():
    lossy = lost("face:segments:0.5").batch(batch(), told=True)
    with pytest.raises(ModelInputError, match=r"ToyModel takes no missing data, but speaker_face_present .* at 30 fra"):
        ToyModel(ToyConfig()).generate(lossy)
    ToyModel(ToyConfig()).generate(lossy | {"speaker_face_present": np.ones((1, FRAMES), bool)}, reactions=1)
    with pytest.raises(ModelInputError, match=r"expected \(frames,\) bool"):
        TellingToy(ToyConfig()).generate(lossy | {"speaker_face_present": np.ones((1, FRAMES), "f4")})


def prepared(model, root, folder, **how):
    return PreparedGenerator(model, root, split="val", reactions=10, cache=folder, **how)


def submission(ready, name, **how):
    return ready.submission(find_conditions(name, complete=False)[0], show_progress=False, **how)


def test_all_generators_lose_the_same_frames(root, tmp_path):
    one, other = Told(), Told()
    other.inputs = ("speaker_emotion", "speaker_3dmm", "speaker_audio")
    for each in (one, other):
        submission(prepared(each, root, tmp_path / str(id(each))), "face:bursts:0.5:5")
    assert len(one.got) == 12
    for clip, got in one.got.items():
        np.testing.assert_array_equal(got["speaker_face_present"], other.got[clip]["speaker_face_present"])
    assert len({got["speaker_face_present"].tobytes() for got in one.got.values()}) == 12


def test_submissions_are_kept_by_what_decides_them(root, tmp_path):
    model = Recorder()
    files = {submission(prepared(model, root, tmp_path), "face:bursts:0.5") for _ in range(2)}
    model.got.clear()
    files.add(submission(prepared(model, root, tmp_path), "face:bursts:0.5"))
    assert (len(files), model.got) == (1, {})
    for how in ({"loss_seed": 1}, {"fill": "hold"}, {"limit": 3}, {"frames": 50}):
        files.add(submission(prepared(model, root, tmp_path, **how), "face:bursts:0.5"))
    files.add(submission(prepared(model, root, tmp_path), "face:bursts:0.3"))
    files.add(submission(prepared(model, root, tmp_path), "face:bursts:0.5", seed=1))
    files.add(submission(prepared(Recorder(loudness=0.5), root, tmp_path), "face:bursts:0.5"))
    assert len(files) == 8
    complete = {submission(prepared(model, root, tmp_path, loss_seed=seed), "complete") for seed in (0, 1)}
    assert len(complete) == 1


def test_generators_of_others_are_told_apart_by_their_source(tmp_path, monkeypatch):
    for name in ("first_listener", "second_listener"):
        (tmp_path / f"{name}.py").write_text(f"# {name}\ndef react(batch, reactions, seed, online): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = [
        identity(reference_models.find_generator(f"{name}:react").generator)
        for name in ("first_listener", "second_listener")
    ]
    assert [each["generator"] for each in found] == ["first_listener.react", "second_listener.react"]
    assert found[0]["source"] != found[1]["source"]


class Broken(Recorder):
    """Gives no numbers where speech is missing, and something else where the face is."""

    takes_missing = True

    def generate(self, batch, reactions=10, seed=0, online=False):
        made = super().generate(batch, reactions)
        if not batch.get("speaker_speech_present", np.ones(1)).all():
            return {"emotion": made["emotion"] * np.nan}
        return made if batch.get("speaker_face_present", np.ones(1)).all() else {"emotion": made["emotion"][:, :, :9]}


@pytest.mark.parametrize(("name", "reason"), [("speech:late:5", "NaN|infinite|finite"), ("face:whole", "expected")])
def test_what_cannot_be_written_is_a_failure_of_the_condition(name, reason, root, tmp_path):
    with pytest.raises(GenerationFailedError, match=reason):
        submission(prepared(Broken(), root, tmp_path), name)


def test_complete_data_that_a_generator_cannot_take_is_an_error(root, tmp_path):
    class Never(Recorder):
        def generate(self, batch, reactions=10, seed=0, online=False):
            return {}

    with pytest.raises(GeneratorError, match="returned nothing"):
        react_eval.robustness(Never(), root, split="val", cache=tmp_path, show_progress=False)


def test_untrained_models_and_unknown_fills_are_refused(root, tmp_path):
    with pytest.raises(GeneratorError, match="Toy has no weights here"):
        prepared("toy", root, tmp_path)
    with pytest.raises(ConfigError, match="no fill 'mean'"):
        prepared(Recorder(), root, tmp_path, fill="mean")


def test_a_model_of_torch_fails_or_degrades_as_the_table_shows(root, tmp_path):
    model = reference_models.load("toy", seed=1)
    how = {"split": "val", "metrics": ["FRVar"], "cache": tmp_path, "limit": 4, "online": True, "show_progress": False}
    found = react_eval.robustness(model, root, conditions="standard,face:segments:0.5", **how)
    assert [row.status for row in found] == ["scored", "fails", "unaffected", "scored"]
    assert found.of("Toy", "face:whole").note == "fails: ToyModel needs speaker_emotion"
    assert found.of("Toy", "speech:whole").note == "takes no speech"
    assert found.of("Toy", "face:segments:0.5").value("FRVar") != found.of("Toy").value("FRVar")
    zeros = react_eval.robustness(model, root, conditions="face:whole", fill="zeros", **how)
    assert [row.status for row in zeros] == ["scored", "scored"]


def test_the_command_goes_on_after_a_kill(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "slow_listener.py").write_text(
        f"import sys, time\nsys.path.insert(0, {str(HERE)!r})\nfrom toy_model import Shout\n"
        "class Slow(Shout):\n    inputs = ('speaker_emotion',)\n"
        "    def generate(self, batch, **how):\n"
        "        with open('calls', 'a') as calls:\n            calls.write('.')\n        time.sleep(0.1)\n"
        "        return super().generate(batch, how['reactions'])\n"
    )
    arguments = [
        "robustness", "slow_listener:Slow", "--data", str(root), "--split", "val", "--conditions", "face:bursts:0.5",
        "-m", "FRVar", "--limit", "6", "--cache", "kept", "--quiet", "--json",
    ]  # fmt: skip
    calls = tmp_path / "calls"
    with subprocess.Popen(
        [Path(sys.executable).with_name("react-eval"), *arguments], stderr=subprocess.DEVNULL
    ) as process:
        until = time.monotonic() + 60
        while (not calls.exists() or calls.stat().st_size < 8) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert calls.stat().st_size < 12
    done = CliRunner().invoke(react_eval.cli.main, arguments)
    assert done.exit_code == 0, done.stderr
    assert [row["status"] for row in json.loads(done.stdout)["rows"]] == ["scored", "scored"]
    assert 12 <= calls.stat().st_size <= 13  # but for the one that was interrupted, each was made once


def test_the_command_writes_everything_it_found(root, tmp_path):
    path = reference_models.save_checkpoint(reference_models.load("toy", seed=1), tmp_path / "toy")
    arguments = ["robustness", path, "--data", root, "--split", "val", "--out", tmp_path / "out", "--cache", tmp_path]
    arguments += ["-m", "FRVar", "--limit", 4, "--frames", 50, "--reactions", 2, "--seed", 0, "--seed", 1, "--quiet"]
    done = CliRunner().invoke(react_eval.cli.main, list(map(str, arguments)))
    assert done.exit_code == 0, done.stderr
    assert "w/o facial" in done.stdout
    assert "fails: ToyModel needs speaker_emotion" in done.stdout
    written = {each.name for each in (tmp_path / "out").iterdir()}
    assert written == {f"robustness.{suffix}" for suffix in ("json", "csv", "html", "svg", "md", "tex")}
    told = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert (told["seeds"], told["protocol"]) == ([0, 1], "corrected-2-reactions@1")
    assert [row["status"] for row in told["rows"]] == ["scored", "fails", "unaffected"]
    assert told["rows"][1]["values"] == {"FRVar": None}
    assert told["rows"][1]["reason"].startswith("ToyModel needs speaker_emotion; the batch has")
