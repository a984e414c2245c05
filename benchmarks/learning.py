"""Does a tiny recipe learn? ``python -m benchmarks.learning MODEL --seeds 11 12 13``.

For every seed, synthetic dyads are made with it, the model's `tiny()` configuration is trained on their training split
by its tiny recipe, unchanged but for ``--set``, with the epoch chosen on the validation split, and the test split is
scored under ``corrected``: the trained model, the same model untrained, and naive baselines, all on facial attributes,
or on 3DMM where the model gives nothing else. Nothing is chosen by the test split. ``docs/learning/MODEL.json`` gets an
entry a seed: value of validation by epoch, scores on the test split, and processor time. Seeds that are there stay.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import xarray as xr

import react_data
import react_eval
from benchmarks.machine import ROOT, facts
from react_data.feature_writing import write_features
from react_eval.baselines import baseline
from reference_models.generation import RunSettings
from reference_models.generator import ReactionModel
from reference_models.loading import chosen_config, load
from reference_models.model_config import ModelConfig
from reference_models.records import find_model
from reference_models.speaker_inputs import SpeakerInputs, open_for
from reference_models.training.commands import train_by_settings
from reference_models.training.recipes import Recipe
from reference_models.training.settings import with_overrides

__all__ = ["keep_run", "main", "mean_and_deviation", "summary"]

METRICS = ("FRCorr", "FRDist", "FRDiv", "FRVar")
BASELINES = ("B_Mime", "B_MeanSeq")
STORED = ("emotion", "3dmm", "audio")
REACTIONS = 10


def learn(
    name: str,
    seed: int,
    recordings: int,
    frames: int,
    folder: Path,
    behaviours: int | None = None,
    *,
    online: bool = False,
    changes: Sequence[str] = (),
) -> dict[str, Any]:
    """Train on dyads of a seed, and score the test split.

    Args:
        name: The model.
        seed: Of the dyads, of fresh weights, and of training.
        recordings: How many, shared out 60/20/20 to the splits; each is two clips.
        frames: Frames a clip.
        folder: Where data and run lie; an interrupted run is continued.
        behaviours: Pairs of behaviour classes; as many as is usual for so many recordings, if not given.
        online: Whether reactions are generated online, where the model can do both.
        changes: Of the tiny configuration and recipe, such as ``recipe.targets=paired``.
    """
    config, recipe = _chosen(name, changes)
    untrained = load(name, config=config, seed=seed)
    data = {"recordings": recordings, "frames": frames} | ({"behaviours": behaviours} if behaviours else {})
    online = online or "offline" not in untrained.modes
    options = [text for option, value in data.items() for text in (f"--{option}", str(value))]
    options += ["--online"] if online and "offline" in untrained.modes else []
    options += [text for change in changes for text in ("--set", change)]
    root, features = _data(untrained, seed, data, folder)
    begun = time.process_time()
    how = {"seed": seed, "features": features, "accelerator": "cpu", "online": online}
    found = train_by_settings(
        name, root, folder / "run", file=None, preset="tiny", overrides=changes, given=how, show_progress=False
    )
    took = time.process_time() - begun
    split, training = (open_for(untrained, root, each, features=features or None) for each in ("test", "train"))
    generators: dict[str, Any] = {"trained": found.model, "untrained": untrained}
    generators |= {each: baseline(each, split, training) for each in BASELINES}
    return {
        "seed": seed,
        "data": data,
        "mode": "online" if online else "offline",
        "stages": {stage.name: stage.epochs for stage in recipe.stages},
        "best_epoch": found.best_epoch,
        "validation": {str(epoch): round(value, 4) for epoch, value in found.scores.items()},
        "test": {
            each: _scores(generator, split, root, untrained, online=online) for each, generator in generators.items()
        },
        "training_cpu_seconds": round(took),
        "machine": facts(("python", "-m", "benchmarks.learning", name, "--seeds", str(seed), *options)),
    }


def summary(runs: Sequence[Mapping[str, Any]]) -> str:
    """A table of means and standard deviations over seeds.

    Args:
        runs: What `learn` gave.
    """
    lines = [f"{'':12}" + "".join(f"{metric:>19}" for metric in METRICS)]
    for generator in runs[0]["test"]:
        columns = [[run["test"][generator][metric] for run in runs] for metric in METRICS]
        cells = [mean_and_deviation(values) for values in columns]
        lines.append(f"{generator:12}" + "".join(f"{cell:>19}" for cell in cells))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train over seeds, and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--recordings", type=int, default=60)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--behaviours", type=int, help="Pairs of behaviour classes.  [default: one for 12 recordings]")
    parser.add_argument("--online", action="store_true", help="Generate online, where the model can do both.")
    parser.add_argument("--set", dest="changes", action="append", default=[], help="A change, as react-models train.")
    parser.add_argument("--folder", type=Path, help="Where data and runs are kept.  [default: a temporary folder]")
    parser.add_argument("--out", type=Path, help="[default: docs/learning/MODEL.json]")
    parser.add_argument("--threads", type=int, help="Processor threads of torch.")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    name = find_model(given.model).name
    out = given.out or ROOT / "docs" / "learning" / f"{name}.json"
    with tempfile.TemporaryDirectory() as temporary:
        for seed in given.seeds:
            folder = (given.folder or Path(temporary)) / f"{name}-{seed}"
            run = learn(
                name, seed, given.recordings, given.frames, folder, given.behaviours,
                online=given.online, changes=given.changes,
            )  # fmt: skip
            took = f"seed {seed}, {run['training_cpu_seconds']} s of processor time in training"
            print(took, summary([run]), sep="\n", flush=True)
            keep_run(run, out)
    print(summary(json.loads(out.read_text(encoding="utf-8"))))


def mean_and_deviation(values: Sequence[float]) -> str:
    """The mean of values, with their standard deviation if there are several."""
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation}"


def _chosen(name: str, changes: Sequence[str]) -> tuple[ModelConfig, Recipe]:
    """The tiny configuration and recipe of a model, with changes."""
    record, sections = find_model(name), with_overrides({"config": {}, "recipe": {}, "training": {}}, changes)
    config = chosen_config(record, "tiny")
    changed = type(config).from_dict(config.to_dict() | sections["config"])
    return changed, record.training_recipe(tiny=True).changed(sections["recipe"])


def _data(model: ReactionModel, seed: int, data: Mapping[str, Any], folder: Path) -> tuple[Path, str]:
    """Dyads with what the model takes, and the folder of features that are computed of them."""
    kinds = [name.removeprefix("speaker_") for name in model.inputs]
    computed = [kind for kind in kinds if kind not in (*STORED, "video")]
    stored = {"emotion", "3dmm", *(kind for kind in kinds if kind in STORED), *(["audio"] if computed else [])}
    root = react_data.synthesise(
        folder / "data", **data, seed=seed, show_progress=False,
        modalities=[kind for kind in STORED if kind in stored], video="mp4" if "video" in kinds else None,
    )  # fmt: skip
    features = folder / "features"
    if computed:
        write_features(root, features, features=computed, show_progress=False)
    return root, str(features) if computed else ""


def _scores(generator: Any, split: xr.Dataset, root: Path, model: ReactionModel, *, online: bool) -> dict[str, float]:
    """Scores of a generator's reactions to the test split, of the kind that the model is scored on."""
    kind = "emotion" if "emotion" in model.heads else "coefficients"
    speakers = SpeakerInputs(split, generator)
    how = RunSettings(REACTIONS, 0, online and isinstance(generator, ReactionModel))
    made = {
        clip: how.react(generator, speakers.batch([number]), int(speakers.frames[number]))[kind]
        for number, clip in enumerate(speakers.clips)
    }
    found = react_eval.score(
        made, split="test", data=root, protocol="corrected", metrics=METRICS, context=False, show_progress=False
    )
    return {metric: round(float(found[metric]), 4) for metric in METRICS}


def keep_run(run: Mapping[str, Any], out: Path) -> None:
    """Write a run beside those of other seeds."""
    earlier = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else []
    runs = [*(each for each in earlier if each["seed"] != run["seed"]), run]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(sorted(runs, key=lambda each: each["seed"]), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
