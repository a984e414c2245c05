"""How much a listener's history helps, by how long it is and by what it shows.

Conventions: all rows are of the same clips and the same noise. Lengths are of the first kind of history that is asked
for; the others are whole clips.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from react_data.histories import HISTORIES
from react_eval.grid import Cell, Grid
from react_eval.protocol import Protocol, find_protocol
from react_eval.scoring import score
from react_eval.targets import rows_scored
from reference_models.errors import ConfigError, GeneratorError
from reference_models.generation import RunSettings, generate_submission
from reference_models.generator_names import find_generator, identity
from reference_models.speaker_inputs import open_for
from reference_models.weight_files import write_json

__all__ = ["HistoryRow", "HistoryStudy", "history_study"]

PathLike = str | os.PathLike[str]

_METRICS = ("FRCorr", "FRDist")
_TEXTS = {
    "first": "clip 1 of the conversation",
    "other": "another clip of the listener",
    "elsewhere": "the listener in another conversation",
    "stranger": "somebody else",
    "none": "none (generic)",
}


@dataclass(frozen=True)
class HistoryRow:
    """What a history is worth.

    Attributes:
        content: One of `react_data.histories.HISTORIES`, or ``"none"``.
        frames: It is cut to this many frames; None for whole clips.
        values: By result key.
    """

    content: str
    frames: int | None
    values: Mapping[str, float]

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> HistoryRow:
        """The row of plain data."""
        values = {key: math.nan if value is None else float(value) for key, value in plain["values"].items()}
        return cls(plain["content"], plain["frames"], values)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON; None for what is undefined."""
        values = {key: None if math.isnan(value) else value for key, value in self.values.items()}
        return {"content": self.content, "frames": self.frames, "values": values}


@dataclass(frozen=True)
class HistoryStudy:
    """Rows of a study.

    Attributes:
        run: What was run: generator, data, protocol, seed.
        rows: Lengths, then contents.
    """

    run: Mapping[str, Any]
    rows: tuple[HistoryRow, ...]

    def __str__(self) -> str:
        return self.grid().to_text()

    def grid(self) -> Grid:
        """The table."""
        keys = list(dict.fromkeys(key for row in self.rows for key in row.values))
        cells = [
            [
                Cell(_TEXTS[row.content]),
                Cell("–" if row.content == "none" else "whole" if row.frames is None else str(row.frames)),
                *(Cell(f"{row.values[key]:.4f}") for key in keys),
            ]
            for row in self.rows
        ]
        run = self.run
        return Grid(
            headings=("history", "frames", *keys),
            rows=cells,
            caption=f"{run['method']} by the history that it is shown: {run['split']}, {run['clips']} clips, "
            f"{run['protocol']}, seed {run['seed']}.",
            notes=("Keys that end with _personal count the same listener's appropriate reactions only (PMAFRG).",)
            if any(key.endswith("_personal") for key in keys)
            else (),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"run": dict(self.run), "rows": [row.to_dict() for row in self.rows]}


