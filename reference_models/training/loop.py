"""`train`: a model through the stages of its recipe, continued where an earlier run was ended."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.optional_libraries import optional_library
from react_data.training_windows import clip_frames
from reference_models.base_weights import model_on_base
from reference_models.checkpoints import describe_model, load_weights, registered_name, save_checkpoint
from reference_models.errors import TrainingError
from reference_models.generator import ReactionModel
from reference_models.loading import chosen_config, fresh_model
from reference_models.records import find_model
from reference_models.training.recipes import Recipe, Stage
from reference_models.training.settings import TrainingSettings

if TYPE_CHECKING:
    import xarray as xr

    from reference_models.training.progress_file import RunProgress
    from reference_models.training.validation import Validation

__all__ = ["TrainingResult", "train"]

PathLike = str | os.PathLike[str]

_PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}


@dataclass(frozen=True)
class TrainingResult:
    """What became of a run.

    Attributes:
        path: Our checkpoint of the best epoch, or of the last one where nothing was validated: the run's folder.
        model: The model of that checkpoint, in eval mode on the CPU; in other processes than the first of a run on
            several GPUs, that of the last epoch.
        scores: Value of the validation metric by epoch of the last stage.
        best_epoch: The best of them; None without validation.
    """

    path: Path
    model: ReactionModel
    scores: Mapping[int, float]
    best_epoch: int | None


def train(
    model: str | ReactionModel,
    data: PathLike,
    *,
    out: PathLike,
    recipe: Recipe | Mapping[str, Any] | None = None,
    config: Any = None,
    base: PathLike | None = None,
    resume: bool = True,
    show_progress: bool | None = None,
    **settings: Any,
) -> TrainingResult:
    """Train a model.

    `out` becomes a checkpoint of ours. It also holds ``training.json``, ``stages`` with a checkpoint of every stage,
    written after each epoch, and ``logs`` for TensorBoard.

    Args:
        model: Name of a model, which is made anew, or a model, registered or not, which is changed.
        data: Folder of the data set, or a packed file.
        out: Folder of the run.
        recipe: How it is trained, or changes of its own recipe; its own if not given, that for ``tiny()`` where
            `config` is ``"tiny"``.
        config: Configuration of a model that is made anew; see `reference_models.load`.
        base: For a model that adds something to another one: that one's checkpoint, to begin with; see
            `reference_models.load`. The stages that train the base alone are left out.
        resume: Whether a run that is there is continued; otherwise it is refused.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
        **settings: Fields of `TrainingSettings`: ``epochs``, ``seed``, ``devices``, ``precision``, …

    Returns:
        The best model, and how it was found.

    Raises:
        ConfigError: If configuration, recipe or settings cannot be.
        TrainingError: If the data set lacks what the recipe needs, or the folder is of another run.
        TrainingDataError: If items or batches of a stage cannot be made of the data set.
        MissingInputError: If the data set lacks what the model needs.
        LibraryMissingError: If lightning is not installed.
    """
    optional_library("lightning", extra="training", purpose="Training")
    from reference_models.training.items import make_items, make_loader, open_training_split
    from reference_models.training.processes import first_process
    from reference_models.training.progress_file import RunProgress
    from reference_models.training.validation import Validation

    chosen = TrainingSettings.of(settings)
    made, begun = _made(model, config, chosen.seed, base)
    followed = _followed(made, recipe, tiny=config == "tiny", epochs=chosen.epochs)
    if begun:
        followed = _without_base(followed, made)
    dataset = open_training_split(made, Path(data), followed, chosen)
    for stage in followed.stages:  # what a late stage lacks is said before the first one begins
        make_loader(make_items(dataset, made, followed, stage, chosen), stage, chosen)
    validation = Validation.of(made, Path(data), followed, chosen)
    described = describe_model(made, {})
    kept = {name: described[name] for name in ("model", "config")}
    run = {**kept, "recipe": followed.to_dict(), "training": chosen.deciding(), "data": _digest(dataset), **begun}
    progress = RunProgress.begin(Path(out), run, resume=resume)
    shared = _Run(made, dataset, followed, chosen, progress, validation, show_progress)
    for number, stage in enumerate(followed.stages):
        folder = progress.stage_folder(stage.name)
        if stage.name in progress.finished:
            load_weights(made, folder)
            continue
        _run_stage(shared, number, stage)
        progress.finished.append(stage.name)
        progress.write()
    if not first_process():
        return TrainingResult(Path(out), made.to("cpu").eval(), {}, None)
    if progress.best is None:
        save_checkpoint(made, out, facts={**run, "stage": followed.stages[-1].name})
    scores = {int(epoch): float(value) for epoch, value in progress.scores.items()}
    return TrainingResult(Path(out), load_weights(made.to("cpu"), out), scores, progress.best)


@dataclass(frozen=True)
class _Run:
    """What the stages of a run share."""

    model: ReactionModel
    dataset: xr.Dataset
    recipe: Recipe
    settings: TrainingSettings
    progress: RunProgress
    validation: Validation | None
    show_progress: bool | None


def _digest(dataset: xr.Dataset) -> str:
    """A hash of what the split is: its layout, its clips and their lengths."""
    facts = (str(dataset.attrs.get("layout")), dataset["clip"].values.tolist(), clip_frames(dataset).tolist())
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _made(
    model: str | ReactionModel, config: Any, seed: int, base: PathLike | None
) -> tuple[ReactionModel, dict[str, str]]:
    """The model that is trained, and what it begins with, as a run's description says it."""
    if isinstance(model, ReactionModel):
        if config is not None or base is not None:
            raise TrainingError("config and base are for a model that is made anew by its name. Leave them out.")
        return model, {}
    record = find_model(model)
    wanted = chosen_config(record, "clean" if config is None else config)
    if base is None:
        return fresh_model(record, wanted, seed), {}
    made, weights = model_on_base(record, base, wanted, seed)
    return made, {"base": weights}


