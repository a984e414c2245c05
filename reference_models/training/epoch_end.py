"""What happens after every epoch: checkpoints, then validation, whose best epoch becomes the run's result."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint

from react_eval.submissions.durable import replace_durably
from reference_models.checkpoints import save_checkpoint
from reference_models.errors import TrainingError
from reference_models.generator import ReactionModel
from reference_models.training.averaging import WeightAverage
from reference_models.training.progress_file import RunProgress
from reference_models.training.recipes import Stage
from reference_models.training.validation import Validation

__all__ = ["EpochEnd", "resume_file"]


def resume_file(progress: RunProgress, stage: Stage) -> Path:
    """What Lightning continues a stage from."""
    return progress.stage_folder(stage.name) / "last.ckpt"


class EpochEnd(Checkpoint):
    """Validates, then writes ours and Lightning's checkpoint; a kill at any moment loses at most one epoch.

    Args:
        model: The model.
        stage: The stage.
        progress: Of the run.
        average: Of the weights; what is validated and saved as ours.
        validation: Scores the model; None in all stages but the last, or without validation.
        every: Epochs from one validation to the next.
        patience: Validations without a better value after which training ends; 0 for never.
    """

    def __init__(
        self,
        model: ReactionModel,
        stage: Stage,
        progress: RunProgress,
        average: WeightAverage,
        validation: Validation | None,
        *,
        every: int,
        patience: int,
    ) -> None:
        self._model, self._stage, self._progress, self._validation = model, stage, progress, validation
        self._average, self._every, self._patience = average, every, patience

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  Lightning's names
        """Validate and write."""
        epoch = trainer.current_epoch
        # Reading a metric gathers it from all processes, so each of them has to.
        losses = {name: repr(float(value)) for name, value in trainer.callback_metrics.items()}
        if any(math.isnan(float(value)) for value in losses.values()):
            raise TrainingError(
                f"the loss of stage {self._stage.name!r} is no number in epoch {epoch}: {losses}. Lower its "
                "learning_rate, or set its gradient_clip; the checkpoint before is kept."
            )
        due = (epoch + 1) % self._every == 0 or epoch + 1 == self._stage.epochs
        with self._average.in_model():
            if self._validation is not None and due:
                self._validate(trainer, self._validation, epoch, losses)
            if trainer.is_global_zero:
                folder = self._progress.stage_folder(self._stage.name)
                save_checkpoint(self._model, folder, facts=self._facts(epoch, losses))
        temporary = resume_file(self._progress, self._stage).with_suffix(".tmp")
        trainer.save_checkpoint(temporary)
        if trainer.is_global_zero:
            replace_durably(temporary, resume_file(self._progress, self._stage))

    def _validate(self, trainer: Trainer, validation: Validation, epoch: int, losses: dict[str, str]) -> None:
        value = validation.score(self._model)
        for logger in trainer.loggers:
            logger.log_metrics({f"{validation.metric} (corrected)": value}, step=trainer.global_step)
        progress = self._progress
        progress.scores[str(epoch)] = repr(value)
        if progress.best == epoch or validation.is_better(value, progress.best_score):
            progress.best = epoch
            if trainer.is_global_zero:
                save_checkpoint(self._model, progress.folder, facts=self._facts(epoch, losses))
        progress.write()
        since = [each for each in progress.scores if progress.best is not None and int(each) > progress.best]
        if self._patience and len(since) >= self._patience:
            trainer.should_stop = True

    def _facts(self, epoch: int, losses: dict[str, str]) -> dict[str, Any]:
        scores = {"scores": self._progress.scores, "best_epoch": self._progress.best}
        return {**self._progress.run, "stage": self._stage.name, "epoch": epoch, "losses": losses, **scores}
