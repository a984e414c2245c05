"""Settings of a training run: from arguments, a YAML file, and ``key=value`` of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from react_data.clips import suggest
from react_data.optional_libraries import optional_library
from reference_models.errors import ConfigError

__all__ = ["TrainingSettings", "read_settings_file", "with_overrides"]

_SECTIONS = ("config", "recipe", "training")
_PRECISIONS = ("32", "bf16", "16")


@dataclass(frozen=True)
class TrainingSettings:
    """What a run is told beside the model and its recipe.

    Attributes:
        seed: Seed of fresh weights, of what is drawn for items, and of every epoch's noise.
        epochs: Epochs of every stage; the recipe's if None.
        split: What is trained on.
        validation: Split that validation generates for; none if empty.
        validation_clips: How many of its clips, evenly over the split; all if None.
        validation_reactions: Reactions a clip in validation.
        online: Whether validation generates online; a model that can do nothing else does so anyway.
        patience: Validations without a better value after which a run ends; 0 for never.
        devices: How many processors or GPUs; more than 1 need GPUs.
        accelerator: ``"auto"``, ``"cpu"`` or ``"gpu"``.
        precision: ``"32"``, or ``"bf16"`` or ``"16"`` for mixed precision.
        workers: Processes that read items.
        in_memory: Whether series other than sound are read once and kept.
        features: A folder of ``react-data features``; none if empty.
        videos: The tree in which videos lie, for a pack; none if empty.
        mean_face: ``mean_face.npy``, where the recipe takes zero-centred 3DMM.
        std_face: ``std_face.npy``, where it takes standardised 3DMM.
    """

    seed: int = 0
    epochs: int | None = None
    split: str = "train"
    validation: str = "val"
    validation_clips: int | None = None
    validation_reactions: int = 10
    online: bool = False
    patience: int = 0
    devices: int = 1
    accelerator: str = "auto"
    precision: str = "32"
    workers: int = 0
    in_memory: bool = True
    features: str = ""
    videos: str = ""
    mean_face: str = ""
    std_face: str = ""

    def __post_init__(self) -> None:
        if self.precision not in _PRECISIONS:
            raise ConfigError(f"there is no precision {self.precision!r}. Use {', '.join(_PRECISIONS)}.")
        least = {"devices": 1, "workers": 0, "patience": 0, "seed": 0, "validation_reactions": 1, "epochs": 1}
        for name, smallest in least.items():
            value = getattr(self, name)
            if value is not None and value < smallest:
                raise ConfigError(f"{name} is {value}, expected at least {smallest}.")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> TrainingSettings:
        """Settings by name.

        Args:
            given: New values; what is left out keeps its default.

        Raises:
            ConfigError: If there is no such setting, or a value has another type.
        """
        usual = asdict(cls())
        for name, value in given.items():
            if name not in usual:
                raise ConfigError(f"training has no setting {name!r}. {suggest(name, usual)}")
            kind = type(usual[name]) if usual[name] is not None else int
            if not (value is None and usual[name] is None) and type(value) is not kind:
                raise ConfigError(f"{name} of training is {value!r}, expected {kind.__name__}.")
        return replace(cls(), **given)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def deciding(self) -> dict[str, Any]:
        """Those settings that decide what becomes of the model; the others may differ when a run is continued."""
        free = ("devices", "accelerator", "workers", "in_memory", "features", "videos")
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name not in free}


def read_settings_file(file: Path) -> dict[str, Any]:
    """Read a YAML file: the entries ``model`` and ``preset``, the sections ``config``, ``recipe`` and ``training``.

    Args:
        file: The file.

    Returns:
        Its content, with all sections.

    Raises:
        ConfigError: If it cannot be read, or has another section.
    """
    library = optional_library("yaml", extra="models", purpose="Reading settings")
    try:
        content = library.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, library.YAMLError) as error:
        raise ConfigError(f"{file} cannot be read as YAML: {' '.join(str(error).split())}.") from None
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ConfigError(f"{file} holds a {type(content).__name__}, expected the sections {', '.join(_SECTIONS)}.")
    known = (*_SECTIONS, "model", "preset")
    for name, value in content.items():
        if name not in known:
            raise ConfigError(f"{file} has the section {name!r}. {suggest(str(name), known)}")
        if name in _SECTIONS and not isinstance(value, dict):
            raise ConfigError(f"section {name} of {file} is {value!r}, expected names and values.")
    return {name: {} for name in _SECTIONS} | content


def with_overrides(content: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Settings with ``key=value`` of the command line on top.

    Args:
        content: By section, as `read_settings_file` gives them.
        overrides: Such as ``"config.width=64"``, ``"recipe.stages.main.epochs=3"`` or, of training, ``"seed=1"``.

    Raises:
        ConfigError: If one has no ``=`` or leads nowhere.

    Example:
        >>> with_overrides({"training": {}}, ["seed=1", "config.width=64"])
        {'training': {'seed': 1}, 'config': {'width': 64}}
    """
    library = optional_library("yaml", extra="models", purpose="Reading settings")
    changed = {name: dict(value) if isinstance(value, Mapping) else value for name, value in content.items()}
    for each in overrides:
        key, separator, text = each.partition("=")
        path = key.strip().split(".")
        if not separator or not all(path):
            raise ConfigError(f"--set {each}: expected KEY=VALUE, such as config.width=64 or seed=1.")
        if path[0] not in _SECTIONS:
            path = ["training", *path]
        place = changed
        for part in path[:-1]:
            place[part] = dict(place.get(part) or {})
            place = place[part]
        place[path[-1]] = library.safe_load(text)
    return changed
