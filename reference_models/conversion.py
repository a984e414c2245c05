"""Published checkpoints: import into ours, and export of ours into the published layout."""

from __future__ import annotations

import math
import os
import pickle
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from react_data.problems import abbreviate
from react_eval.submissions.durable import replace_durably
from reference_models.checkpoints import (
    describe_model,
    read_checkpoint,
    state_hash,
    state_problems,
    write_checkpoint,
)
from reference_models.errors import CheckpointError
from reference_models.generator import ReactionModel
from reference_models.model_config import ModelConfig
from reference_models.records import ModelRecord, find_model
from reference_models.weight_files import read_weights, write_weights
from reference_models.weightless import weightless, with_weights

__all__ = ["Conversion", "convert_checkpoint", "export_checkpoint", "load_published", "published_files"]

Published = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_MOST_BYTES = 16 * 2**30
_PARALLEL = "module."
_SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")
_PART = "checkpoint.pth"


@dataclass(frozen=True)
class Conversion:
    """What became of a checkpoint.

    Attributes:
        path: What was written.
        model: Name of the model.
        tensors: How many tensors were converted.
        parameters: How many numbers they hold.
        ignored: Published keys that hold nothing of the model.
    """

    path: Path
    model: str
    tensors: int
    parameters: int
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        left = f"; ignored: {abbreviate(self.ignored, 10)}" if self.ignored else ""
        return f"{self.path}: {self.model}, {self.tensors} tensors, {self.parameters:,} numbers{left}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        counts = {"tensors": self.tensors, "parameters": self.parameters, "ignored": list(self.ignored)}
        return {"path": str(self.path), "model": self.model, **counts}


def convert_checkpoint(
    published: Published,
    out: str | os.PathLike[str],
    *,
    model: str,
    config: ModelConfig | None = None,
) -> Conversion:
    """Import a published checkpoint.

    Args:
        published: A torch file, which is loaded weights-only, or a safetensors file, of the official layout; all of
            them where the official code keeps a model in several, in any order, or the folder that holds them.
        out: Folder, or ``.safetensors`` file, to write ours to.
        model: Name of the model.
        config: Its configuration; the published one if not given.

    Returns:
        What became of it.

    Raises:
        CheckpointError: If a file cannot be read, two differ in the same key, or keys or shapes do not fit; lists every
            one.
    """
    record, files = find_model(model), published_files(published)
    made, ignored, state = _imported(record, files, config)
    facts = {"converted_from": ", ".join(file.name for file in files), "ignored": list(ignored)}
    description = describe_model(made, facts, weights=state_hash(state, mapped=True))
    path = write_checkpoint(state, description, Path(out), mapped=True)
    return Conversion(path, record.name, len(state), _numbers(state), ignored)


def load_published(published: Published, *, model: str, config: ModelConfig | None = None) -> ReactionModel:
    """The model of a published checkpoint, without writing ours; see `convert_checkpoint`.

    Returns:
        The model, in eval mode on the CPU.
    """
    made, _, state = _imported(find_model(model), published_files(published), config)
    return with_weights(made, state).eval()


def export_checkpoint(ours: str | os.PathLike[str], out: str | os.PathLike[str]) -> Conversion:
    """Export a checkpoint of ours in the official layout.

    Args:
        ours: Folder or file of our checkpoint.
        out: File to write: safetensors if its name ends so, else a torch file with the model's usual entries. For a
            model whose files are known by their keys, the folder in which each of them gets a folder.

    Returns:
        What became of it.

    Raises:
        CheckpointError: If ours cannot be read.
    """
    found, target = read_checkpoint(ours), Path(out)
    record, keys = found.record, found.record.key_map()
    state = keys.export_state(found.state)
    for part, values in keys.by_part(state).items():
        _export(values, target / part / _PART if part else target, record)
    return Conversion(target, record.name, len(state), _numbers(state), ())


def _export(state: Mapping[str, Tensor], target: Path, record: ModelRecord) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.suffix == ".safetensors":
        write_weights(state, target, None, mapped=True)
        return
    temporary = target.with_name(target.name + ".tmp")
    torch.save(_wrapped(state, record), temporary)
    replace_durably(temporary, target)


