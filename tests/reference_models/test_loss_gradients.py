"""Every part of every loss is learned: it has a gradient of its own in each stage that it is a part of."""

from dataclasses import replace

import pytest
import torch

import react_data
import reference_models
from react_data.feature_writing import write_features
from reference_models.loading import load
from reference_models.training.items import make_items, make_loader, only_tensors, open_training_split
from reference_models.training.loop import only_trained
from reference_models.training.settings import TrainingSettings

FEATURES = ("mfcc78", "mfcc26")
SHOWN_ONLY = {"heard"}  # a copy of the whole loss
WHOLE = {  # with parts that the tiny configuration has not
    "perfrdiff": {
        "speaker_inputs": ("mfcc78", "3dmm", "emotion"), "unused_parts": True, "prior_trained": True, "prior_layers": 1,
    },
}  # fmt: skip
NAMES = [name for name, record in reference_models.models().items() if record.model.startswith("reference_models.")]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("dyads") / "data"
    react_data.synthesise(
        path, recordings=12, frames=200, behaviours=2, seed=3, modalities=("emotion", "3dmm", "audio"), video="mp4",
        show_progress=False,
    )  # fmt: skip
    write_features(path, path / "features", features=FEATURES, show_progress=False)
    return path


def idle_parts(model, losses):
    """The parts of which no gradient reaches a parameter that is trained."""
    trained = [each for each in model.parameters() if each.requires_grad]
    idle = []
    for name, value in losses.items():
        grads = torch.autograd.grad(value, trained, retain_graph=True, allow_unused=True) if value.requires_grad else []
        if not any(grad is not None and bool(grad.any()) for grad in grads):
            idle.append(name)
    return idle


def batches_of(model, stage, recipe, dataset, settings):
    items = make_items(dataset, model, recipe, stage, settings)
    return list(only_tensors(make_loader(items, stage, settings), "cpu"))


@pytest.mark.parametrize("name", NAMES)
def test_every_part_of_the_loss_is_learned(name, root):
    record = reference_models.find_model(name)
    model = load(name, config=replace(record.config_class().tiny(), **WHOLE.get(name, {})), seed=1)
    recipe = record.training_recipe(tiny=True)
    settings = TrainingSettings(features=str(root / "features"), accelerator="cpu")
    dataset = open_training_split(model, root, recipe, settings)
    trained = {stage.name: stage.parameters for stage in record.training_recipe().stages}
    for stage in recipe.stages:
        model.stage = stage.name
        model.loss_weights = {part: weight or 1.0 for part, weight in stage.loss_weights.items()}
        batches = batches_of(model, replace(stage, batch_size=8), recipe, dataset, settings)
        model.begin_stage(stage.name, iter(batches))
        with only_trained(model, replace(stage, parameters=trained[stage.name])):
            losses = model.train().loss(batches[0])
            assert not set(model.loss_weights) - set(losses), stage.name
            assert not set(idle_parts(model, losses)) - SHOWN_ONLY, stage.name
