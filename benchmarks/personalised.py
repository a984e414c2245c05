"""Does a listener's history help? ``python -m benchmarks.personalised --seeds 31 32 33``.

For every seed, PerFRDiff's tiny configuration is trained on synthetic dyads by its tiny recipe, unchanged, as
`benchmarks.learning` does it; with the same ``--folder`` its runs serve here too. The listeners of the test split are
none of those that were learned from. The same clips are scored under ``perfrdiff`` without a history, with clip 1 of
the conversation as the history, and with a clip of somebody else. Generic reactions that are moved to the listener's
true mean and deviation show what there was to win by these. What the style encoder makes of clips of unseen listeners
is compared within and between them. ``--ablations N`` instead trains generators with parts left out for N epochs.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

import react_data
import react_eval
from benchmarks.learning import keep_run
from benchmarks.machine import ROOT, facts
from react_data.feature_writing import write_features
from react_data.personal_clips import personalised_clips
from reference_models.generation import RunSettings
from reference_models.loading import load
from reference_models.perfrdiff.config import SERIES, PerFRDiffConfig
from reference_models.perfrdiff.model import PerFRDiff
from reference_models.perfrdiff.recipe import AUTOENCODER, GENERATOR, PERSONAL, STYLE
from reference_models.records import find_model
from reference_models.speaker_inputs import open_for
from reference_models.training.loop import train
from reference_models.training.recipes import Stage

__all__ = ["main"]

OUT = ROOT / "docs" / "learning"
HISTORIES = {"generic": None, "personalised": "first", "of a stranger": "stranger"}
METRICS = ("FRCorr", "FRCorr_personal", "FRDist", "FRDist_personal", "FRDiv")
REACTIONS = 10
GENERATORS: Mapping[str, Mapping[str, Any]] = {
    "whole": {"speaker_inputs": SERIES},
    "w/o diffusion": {"speaker_inputs": SERIES, "diffusion": False},
    "w/o audio": {"speaker_inputs": ("3dmm", "emotion")},
    "w/o video": {"speaker_inputs": ("mfcc78",)},
}
HYPERNETWORKS = ("low rank", "full")
TINY = find_model("perfrdiff").training_recipe(tiny=True)

Series = NDArray[np.float32]


def personalised(seed: int, data: Mapping[str, Any], folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on dyads of a seed, score with histories, and compare style vectors.

    Args:
        seed: Of the dyads, of fresh weights, and of training.
        data: Recordings, frames, behaviours and habits of the dyads.
        folder: Where data and run lie; an interrupted run is continued.

    Returns:
        Scores by history; and style vectors of the test split as points of a plane.
    """
    root = react_data.synthesise(
        folder / "data", **data, seed=seed, show_progress=False, modalities=("emotion", "3dmm")
    )
    model = train("perfrdiff", root, out=folder / "run", config="tiny", **_how(seed)).model
    train_split, test = (
        react_data.open_split(root, split, frames=data["frames"]).load() for split in ("train", "test")
    )
    known, unseen = (set(split["listener_person"].values.tolist()) for split in (train_split, test))
    if known & unseen:
        raise ValueError(f"listeners of the test split were learned from: {sorted(known & unseen)}.")
    made = {name: _reactions(model, test, history) for name, history in HISTORIES.items()}
    made["generic, true mean"] = _moved(made["generic"], test, train_split, deviation=False)
    made["generic, true mean and deviation"] = _moved(made["generic"], test, train_split, deviation=True)
    found = {
        "seed": seed,
        "data": dict(data),
        "listeners": {"train": len(known), "test": len(unseen)},
        "clips": len(made["generic"]),
        "test": {name: _scores(each, root) for name, each in made.items()},
        "machine": facts(("python", "-m", "benchmarks.personalised", "--seeds", str(seed), *_options(data))),
    }
    return found, {"seed": seed, **_styles(model, test)}


def ablations(seed: int, data: Mapping[str, Any], epochs: int, folder: Path) -> dict[str, Any]:
    """Generators with parts left out, and on the one without sound both kinds of hypernetwork.

    Args:
        seed: Of the dyads, of fresh weights, and of training.
        data: Recordings, frames, behaviours and habits of the dyads.
        epochs: Of the stage that trains the generator.
        folder: Where data and runs lie; interrupted runs are continued.

    Returns:
        Scores of all, generic but for those with a hypernetwork.
    """
    root = react_data.synthesise(folder / "data-with-sound", **data, seed=seed, sample_rate=16000, show_progress=False)
    write_features(root, folder / "features", features=["mfcc78"], show_progress=False)
    usual = {stage.name: stage for stage in TINY.stages}
    work = _Ablation(root, folder, seed)
    generator = (usual[AUTOENCODER], replace(usual[GENERATOR], epochs=epochs))
    rows = {name: work.row(name, {}, changes, generator) for name, changes in GENERATORS.items()}
    base, personal = load("perfrdiff", folder / "wo-audio").state_dict(), (usual[STYLE], usual[PERSONAL])
    rows |= {f"{kind} hypernetwork": work.row(kind, base, {"hypernetwork": kind}, personal) for kind in HYPERNETWORKS}
    arguments = ("--seeds", str(seed), "--ablations", str(epochs), *_options(data))
    return {
        "seed": seed,
        "data": dict(data),
        "epochs": epochs,
        "test": rows,
        "machine": facts(("python", "-m", "benchmarks.personalised", *arguments)),
    }


