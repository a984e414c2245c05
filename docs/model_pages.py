"""What pages say of reference models: made from records, cards, and the records of learning runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from records import table

from reference_models.listing import describe
from reference_models.records import ModelRecord, models
from reference_models.weightless import weightless

__all__ = [
    "LEARNING",
    "cards",
    "comparison",
    "compensation",
    "contrasts",
    "learning",
    "overview",
    "personalised",
    "runs_of",
]

LEARNING = Path(__file__).parent / "learning"

_SHOWN = ("FRCorr", "FRDist", "FRDiv", "FRVar")

_CONTRASTS = {
    "reactface_paired": ("reactface", "targets: reactions of all neighbours", "targets: the listener's own only"),
    "belfusion_k10": ("belfusion", "k = 1", "k = 10"),
    "belfusion_distance": ("belfusion", "distances and concordance", "distances alone"),
}
"""Records of runs with one change: of which model, what is usual, and what was changed."""

_PERSONS = {
    "perfrdiff_personalised": "Persons as they usually are in synthetic dyads",
    "perfrdiff_personalised_habits": "Persons who differ four times as much",
}
_ROBUST = ("model", "condition", *_SHOWN)
_PERSONAL = ("FRCorr", "FRCorr_personal", "FRDist", "FRDist_personal")


def overview() -> str:
    """One line a model, of its published configuration."""
    headings = ("model", "name", "generates", "when", "sees and hears", "parameters")
    return table(headings, [_line(record) for record in models().values()])


def comparison() -> str:
    """Models side by side: what they know of the future, what they cost, and what they were compared with."""
    headings = ("model", "sees of the future", "processor seconds", "compared with")
    return table(headings, [_compared(record) for record in models().values()])


def _compared(record: ModelRecord) -> tuple[str, ...]:
    glance = record.card.glance
    cost = "not measured" if glance.seconds is None else f"{glance.seconds:g}"
    return (f"[{record.title}](#{_anchor(record.title)})", glance.ahead, cost, glance.agreement)


def _line(record: ModelRecord) -> tuple[str, ...]:
    model = weightless(record.model_class(), record.config_class().published())
    count = sum(weights.numel() for weights in model.parameters())
    taken = ", ".join(name.removeprefix("speaker_") for name in model.inputs)
    known = "; of the listener, another clip" if model.history else ""
    return (
        f"[{record.title}](#{_anchor(record.title)})",
        f"`{record.name}`",
        " and ".join("3DMM" if head == "coefficients" else head for head in model.heads),
        " or ".join(model.modes),
        taken + known,
        f"{count / 1e6:.1f} million",
    )


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
            parts += [f"**{title}**, {len(runs)} data seeds, {told}. {_wins(runs)}", _scores(title, runs)]
    return "\n\n".join(parts)


def contrasts() -> str:
    """What one change of a recipe does, on data seeds of which both were run."""
    parts = []
    for name, (model, usual, changed) in _CONTRASTS.items():
        other = runs_of(name)
        seeds = {run["seed"] for run in other}
        ours = [run for run in runs_of(model) if run["seed"] in seeds]
        if other and len(ours) == len(other):
            rows = [
                (label, *(_spread(run["test"]["trained"][metric] for run in runs) for metric in _SHOWN))
                for label, runs in ((usual, ours), (changed, other))
            ]
            told = ", ".join(map(str, sorted(seeds)))
            parts += [
                f"**{models()[model].title}**, data seed{'s' * (len(seeds) > 1)} {told}:",
                table(("", *_SHOWN), rows),
            ]
    return "\n\n".join(parts)


def personalised() -> str:
    """What histories were worth to a tiny PerFRDiff, and how its style vectors of unseen listeners cluster."""
    parts = []
    for name, told in _PERSONS.items():
        runs = runs_of(name)
        if runs:
            rows = [
                (row, *(_spread(run["test"][row][metric] for run in runs) for metric in _PERSONAL))
                for row in runs[0]["test"]
            ]
            people = runs[0]["listeners"]
            known = f"{len(runs)} data seeds, {people['train']} listeners in training, {people['test']} others in test"
            parts += [f"**{told}** ({known}):", table(("reactions", *_PERSONAL), rows)]
    return "\n\n".join([*parts, _silhouettes(), _ablations()])


def compensation() -> str:
    """What EMC is worth to tiny models of its bases, where nothing, the face, or speech is missing."""
    parts = []
    for base in (record for name, record in models().items() if runs_of(f"emc_{name}")):
        runs = runs_of(f"emc_{base.name}")
        data = runs[0]["data"]
        told = f"{data['recordings']} recordings of {data['frames']} frames"
        parts += [f"**{base.title}**, {len(runs)} data seeds, {told}:", table(_ROBUST, _compensated(runs))]
    return "\n\n".join(parts)


def _compensated(runs: Sequence[dict[str, Any]]) -> Iterable[tuple[str, ...]]:
    """A row for each model under each condition, and one for each naive baseline."""
    for rows in zip(*(run["rows"] for run in runs), strict=True):
        known = rows[0]["model"], rows[0]["title"]
        if any(row["status"] == "fails" for row in rows):
            yield (*known, "fails", *[""] * (len(_SHOWN) - 1))
        else:
            yield (*known, *(_spread(row["values"][metric] for row in rows) for metric in _SHOWN))
    for naive in (name for name in runs[0]["context"] if name.startswith("B_")):
        yield (naive, "complete", *(_spread(run["context"][naive][metric] for run in runs) for metric in _SHOWN))


def _ablations() -> str:
    (run,) = runs_of("perfrdiff_ablations")
    rows = [
        (name, *(f"{values[metric]:.4f}" for metric in (*_PERSONAL, "FRDiv"))) for name, values in run["test"].items()
    ]
    dyads = f"data seed {run['seed']}, {run['data']['recordings']} recordings"
    told = f"**Parts left out** ({dyads}); hypernetworks with clip 1, on the generator without sound:"
    return f"{told}\n\n{table(('', *_PERSONAL, 'FRDiv'), rows)}"


def _silhouettes() -> str:
    runs = runs_of("perfrdiff_styles")
    trained, untrained = (_spread(run[name] for run in runs) for name in ("silhouette", "silhouette_untrained"))
    return f"Style vectors of unseen listeners have a silhouette of {trained}; of an untrained encoder {untrained}."


def runs_of(name: str) -> list[dict[str, Any]]:
    """The learning runs of a model, none if there is no record."""
    path = LEARNING / f"{name}.json"
    return list(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []


def _wins(runs: Sequence[dict[str, Any]]) -> str:
    """On how many seeds the trained model has the highest FRCorr."""
    best = [max(run["test"], key=lambda name: run["test"][name]["FRCorr"]) == "trained" for run in runs]
    return f"It beats the others in FRCorr on {sum(best)} of {len(best)}:"


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
