"""Memory and time of warping two clips of 20,000 frames: ``python -m benchmarks.long_clips``."""

from __future__ import annotations

import time

import numpy as np

from benchmarks.inputs import synthetic_dyads
from benchmarks.machine import peak_megabytes
from react_eval.metrics import frdist

__all__ = ["main"]

FRAMES = 20_000


def main() -> None:
    """Print by how much one comparison raises the process's peak memory, and how long it takes."""
    dyads = synthetic_dyads(clips=2, frames=FRAMES, neighbours=1)
    predictions, listener, neighbours = dyads.speaker[:1, None], dyads.listener[:1], [np.array([0])]
    frdist(predictions[:, :, :100], listener[:, :100], neighbours)  # compiles
    before, started = peak_megabytes(), time.process_time()
    value = frdist(predictions, listener, neighbours)
    seconds = time.process_time() - started
    print(
        f"one weighted comparison, {FRAMES} × {FRAMES} frames: {seconds:.2f} s of processor time, "
        f"{peak_megabytes() - before:.1f} MB more memory at its peak (distance {value:.6g})"
    )


if __name__ == "__main__":
    main()
