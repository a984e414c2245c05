"""Training: stages, resumption after a kill, validation, checkpoints, and what is refused before it begins."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from toy_model import RECIPE, ToyConfig, ToyModel

import react_data
import reference_models
from reference_models.checkpoints import read_checkpoint, weights_hash
from reference_models.cli import main
from reference_models.errors import ConfigError, MissingInputError, TrainingError

HERE = Path(__file__).parent
COMMAND = [str(Path(sys.executable).with_name("react-models"))]
FAST = {"accelerator": "cpu", "show_progress": False, "validation_clips": 4, "validation_reactions": 2}


def train(data, out, **how):
    return reference_models.train("toy", data, out=out, **(FAST | how))


@pytest.fixture(scope="module")
def trained(dyads, tmp_path_factory):
    return train(dyads, tmp_path_factory.mktemp("run") / "toy")


def test_a_run_becomes_a_checkpoint(trained, dyads, tmp_path):
    assert weights_hash(reference_models.load_checkpoint(trained.path)) == weights_hash(trained.model)
    assert set(trained.scores) == {1, 3}
    assert trained.scores[trained.best_epoch] == max(trained.scores.values())
    facts = read_checkpoint(trained.path).facts
    assert facts["epoch"] == trained.best_epoch
    assert facts["recipe"]["stages"][1]["epochs"] == 4
    assert "train/fit" in facts["losses"]
    generated = reference_models.generate_submission(
        trained.path, dyads, tmp_path / "out.h5", split="val", reactions=2, show_progress=False
    )
    assert generated.exists()


def test_training_learns(trained):
    losses = [
        float(json.loads((trained.path / "stages" / stage / "model.json").read_text())["facts"]["losses"]["train/loss"])
        for stage in ("first", "second")
    ]
    assert losses[1] < losses[0]


def test_a_stage_trains_its_parameters_only(trained):
    fresh = reference_models.load("toy")
    first = reference_models.load_checkpoint(trained.path / "stages" / "first")
    assert torch.equal(first.outer.weight, fresh.outer.weight)
    assert not torch.equal(first.inner.weight, fresh.inner.weight)
    assert float(first.scale) == 1
    assert float(trained.model.scale) > 1
    assert all(parameter.requires_grad for parameter in trained.model.parameters())


def test_curves_are_written_for_tensorboard(trained):
    assert list((trained.path / "logs" / "second").glob("events.out.tfevents.*"))


def test_the_same_seed_trains_the_same_model(trained, dyads, tmp_path):
    same, other = (train(dyads, tmp_path / str(seed), seed=seed) for seed in (0, 1))
    assert weights_hash(same.model) == weights_hash(trained.model)
    assert same.scores == trained.scores
    assert weights_hash(other.model) != weights_hash(trained.model)


def test_a_complete_run_is_only_read_again(trained, dyads):
    before = (trained.path / "model.safetensors").stat().st_mtime_ns
    assert weights_hash(train(dyads, trained.path).model) == weights_hash(trained.model)
    assert (trained.path / "model.safetensors").stat().st_mtime_ns == before


class StoppedError(Exception):
    pass


def counting(monkeypatch, stop_after=10**6):
    """Note the stage of every step, and stop in the middle of one."""
    seen, usual = [], ToyModel.loss

    def loss(self, batch):
        seen.append(self.stage)
        if len(seen) > stop_after:
            raise StoppedError
        return usual(self, batch)

    monkeypatch.setattr(ToyModel, "loss", loss)
    return seen


@pytest.mark.parametrize("stopped_in", [0, 1, 3, 5])
def test_a_stopped_run_goes_on_as_if_it_had_not(trained, dyads, tmp_path, monkeypatch, stopped_in):
    steps = -(-react_data.open_split(dyads, "train").sizes["clip"] // 4)
    with monkeypatch.context() as patched:
        counting(patched, stop_after=stopped_in * steps + 1)
        with pytest.raises(StoppedError):
            train(dyads, tmp_path / "run")
    seen = counting(monkeypatch)
    continued = train(dyads, tmp_path / "run")
    assert len(seen) == (6 - stopped_in) * steps
    assert weights_hash(continued.model) == weights_hash(trained.model)
    assert continued.scores == trained.scores


def test_a_killed_run_is_continued(trained, dyads, tmp_path):
    out = tmp_path / "run"
    code = (
        f"import sys, time; sys.path.insert(0, {str(HERE)!r})\n"
        "import toy_model, reference_models\n"
        "loss = toy_model.ToyModel.loss\n"
        "def slow(self, batch):\n    time.sleep(0.1)\n    return loss(self, batch)\n"
        "toy_model.ToyModel.loss = slow\n"
        f"reference_models.train('toy', {str(dyads)!r}, out={str(out)!r}, **{FAST!r})\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 90
        while not (out / "stages" / "second" / "last.ckpt").exists() and time.monotonic() < until:
            assert process.poll() is None, "it ended by itself"
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert json.loads((out / "training.json").read_text())["finished"] == ["first"]
    continued = train(dyads, out)
    assert weights_hash(continued.model) == weights_hash(trained.model)
    assert continued.scores == trained.scores


def test_another_run_is_not_continued(trained, dyads):
    with pytest.raises(TrainingError, match="another training"):
        train(dyads, trained.path, seed=7)
    with pytest.raises(TrainingError, match="another recipe"):
        train(dyads, trained.path, recipe={"stages": {"second": {"learning_rate": 0.5}}})
    with pytest.raises(TrainingError, match="of an earlier run"):
        train(dyads, trained.path, resume=False)


def test_training_ends_where_nothing_gets_better(dyads, tmp_path):
    recipe = {"validate_every": 1, "stages": {"second": {"learning_rate": 0.0, "epochs": 50}}}
    found = train(dyads, tmp_path / "run", recipe=recipe, patience=2)
    assert list(found.scores) == [0, 1, 2]
    assert found.best_epoch == 0


def test_without_validation_the_last_epoch_counts(dyads, tmp_path):
    found = train(dyads, tmp_path / "run", validation="", epochs=1)
    assert found.scores == {}
    assert found.best_epoch is None
    assert weights_hash(reference_models.load_checkpoint(tmp_path / "run")) == weights_hash(found.model)


def test_mixed_precision_trains(dyads, tmp_path):
    found = train(dyads, tmp_path / "run", precision="bf16", epochs=1)
    assert all(value.dtype == torch.float32 for value in found.model.state_dict().values())


def test_a_loss_that_is_no_number_ends_the_run(dyads, tmp_path, monkeypatch):
    usual = ToyModel.loss
    monkeypatch.setattr(ToyModel, "loss", lambda self, batch: {"loss": usual(self, batch)["loss"] * float("nan")})
    with pytest.raises(TrainingError, match="no number in epoch 0"):
        train(dyads, tmp_path / "run")
    assert not (tmp_path / "run" / "stages" / "first" / "last.ckpt").exists()


def test_progress_is_shown_on_stderr(dyads, tmp_path, capsys):
    train(dyads, tmp_path / "run", epochs=1, show_progress=True)
    shown = capsys.readouterr()
    assert "training first" in shown.err
    assert shown.out == ""


def test_a_model_of_somebody_is_trained(dyads, tmp_path):
    class Mine(ToyModel):
        def loss(self, batch):
            assert batch["target_emotion"].shape[1:] == (3, 20, 25)
            return super().loss({**batch, "listener_emotion": batch["target_emotion"][:, 0]})

        def begin_stage(self, stage, batches):
            pass

    recipe = replace(RECIPE, targets="neighbours", neighbours=3)
    found = reference_models.train(Mine(ToyConfig()), dyads, out=tmp_path / "mine", recipe=recipe, epochs=1, **FAST)
    assert isinstance(found.model, Mine)
    with pytest.raises(TrainingError, match="recipe=…"):
        reference_models.train(Mine(ToyConfig()), dyads, out=tmp_path / "other", **FAST)


def test_validation_generates_in_the_modes_of_the_model(dyads, tmp_path):
    modes = []

    class Online(ToyModel):
        modes = ("online",)

        def react(self, speaker, reactions, generator, *, online):
            modes.append(online)
            return super().react(speaker, reactions, generator, online=online)

    class Offline(ToyModel):
        modes = ("offline",)

    found = reference_models.train(Online(ToyConfig()), dyads, out=tmp_path / "on", recipe=RECIPE, epochs=1, **FAST)
    assert set(found.scores) == {0}
    assert set(modes) == {True}
    with pytest.raises(TrainingError, match="cannot generate online"):
        reference_models.train(
            Offline(ToyConfig()), dyads, out=tmp_path / "off", recipe=RECIPE, **FAST | {"online": True}
        )


def test_3dmm_is_learnt_in_the_form_of_the_recipe(dyads, tmp_path):
    face = tmp_path / "mean_face.npy"
    np.save(face, np.full(58, 0.25, "f4"))

    class Coefficients(ToyModel):
        inputs = ("speaker_3dmm",)

        def loss(self, batch):
            self.seen = batch["speaker_3dmm"]
            return super().loss({**batch, "speaker_emotion": self.seen[..., :25]})

        def begin_stage(self, stage, batches):
            pass

    how = FAST | {"recipe": replace(RECIPE, coefficients="zero-centred"), "validation": "", "epochs": 1}
    with pytest.raises(TrainingError, match="name mean_face"):
        reference_models.train(Coefficients(ToyConfig()), dyads, out=tmp_path / "run", **how)
    found = reference_models.train(Coefficients(ToyConfig()), dyads, out=tmp_path / "run", **how, mean_face=str(face))
    assert found.model.mean_face.tolist() == [0.25] * 58
    assert json.loads((tmp_path / "run" / "model.json").read_text())["faces"]["mean_face"] == [0.25] * 58


def test_video_and_sound_are_part_of_items(tmp_path):
    pytest.importorskip("soxr")
    pytest.importorskip("PIL")
    root = react_data.synthesise(
        tmp_path / "tree", recordings=2, frames=12, splits=("train",), video="png", sample_rate=8000,
        show_progress=False, frame_size=16,
    )  # fmt: skip
    seen = {}

    class Watching(ToyModel):
        inputs = ("speaker_emotion", "speaker_audio", "speaker_video")
        video_size = 32

        def loss(self, batch):
            seen.update({name: tuple(value.shape) for name, value in batch.items()})
            return super().loss(batch)

    recipe = RECIPE.changed({"stages": {name: {"window": 20, "epochs": 1} for name in ("first", "second")}})
    reference_models.train(Watching(ToyConfig()), root, out=tmp_path / "run", recipe=recipe, **FAST)
    assert seen["speaker_audio"] == (4, 20 * 640)
    assert seen["speaker_video"] == (4, 20, 3, 32, 32)
    assert seen["listener_emotion"] == (4, 20, 25)
    assert "clip" not in seen


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"epoch": 1}, ConfigError, "Did you mean 'epochs'"),
        ({"recipe": {"select": "FRVar"}}, TrainingError, "nothing is best"),
        ({"recipe": {"stages": {"first": {"parameters": ["middle"]}}}}, TrainingError, "no parameter"),
        ({"config": "huge"}, ConfigError, "no preset"),
    ],
)
def test_what_cannot_be_is_refused(dyads, tmp_path, how, error, message):
    with pytest.raises(error, match=message):
        train(dyads, tmp_path / "run", **how)


def test_a_modality_that_is_missing_is_said_first(dyads, tmp_path):
    class Needy(ToyModel):
        inputs = ("speaker_mfcc78",)

    with pytest.raises(MissingInputError, match="Needy needs mfcc78"):
        reference_models.train(Needy(ToyConfig()), dyads, out=tmp_path / "run", recipe=RECIPE, **FAST)
    assert not (tmp_path / "run").exists()


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_the_command_line_trains_generates_lists_and_converts(dyads, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("run.yaml").write_text(
        "model: toy\npreset: tiny\nrecipe: {stages: {first: {epochs: 1}, second: {epochs: 1}}}\n"
        "training: {validation_clips: 2, validation_reactions: 2, accelerator: cpu}\n"
    )
    how = ["--config", "run.yaml", "--set", "config.width=3", "--quiet", "--json"]
    done = run("train", "--data", dyads, "--out", "run", *how)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["best_epoch"] == 0
    assert done.stderr == ""
    assert read_checkpoint("run").config == ToyConfig(width=3)
    how = ["--split", "val", "--reactions", 2, "--device", "cpu", "--limit", 3, "--quiet"]
    made = run("generate", "run", "--data", dyads, *how)
    assert made.exit_code == 0, made.output
    assert made.stdout.strip() == "run-val-offline-seed0.h5"
    assert Path("run-val-offline-seed0.h5").exists()
    assert "toy: Toy" in run("list").stdout
    assert "context: compat 'window', clean 'past'" in run("list", "toy").stdout
    assert run("convert", "run", "out.pth", "--export").exit_code == 0
    Path("config.yaml").write_text("config: {width: 3}\n")
    ours = run("convert", "out.pth", "ours", "--model", "toy", "--config", "config.yaml")
    assert ours.exit_code == 0, ours.output
    assert "ignored: net.unused" in ours.stdout
    checked = run("causality", "ours", "--data", dyads, "--clips", 1, "--device", "cpu")
    assert checked.exit_code == 1, checked.output
    assert "looks 7 frames ahead" in checked.stdout


def test_a_model_without_weights_is_said_to_be_random(dyads, tmp_path):
    how = ["--split", "val", "--reactions", 1, "--limit", 1, "--quiet", "--out", tmp_path / "out.h5"]
    made = run("generate", "toy", "--data", dyads, *how)
    assert made.exit_code == 0, made.output
    assert "these are random ones" in made.stderr


def test_the_command_line_refuses_in_one_message(dyads, tmp_path):
    refused = run("train", "toyy", "--data", dyads, "--out", tmp_path / "run")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: there is no model 'toyy'. Did you mean 'toy'?")


def test_the_command_is_installed():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=60, check=True)
    for command in ("list", "train", "generate", "convert", "causality"):
        assert command in done.stdout
