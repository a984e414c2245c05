"""How the cost of each metric grows with clips, reactions, frames and neighbours, and falls with cores and workers.

``python -m benchmarks.scaling`` writes ``docs/performance.md`` and its plots; with ``--short`` it measures fewer sizes
and prints the page only.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT, cores, facts
from benchmarks.scaled_metrics import AXES, METRICS, Scaled, Size
from benchmarks.scaling_page import Study, draw, page
from react_eval import score_arrays

__all__ = ["main", "measure_growth", "measure_spreading"]

SHORT, FULL = (0.5, 1, 2), (0.5, 1, 2, 4)
SPREAD = Size(clips=16, reactions=10, frames=750, neighbours=20)

_CALLS = 3
_SUITES = ("-m", "pytest", "-q", "benchmarks", "-o", "addopts=--import-mode=importlib", "--benchmark-quiet")


def measure_growth(axis: str, factors: Sequence[float]) -> dict[str, dict[int, float]]:
    """Vary one axis, and keep the others at their base.

    Args:
        axis: One of `AXES`.
        factors: What the base is multiplied by.

    Returns:
        For each metric the least processor time in seconds by size.
    """
    found = {}
    for name, scaled in METRICS.items():
        sizes = [round(getattr(scaled.base, axis) * factor) for factor in factors]
        found[name] = {size: _processor_seconds(scaled, replace(scaled.base, **{axis: size})) for size in sizes}
    return found


def _processor_seconds(scaled: Scaled, size: Size) -> float:
    predictions, dyads = size.inputs(scaled.family)
    return _least(time.process_time, lambda: scaled.measure(predictions, dyads))[0]


def _least(clock: Callable[[], float], function: Callable[[], Any]) -> tuple[float, list[Any]]:
    """Least time of several calls after one that may compile, and what each returned."""
    seconds, results = [], [function()]
    for _ in range(_CALLS):
        started = clock()
        results.append(function())
        seconds.append(clock() - started)
    return min(seconds), results


def measure_spreading(size: Size, settings: dict[int, AbstractContextManager[dict[str, Any]]]) -> dict[int, float]:
    """Score the same submission on one, two, … cores or workers.

    Args:
        size: Of the submission.
        settings: By number, a context to score in, which gives arguments of `score_arrays`.

    Returns:
        The least wall time in seconds by number.

    Raises:
        RuntimeError: If the number changes a bit of a score.
    """
    predictions, dyads = size.inputs("near-mean")
    inputs: dict[str, Any] = {
        "speaker": dyads.speaker,
        "listener": dyads.listener,
        "neighbours": dyads.neighbours,
        "context": False,
    }
    found: dict[int, float] = {}
    scores: list[dict[str, float]] = []
    for count, setting in settings.items():
        with setting as arguments:
            found[count], results = _least(time.perf_counter, lambda: score_arrays(predictions, **inputs, **arguments))
        scores += map(dict, results)
    if any(each != scores[0] for each in scores):
        raise RuntimeError(f"scores depend on how they were spread: {scores}")
    return found


@contextmanager
def _on_cores(count: int) -> Iterator[dict[str, Any]]:
    """Threads that are started within run on so many cores."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:count])
    try:
        yield {}
    finally:
        os.sched_setaffinity(0, allowed)


@contextmanager
def _on_workers(count: int) -> Iterator[dict[str, Any]]:
    from distributed import Client, LocalCluster  # optional

    with (
        LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None) as cluster,  # type: ignore[no-untyped-call]
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        yield {"client": client}


def _spreading(size: Size) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Wall seconds over cores and over workers, and why some were left out."""
    found, left_out = {}, []
    if hasattr(os, "sched_setaffinity"):
        found["cores"] = measure_spreading(size, {n: _on_cores(n) for n in _up_to(cores())})
    else:
        left_out.append("cores: this system does not let a process choose its cores")
    if find_spec("distributed") is None:
        left_out.append("workers: dask.distributed is not installed")
    else:
        found["workers"] = measure_spreading(size, {n: _on_workers(n) for n in _up_to(cores())})
    return found, left_out


def _up_to(most: int) -> list[int]:
    return [2**power for power in range(most.bit_length()) if 2**power <= most]


def _ratios() -> str:
    """The table of ratios that the suites print."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "ratios.md"
        subprocess.run((sys.executable, *_SUITES, f"--ratios={table}"), cwd=ROOT, check=True, stdout=sys.stderr)
        return table.read_text(encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--short", action="store_true", help="measure fewer sizes; print the page, write nothing")
    chosen = parser.parse_args(arguments)
    if not chosen.short and find_spec("matplotlib") is None:
        parser.error("plots need matplotlib: pip install 'react-eval[bench]', or pass --short")
    factors = SHORT if chosen.short else FULL
    spreading, left_out = _spreading(replace(SPREAD, clips=4) if chosen.short else SPREAD)
    study = Study(
        facts=facts(["python", "-m", "benchmarks.scaling", *(["--short"] if chosen.short else [])]),
        growth={axis: measure_growth(axis, factors) for axis in AXES},
        spreading=spreading,
        left_out=left_out,
        ratios="" if chosen.short else _ratios(),
    )
    if chosen.short:
        print(page(study, plots=False))
    else:
        draw(study, ROOT / "docs" / "performance")
        (ROOT / "docs" / "performance.md").write_text(page(study), encoding="utf-8")


if __name__ == "__main__":
    main()
