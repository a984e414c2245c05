"""Reference submissions that others are compared with: generated once, kept in a cache."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reference_models.demonstration import demonstrate
from reference_models.errors import GeneratorError
from reference_models.generation import RunSettings, generate_submission, method_name
from reference_models.generator_names import NamedGenerator, find_generator, identity
from reference_models.prepared import PreparedGenerator, cache_folder, plain
from reference_models.records import models
from reference_models.speaker_inputs import open_for

__all__ = ["ReferenceGenerators", "reference_generators", "reference_submission"]

PathLike = str | os.PathLike[str]


def reference_submission(
    name: str,
    data: PathLike,
    *,
    split: str,
    online: bool = False,
    seed: int = 0,
    reactions: int = 10,
    weights: PathLike | None = None,
    cache: PathLike | None = None,
    device: str = "auto",
    features: PathLike | None = None,
    personalise: bool = False,
    history: str = "first",
    show_progress: bool | None = None,
) -> Path:
    """The submission of a reference generator for a split; taken from the cache where it was generated before.

    Args:
        name: What `reference_models.find_generator` takes.
        data: Folder of the data set, or a packed file.
        split: Name of the split.
        online: Whether it goes window by window from the past.
        seed: Seed of the run.
        reactions: Reactions a clip.
        weights: Weights; those that are stored on this machine for that name if not given.
        cache: Folder to keep submissions in; the user's cache folder if not given.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        features: A folder of ``react-data features``.
        personalise: Whether it is shown another clip of the listener.
        history: Which one; see `reference_models.generate_submission`.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        The submission file. Its name holds a hash of the generator, its configuration and weights, the data, the split
        and the settings, so that nothing stale is ever taken.

    Raises:
        GeneratorError: If the model has no weights on this machine: an untrained one is no reference.
        ModelInputError: If it cannot personalise, and should.
    """
    found = find_generator(name, weights, device=device)
    if not found.trained:
        raise GeneratorError(
            f"{found.title} has no weights here, and untrained it is no reference. Train it (`react-models train "
            f"{name}`) or convert published weights, and put the checkpoint at $REACT_MODELS/{name}."
        )
    settings = RunSettings(reactions, seed, online, history=history if personalise else None)
    dataset = open_for(found.generator, data, split, features=features, also=settings.kinds(found.generator))
    key = _key(found, settings, split, settings.speakers(dataset, found.generator).digest())
    folder = Path(cache) if cache is not None else cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    title = method_name(found.title, personalise=personalise)
    file = folder / f"{plain(title)}-{split}-{key}.h5"
    if file.exists():
        return file
    return generate_submission(
        found.generator, dataset, file, method=title, show_progress=show_progress,
        reactions=reactions, seed=seed, online=online, personalise=personalise, history=history,
    )  # fmt: skip


class ReferenceGenerators:
    """What the entry-point group ``react_eval.generators`` holds of this package."""

    def names(self) -> Mapping[str, str]:
        """Title of every reference by its name."""
        return {name: record.title for name, record in models().items()}

    def submission(self, name: str, data: PathLike, **settings: Any) -> Path:
        """The submission of a reference; see `reference_submission`."""
        return reference_submission(name, data, **settings)

    def prepared(self, model: Any, data: PathLike, **settings: Any) -> PreparedGenerator:
        """Any generator, ready to react under conditions; see `PreparedGenerator`."""
        return PreparedGenerator(model, data, **settings)

    def demonstration(self, data: PathLike, split: str, folder: PathLike, **settings: Any) -> Path:
        """The submission of a small generator that is trained at once; see `demonstrate`."""
        return demonstrate(data, split, folder, **settings)


reference_generators = ReferenceGenerators()
"""The entry point."""


def _key(found: NamedGenerator, settings: RunSettings, split: str, data: str) -> str:
    content = {**identity(found.generator), **asdict(settings), "split": split, "data": data}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
