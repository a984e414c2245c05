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
from reference_models.training.items import ModelItems, make_loader, only_tensors
from reference_models.training.recipes import Stage
from reference_models.training.settings import TrainingSettings

__all__ = ["StageModule"]

_OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}


class StageModule(LightningModule):
    """A stage of training.

    Args:
        model: The model.
        stage: The stage.
        number: Its number, which the seed of its noise depends on.
        items: What it is trained on.
        settings: Of the run.
    """

    def __init__(
        self, model: ReactionModel, stage: Stage, number: int, items: ModelItems, settings: TrainingSettings
    ) -> None:
        super().__init__()
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

    def training_step(self, batch: dict[str, Any], _batch_idx: int) -> Tensor:
        """The loss of a batch."""
        losses = self.model.loss({name: value for name, value in batch.items() if isinstance(value, Tensor)})
        parts = {f"train/{name}": value.detach() for name, value in losses.items()}
        size = len(batch["clip"])
        self.log_dict(parts, on_step=False, on_epoch=True, batch_size=size, sync_dist=self.settings.devices > 1)
        return losses["loss"]

    def configure_optimizers(self) -> Any:
        """The stage's optimiser and schedule."""
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        stage = self.stage
        optimiser = _OPTIMISERS[stage.optimiser](
            trained, lr=stage.learning_rate, weight_decay=stage.weight_decay, betas=stage.betas
        )
        steps = int(self.trainer.estimated_stepping_batches)
        epoch_steps = max(1, steps // stage.epochs)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _factor(stage, step, steps, epoch_steps))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _factor(stage: Stage, step: int, steps: int, epoch_steps: int) -> float:
    """What the learning rate is multiplied by in a step."""
    warm = min(1.0, (step + 1) / stage.warmup_steps) if stage.warmup_steps else 1.0
    if stage.schedule == "cosine":
        return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, step / max(1, steps))))
    if stage.schedule == "step":
        return float(warm * stage.schedule_factor ** (step // epoch_steps // stage.schedule_epochs))
    return warm