def history_study(
    generator: Any,
    data: PathLike,
    *,
    split: str,
    out: PathLike,
    lengths: Sequence[int] = (50, 150, 300, 750),
    contents: Sequence[str] = ("first", "other", "stranger", "none"),
    protocol: str | Protocol = "perfrdiff",
    online: bool = False,
    seed: int = 0,
    features: PathLike | None = None,
    show_progress: bool | None = None,
) -> HistoryStudy:
    """Score a generator with histories of different lengths and contents, and without one.

    `out` is written after every row; an interrupted study is continued by calling this again with the same arguments.

    Args:
        generator: What `find_generator` takes; it personalises.
        data: Folder of the data set, or a packed file.
        split: Name of the split.
        out: JSON file.
        lengths: Frames of histories of the first of the contents.
        contents: Whole histories: some of `react_data.histories.HISTORIES` and ``"none"``.
        protocol: Its FRCorr and FRDist, for every kind of neighbours, are the study's values.
        online: Whether the generator goes window by window from the past.
        seed: Seed of the noise, which all rows share, and of what is drawn.
        features: A folder of ``react-data features``.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        The rows, as a table that prints.

    Raises:
        ConfigError: If there is no such content, or a length is below 1.
        ModelInputError: If the generator cannot personalise.
        MissingInputError: If clips have no such history.
        GeneratorError: If `out` is of another study.
    """
    found, chosen, file = find_generator(generator), find_protocol(protocol), Path(out)
    conditions = _conditions(lengths, contents, RunSettings(chosen.reactions, seed, online))
    personal = next((each for each in conditions if each.history is not None), conditions[0])
    dataset = open_for(found.generator, data, split, features=features, also=personal.kinds(found.generator))
    clips = [str(clip) for clip in dataset["clip"].values]
    wanted = [clips[row] for row in rows_scored(clips, chosen)]
    # What is missing is said before any work.
    speakers = [each.speakers(dataset, found.generator, clips=wanted) for each in conditions]
    digest = hashlib.sha256("".join(each.digest() for each in speakers).encode()).hexdigest()[:16]
    run = {
        **identity(found.generator), "method": found.title, "split": split, "protocol": chosen.id, "online": online,
        "seed": seed, "clips": len(wanted), "data": digest,
    }  # fmt: skip
    study = _begun(file, json.loads(json.dumps(run)))
    key = hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()[:8]
    work = _Work(found.generator, dataset, Path(data), split, chosen, wanted, key, show_progress)
    for each in conditions:
        if not any((row.content, row.frames) == _place(each) for row in study.rows):
            study = replace(study, rows=(*study.rows, work.row(each, file)))
            write_json(file, study.to_dict())
    by_place = {(row.content, row.frames): row for row in study.rows}
    return replace(study, rows=tuple(by_place[_place(each)] for each in conditions))


@dataclass(frozen=True)
class _Work:
    """What all rows share."""

    generator: Any
    dataset: xr.Dataset
    data: Path
    split: str
    protocol: Protocol
    clips: Sequence[str]
    key: str
    show_progress: bool | None

    def row(self, how: RunSettings, file: Path) -> HistoryRow:
        """Generate, score, and remove what was generated, which may be large."""
        content, frames = _place(how)
        preds = file.with_name(f"{file.stem}-{self.key}-{content}-{frames or 'whole'}.h5")
        if not preds.exists():
            generate_submission(
                self.generator, self.dataset, preds, clips=self.clips, reactions=how.reactions, seed=how.seed,
                online=how.online, personalise=how.history is not None, history=how.history or "first",
                history_frames=how.history_frames, show_progress=self.show_progress,
            )  # fmt: skip
        keys = [use.key for use in self.protocol.uses if use.key.partition("_")[0] in _METRICS]
        result = score(
            preds, split=self.split, data=self.data, protocol=self.protocol, metrics=keys, context=False,
            show_progress=self.show_progress,
        )  # fmt: skip
        preds.unlink()
        preds.with_name(preds.name + ".run.json").unlink(missing_ok=True)
        return HistoryRow(content, frames, dict(result))


def _conditions(lengths: Sequence[int], contents: Sequence[str], usual: RunSettings) -> list[RunSettings]:
    """What is asked of the generator in each row."""
    unknown = [each for each in contents if each not in (*HISTORIES, "none")]
    if unknown or not contents:
        named = ", ".join(map(repr, unknown)) or "nothing"
        raise ConfigError(f"contents names {named}. Use some of {', '.join((*HISTORIES, 'none'))}.")
    kinds = list(dict.fromkeys(contents))
    first = next((each for each in kinds if each != "none"), None)
    cut = [replace(usual, history=first, history_frames=frames) for frames in dict.fromkeys(lengths)]
    whole = [replace(usual, history=None if each == "none" else each) for each in kinds]
    return [*(cut if first is not None else []), *whole]


def _place(how: RunSettings) -> tuple[str, int | None]:
    return how.history or "none", how.history_frames


def _begun(file: Path, run: Mapping[str, Any]) -> HistoryStudy:
    """The study that a file holds already, or an empty one."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        return HistoryStudy(run, ())
    try:
        earlier = json.loads(file.read_text(encoding="utf-8"))
        rows = tuple(HistoryRow.of(row) for row in earlier["rows"])
        differing = [name for name in run if earlier["run"].get(name) != run[name]]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise GeneratorError(f"{file} is no study of histories. Choose another file.") from None
    if differing:
        raise GeneratorError(f"{file} was begun with another {' and '.join(differing)}. Choose another file.")
    return HistoryStudy(run, rows)
