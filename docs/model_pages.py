"""What pages say of reference models: made from records, cards, and the records of learning runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from records import table

from reference_models.listing import describe
from reference_models.records import models

__all__ = ["LEARNING", "cards", "learning", "overview", "runs_of"]

LEARNING = Path(__file__).parent / "learning"

_SHOWN = ("FRCorr", "FRDist", "FRDiv", "FRVar")


def overview() -> str:
    """One line a model."""
    rows = [
        (f"[{each.title}](#{_anchor(each.title)})", f"`{each.name}`", each.card.outputs, each.card.weights)
        for each in models().values()
    ]
    return table(("model", "name", "generates", "published weights"), rows)


def cards() -> str:
    """The card of every model."""
    return "\n\n".join(describe(name).to_markdown() for name in models())


def learning() -> str:
    """What tiny models scored on held-out dyads, beside the naive baselines on the same."""
    parts = []
    for name, title in ((name, record.title) for name, record in models().items()):
        runs = runs_of(name)
        if runs:
            data, cost = runs[0]["data"], mean(run["training_cpu_seconds"] for run in runs)
            told = f"{data['recordings']} recordings of {data['frames']} frames, {cost:.0f} CPU seconds of training"
            parts += [f"**{title}**, {len(runs)} data seeds, {told}:", _scores(title, runs)]
    return "\n\n".join(parts)


def runs_of(name: str) -> list[dict[str, Any]]:
    """The learning runs of a model, none if there is no record."""
    path = LEARNING / f"{name}.json"
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def _scores(title: str, runs: Sequence[dict[str, Any]]) -> str:
    called = {"trained": f"{title}, tiny", "untrained": "the same, untrained"}
    rows = [
        (called.get(name, name), *(_spread(run["test"][name][metric] for run in runs) for metric in _SHOWN))
        for name in runs[0]["test"]
    ]
    return table(("", *_SHOWN), rows)


def _spread(values: Iterable[float]) -> str:
    found = list(values)
    return f"{mean(found):.4f}" + (f" ± {stdev(found):.4f}" if len(found) > 1 else "")


def _anchor(title: str) -> str:
    return "".join(sign if sign.isalnum() or sign == "-" else "-" * (sign == " ") for sign in title.lower())