def _without_base(recipe: Recipe, model: ReactionModel) -> Recipe:
    """A recipe without the stages of the model's base."""
    base = find_model(find_model(registered_name(model)).base).training_recipe()
    trained = {stage.name for stage in base.stages}
    return replace(recipe, stages=tuple(stage for stage in recipe.stages if stage.name not in trained))


def _followed(
    model: ReactionModel, recipe: Recipe | Mapping[str, Any] | None, *, tiny: bool, epochs: int | None
) -> Recipe:
    """The recipe that is followed, with everything that was changed."""
    if isinstance(recipe, Recipe):
        found = recipe
    else:
        name = registered_name(model)
        if not name:
            raise TrainingError(f"{type(model).__name__} is not registered, so its recipe is not known. Pass recipe=….")
        found = find_model(name).training_recipe(tiny=tiny).changed(recipe or {})
    if epochs is not None:
        found = replace(found, stages=tuple(replace(stage, epochs=epochs) for stage in found.stages))
    return found


def _run_stage(run: _Run, number: int, stage: Stage) -> None:
    """Train a stage to its end, from where it stands."""
    from reference_models.training.averaging import WeightAverage
    from reference_models.training.epoch_end import EpochEnd, resume_file
    from reference_models.training.items import make_items
    from reference_models.training.lightning_module import StageModule

    model, settings = run.model, run.settings
    run.progress.stage_folder(stage.name).mkdir(parents=True, exist_ok=True)
    model.stage, model.loss_weights = stage.name, stage.loss_weights
    items = make_items(run.dataset, model, run.recipe, stage, settings)
    last = stage is run.recipe.stages[-1]
    average = WeightAverage(model, stage.average)
    end = EpochEnd(
        model, stage, run.progress, average, run.validation if last else None,
        every=run.recipe.validate_every, patience=settings.patience,
    )  # fmt: skip
    earlier = resume_file(run.progress, stage)
    with _quiet(), only_trained(model, stage):
        trainer = _trainer(run, stage, end, len(items))
        module = StageModule(model.train(), stage, number, items, settings, average)
        try:
            trainer.fit(module, ckpt_path=str(earlier) if earlier.is_file() else None)
        except SystemExit:  # what Lightning makes of Ctrl+C, after which it ignores every other one
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
    average.settle()
    model.eval()


def _trainer(run: _Run, stage: Stage, end: Any, items: int) -> Any:
    from lightning.pytorch import Trainer
    from lightning.pytorch.loggers import TensorBoardLogger

    from reference_models.training.progress_bar import StageBar

    settings = run.settings
    return Trainer(
        max_epochs=stage.epochs,
        accelerator=settings.accelerator,
        devices=settings.devices,
        strategy="ddp_find_unused_parameters_true" if settings.devices > 1 else "auto",
        precision=_PRECISIONS[settings.precision],  # type: ignore[arg-type]  # one of the names it knows
        gradient_clip_val=stage.gradient_clip or None,
        logger=TensorBoardLogger(run.progress.folder / "logs", name=stage.name, version=""),
        callbacks=[StageBar(stage.name, run.show_progress), end],
        log_every_n_steps=max(1, min(50, items // stage.batch_size)),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


@contextmanager
def only_trained(model: ReactionModel, stage: Stage) -> Iterator[None]:
    """Freeze the parameters that a stage does not train."""
    before = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    unknown = [prefix for prefix in stage.parameters if not any(name.startswith(prefix) for name in before)]
    if unknown:
        raise TrainingError(f"stage {stage.name!r} trains {unknown[0]!r}, but no parameter of the model begins so.")
    try:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name] and (not stage.parameters or name.startswith(stage.parameters)))
        yield
    finally:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(before[name])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's notices on hardware and its advice on loaders from people who did not choose either."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [each.level for each in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\.")
        warnings.filterwarnings("ignore", category=UserWarning, message=r".*does not have many workers.*")
        for each in loggers:
            each.setLevel(logging.WARNING)
        try:
            yield
        finally:
            for each, level in zip(loggers, levels, strict=True):
                each.setLevel(level)
