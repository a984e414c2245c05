"""What a training run has done so far, in ``training.json`` of its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference_models.errors import TrainingError
from reference_models.training.processes import first_process
from reference_models.weight_files import write_json

__all__ = ["RunProgress"]

_FILE = "training.json"


@dataclass
class RunProgress:
    """What a run has done so far; written after every change.

    Attributes:
        folder: The run's folder.
        run: What is run: model, configuration, recipe, settings.
        finished: Names of the stages that are finished.
        scores: Value of the validation metric by epoch of the last stage, as text, since JSON has no NaN.
        best: The best of these epochs.
    """

    folder: Path
    run: Mapping[str, Any]
    finished: list[str] = field(default_factory=list)
    scores: dict[str, str] = field(default_factory=dict)
    best: int | None = None

    @classmethod
    def begin(cls, folder: Path, run: Mapping[str, Any], *, resume: bool) -> RunProgress:
        """Begin a run in a folder, or continue it.

        Args:
            folder: The folder; made if it is not there.
            run: What is run.
            resume: Whether a run that is there is continued.

        Raises:
            TrainingError: If the folder is of another run, or `resume` is false and it is of any.
        """
        plain = json.loads(json.dumps(run))
        file = folder / _FILE
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            begun = cls(folder, plain)
            begun.write()
            return begun
        earlier = json.loads(file.read_text(encoding="utf-8"))
        differing = [name for name in plain if earlier["run"].get(name) != plain[name]]
        if differing or not resume:
            why = f"was begun with another {' and '.join(differing)}" if differing else "is of an earlier run"
            raise TrainingError(f"{folder} {why}. Choose another folder, or remove it.")
        return cls(folder, plain, earlier["finished"], earlier["scores"], earlier["best"])

    @property
    def best_score(self) -> float | None:
        """The best value so far."""
        return None if self.best is None else float(self.scores[str(self.best)])

    @property
    def complete(self) -> bool:
        """Whether all stages are finished."""
        return len(self.finished) == len(self.run["recipe"]["stages"])

    def stage_folder(self, stage: str) -> Path:
        """Where a stage keeps its checkpoints."""
        return self.folder / "stages" / stage

    def write(self) -> None:
        """Write the file, in the first process of a run."""
        if not first_process():
            return
        content = {"run": self.run, "finished": self.finished, "scores": self.scores, "best": self.best}
        write_json(self.folder / _FILE, content)
