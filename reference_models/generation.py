"""Generate a submission clip by clip: with progress, continued after an interruption, the same bytes for a seed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.progress import track
from react_eval.metrics.arguments import to_numpy
from react_eval.submissions import SubmissionWriter
from reference_models.errors import ConfigError, GeneratorError
from reference_models.generator_names import find_generator, identity
from reference_models.listener_history import history_kinds
from reference_models.speaker_inputs import SpeakerInputs, open_for
from reference_models.weight_files import write_json

__all__ = ["RunSettings", "generate_submission", "method_name", "precision_context"]

PathLike = str | os.PathLike[str]

_KINDS = ("emotion", "coefficients")
_PRECISIONS = ("32", "bf16", "16")


def generate_submission(
    generator: Any,
    data: PathLike | xr.Dataset,
    out: PathLike,
    *,
    split: str | None = None,
    reactions: int = 10,
    seed: int = 0,
    online: bool = False,
    limit: int | None = None,
    clips: Sequence[str] | None = None,
    frames: int | None = None,
    personalise: bool = False,
    history: str = "first",
    history_frames: int | None = None,
    method: str | None = None,
    features: PathLike | None = None,
    videos: PathLike | None = None,
    precision: str = "32",
    overwrite: bool = False,
    show_progress: bool | None = None,
) -> Path:
    """Let a generator react to the speakers of a split, and write a submission.

    Beside `out` is ``OUT.run.json``, which says what was run. An interrupted run is continued by calling this again
    with the same arguments; what differs is refused.

    Args:
        generator: An object with ``generate(batch, reactions, seed, online)``, or what `find_generator` takes.
        data: Folder of the data set, a packed file, or an opened split.
        out: The file to write.
        split: Name of the split, where `data` is no opened one.
        reactions: Reactions a clip.
        seed: Seed of the run.
        online: Whether the generator goes window by window from the past.
        limit: How many clips, from the first on; all if not given.
        clips: Ids of the clips; all if not given, but clip 1 of every conversation where that is the history.
        frames: Speakers are cut to this many frames; what the data set scores if not given.
        personalise: Whether the generator is shown another clip of the listener.
        history: Which one: ``"first"`` for clip 1 of the conversation, ``"other"`` for any other of the listener, drawn
            by the seed, ``"elsewhere"`` for one of another conversation, or, to compare with, ``"stranger"`` for a clip
            of somebody else.
        history_frames: It is cut to this many frames; whole if not given.
        method: Name of the method in tables; the generator's if not given.
        features: A folder of ``react-data features``.
        videos: The tree in which videos lie, for a pack.
        precision: ``"32"``, or ``"bf16"`` or ``"16"`` for models of torch in mixed precision.
        overwrite: Whether a file that is there is replaced.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        The file.

    Raises:
        MissingInputError: If the split lacks what the generator needs, or histories of listeners.
        ModelInputError: If frame rate or lengths do not fit the generator, or it cannot personalise.
        GeneratorError: If it returns something else than reactions, or an interrupted run there was another.
        InputError: If `out` is there.
    """
    found = find_generator(generator)
    settings = RunSettings(
        reactions, seed, online, precision, history if personalise else None, history_frames if personalise else None
    )
    dataset = _opened(found.generator, data, split, features, settings)
    speakers = settings.speakers(dataset, found.generator, frames=frames, videos=videos, clips=clips)
    _check_mode(found.generator, online)
    name = method or method_name(found.title, personalise=personalise)
    chosen = speakers.clips[:limit]
    run = {**identity(found.generator), **asdict(settings), "data": speakers.digest(), "clips": len(chosen)}
    run |= {"method": name, "split": str(dataset.attrs.get("split", split or ""))}
    with precision_context(found.generator, precision), SubmissionWriter(
        out, method=name, split=run["split"], track="online" if online else "offline", run_seed=seed,
        overwrite=overwrite,
    ) as writer:  # fmt: skip
        _claim(Path(out), run, fresh=not writer.done)
        for position in track(range(len(chosen)), f"generating {name}", show=show_progress):
            if chosen[position] not in writer.done:
                batch, length = speakers.batch([position]), int(speakers.frames[position])
                made = settings.react(found.generator, batch, length)
                writer.write(chosen[position], made.get("emotion"), made.get("coefficients"))
    return Path(out)


@dataclass(frozen=True)
class RunSettings:
    """How a generator is asked.

    Attributes:
        reactions: Reactions a clip.
        seed: Seed of the run.
        online: Whether it goes window by window from the past.
        precision: Of the arithmetic.
        history: Which clip shows it the listener, one of `react_data.histories.HISTORIES`; None for none.
        history_frames: Frames of that clip; all of them if None.
    """

    reactions: int = 10
    seed: int = 0
    online: bool = False
    precision: str = "32"
    history: str | None = None
    history_frames: int | None = None

    def __post_init__(self) -> None:
        if self.history_frames is not None and self.history_frames < 1:
            raise ConfigError(f"history_frames is {self.history_frames}, expected at least 1.")

    def kinds(self, generator: Any) -> list[str]:
        """The kinds of series that a history needs.

        Args:
            generator: Anything that generates.

        Raises:
            ModelInputError: If it cannot personalise, and should.
        """
        return [] if self.history is None else history_kinds(generator)

    def speakers(self, dataset: xr.Dataset, generator: Any, **how: Any) -> SpeakerInputs:
        """What a generator is told, with the history.

        Args:
            dataset: The split.
            generator: Anything that generates.
            **how: Other settings of `SpeakerInputs`.
        """
        return SpeakerInputs(
            dataset, generator, history=self.history, history_frames=self.history_frames, seed=self.seed, **how
        )

    def react(self, generator: Any, batch: Mapping[str, Any], frames: int) -> dict[str, NDArray[np.float32]]:
        """Reactions to a batch of one clip, (reactions, frames, C) by kind of channels.

        Args:
            generator: Anything that generates.
            batch: What `SpeakerInputs.batch` gives.
            frames: Frames of the speaker.

        Raises:
            GeneratorError: If the generator returns something else.
        """
        clip = batch["clip"][0]
        found = generator.generate(batch, reactions=self.reactions, seed=self.seed, online=self.online)
        if not isinstance(found, Mapping) or not found or not set(found) <= set(_KINDS):
            kinds = ", ".join(map(repr, found)) if isinstance(found, Mapping) else type(found).__name__
            raise GeneratorError(
                f"the generator returned {kinds or 'nothing'} for clip {clip!r}, expected arrays by kind of channels: "
                f"{' and/or '.join(map(repr, _KINDS))}."
            )
        reactions = {kind: to_numpy(values[0], f"{kind} of clip {clip!r}") for kind, values in found.items()}
        for kind, values in reactions.items():
            if values.ndim != 3 or values.shape[:2] != (self.reactions, frames):
                raise GeneratorError(
                    f"the generator returned {kind} of shape {values.shape} for clip {clip!r}, expected "
                    f"({self.reactions} reactions, {frames} frames, channels)."
                )
        return reactions


def method_name(title: str, *, personalise: bool) -> str:
    """A generator's name in tables."""
    return f"{title} (personalised)" if personalise else title


