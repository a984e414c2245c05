"""What stages of training can ask for: optimisers, schedules, averaged weights, batches of persons, histories."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_model import RECIPE, PersonalModel, ToyConfig, ToyModel

import react_data
import reference_models
from reference_models.checkpoints import read_checkpoint, weights_hash
from reference_models.errors import ConfigError, MissingInputError, TrainingError
from reference_models.training.averaging import WeightAverage
from reference_models.training.lightning_module import _factor, _optimiser
from reference_models.training.recipes import Recipe, Stage

FAST = {"accelerator": "cpu", "show_progress": False, "validation_clips": 4, "validation_reactions": 2}
STAGE = Stage("first", epochs=2, learning_rate=0.05, batch_size=4, window=20)
AVERAGED = Recipe(
    stages=(
        replace(STAGE, optimiser="sgd", momentum=0.9, average=0.9),
        Stage("second", epochs=3, learning_rate=0.01, batch_size=4, window=20, average=0.8),
    ),
    outputs=("emotion",),
    validate_every=1,
)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two behaviours only, so that several listeners have several appropriate clips."""
    return react_data.synthesise(
        tmp_path_factory.mktemp("people") / "data", recordings=30, frames=24, behaviours=2,
        modalities=("emotion", "3dmm"), show_progress=False,
    )  # fmt: skip


def train(model, data, out, recipe, **how):
    return reference_models.train(model, data, out=out, recipe=recipe, **(FAST | how))


class Noting(PersonalModel):
    """Keeps the batches that it is trained on."""

    def __init__(self, config=None):
        super().__init__(config or ToyConfig())
        self.seen = []

    def begin_stage(self, stage, batches):
        pass

    def loss(self, batch):
        self.seen.append(batch)
        return super().loss({"listener_emotion": torch.zeros(1), **batch})


def of_stage(**fields):
    return Recipe(stages=(replace(STAGE, epochs=1, **fields),), outputs=("emotion", "3dmm"))


def batches(data, tmp_path, recipe, model=None, **how):
    model = model or Noting()
    train(model, data, tmp_path / "run", recipe, **({"validation": ""} | how))
    return model.seen


def test_an_average_follows_the_weights():
    model = ToyModel(ToyConfig())
    model.outer.requires_grad_(False)
    begun, average = model.inner.weight.detach().clone(), WeightAverage(model, 0.15)
    average.begin()
    for _ in range(2):
        with torch.no_grad():
            model.inner.weight += 1
            model.outer.weight += 1
        average.follow()
    expected = torch.lerp(torch.lerp(begun + 1, begun, 0.1), begun + 2, 1 - 0.15)
    outer = model.outer.weight.detach().clone()
    with average.in_model():
        torch.testing.assert_close(model.inner.weight.detach(), expected)
        assert torch.equal(model.outer.weight, outer)
    torch.testing.assert_close(model.inner.weight.detach(), begun + 2)


@pytest.fixture(scope="module")
def averaged(dyads, tmp_path_factory):
    return train("toy", dyads, tmp_path_factory.mktemp("run") / "toy", AVERAGED)


def test_the_saved_weights_are_the_average(averaged, dyads, tmp_path):
    plain = replace(AVERAGED, stages=tuple(replace(stage, average=0.0) for stage in AVERAGED.stages))
    raw = train("toy", dyads, tmp_path / "raw", plain)
    folders = [path / "stages" / "first" for path in (averaged.path, raw.path)]
    kept = torch.load(folders[0] / "last.ckpt", weights_only=False)
    saved, live = (read_checkpoint(folder).state["inner.weight"] for folder in folders)
    torch.testing.assert_close(kept["state_dict"]["model.inner.weight"], live, rtol=0, atol=0)
    torch.testing.assert_close(kept["average"]["average"]["inner.weight"], saved, rtol=0, atol=0)
    assert not torch.equal(saved, live)
    assert weights_hash(reference_models.load_checkpoint(averaged.path)) == weights_hash(averaged.model)


