"""Recipes: what a model is trained on, in which stages, with which optimiser. Plain data that imports no torch.

Conventions: a batch of training has the names of `react_data.torch.ReactionData`. ``speaker_K`` (B, T, C) are all that
the model's `inputs` name, ``listener_K`` (B, T, C) paired targets, ``target_K`` (B, k, T, C) those of neighbours, with
``target_mask`` (B, k) and ``target_frame_mask`` (B, k, T), and ``frame_mask`` (B, T) is False after a clip's end. K is
``emotion`` or ``3dmm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from react_data.clips import suggest
from reference_models.errors import ConfigError

__all__ = ["Recipe", "Stage"]


@dataclass(frozen=True)
class Stage:
    """A part of training: which parameters, for how long, and how.

    The trainer calls the model's ``begin_stage(stage, batches)`` before it, and sets ``model.stage`` to its name and
    ``model.loss_weights`` to its weights.

    Attributes:
        name: Such as ``"autoencoder"``.
        epochs: Passes over the training items.
        learning_rate: At the beginning.
        weight_decay: Of the optimiser.
        decayed: ``"all"`` parameters, or ``"matrices"`` only, which leaves biases and gains as they are.
        optimiser: ``"adamw"``, ``"adam"`` or ``"sgd"``.
        betas: Of Adam.
        momentum: Of ``"sgd"``.
        schedule: ``"constant"``; ``"cosine"``, half a wave to 0 at the end of the stage; ``"cosine by epoch"``, half a
            wave to 0 over `schedule_epochs`, in steps of an epoch; or ``"step"``: times `schedule_factor` every
            `schedule_epochs`, or at the `milestones`.
        schedule_epochs: Of the schedules ``"step"`` and ``"cosine by epoch"``.
        schedule_factor: Of the schedule ``"step"``.
        milestones: Epochs at which the schedule ``"step"`` takes a step; every `schedule_epochs` if empty.
        constant_epochs: Epochs before the schedule begins.
        warmup_steps: Steps in which the learning rate rises from 0.
        average: Decay of a moving average of the trained weights, which is what is validated and saved; 0 for none. In
            step n it is (1 + n) / (10 + n) as long as that is less.
        batch_size: Items a step.
        batches: What makes up a batch: ``"items"`` in random order; ``"listeners"``: `clips_a_listener` items of each
            of some listeners, for what learns to tell them apart; ``"appropriate"``: at most so many, all of them
            appropriate reactions to one speaker, so that listeners differ in more than what they react to. Directions
            are not exchanged in these two.
        clips_a_listener: Items of each listener; `batch_size` is a multiple of it.
        window: Frames an item; whole clips if None.
        crop: ``"random"``, ``"centre"``, or ``"windows"`` for every window of a clip.
        targets: As the recipe's; ``"none"`` also leaves out the listener; the recipe's if None.
        neighbours: As the recipe's, which it is if None.
        history: As the recipe's, or ``"none"``; the recipe's if None. Clips without such a history are left out.
        gradient_clip: Largest norm of all gradients; 0 for none.
        parameters: Prefixes of the parameters that are trained; all if empty. The others are frozen.
        loss_weights: Weights of the losses' parts, by the names that the model's `loss` knows.
    """

    name: str
    epochs: int
    learning_rate: float
    weight_decay: float = 0.0
    decayed: Literal["all", "matrices"] = "all"
    optimiser: Literal["adamw", "adam", "sgd"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = 0.0
    schedule: Literal["constant", "cosine", "cosine by epoch", "step"] = "constant"
    schedule_epochs: int = 1
    schedule_factor: float = 1.0
    milestones: tuple[int, ...] = ()
    constant_epochs: int = 0
    warmup_steps: int = 0
    average: float = 0.0
    batch_size: int = 16
    batches: Literal["items", "listeners", "appropriate"] = "items"
    clips_a_listener: int = 4
    window: int | None = None
    crop: Literal["random", "centre", "windows"] = "random"
    targets: Literal["paired", "neighbours", "none"] | None = None
    neighbours: int | None = None
    history: Literal["first", "other", "none"] | None = None
    gradient_clip: float = 0.0
    parameters: tuple[str, ...] = ()
    loss_weights: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                raise ConfigError(f"{name} of the stage {self.name!r} is {value!r}, expected one of {known}.")
        for name in ("average", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} of the stage {self.name!r} is {getattr(self, name)}, expected 0 to below 1.")
        least = {"epochs": 1, "schedule_epochs": 1, "batch_size": 1, "clips_a_listener": 2}
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise ConfigError(
                    f"{name} of the stage {self.name!r} is {getattr(self, name)}, expected at least {smallest}."
                )
        if self.batches != "items" and (
            self.batch_size % self.clips_a_listener or self.batch_size == self.clips_a_listener
        ):
            raise ConfigError(
                f"the stage {self.name!r} takes batches of {self.batch_size} items, {self.clips_a_listener} of each "
                "listener: expected a multiple, of at least two listeners."
            )


_CHOICES = {
    "optimiser": ("adamw", "adam", "sgd"),
    "decayed": ("all", "matrices"),
    "schedule": ("constant", "cosine", "cosine by epoch", "step"),
    "batches": ("items", "listeners", "appropriate"),
    "crop": ("random", "centre", "windows"),
    "targets": ("paired", "neighbours", "none", None),
    "history": ("first", "other", "none", None),
}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        stages: One after another.
        outputs: Kinds of the listener's series that the losses need: ``"emotion"``, ``"3dmm"``, or names of features.
        targets: ``"paired"``: the real listener; ``"neighbours"``: up to `neighbours` appropriate listeners.
        neighbours: Most appropriate listeners an item.
        role_swap: Whether speaker and listener are exchanged in half of the items.
        history: ``"first"`` or ``"other"`` clip of the same listener as ``history_K``; none if None.
        coefficients: Form of 3DMM: ``"raw"``, ``"zero-centred"`` or ``"standardised"``; these two need the face files.
        select: Metric that validation selects the best epoch by, under the protocol ``corrected``; the loss on the
            validation split if empty.
        validate_every: Epochs from one validation to the next.
        tiny: The recipe of the `tiny()` configuration; this one if None.
    """

    stages: tuple[Stage, ...]
    outputs: tuple[str, ...] = ("emotion", "3dmm")
    targets: Literal["paired", "neighbours"] = "paired"
    neighbours: int = 10
    role_swap: bool = False
    history: Literal["first", "other"] | None = None
    coefficients: Literal["raw", "zero-centred", "standardised"] = "raw"
    select: str = "FRCorr"
    validate_every: int = 10
    tiny: Recipe | None = None

    def history_of(self, stage: Stage) -> Literal["first", "other"] | None:
        """The history that items of a stage have."""
        found = self.history if stage.history is None else stage.history
        return None if found == "none" else found

    def to_dict(self) -> dict[str, Any]:
        """Plain data for YAML and JSON, without the tiny recipe."""
        plain = {name: value for name, value in asdict(self).items() if name not in ("tiny", "stages")}
        stages = [{**asdict(stage), "loss_weights": dict(stage.loss_weights)} for stage in self.stages]
        return {"stages": [_plain(stage) for stage in stages], **_plain(plain)}

    def changed(self, given: Mapping[str, Any]) -> Recipe:
        """The same recipe with some settings changed.

        Args:
            given: New values by field. ``stages`` is a mapping of stage names, or a list of stages in order, to fields
                of `Stage`; stages that a mapping does not name stay as they are.

        Raises:
            ConfigError: If there is no such field or stage, or a value has another type.
        """
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "tiny"}
        values = {name: value for name, value in given.items() if name != "stages"}
        checked: dict[str, Any] = {
            name: _checked("the recipe", name, value, known, _OPTIONAL) for name, value in values.items()
        }
        return replace(self, stages=self._changed_stages(given.get("stages", {})), **checked)

    def _changed_stages(self, given: Any) -> tuple[Stage, ...]:
        by_name = {stage.name: stage for stage in self.stages}
        if isinstance(given, (list, tuple)):
            named = {each.get("name", ""): each for each in given if isinstance(each, Mapping)}
            ordered = list(named)
        elif isinstance(given, Mapping):
            named, ordered = dict(given), list(by_name)
        else:
            raise ConfigError(f"stages is {given!r}, expected settings by stage: {', '.join(by_name)}.")
        for name in named:
            if name not in by_name:
                raise ConfigError(f"the recipe has no stage {name!r}. {suggest(name, by_name)}")
        return tuple(_changed_stage(by_name[name], named.get(name, {})) for name in ordered)


