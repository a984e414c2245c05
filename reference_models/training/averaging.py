"""A moving average of the weights of a stage, which is steadier than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from reference_models.generator import ReactionModel

__all__ = ["WeightAverage"]

# Lightning's own callback copies the module with all of its training data, and averages counters and flags too.


class WeightAverage:
    """a ← d·a + (1 − d)·w after every step, with d = min(decay, (1 + n) / (10 + n)) in step n.

    Frozen parameters and buffers are not averaged: they are as the model has them.

    Args:
        model: The model.
        decay: 0 for no average.
    """

    def __init__(self, model: ReactionModel, decay: float) -> None:
        self._model, self._decay = model, decay
        self._average: dict[str, Tensor] = {}
        self._steps = 0

    def begin(self) -> None:
        """Begin with the weights that the stage begins with, or go on with what was loaded, on the model's device."""
        if self._decay:
            weights = self._trained()
            begun = self._average or weights
            self._average = {name: begun[name].to(weight.device, copy=True) for name, weight in weights.items()}

    def follow(self) -> None:
        """Follow the weights after a step."""
        if self._decay:
            decay = min(self._decay, (1 + self._steps) / (10 + self._steps))
            torch._foreach_lerp_(list(self._average.values()), list(self._trained().values()), 1 - decay)
            self._steps += 1

    @contextmanager
    def in_model(self) -> Iterator[None]:
        """The model with the averaged weights for a while."""
        kept = {name: self._model.get_parameter(name).detach().clone() for name in self._average}
        self.settle()
        try:
            yield
        finally:
            self._fill(kept)

    def settle(self) -> None:
        """Leave the averaged weights in the model."""
        self._fill(self._average)

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to keep."""
        return {"average": self._average, "steps": self._steps}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self._average, self._steps = state["average"], state["steps"]

    def _trained(self) -> dict[str, Tensor]:
        return {name: weight.detach() for name, weight in self._model.named_parameters() if weight.requires_grad}

    @torch.no_grad()
    def _fill(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self._model.get_parameter(name).copy_(value)
