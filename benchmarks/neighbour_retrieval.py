"""Retrieval of neighbours beside comparing all pairs: ``python -m benchmarks.neighbour_retrieval [CLIPS]``.

The search is measured as a whole. Comparing all pairs would take most of an hour, so that is measured on some pairs and
stated for as many pairs as the search decides.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks import official
from benchmarks.inputs import synthetic_dyads
from benchmarks.machine import cores, facts, peak_megabytes
from benchmarks.side_by_side import OURS, Times, markdown_table
from react_data.channels import EMOTION_25
from react_data.neighbour_table import NeighbourTable
from react_data.retrieval import retrieve_neighbours
from react_eval.kernels.dynamic_time_warping import weighted_dtw

__all__ = ["main"]

CLIPS, FRAMES, NEIGHBOURS = 1612, 750, 12
SEARCHES: dict[str, dict[str, float]] = {"threshold 17": {"threshold": 17.0}, "10 nearest": {"top_k": 10}}
WITHOUT_WARPING = ("ccc", "cosine", "euclidean")
PAIRS = {"every pair, same kernel, float64": 200, "every pair, tslearn (the official way)": 20}
STARTS, STOPS, WEIGHTS = (
    np.array([getattr(group, name) for group in EMOTION_25.groups]) for name in ("start", "stop", "weight")
)

Series = np.typing.NDArray[np.float32]


def main() -> None:
    """Print processor seconds of every search, and the ratio of comparing all pairs to it."""
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else CLIPS
    speakers = synthetic_dyads(clips, FRAMES, NEIGHBOURS).speaker
    compare = {
        "every pair, same kernel, float64": _same_kernel,
        "every pair, tslearn (the official way)": official.warped_distance,
    }
    slow = {name: _per_pair(function, speakers, PAIRS[name]) * _pairs(clips) for name, function in compare.items()}
    times: Times = {}
    for label, options in SEARCHES.items():
        seconds, wall, table = _search(speakers, "dtw", **options)
        _check(table, speakers)
        name = f"dtw, {label}: {len(table)} neighbours, {wall:.0f} s on {cores()} cores"
        times[name] = {OURS: seconds, **slow}
    for measure in WITHOUT_WARPING:
        seconds, wall, table = _search(speakers, measure, top_k=10)
        times[f"{measure}, 10 nearest: {len(table)} neighbours, {wall:.0f} s on {cores()} cores"] = {OURS: seconds}
    described = facts(("python", "-m", "benchmarks.neighbour_retrieval", str(clips)))
    print("\n".join(f"{name}: {fact}" for name, fact in described.items()))
    print(f"{clips} clips of {FRAMES} × 25, {_pairs(clips)} pairs, peak memory {peak_megabytes():.0f} MB\n")
    print(markdown_table(times))


def _pairs(clips: int) -> int:
    return clips * (clips - 1) // 2


def _search(speakers: Series, measure: str, **options: float) -> tuple[float, float, NeighbourTable]:
    ids = [f"clip {number}" for number in range(len(speakers))]
    retrieve_neighbours(speakers[:4], ids=ids[:4], measure=measure, **options)  # type: ignore[arg-type]  # compiles
    begun, processor = time.perf_counter(), time.process_time()
    table = retrieve_neighbours(speakers, ids=ids, measure=measure, **options)  # type: ignore[arg-type]
    return time.process_time() - processor, time.perf_counter() - begun, table


def _check(table: NeighbourTable, speakers: Series) -> None:
    """Compare some rows of what was found with comparing all pairs of these rows."""
    for row in range(0, len(speakers), -(-len(speakers) // 4)):
        distances = np.array([_same_kernel(speakers[row], other) for other in speakers])
        found = table.lists()[row]
        if table.source.threshold is not None:
            expected = np.flatnonzero(distances <= table.source.threshold)
        else:
            expected = np.sort(np.argsort(distances, kind="stable")[: len(found)])
        if not np.array_equal(found, expected):
            raise SystemExit(f"row {row}: found {found}, but comparing all pairs gives {expected}")


def _same_kernel(first: Series, second: Series) -> float:
    return float(weighted_dtw(first.astype(np.float64), second.astype(np.float64), STARTS, STOPS, WEIGHTS, np.inf))


def _per_pair(compare: Callable[[Series, Series], float], speakers: Series, pairs: int) -> float:
    """Processor seconds of comparing a pair, in the mean over some."""
    generator = np.random.default_rng(0)
    chosen = [generator.choice(len(speakers), 2, replace=False) for _ in range(pairs)]
    compare(speakers[0], speakers[1])  # compiles
    begun = time.process_time()
    for one, other in chosen:
        compare(speakers[one], speakers[other])
    return (time.process_time() - begun) / pairs


if __name__ == "__main__":
    main()