def test_optimisers():
    model = ToyModel(ToyConfig())
    sgd = _optimiser(replace(STAGE, optimiser="sgd", momentum=0.9, weight_decay=0.1), model)
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["momentum"], sgd.param_groups[0]["weight_decay"]) == (0.9, 0.1)
    adam = _optimiser(replace(STAGE, decayed="matrices", weight_decay=0.1), model)
    shapes = [{value.ndim for value in group["params"]} for group in adam.param_groups]
    assert shapes == [{2}, {1}]
    assert [group["weight_decay"] for group in adam.param_groups] == [0.1, 0.0]


def factors(stage, epochs, epoch_steps=10):
    return [_factor(stage, epoch * epoch_steps, epochs * epoch_steps, epoch_steps) for epoch in range(epochs)]


def test_schedules():
    by_epoch = replace(STAGE, schedule="cosine by epoch", schedule_epochs=797, constant_epochs=5, epochs=501)
    found = factors(by_epoch, 501, epoch_steps=797)
    assert found[:6] == [1.0] * 6
    assert found[500] * 1e-4 == pytest.approx(3.1e-5, abs=5e-7)  # as PerFRDiff's ends
    assert _factor(by_epoch, 8 * 797 + 796, 501 * 797, 797) == found[8]
    steps = replace(STAGE, schedule="step", schedule_factor=0.1, milestones=(9,))
    assert factors(steps, 30) == pytest.approx([1.0] * 9 + [0.1] * 21)
    late = factors(replace(STAGE, schedule="cosine", constant_epochs=2), 4)
    assert late == pytest.approx([1.0, 1.0, 1.0, 0.5])
    usual = factors(replace(STAGE, schedule="step", schedule_factor=0.5, schedule_epochs=2), 5)
    assert usual == pytest.approx([1, 1, 0.5, 0.5, 0.25])


def test_batches_of_listeners(people, tmp_path):
    found = batches(people, tmp_path, of_stage(batches="listeners", batch_size=6, clips_a_listener=3))
    for batch in found:
        listeners = batch["listener_number"]
        assert listeners.dtype == torch.int64
        assert [int((listeners == each).sum()) for each in listeners.unique()] == [3, 3]
    assert not torch.equal(found[0]["listener_number"], found[1]["listener_number"])


def test_batches_of_appropriate_listeners(people, tmp_path):
    train_split = react_data.open_split(people, "train")
    matrix = train_split["neighbours"].values
    found = batches(
        people, tmp_path, of_stage(batches="appropriate", batch_size=8, clips_a_listener=2, window=20, crop="centre"),
    )  # fmt: skip
    starts = (train_split.sizes["frame"] - 20) // 2
    emotion = train_split["listener_emotion"].values[:, starts : starts + 20]
    for batch in found:
        listeners = batch["listener_number"]
        counts = [int((listeners == each).sum()) for each in listeners.unique()]
        assert len(counts) >= 2
        assert set(counts) == {2}
        clips = [int(np.flatnonzero((emotion == each.numpy()).all((1, 2)))[0]) for each in batch["listener_emotion"]]
        assert matrix[:, clips].all(1).any(), "no speaker to whom all of them react appropriately"


def test_batches_of_persons_are_continued_too(people, tmp_path, monkeypatch):
    usual = of_stage(batches="listeners", batch_size=4, clips_a_listener=2)
    recipe = replace(usual, stages=(replace(usual.stages[0], epochs=3),), select="")
    whole, left, loss = train("toy", people, tmp_path / "whole", recipe), [], ToyModel.loss

    def stopping(self, batch):
        left.append(batch)
        if len(left) == 2 * 9 + 1:
            raise KeyError("stopped")
        return loss(self, batch)

    with monkeypatch.context() as patched:
        patched.setattr(ToyModel, "loss", stopping)
        with pytest.raises(KeyError, match="stopped"):
            train("toy", people, tmp_path / "part", recipe)
    assert weights_hash(train("toy", people, tmp_path / "part", recipe).model) == weights_hash(whole.model)


