"""Progress of a stage on stderr: steps, an estimate of when it ends, and the loss."""

from __future__ import annotations

import sys
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

__all__ = ["StageBar"]


class StageBar(Callback):
    """One bar for all epochs of a stage.

    Args:
        label: Name of the stage.
        show: True or False, or None to show it only on a terminal.
    """

    def __init__(self, label: str, show: bool | None) -> None:
        self._label, self._disable = label, None if show is None else not show
        self._bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  Lightning's names
        """Begin where the stage stands."""
        total = int(trainer.estimated_stepping_batches)
        disable = True if not trainer.is_global_zero else self._disable
        self._bar = tqdm(
            total=total, initial=trainer.global_step, desc=f"training {self._label}", unit="step", file=sys.stderr,
            disable=disable, leave=False,
        )  # fmt: skip

    def on_train_batch_end(
        self,
        trainer: Trainer,  # noqa: ARG002
        pl_module: LightningModule,  # noqa: ARG002
        outputs: Any,
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Go on by a step."""
        if self._bar is None or self._bar.disable:
            return
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if isinstance(loss, torch.Tensor):
            self._bar.set_postfix(loss=f"{float(loss):.4g}", refresh=False)
        self._bar.update()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002  Lightning's names
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
