"""A whole challenge submission on disk: wall time, peak memory and seconds by metric.

``python -m benchmarks.whole_submission`` scores 1612 clips × 10 reactions × 750 frames × 25 channels with 40 neighbours
a clip, for blended and for near-mean predictions. The submission is HDF5 in chunks of one clip; listeners and speakers
are arrays in memory. Inputs are made once, under ``build/``. Every measurement is a process of its own, whose kernels
are compiled already.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.inputs import FAMILIES, predict, synthetic_dyads
from benchmarks.machine import ROOT, facts, peak_megabytes
from react_eval import SubmissionWriter, score_arrays

__all__ = ["main"]

REACTIONS, FRAMES, NEIGHBOURS = 10, 750, 40
_METRICS = ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn")


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the inputs and measure each family."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_submission", description=__doc__)
    parser.add_argument("--clips", type=int, default=1612, help="directed clips")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="blended and near-mean if not given")
    parser.add_argument("--context", action="store_true", help="score GT and B_Mime too, as is usual")
    parser.add_argument("--step", choices=("make", "measure"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    families = chosen.family or ["blended", "near-mean"]
    if chosen.step == "make":
        _make(chosen.clips, families[0])
    elif chosen.step == "measure":
        _measure(chosen.clips, families[0], context=chosen.context)
    else:
        given = list(sys.argv[1:] if arguments is None else arguments)
        for name, fact in facts(["python", "-m", "benchmarks.whole_submission", *given]).items():
            print(f"{name}: {fact}")
        for family in families:
            _run_steps(chosen.clips, family, ["--context"] if chosen.context else [])


def _run_steps(clips: int, family: str, options: Sequence[str]) -> None:
    """Make and measure in processes of their own, so that one's memory is not counted as the other's."""
    for step in ("make", "measure"):
        command = (sys.executable, "-m", "benchmarks.whole_submission", "--clips", str(clips), "--family", family)
        subprocess.run((*command, "--step", step, *options), cwd=ROOT, check=True)


def _paths(clips: int, family: str) -> tuple[Path, Path]:
    """The submission, and what it is scored against."""
    folder = ROOT / "build" / "whole_submission"
    return folder / f"{family.replace(' ', '-')}-{clips}.h5", folder / f"dyads-{clips}.npz"


def _make(clips: int, family: str) -> None:
    path, others = _paths(clips, family)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    dyads = synthetic_dyads(clips, FRAMES, NEIGHBOURS)
    np.savez(others, speaker=dyads.speaker, listener=dyads.listener, neighbours=dyads.neighbours)
    with SubmissionWriter(path, method=family, split="test") as writer:
        for clip, name in enumerate(dyads.clips):
            if name not in writer.done:
                writer.write(name, predict(family, dyads, clip, REACTIONS))


def _measure(clips: int, family: str, *, context: bool) -> None:
    path, others = _paths(clips, family)
    with np.load(others, allow_pickle=False) as stored:
        inputs = {name: stored[name] for name in ("speaker", "listener")} | {"neighbours": list(stored["neighbours"])}
    before = peak_megabytes()
    started, started_work = time.perf_counter(), time.process_time()
    result = score_arrays(path, context=context, **inputs)
    seconds, work = time.perf_counter() - started, time.process_time() - started_work
    predictions = clips * REACTIONS * inputs["listener"][0].nbytes / 1e6
    print(
        f"\n{family}: {clips} clips × {REACTIONS} × {FRAMES} × 25, {NEIGHBOURS} neighbours{' with context' * context}"
    )
    print(f"  wall time {seconds:.1f} s (metrics {result.run['seconds']:.1f} s), processor time {work:.1f} s")
    print(
        f"  peak memory {peak_megabytes():.0f} MB ({before:.0f} MB before), "
        f"of the process that reads the file {peak_megabytes(of_children=True):.0f} MB"
    )
    print(f"  predictions as float32 are {predictions:.0f} MB, {path.stat().st_size / 1e6:.0f} MB on disk")
    for metric in _METRICS:
        alone = score_arrays(path, metrics=[metric], context=False, **inputs)
        print(f"  {metric}: {alone.run['seconds']:.2f} s, value {alone[metric]:.6g}")
        if alone[metric] != result[metric]:
            raise RuntimeError(f"{metric} alone is {alone[metric]}, among all metrics {result[metric]}")


if __name__ == "__main__":
    main()
