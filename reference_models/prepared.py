"""A generator that is ready to react to a split under any condition: loaded once, its submissions kept."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import platformdirs

from react_data.missing_conditions import COMPLETE, MissingCondition
from react_data.training_windows import frames_per_second
from react_eval.errors import GenerationFailedError, NonFiniteError, ShapeError
from reference_models.errors import ConfigError, GeneratorError
from reference_models.generation import generate_submission
from reference_models.generator_names import find_generator, identity
from reference_models.missing_inputs import FILLS, Losses, UnderCondition, takes_missing
from reference_models.speaker_inputs import SpeakerInputs, open_for

__all__ = ["PreparedGenerator", "cache_folder", "plain"]

PathLike = str | os.PathLike[str]


class PreparedGenerator:
    """A generator and the split that it reacts to.

    Args:
        model: What `reference_models.find_generator` takes.
        data: Folder of the data set, or a packed file.
        split: Name of the split.
        reactions: Reactions a clip.
        online: Whether it goes window by window from the past.
        limit: How many clips, from the first on; all if not given.
        frames: Speakers are cut to this many frames; what the data set scores if not given.
        fill: What it gets in place of what is lost; see `Losses`.
        loss_seed: Seed by which losses are drawn.
        weights: Weights for a model's name; those that are stored on this machine if not given.
        features: A folder of ``react-data features``.
        videos: The tree in which videos lie, for a pack.
        cache: Folder to keep submissions in; the user's cache folder if not given.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Attributes:
        title: The generator's name in tables.
        told: Whether it is told what is missing.

    Raises:
        GeneratorError: If it is a model without weights on this machine.
        MissingInputError: If the split lacks what it needs.
    """

    def __init__(
        self,
        model: Any,
        data: PathLike,
        *,
        split: str,
        reactions: int = 10,
        online: bool = False,
        limit: int | None = None,
        frames: int | None = None,
        fill: str | None = None,
        loss_seed: int = 0,
        weights: PathLike | None = None,
        features: PathLike | None = None,
        videos: PathLike | None = None,
        cache: PathLike | None = None,
        device: str = "auto",
    ) -> None:
        found = find_generator(model, weights, device=device)
        if not found.trained:
            raise GeneratorError(
                f"{found.title} has no weights here, and untrained it tells nothing. Train it (`react-models train`) "
                "or convert published weights, and name the checkpoint."
            )
        if fill is not None and fill not in FILLS:
            raise ConfigError(f"there is no fill {fill!r}. Use {', '.join(FILLS)}.")
        self.title = found.title
        self._generator = found.generator
        self._dataset = open_for(found.generator, data, split, features=features)
        self._speakers = SpeakerInputs(self._dataset, found.generator, frames=frames, videos=videos)
        self._asked: dict[str, Any] = {"reactions": reactions, "online": online, "limit": limit}
        self._places: dict[str, Any] = {"frames": frames, "videos": videos}
        self._losses: dict[str, Any] = {"seed": loss_seed, "fill": fill}
        self._key = {
            **identity(found.generator), "state": _state_hash(found.generator), **self._asked, "split": split,
            "data": self._speakers.digest(),
        }  # fmt: skip
        self._split, self._cache = split, Path(cache) if cache is not None else cache_folder()

    @property
    def told(self) -> bool:
        """Whether it is told what is missing."""
        return takes_missing(self._generator)

    def affected(self, condition: MissingCondition) -> bool:
        """Whether the generator takes anything of what a condition affects.

        Args:
            condition: The condition.

        Raises:
            TrainingDataError: If it is not known what one of its inputs belongs to.
        """
        return bool([name for name in self._speakers.names if condition.affects(name.removeprefix("speaker_"))])

    def submission(self, condition: MissingCondition, *, seed: int = 0, show_progress: bool | None = None) -> Path:
        """The submission under a condition; taken from the cache where it was generated before.

        Args:
            condition: The condition.
            seed: Seed of the run.
            show_progress: Whether a progress bar is shown; None shows it on a terminal.

        Returns:
            The file. Its name holds a hash of the generator, the data, the settings and the condition.

        Raises:
            GenerationFailedError: If the generator cannot react under the condition. Complete data that it cannot react
                to raise what it raises.
        """
        key = {**self._key, "seed": seed}
        generator = self._generator
        if condition.name != COMPLETE:
            generator = UnderCondition(generator, self._lost(condition))
            key |= generator.losses.identity
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
        self._cache.mkdir(parents=True, exist_ok=True)
        file = self._cache / f"{plain(self.title)}-{self._split}-{plain(condition.name)}-{digest}.h5"
        if file.exists():
            return file
        try:
            return generate_submission(
                generator, self._dataset, file, method=self.title, seed=seed, show_progress=show_progress,
                **self._asked, **self._places,
            )  # fmt: skip
        except (GeneratorError, NonFiniteError, ShapeError) as error:
            if condition.name == COMPLETE:
                raise
            raise GenerationFailedError(error.message) from error

    def _lost(self, condition: MissingCondition) -> Losses:
        frames = dict(zip(self._speakers.clips, self._speakers.frames.tolist(), strict=True))
        return Losses(condition, frames, frames_per_second(self._dataset), **self._losses)


def _state_hash(generator: Any) -> str:
    """A hash of what an object of others holds; empty for models of torch, whose weights count, and if it has none."""
    if callable(getattr(generator, "state_dict", None)):
        return ""
    try:
        return hashlib.sha256(pickle.dumps(generator)).hexdigest()[:16]
    except Exception:  # objects decide themselves what they raise
        return ""


def cache_folder() -> Path:
    """Where submissions of generators are kept."""
    return Path(platformdirs.user_cache_dir("react-eval")) / "references"


def plain(title: str) -> str:
    """A title as part of a file's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in title.lower())
