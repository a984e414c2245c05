"""What EMC is worth where a modality is missing: ``python -m benchmarks.emc_table BASE --seeds 11 12 13``.

For every seed, synthetic dyads are made with it, and the base is trained on their training split by its tiny recipe, on
the inputs of EMC's `tiny()`. From its weights go on, each for the same epochs and on the same items: the base itself;
the base with the speaker's emotion as a further input, without attention; EMC without attention; EMC without
compensation; and EMC. All are scored on the test split under ``corrected`` with nothing, the face, and speech missing;
the base, which takes no missing data, gets zeros.
Nothing is chosen by the test split. ``docs/learning/emc_BASE.json`` gets an entry a seed; seeds that are there stay.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

import react_data
import react_eval
from benchmarks.learning import METRICS, keep_run, mean_and_deviation
from benchmarks.machine import ROOT, facts
from react_data.feature_writing import write_features
from reference_models.checkpoints import load_checkpoint
from reference_models.records import find_model
from reference_models.training.loop import TrainingResult, train

__all__ = ["main", "measure", "summary"]

BASES = ("transvae", "regnn", "faceais")
CONDITIONS = "standard"
FEATURES = ("mfcc78",)
SHOWN = ("model", "title", "status", "reason", "values")
TRAINED_ON = "{}, trained on"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "{} + emotion, no EA": {"attention": (), "compensation": False, "emotion_input": True},
    "{}-EMC w/o EA": {"attention": ()},
    "{}-EMC w/o CMA": {"compensation": False},
    "{}-EMC": {},
}


def measure(
    base: str,
    seed: int,
    data: Mapping[str, Any],
    folder: Path,
    *,
    epochs: int | None = None,
    fill: str | None = "zeros",
) -> dict[str, Any]:
    """Train all variants on dyads of a seed, and score them where modalities are missing.

    Args:
        base: Name of the base.
        seed: Of the dyads, of fresh weights, and of training.
        data: How many recordings, frames a clip, and pairs of behaviour classes.
        folder: Where data and runs lie; an interrupted run is continued.
        epochs: Epochs of every stage; those of the recipes if not given.
        fill: What the base gets in place of what is missing; if None, it fails.
    """
    root = react_data.synthesise(
        folder / "data", **data, seed=seed, show_progress=False, modalities=("emotion", "3dmm", "audio")
    )
    features = folder / "features"
    write_features(root, features, features=list(FEATURES), show_progress=False)
    how = {"seed": seed, "features": str(features), "epochs": epochs, "accelerator": "cpu", "show_progress": False}
    begun = time.process_time()
    runs = _trained(base, root, folder, how)
    took = time.process_time() - begun
    scored = react_eval.robustness(
        {title: run.model for title, run in runs.items()}, root, split="test", conditions=CONDITIONS,
        metrics=METRICS, fill=fill, online="offline" not in runs[find_model(base).title].model.modes, features=features,
        cache=folder / "submissions", device="cpu", show_progress=False,
    )  # fmt: skip
    found = scored.to_dict()
    options = [text for name, value in data.items() for text in (f"--{name}", str(value))]
    return {
        "seed": seed,
        "data": dict(data),
        "fill": fill,
        "best_epochs": {title: run.best_epoch for title, run in runs.items()},
        "rows": [{name: row[name] for name in SHOWN} for row in found["rows"]],
        "context": found["context"],
        "training_cpu_seconds": round(took),
        "machine": facts(("python", "-m", "benchmarks.emc_table", base, "--seeds", str(seed), *options)),
    }


def summary(runs: Sequence[Mapping[str, Any]]) -> str:
    """A table of means and standard deviations over seeds.

    Args:
        runs: What `measure` gave.
    """
    rows: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        for row in run["rows"]:
            rows.setdefault((row["model"], row["title"]), []).append(row)
    lines = [f"{'':52}" + "".join(f"{metric:>19}" for metric in METRICS)]
    for (model, condition), found in rows.items():
        if found[0]["status"] == "fails":
            lines.append(f"{model}, {condition}: {found[0]['reason']}")
            continue
        columns = [[row["values"][metric] for row in found] for metric in METRICS]
        cells = [mean_and_deviation(values) for values in columns]
        lines.append(f"{f'{model}, {condition}':52}" + "".join(f"{cell:>19}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure over seeds, and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", choices=BASES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--recordings", type=int, default=240)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--behaviours", type=int, default=5, help="Pairs of behaviour classes.")
    parser.add_argument("--epochs", type=int, help="Epochs of every stage, to try this program.")
    parser.add_argument("--folder", type=Path, help="Where data and runs are kept.  [default: a temporary folder]")
    parser.add_argument("--out", type=Path, help="[default: docs/learning/emc_BASE.json]")
    parser.add_argument("--threads", type=int, help="Processor threads of torch.")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    out = given.out or ROOT / "docs" / "learning" / f"emc_{given.base}.json"
    data = {name: getattr(given, name) for name in ("recordings", "frames", "behaviours")}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in given.seeds:
            folder = (given.folder or Path(temporary)) / f"{given.base}-{seed}"
            run = measure(given.base, seed, data, folder, epochs=given.epochs)
            print(f"seed {seed}, {run['training_cpu_seconds']} s of processor time in training", flush=True)
            print(summary([run]), flush=True)
            keep_run(run, out)
    print(summary(json.loads(out.read_text(encoding="utf-8"))))


def _trained(base: str, root: Path, folder: Path, how: Mapping[str, Any]) -> dict[str, TrainingResult]:
    """The base and what went on from it, by title."""
    record, emc = find_model(base), find_model(f"{base}_emc")
    tiny = emc.config_class().tiny()
    config = record.config_class()(**{each.name: getattr(tiny, each.name) for each in fields(record.config_class())})
    begun = train(base, root, out=folder / "base", config=config, recipe=record.training_recipe(tiny=True), **how)
    title = record.title
    (*_, last), (*_, like) = record.training_recipe(tiny=True).stages, emc.training_recipe(tiny=True).stages
    on = replace(record.training_recipe(tiny=True), stages=(replace(last, epochs=like.epochs),))
    runs = {title: begun}
    runs[TRAINED_ON.format(title)] = train(
        load_checkpoint(begun.path), root, out=folder / "trained-on", recipe=on, **how
    )
    for number, (name, changes) in enumerate(VARIANTS.items()):
        runs[name.format(title)] = train(
            emc.name, root, out=folder / f"variant-{number}", base=begun.path, recipe=emc.training_recipe(tiny=True),
            config=replace(tiny, **changes), **how,
        )  # fmt: skip
    return runs


if __name__ == "__main__":
    main()
