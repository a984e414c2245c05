"""A stage of training as Lightning runs it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from reference_models.generator import ReactionModel
from reference_models.training.averaging import WeightAverage
from reference_models.training.items import ModelItems, make_loader, only_tensors
from reference_models.training.recipes import Stage
from reference_models.training.settings import TrainingSettings

__all__ = ["StageModule"]


class StageModule(LightningModule):
    """A stage of training.

    Args:
        model: The model.
        stage: The stage.
        number: Its number, which the seed of its noise depends on.
        items: What it is trained on.
        settings: Of the run.
        average: Follows the weights.
    """

    def __init__(
        self,
        model: ReactionModel,
        stage: Stage,
        number: int,
        items: ModelItems,
        settings: TrainingSettings,
        average: WeightAverage,
    ) -> None:
        super().__init__()
        self.average = average
        self.model, self.stage, self.number, self.items, self.settings = model, stage, number, items, settings

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        """Batches of the stage's items."""
        return make_loader(self.items, self.stage, self.settings)

    def on_train_start(self) -> None:
        """Let the model prepare for the stage, unless it is continued."""
        if self.global_step == 0:
            self.items.set_epoch(0)
            with torch.no_grad():
                batches = only_tensors(make_loader(self.items, self.stage, self.settings), self.device)
                self.model.begin_stage(self.stage.name, batches)

    def on_train_batch_start(self, _batch: Any, batch_idx: int) -> None:
        """Seed the noise of an epoch, so that a run that is continued goes on as if it had never ended."""
        if batch_idx == 0:
            numbers = (self.settings.seed, self.number, self.current_epoch, self.global_rank)
            torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1))
            self.average.begin()

    def on_train_batch_end(self, _outputs: Any, _batch: Any, _batch_idx: int) -> None:
        """Let the average follow."""
        self.average.follow()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the average, from which a run that is continued goes on."""
        checkpoint["average"] = self.average.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Go on with the average."""
        self.average.restore(checkpoint["average"])

    def training_step(self, batch: dict[str, Any], _batch_idx: int) -> Tensor:
        """The loss of a batch."""
        losses = self.model.loss({name: value for name, value in batch.items() if isinstance(value, Tensor)})
        parts = {f"train/{name}": value.detach() for name, value in losses.items()}
        size = len(batch["clip"])
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=size, sync_dist=self.settings.devices > 1)
        return losses["loss"]

    def configure_optimizers(self) -> Any:
        """The stage's optimiser and schedule."""
        stage, optimiser = self.stage, _optimiser(self.stage, self.model)
        steps = int(self.trainer.estimated_stepping_batches)
        epoch_steps = max(1, steps // stage.epochs)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _factor(stage, step, steps, epoch_steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _optimiser(stage: Stage, model: ReactionModel) -> torch.optim.Optimizer:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kept = [parameter for parameter in trained if stage.decayed == "matrices" and parameter.ndim < 2]
    decayed = [parameter for parameter in trained if stage.decayed == "all" or parameter.ndim > 1]
    groups = [{"params": decayed, "weight_decay": stage.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    if stage.optimiser == "sgd":
        return torch.optim.SGD(groups, lr=stage.learning_rate, momentum=stage.momentum)
    kind = torch.optim.AdamW if stage.optimiser == "adamw" else torch.optim.Adam
    return kind(groups, lr=stage.learning_rate, betas=stage.betas)


def _factor(stage: Stage, step: int, steps: int, epoch_steps: int) -> float:
    """What the learning rate is multiplied by in a step."""
    warm = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    constant = stage.constant_epochs * epoch_steps
    since, epoch = max(0, step - constant), max(0, step // epoch_steps - stage.constant_epochs)
    if stage.schedule == "cosine":
        return warm * _half_wave(since / max(1, steps - constant))
    if stage.schedule == "cosine by epoch":
        return warm * _half_wave(epoch / stage.schedule_epochs)
    if stage.schedule == "step":
        taken = sum(epoch >= each for each in stage.milestones) if stage.milestones else epoch // stage.schedule_epochs
        return float(warm * stage.schedule_factor**taken)
    return warm


def _half_wave(passed: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(1.0, passed)))