@pytest.mark.parametrize("history", ["first", "other"])
def test_a_stage_has_its_own_targets_and_history(people, tmp_path, history):
    recipe = Recipe(
        stages=(
            replace(STAGE, name="style", epochs=1, window=None),
            replace(STAGE, name="personal", epochs=1, targets="neighbours", neighbours=3, history=history),
        ),
        outputs=("emotion", "3dmm"),
        role_swap=True,
    )
    model = Noting()
    model.loss = lambda batch: model.seen.append((model.stage, batch)) or {"loss": model.inner.weight.sum()}
    batches(people, tmp_path, recipe, model)
    by_stage = dict(model.seen)
    assert by_stage["style"]["listener_3dmm"].shape[1:] == (24, 58)
    assert "history_3dmm" not in by_stage["style"]
    assert by_stage["personal"]["target_3dmm"].shape[1:] == (3, 20, 58)
    assert by_stage["personal"]["history_3dmm"].shape[1:] == (24, 58)
    assert by_stage["personal"]["history_frame_mask"].all()
    assert "listener_3dmm" not in by_stage["personal"]


def test_a_stage_may_do_without_the_recipes_history(people, tmp_path):
    recipe = replace(of_stage(history="none"), history="first")
    assert "history_3dmm" not in batches(people, tmp_path, recipe)[0]
    assert recipe.history_of(recipe.stages[0]) is None
    assert recipe.changed({"stages": {"first": {"history": None}}}).history_of(STAGE) == "first"


def test_validation_personalises_as_the_last_stage_does(people, tmp_path):
    asked = []

    class Watching(Noting):
        def react(self, speaker, reactions, generator, *, online):
            asked.append("history_3dmm" in speaker)
            return super().react(speaker, reactions, generator, online=online)

    for history in ("first", None):
        recipe = replace(of_stage(), history=history, validate_every=1)
        train(Watching(), people, tmp_path / str(history), recipe)
    assert set(asked[:4]) == {True}
    assert set(asked[4:]) == {False}


def test_inputs_of_the_loss_only(people, tmp_path):
    class Needy(Noting):
        training_inputs = ("speaker_3dmm",)

    found = batches(people, tmp_path, of_stage(), Needy())
    assert found[0]["speaker_3dmm"].shape == (4, 20, 58)
    Needy.training_inputs = ("speaker_mfcc78",)
    with pytest.raises(MissingInputError, match="mfcc78"):
        batches(people, tmp_path, of_stage(), Needy())


def test_what_a_late_stage_lacks_is_said_first(people, tmp_path):
    late = replace(STAGE, name="late", batches="listeners", batch_size=18, clips_a_listener=9)
    with pytest.raises(react_data.training_windows.TrainingDataError, match="listeners have at least 9 items"):
        batches(people, tmp_path, Recipe(stages=(STAGE, late), outputs=("emotion",)))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimiser": "lion"}, "expected one of"),
        ({"average": 1.0}, "expected 0 to below 1"),
        ({"epochs": 0}, "expected at least 1"),
        ({"batches": "listeners", "batch_size": 7}, "expected a multiple"),
        ({"batches": "appropriate", "batch_size": 4}, "at least two listeners"),
        ({"targets": "both"}, "expected one of"),
        ({"neighbours": "three"}, "expected int"),
    ],
)
def test_stages_that_cannot_be_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        RECIPE.changed({"stages": {"first": fields}})


def test_batches_of_persons_are_for_one_device(people, tmp_path):
    with pytest.raises(react_data.training_windows.TrainingDataError, match="listeners have at least 9 items"):
        batches(people, tmp_path, of_stage(batches="listeners", batch_size=18, clips_a_listener=9))
    with pytest.raises(TrainingError, match="one device"):
        batches(
            people, tmp_path / "devices", of_stage(batches="listeners", batch_size=4, clips_a_listener=2), devices=2
        )
