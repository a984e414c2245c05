"""Validation: the model generates for held-out speakers, and `react_eval.Scorer` says how good that is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from react_data.opening import find_layout
from react_eval.registry import find_metric
from react_eval.scorer import Scorer
from reference_models.errors import TrainingError
from reference_models.generation import RunSettings
from reference_models.generator import ReactionModel
from reference_models.speaker_inputs import open_for
from reference_models.training.processes import gathered, process_share
from reference_models.training.recipes import Recipe
from reference_models.training.settings import TrainingSettings

__all__ = ["Validation"]

_PROTOCOL = "corrected"


class Validation:
    """Scores of a model on a split that it is not trained on; with histories, if the last stage trains it on them.

    Args:
        model: The model.
        data: Folder of the data set, or a packed file.
        recipe: How it is trained; `select` names the metric.
        settings: Of the run.

    Attributes:
        metric: The metric.

    Raises:
        TrainingError: If the metric ranks nothing, or the model cannot generate online and should.
        MissingInputError: If the split lacks what the model needs.
    """

    def __init__(self, model: ReactionModel, data: Path, recipe: Recipe, settings: TrainingSettings) -> None:
        self.metric = recipe.select
        better = find_metric(self.metric).better
        if better not in ("higher", "lower"):
            raise TrainingError(f"select is {self.metric}, by whose value nothing is best. Use FRCorr or FRDist.")
        if settings.online and "online" not in model.modes:
            raise TrainingError(f"{type(model).__name__} cannot generate online. Leave online out.")
        self._sign = 1 if better == "higher" else -1
        online = settings.online or "offline" not in model.modes
        history = recipe.history_of(recipe.stages[-1]) if model.history else None
        self._run = RunSettings(settings.validation_reactions, settings.seed, online, history=history)
        dataset = open_for(
            model, data, settings.validation, features=settings.features or None, also=self._run.kinds(model)
        )
        self._speakers = self._run.speakers(dataset, model, videos=settings.videos or None)
        count = len(self._speakers.clips)
        chosen = np.linspace(0, count - 1, min(settings.validation_clips or count, count))
        self._positions = np.unique(chosen.astype(int)).tolist()
        self._scorer = Scorer(_PROTOCOL, settings.validation, data=data, metrics=[self.metric], context=False)

    @classmethod
    def of(cls, model: ReactionModel, data: Path, recipe: Recipe, settings: TrainingSettings) -> Validation | None:
        """Validation as recipe and settings want it; None if they want none, or the data set has no such split."""
        wanted = recipe.select and settings.validation
        return (
            cls(model, data, recipe, settings)
            if wanted and settings.validation in find_layout(data).splits(data)
            else None
        )

    def score(self, model: ReactionModel) -> float:
        """The metric's value, to which every process contributes its share of the clips; NaN if it is undefined."""
        scorer, whole = self._scorer.fresh(), self._scorer.fresh()
        for position in process_share(self._positions):
            batch, frames = self._speakers.batch([position]), int(self._speakers.frames[position])
            made = self._run.react(model, batch, frames)
            scorer.update(batch["clip"], {kind: values[None] for kind, values in made.items()})
        for state in gathered(scorer.state()):
            whole.merge(state)
        result: Any = whole.compute(partial=True)
        return float(result[self.metric])

    def is_better(self, value: float, than: float | None) -> bool:
        """Whether a value is better than another; anything is better than none."""
        if math.isnan(value):
            return False
        return than is None or math.isnan(than) or self._sign * value > self._sign * than
