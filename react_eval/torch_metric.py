"""A `Scorer` as a torchmetrics metric, for training loops that log those."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import distributed

try:
    from torchmetrics import Metric
except ImportError as error:
    raise ImportError("ScorerMetric needs torchmetrics: pip install torchmetrics.") from error

from react_eval.scorer import Scorer

__all__ = ["ScorerMetric"]


class ScorerMetric(Metric):
    """Scores of a whole split as a torchmetrics metric; processes of a distributed run are merged by `compute`.

    Args:
        scorer: Says what is scored, and against what.
        partial: Whether clips may be missing.
        **options: What `torchmetrics.Metric` takes.

    Example:
        >>> metric = ScorerMetric(Scorer("react2024", metrics=["FRVar"]))
        >>> metric.update(["a", "b"], torch.rand(2, 10, 60, 25, generator=torch.manual_seed(0)))
        >>> round(float(metric.compute()["FRVar"]), 2)
        0.08
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = None

    def __init__(self, scorer: Scorer, *, partial: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.scorer = scorer
        self.partial = partial

    def update(self, clips: Sequence[str], predictions: Any) -> None:
        """Add the predictions of some clips; see `Scorer.update`."""
        self.scorer.update(clips, predictions)

    def forward(self, clips: Sequence[str], predictions: Any) -> None:
        """The same as `update`: a batch alone has no score, since neighbours and diversity are those of a split."""
        self.update(clips, predictions)

    def compute(self) -> dict[str, torch.Tensor]:
        """The scores of all clips that any process has seen.

        Returns:
            A float64 tensor for each result key.

        Raises:
            InputError: If clips are missing and `partial` is false.
        """
        result = self._merged().compute(partial=self.partial)
        return {key: torch.tensor(value, dtype=torch.float64) for key, value in result.items()}

    def reset(self) -> None:
        """Forget all predictions."""
        super().reset()
        self.scorer.reset()

    def _merged(self) -> Scorer:
        if not (distributed.is_available() and distributed.is_initialized()):
            return self.scorer
        states: list[Any] = [None] * distributed.get_world_size()
        distributed.all_gather_object(states, self.scorer.state())
        merged = self.scorer.fresh()
        for state in states:
            merged.merge(state)
        return merged