def read_published(
    file: Path, wrappers: tuple[str, ...] = ("state_dict",), entries: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """The tensors of a published file.

    Args:
        file: A torch or safetensors file.
        wrappers: Entries under which the state may lie, and prefixes, which end with a dot, of its keys.
        entries: Other entries that hold tensors by name, where they are there.

    Returns:
        Tensors by published key; those of an entry have its name and a dot before theirs.

    Raises:
        CheckpointError: If it is missing, too large, needs code to be run, or holds no state.
    """
    if not file.is_file():
        raise CheckpointError(f"there is no file {file}.")
    if file.stat().st_size > _MOST_BYTES:
        raise CheckpointError(f"{file} has {file.stat().st_size:,} bytes, expected at most {_MOST_BYTES:,}.")
    content: Any = read_weights(file) if file.suffix == ".safetensors" else _torch_content(file)
    others = _entries(content, entries)
    content = _unwrapped(content, wrappers, entries, file)
    tensors = {key: value for key, value in {**content, **others}.items() if isinstance(value, Tensor)}
    if len(tensors) < len(content) + len(others):
        raise CheckpointError(
            f"{file} holds {abbreviate([key for key in {**content, **others} if key not in tensors], 5)} beside "
            f"tensors, expected the weights alone, or under {' or '.join(repr(each) for each in wrappers)}."
        )
    _check_sizes(tensors, file)
    state = {key: tensors[key] for key in content}
    for prefix in (_PARALLEL, *(wrapper for wrapper in wrappers if wrapper.endswith("."))):
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state | {key: tensors[key] for key in others}


def published_files(published: Published) -> tuple[Path, ...]:
    """The files that somebody means: those that are named, and those that lie in folders that are named.

    Args:
        published: A file or folder, or several.
    """
    named = [published] if isinstance(published, (str, os.PathLike)) else published
    found: list[Path] = []
    for place in map(Path, named):
        inside = sorted(file for file in place.rglob("*") if file.suffix in _SUFFIXES) if place.is_dir() else [place]
        if not inside:
            raise CheckpointError(f"there is no checkpoint in {place}: expected files {', '.join(_SUFFIXES)}.")
        found += inside
    return tuple(found)


def _joined(files: Sequence[Path], record: ModelRecord) -> dict[str, Tensor]:
    """The state of a model that the official code keeps in these files."""
    state: dict[str, Tensor] = {}
    keys = record.key_map()
    for file in files:
        unusual = record.read_unusual(file) if file.is_file() else None
        found = read_published(file, record.wrappers, record.entries) if unusual is None else unusual
        found = keys.with_part(found, str(file))
        twice = [key for key in found if key in state and not torch.equal(found[key], state[key])]
        if twice:
            raise CheckpointError(
                f"{file} holds keys of a file before it with other values: {abbreviate(twice, 5)}. Name the files of "
                "one model, not the whole folder."
            )
        state |= found
    return state


def _imported(
    record: ModelRecord, files: Sequence[Path], config: ModelConfig | None
) -> tuple[ReactionModel, tuple[str, ...], dict[str, Tensor]]:
    published, keys, named = _joined(files, record), record.key_map(), ", ".join(map(str, files))
    ignored = tuple(key for key in published if keys.is_ignored(key))
    made = weightless(record.model_class(), record.config_class().published() if config is None else config)
    try:
        state = keys.import_state(published)
    except (RuntimeError, KeyError, IndexError) as error:
        raise CheckpointError(f"{named}: not of the published layout of {record.title}: {error}.") from None
    problems = state_problems(made, state)
    if problems:
        left = [f"  ignored: {key}" for key in ignored]
        raise CheckpointError(
            f"{named} does not fit {record.title} (our keys):\n" + "\n".join([*problems, *left]) + "\n"
            "Is this all that the model is published in, and of this configuration?"
        )
    own = made.state_dict()
    return made, ignored, {key: value.to(own[key].dtype) for key, value in state.items()}


def _torch_content(file: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on old forms of pickle, which are read or refused all the same
            # Files of before torch 1.6 are no archives and cannot be mapped.
            return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{file} is damaged, or holds more than weights, and loading it would run code of its own. Load it where "
            "you trust it, and save its state dict alone."
        ) from None
    except Exception as error:  # whatever torch raises on a damaged file is an answer about the file
        raise CheckpointError(f"{file} cannot be read as a torch file: {error}. Copy it again.") from None


def _entries(content: Any, entries: tuple[str, ...]) -> dict[str, Any]:
    """What lies under other entries than the state, by entry and name."""
    held = {entry: content.get(entry) for entry in entries} if isinstance(content, Mapping) else {}
    found = {entry: values for entry, values in held.items() if isinstance(values, Mapping)}
    return {f"{entry}.{name}": value for entry, values in found.items() for name, value in values.items()}


def _unwrapped(content: Any, wrappers: tuple[str, ...], entries: tuple[str, ...], file: Path) -> Mapping[str, Any]:
    for entry in (each for each in wrappers if not each.endswith(".")):
        if isinstance(content, Mapping) and isinstance(content.get(entry), Mapping):
            content = content[entry]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{file} holds a {type(content).__name__}, expected weights by name.")
    return {key: value for key, value in content.items() if not (key in entries and isinstance(value, Mapping))}


def _wrapped(state: Mapping[str, Tensor], record: ModelRecord) -> dict[str, Any]:
    """The content of a torch file of a published state, as `read_published` reads it."""
    wrapper = next((each for each in record.wrappers if not each.endswith(".")), None)
    places = {key: next((each for each in record.entries if key.startswith(f"{each}.")), None) for key in state}
    weights = {key: value for key, value in state.items() if places[key] is None}
    others = {
        entry: {key.removeprefix(f"{entry}."): state[key] for key, place in places.items() if place == entry}
        for entry in record.entries
    }
    return ({wrapper: weights} if wrapper else weights) | others


def _check_sizes(state: Mapping[str, Tensor], file: Path) -> None:
    """Refuse tensors that claim to be larger than the file: repeated views cost memory when they are copied."""
    claimed = sum(value.numel() * value.element_size() for value in state.values())
    most = 4 * file.stat().st_size
    if claimed > most:
        raise CheckpointError(f"the tensors of {file} take {claimed:,} bytes, expected at most {most:,} by its size.")


def _numbers(state: Mapping[str, Tensor]) -> int:
    return sum(math.prod(value.shape) for value in state.values())
