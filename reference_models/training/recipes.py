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
        optimiser: ``"adamw"`` or ``"adam"``.
        betas: Of the optimiser.
        schedule: ``"constant"``, ``"cosine"`` to 0 at the end of the stage, or ``"step"``: times `schedule_factor`
            every `schedule_epochs`.
        schedule_epochs: Of the schedule ``"step"``.
        schedule_factor: Of the schedule ``"step"``.
        warmup_steps: Steps in which the learning rate rises from 0.
        batch_size: Items a step.
        window: Frames an item; whole clips if None.
        crop: ``"random"``, ``"centre"``, or ``"windows"`` for every window of a clip.
        gradient_clip: Largest norm of all gradients; 0 for none.
        parameters: Prefixes of the parameters that are trained; all if empty. The others are frozen.
        loss_weights: Weights of the losses' parts, by the names that the model's `loss` knows.
    """

    name: str
    epochs: int
    learning_rate: float
    weight_decay: float = 0.0
    optimiser: Literal["adamw", "adam"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Literal["constant", "cosine", "step"] = "constant"
    schedule_epochs: int = 1
    schedule_factor: float = 1.0
    warmup_steps: int = 0
    batch_size: int = 16
    window: int | None = None
    crop: Literal["random", "centre", "windows"] = "random"
    gradient_clip: float = 0.0
    parameters: tuple[str, ...] = ()
    loss_weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        stages: One after another.
        outputs: Kinds of the listener's series that the losses need: ``"emotion"``, ``"3dmm"``.
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
        checked: dict[str, Any] = {name: _checked("the recipe", name, value, known) for name, value in values.items()}
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
    changes = {name: _checked(owner, name, value, known) for name, value in given.items()}
    if "loss_weights" in changes:
        changes["loss_weights"] = {**stage.loss_weights, **changes["loss_weights"]}
    return replace(stage, **changes)


_OPTIONAL = {"window": int, "history": str}


def _checked(owner: str, name: str, value: Any, known: Mapping[str, Any]) -> Any:
    """A value of a field, of the type that the field has."""
    if name not in known:
        raise ConfigError(f"{owner} has no field {name!r}. {suggest(name, known)}")
    expected = _OPTIONAL.get(name, type(known[name]))
    if value is None and name in _OPTIONAL:
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
