"""Processor seconds of the official way of scoring, as `benchmarks/official.py` does it, and of ours, in one process.

Run from a checkout: ``python -m docs.measure_replacement``. It prints the table of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import process_time

import click
import numpy as np

from benchmarks import official
from react_eval import metrics

INPUTS = Path("tests/data/golden_metrics/full_length.npz")
LEAST_SECONDS = 0.5


def main() -> None:
    """Print a line a metric."""
    with np.load(INPUTS, allow_pickle=False) as stored:
        predictions, listener, speaker = (stored[name] for name in ("predictions", "listener", "speaker"))
        neighbours = [np.flatnonzero(row) for row in stored["neighbours"]]
    first = predictions[:, :1]  # the official scorer looks at no other for FRSyn
    ways: dict[str, tuple[Callable[[], float], Callable[[], float]]] = {
        "FRCorr": (
            lambda: official.frcorr(predictions, listener, neighbours),
            lambda: metrics.frcorr(predictions, listener, neighbours),
        ),
        "FRDist": (
            lambda: official.frdist(predictions, listener, neighbours),
            lambda: metrics.frdist(predictions, listener, neighbours),
        ),
        "FRDiv": (lambda: official.frdiv(predictions), lambda: metrics.frdiv(predictions)),
        "FRVar": (lambda: official.frvar(predictions), lambda: metrics.frvar(predictions)),
        "FRDvs": (lambda: official.frdvs(predictions), lambda: metrics.frdvs(predictions)),
        "FRSyn": (lambda: official.frsyn(first, speaker), lambda: metrics.frsyn(predictions, speaker)),
    }
    click.echo("| metric | the official way: value | s | react-eval: value | s | times as fast |")
    click.echo("|---|--:|--:|--:|--:|--:|")
    for name, (old, new) in ways.items():
        (old_value, old_seconds), (new_value, new_seconds) = _timed(old), _timed(new)
        ratio = old_seconds / new_seconds
        cells = f"{old_value:.6g} | {old_seconds:.3g} | {new_value:.6g} | {new_seconds:.3g} | {ratio:.3g}"
        click.echo(f"| {name} | {cells} |")


def _timed(score: Callable[[], float]) -> tuple[float, float]:
    """The value, and the least processor seconds of a call; the first, which may compile, does not count."""
    value, seconds = score(), []
    while sum(seconds) < LEAST_SECONDS:
        start = process_time()
        score()
        seconds.append(process_time() - start)
    return value, min(seconds)


if __name__ == "__main__":
    main()