@dataclass(frozen=True)
class _Ablation:
    """What all ablations share."""

    root: Path
    folder: Path
    seed: int

    def row(
        self, name: str, base: Mapping[str, torch.Tensor], changes: Mapping[str, Any], stages: Sequence[Stage]
    ) -> dict[str, Any]:
        """Train some stages of a changed model, which begins with the weights of another one; and score it."""
        model = load("perfrdiff", config=replace(PerFRDiffConfig.tiny(), **changes), seed=self.seed)
        given = {key: value for key, value in base.items() if not key.startswith("hypernetwork.")}
        model.load_state_dict(given, strict=False)
        recipe, features = replace(TINY, stages=tuple(stages), select=""), str(self.folder / "features")
        begun = time.process_time()
        out = self.folder / name.replace("/", "").replace(" ", "-")
        trained = train(model, self.root, out=out, recipe=recipe, features=features, **_how(self.seed)).model
        took = time.process_time() - begun
        split = open_for(trained, self.root, "test", features=features)
        found = _scores(_reactions(trained, split, "first" if base else None), self.root)
        parameters = sum(each.numel() for each in trained.parameters())
        row = {**found, "parameters": parameters, "training_cpu_seconds": round(took)}
        print(name, row, flush=True)
        return row


def main(arguments: Sequence[str] | None = None) -> None:
    """Train over seeds, and keep what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33])
    parser.add_argument("--recordings", type=int, default=240)
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--behaviours", type=int, default=5)
    parser.add_argument("--habits", type=float, default=1.0, help="How far persons differ.  [default: 1]")
    parser.add_argument("--ablations", type=int, metavar="EPOCHS", help="Train generators with parts left out.")
    parser.add_argument("--folder", type=Path, help="Where data and runs are kept.  [default: a temporary folder]")
    parser.add_argument("--out", type=Path, default=OUT, help="Folder of the JSON files.  [default: docs/learning]")
    parser.add_argument("--threads", type=int, help="Processor threads of torch.")
    given = parser.parse_args(arguments)
    if given.threads:
        torch.set_num_threads(given.threads)
    data = {name: getattr(given, name) for name in ("recordings", "frames", "behaviours", "habits")}
    other = "" if given.habits == 1 else "_habits"
    with tempfile.TemporaryDirectory() as temporary:
        for seed in given.seeds:
            folder = (given.folder or Path(temporary)) / f"perfrdiff-{seed}"
            if given.ablations:
                keep_run(ablations(seed, data, given.ablations, folder), given.out / "perfrdiff_ablations.json")
                continue
            found, styles = personalised(seed, data, folder)
            print(seed, json.dumps(found["test"], indent=1), styles["silhouette"], flush=True)
            keep_run(found, given.out / f"perfrdiff_personalised{other}.json")
            keep_run(styles, given.out / f"perfrdiff_styles{other}.json")


def _how(seed: int) -> dict[str, Any]:
    return {"seed": seed, "accelerator": "cpu", "show_progress": False}


def _options(data: Mapping[str, Any]) -> list[str]:
    return [text for name, value in data.items() for text in (f"--{name}", str(value))]


def _reactions(model: Any, split: xr.Dataset, history: str | None) -> dict[str, Series]:
    """Reactions (R, T, 25) to the clips that personalised generation is scored on."""
    how = RunSettings(REACTIONS, 0, history=history)
    speakers = how.speakers(split, model, clips=personalised_clips(split["clip"].values.tolist()))
    return {
        clip: how.react(model, speakers.batch([number]), int(speakers.frames[number]))["emotion"]
        for number, clip in enumerate(speakers.clips)
    }


def _moved(made: Mapping[str, Series], test: xr.Dataset, known: xr.Dataset, *, deviation: bool) -> dict[str, Series]:
    """Reactions with what all clips of their listeners in the split tell of these, which no model could know."""
    usual, usual_deviation = _habits(known["listener_emotion"].values)
    persons = dict(zip(test["clip"].values.tolist(), test["listener_person"].values.tolist(), strict=True))
    found = {}
    for clip, reactions in made.items():
        own, own_deviation = _habits(test["listener_emotion"].values[test["listener_person"].values == persons[clip]])
        mean = reactions.mean(1, keepdims=True)
        scale = own_deviation / usual_deviation if deviation else 1.0
        found[clip] = (mean + own - usual + scale * (reactions - mean)).astype(np.float32)
    return found


def _habits(clips: Series) -> tuple[Series, Series]:
    """Mean, and mean deviation within a clip, of each channel of clips (N, T, C)."""
    return clips.mean((0, 1)), clips.std(1).mean(0)


def _scores(made: Mapping[str, Series], root: Path) -> dict[str, float]:
    found = react_eval.score(
        dict(made), split="test", data=root, protocol="perfrdiff", metrics=METRICS, context=False, show_progress=False
    )
    return {metric: round(float(found[metric]), 4) for metric in METRICS}


def _styles(model: PerFRDiff, split: xr.Dataset) -> dict[str, Any]:
    """How well style vectors of a split's listeners cluster, and where t-SNE puts them."""
    clips = torch.from_numpy(split["listener_3dmm"].values.astype(np.float32))
    persons = split["listener_person"].values.astype(str)
    if model.style is None:
        raise ValueError("the model has no style encoder.")
    with torch.no_grad():
        vectors = model.style(clips).numpy()
        fresh = load("perfrdiff", config="tiny").style(clips).numpy()
    plane = TSNE(metric="cosine", perplexity=min(15, len(clips) - 1), init="random", random_state=0)
    points = plane.fit_transform(vectors)
    numbers = np.unique(persons, return_inverse=True)[1]
    return {
        "silhouette": round(float(silhouette_score(vectors, persons, metric="cosine")), 4),
        "silhouette_untrained": round(float(silhouette_score(fresh, persons, metric="cosine")), 4),
        "listeners": len(set(persons)),
        "points": [
            {"listener": int(number), "x": round(float(x), 2), "y": round(float(y), 2)}
            for number, (x, y) in zip(numbers, points, strict=True)
        ],
    }


if __name__ == "__main__":
    main()
