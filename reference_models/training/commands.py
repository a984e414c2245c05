"""What `react-models train` does: settings from a file, options and overrides, then the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reference_models.errors import ConfigError
from reference_models.loading import chosen_config
from reference_models.records import find_model
from reference_models.training.loop import TrainingResult, train
from reference_models.training.settings import read_settings_file, with_overrides

__all__ = ["train_by_settings"]


def train_by_settings(
    name: str | None,
    data: Path,
    out: Path,
    *,
    file: Path | None,
    preset: str | None,
    overrides: Sequence[str],
    given: Mapping[str, Any],
    base: Path | None = None,
    show_progress: bool | None,
) -> TrainingResult:
    """Train as a file, options and overrides say; the later of these win.

    Args:
        name: The model; the file's if None.
        data: Folder of the data set, or a packed file.
        out: Folder of the run.
        file: YAML file of settings.
        preset: Configuration to begin with.
        overrides: ``key=value`` texts.
        given: Options of the command line; those that are None were not given.
        base: Checkpoint of the model's base, to begin with.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Raises:
        ConfigError: If no model is named, or a setting cannot be.
    """
    content: dict[str, Any] = {} if file is None else read_settings_file(file)
    content = with_overrides({"config": {}, "recipe": {}, "training": {}} | content, overrides)
    options = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
    content["training"] |= {key: value for key, value in options.items() if value is not None}
    named, chosen = name or content.get("model"), preset or content.get("preset") or "clean"
    if not isinstance(named, str):
        raise ConfigError("name the model: react-models train NAME, or `model:` in the settings file.")
    record = find_model(named)
    begun = chosen_config(record, str(chosen))
    config = type(begun).from_dict(begun.to_dict() | content["config"])
    recipe = record.training_recipe(tiny=chosen == "tiny").changed(content["recipe"])
    return train(
        named, data, out=out, recipe=recipe, config=config, base=base, show_progress=show_progress,
        **content["training"],
    )  # fmt: skip