def precision_context(generator: Any, precision: str) -> AbstractContextManager[Any]:
    """Mixed precision for models of torch.

    Args:
        generator: Anything that generates.
        precision: ``"32"``, ``"bf16"`` or ``"16"``.

    Raises:
        ConfigError: If there is no such precision, or the generator is no model of torch.
    """
    if precision not in _PRECISIONS:
        raise ConfigError(f"there is no precision {precision!r}. Use {', '.join(_PRECISIONS)}.")
    if precision == "32":
        return nullcontext()
    device = getattr(generator, "device", None)
    if device is None:
        raise ConfigError(f"precision {precision} is for models of torch, not for {type(generator).__name__}.")
    import torch

    mixed: AbstractContextManager[Any] = torch.autocast(
        device.type, dtype=torch.bfloat16 if precision == "bf16" else torch.float16
    )
    return mixed


def _opened(
    generator: Any,
    data: PathLike | xr.Dataset,
    split: str | None,
    features: PathLike | None,
    settings: RunSettings,
) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        return data
    if split is None:
        raise GeneratorError("name a split: split='test'.")
    return open_for(generator, data, split, features=features, also=settings.kinds(generator))


def _check_mode(generator: Any, online: bool) -> None:
    mode = "online" if online else "offline"
    modes = getattr(generator, "modes", (mode,))
    if mode not in modes:
        raise GeneratorError(f"{type(generator).__name__} cannot generate {mode}, only {' and '.join(modes)}.")


def _claim(out: Path, run: Mapping[str, Any], *, fresh: bool) -> None:
    """Say what is run beside the file; refuse to continue what was another run."""
    record = out.with_name(out.name + ".run.json")
    plain = json.loads(json.dumps(run))
    if not fresh and record.is_file():
        earlier = json.loads(record.read_text(encoding="utf-8"))
        differing = [name for name in plain if earlier.get(name) != plain[name]]
        if differing:
            raise GeneratorError(
                f"{out} was begun with another {' and '.join(differing)}. Continue that run, choose another file, or "
                f"remove {out}.partial."
            )
    write_json(record, plain)