def _changed_stage(stage: Stage, given: Mapping[str, Any]) -> Stage:
    known = {each.name: getattr(stage, each.name) for each in fields(stage)}
    owner = f"the stage {stage.name!r}"
    changes = {name: _checked(owner, name, value, known, _OPTIONAL_OF_STAGES) for name, value in given.items()}
    if "loss_weights" in changes:
        changes["loss_weights"] = {**stage.loss_weights, **changes["loss_weights"]}
    return replace(stage, **changes)


_OPTIONAL: dict[str, type] = {"history": str}
_OPTIONAL_OF_STAGES = _OPTIONAL | {"window": int, "targets": str, "neighbours": int}


def _checked(owner: str, name: str, value: Any, known: Mapping[str, Any], optional: Mapping[str, type]) -> Any:
    """A value of a field, of the type that the field has."""
    if name not in known:
        raise ConfigError(f"{owner} has no field {name!r}. {suggest(name, known)}")
    expected = optional.get(name, type(known[name]))
    if value is None and name in optional:
        return None
    if expected is tuple and isinstance(value, (list, tuple)):
        return tuple(value)
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fits = isinstance(value, Mapping) if expected is dict else type(value) is expected
    if not fits:
        raise ConfigError(f"{name} of {owner} is {value!r}, expected {expected.__name__} such as {known[name]!r}.")
    return value


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
