"""What models lose when modalities of the speaker are missing: generated under conditions, scored, side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.location import find_data_root
from react_data.missing_conditions import COMPLETE, MissingCondition, find_conditions
from react_data.opening import open_split
from react_data.progress import track
from react_eval.computing import Resources
from react_eval.condition_scores import ConditionScores
from react_eval.errors import GenerationFailedError, InputError
from react_eval.protocol import Protocol, find_protocol
from react_eval.references import ReadyGenerator, prepared_generator
from react_eval.robustness_result import Robustness
from react_eval.scoring import score_against
from react_eval.targets import SplitTargets

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["robustness"]

PathLike = str | os.PathLike[str]


def robustness(
    models: Any,
    data: PathLike | None = None,
    *,
    split: str,
    conditions: str | Sequence[str] = "standard",
    protocol: str | Protocol = "corrected",
    metrics: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 0,
    loss_seed: int = 0,
    fill: str | None = None,
    modality_of: Mapping[str, str] | None = None,
    limit: int | None = None,
    frames: int | None = None,
    reactions: int | None = None,
    online: bool = False,
    weights: PathLike | None = None,
    features: PathLike | None = None,
    videos: PathLike | None = None,
    cache: PathLike | None = None,
    device: str = "auto",
    threads: int | None = None,
    show_progress: bool | None = None,
) -> Robustness:
    """Generate under conditions of missing data, and score each of them.

    Generated submissions are kept, by a hash of model, data, settings and condition; a run that is interrupted goes on
    where it was. A model that cannot react under a condition has a row that says so. A model with an attribute
    ``takes_missing`` that is true gets zeros, and ``speaker_face_present`` and ``speaker_speech_present``, (T,) bool by
    clip; any other gets what `fill` says.

    Args:
        models: A model: the name of a reference, a checkpoint, ``module:callable``, or an object with
            ``generate(batch, reactions, seed, online)``; a list of models, or models by the name that tables print.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if not given.
        split: ``"train"``, ``"val"`` or ``"test"``.
        conditions: Names of conditions or families; see `react_data.missing_conditions.find_conditions`. The complete
            condition is always among them.
        protocol: Name, id or protocol.
        metrics: Result keys, names or aliases; all of the protocol if not given.
        seeds: Seed of the run, or several, whose scores are averaged.
        loss_seed: Seed by which losses are drawn, with the clip's id: every model loses the same frames.
        fill: What a model that takes no missing data gets in place of what is lost: ``"zeros"``; ``"hold"`` for the
            last value that was there; or ``"fail"``: nothing, so that it fails. If not given, it gets zeros where a
            part is lost, and nothing of a modality that is lost altogether.
        modality_of: ``"face"``, ``"speech"`` or ``"neither"`` for features that are not known.
        limit: How many clips, from the first on; all if not given.
        frames: Clips are cut to this many frames; what the data set scores if not given.
        reactions: Reactions a clip; as many as the protocol wants if not given. With another number the protocol goes
            by a name of its own, since the scores compare with no others.
        online: Whether models go window by window from the past.
        weights: Weights, where `models` is one model's name.
        features: A folder of ``react-data features``.
        videos: The tree in which videos lie, for a pack.
        cache: Folder to keep submissions in; the user's cache folder if not given.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many to score with; one for each processor if not given.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        Scores by model and condition: ``table()``, ``curves()``, ``to_csv``, ``to_json``, ``to_html``, …

    Raises:
        ConditionError: If there is no such condition.
        InputError: If nothing is asked for.
        UnknownNameError: If a protocol or metric is not known, or no installed package loads generators.
        ReactError: What loading a model, opening the data, or generating from complete data raises.
    """
    chosen = find_conditions(conditions, modality_of=modality_of)
    scored_under, root = _of_reactions(find_protocol(protocol), reactions), find_data_root(data)
    runs = (seeds,) if isinstance(seeds, int) else tuple(seeds)
    if not runs:
        raise InputError("seeds is empty, expected at least one.")
    settings: dict[str, Any] = {"split": split, "limit": limit, "frames": frames, "online": online, "fill": fill}
    settings |= {"reactions": scored_under.reactions, "loss_seed": loss_seed, "weights": weights, "device": device}
    settings |= {"features": features, "videos": videos, "cache": cache}
    ready = _prepared(models, root, settings)
    for generator, condition in product(ready.values(), chosen):
        generator.affected(condition)  # a series of no known modality is refused before anything is generated
    score = partial(
        score_against, SplitTargets(_cut(open_split(root, split), limit, frames)), protocol=scored_under,
        metrics=metrics, resources=Resources(device, threads, client=False), show_progress=show_progress,
    )  # fmt: skip
    found: dict[tuple[str, str], ConditionScores] = {}
    for title, condition in track(list(product(ready, chosen)), "conditions", unit="condition", show=show_progress):
        row = _Row(title, ready[title], condition, runs, score, show_progress)
        found[title, condition.name] = row.scores(found.get((title, COMPLETE)))
    whole = () if limit is None and frames is None else ("Only a part of the split: compares with nothing else.",)
    return Robustness(tuple(found.values()), runs, loss_seed, (*_notes(ready, chosen, fill, loss_seed), *whole))


@dataclass(frozen=True)
class _Row:
    """A row that is to be made."""

    title: str
    ready: ReadyGenerator
    condition: MissingCondition
    seeds: tuple[int, ...]
    score: Callable[..., Any]
    show_progress: bool | None

    def scores(self, complete: ConditionScores | None) -> ConditionScores:
        """What the model scores, given what it scores on complete data."""
        told = ConditionScores(self.title, self.condition)
        if complete is not None and not self.ready.affected(self.condition):
            lost = " or ".join(self.condition.modalities)
            return replace(told, runs=complete.runs, unaffected=f"takes no {lost}")
        try:
            files = [
                self.ready.submission(self.condition, seed=seed, show_progress=self.show_progress)
                for seed in self.seeds
            ]
        except GenerationFailedError as error:
            return replace(told, failure=error.message)
        return replace(told, runs=tuple(self.score(file, method=self.title) for file in files))


def _of_reactions(protocol: Protocol, reactions: int | None) -> Protocol:
    """A protocol for another number of reactions, under another name."""
    if reactions is None or reactions == protocol.reactions:
        return protocol
    return replace(protocol, name=f"{protocol.name}-{reactions}-reactions", reactions=reactions)


def _prepared(models: Any, root: Path, settings: Mapping[str, Any]) -> dict[str, ReadyGenerator]:
    """Generators by the name that tables print."""
    several = isinstance(models, (list, tuple))
    given = list(models.values()) if isinstance(models, Mapping) else list(models) if several else [models]
    if not given or (settings["weights"] is not None and len(given) > 1):
        raise InputError(f"there are {len(given)} models, expected at least one, and with weights=… one only.")
    ready = [prepared_generator(model, root, **settings) for model in given]
    names = list(models) if isinstance(models, Mapping) else _apart([each.title for each in ready])
    return dict(zip(map(str, names), ready, strict=True))


def _apart(titles: Sequence[str]) -> list[str]:
    """Titles with a number after those that occur several times."""
    return [
        title if titles.count(title) == 1 else f"{title} ({titles[: place + 1].count(title)})"
        for place, title in enumerate(titles)
    ]


def _cut(dataset: xr.Dataset, limit: int | None, frames: int | None) -> xr.Dataset:
    """The part of a split that is generated for."""
    sizes = {"clip": limit, "listener": limit, "frame": frames}
    return dataset.isel({dim: slice(size) for dim, size in sizes.items() if size is not None and dim in dataset.dims})


def _notes(
    ready: Mapping[str, ReadyGenerator], conditions: Sequence[MissingCondition], fill: str | None, loss_seed: int
) -> list[str]:
    """How models were told of what is lost, and what decides it."""
    kinds = {condition.kind for condition in conditions} - {COMPLETE}
    told = [title for title, each in ready.items() if each.told] if kinds - {"frozen"} else []
    others = [title for title in ready if title not in told] if kinds - {"frozen"} else []
    notes = [f"{', '.join(told)}: told which frames are missing."] if told else []
    notes += [f"{', '.join(others)}: takes no missing data; {_FILLED[fill]}"] if others else []
    drawn = f"Losses are drawn by seed {loss_seed} and the clip's id: every model loses the same frames."
    return [*notes, drawn] if kinds - {"whole", "late"} else notes


_FILLED = {
    None: "gets zeros where a part is lost, and nothing of a modality that is lost altogether.",
    "zeros": "gets zeros in place of what is lost.",
    "hold": "gets the last value that was there in place of what is lost, and nothing where there never was one.",
    "fail": "gets nothing of a modality of which anything is lost.",
}
