"""How long reactions are waited for: ``python -m benchmarks.online_latency [--threads 1 2] [--windows 40] [--clips]``.

First ReactFace of the published size, online, that encodes each window by itself: time from a window's frames to its
reactions, for encoding the speaker and for decoding. Windows are answered one after another, as in a conversation.
With ``--clips``, seconds that each model takes for ten reactions to a clip of 750 frames, or to as many whole blocks as
these hold; ``--only regnn regnn_emc`` names the models, and leaves out the windows. Weights and speakers are random.
On a machine that does other work, processor time says more than wall time, which is then too long.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from string import ascii_lowercase
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.machine import facts, peak_megabytes
from reference_models.generator import WIDTHS, ReactionModel
from reference_models.loading import load
from reference_models.reactface.config import ReactFaceConfig

__all__ = ["main"]

FRAMES, REACTIONS = 750, 10
WINDOW_ONLY = replace(ReactFaceConfig.published(), online_context=ReactFaceConfig.window)
MODELS = (
    ("Trans-VAE", "transvae", "published", False),
    ("Trans-VAE online, prefix statistics", "transvae_online", "published", True),
    ("Trans-VAE online, running statistics", "transvae_online", "clean", True),
    ("Trans-AE", "transae", "published", False),
    ("BeLFusion", "belfusion", "published", False),
    ("BeLFusion online", "belfusion_online", "published", True),
    ("ReactFace", "reactface", "published", False),
    ("ReactFace online, by window", "reactface", WINDOW_ONLY, True),
    ("REGNN", "regnn", "published", False),
    ("FaceAIS", "faceais", "published", True),
    ("Trans-VAE-EMC", "transvae_emc", "published", False),
    ("REGNN-EMC", "regnn_emc", "published", False),
    ("FaceAIS-EMC", "faceais_emc", "published", True),
)


class Spent(NamedTuple):
    """Milliseconds.

    Attributes:
        wall: By the clock.
        processor: Of all threads together.
    """

    wall: float
    processor: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Print tables of latencies, and of seconds a clip."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="Processor threads of torch.")
    parser.add_argument("--windows", type=int, default=40)
    parser.add_argument("--bfloat16", action="store_true", help="Under autocast.")
    parser.add_argument("--clips", action="store_true", help="Also seconds a clip, at the last number of threads.")
    parser.add_argument("--only", nargs="+", help="Of which models; of all, and of windows, if not given.")
    given = parser.parse_args(arguments)
    described = facts(("python", "-m", "benchmarks.online_latency")) | {"torch": torch.__version__}
    print("\n".join(f"{name}: {fact}" for name, fact in described.items()))
    with torch.autocast("cpu", dtype=torch.bfloat16) if given.bfloat16 else nullcontext():
        if not given.only:
            _print_latencies(given.threads, given.windows)
        torch.set_num_threads(given.threads[-1])
        if given.clips:
            _print_clips([each for each in MODELS if each[1] in (given.only or [each[1]])])


def _print_latencies(threads: Sequence[int], windows: int) -> None:
    model = load("reactface", config=WINDOW_ONLY)
    lasts = 1000 * WINDOW_ONLY.window / model.frames_per_second
    print(f"\nReactFace, {windows} windows of {lasts:.0f} ms; milliseconds a window\n")
    print("| threads | reactions | part | wall p50 | wall p99 | processor p50 | real time / wall p99 |")
    print("| --: | --: | --- | --: | --: | --: | --: |")
    for count in threads:
        torch.set_num_threads(count)
        for reactions in (1, REACTIONS):
            for part, spent in _latencies(model, windows, reactions).items():
                wall, processor = np.array(spent).T
                middle, slow = np.percentile(wall, [50, 99])
                cells = [f"{value:.1f}" for value in (middle, slow, np.median(processor), lasts / slow)]
                print(f"| {count} | {reactions} | {part} | {' | '.join(cells)} |", flush=True)


def _latencies(model: ReactionModel, windows: int, reactions: int) -> dict[str, list[Spent]]:
    """What each window took, in parts and together."""
    spent: dict[str, list[Spent]] = {"encode": [], "step": []}
    for part, kept in spent.items():
        setattr(model, part, _timed(getattr(type(model), part).__get__(model), kept))
    model.generate(_speaker(model, 2 * WINDOW_ONLY.window), reactions, online=True)  # reserves memory, plans kernels
    for kept in spent.values():
        kept.clear()
    model.generate(_speaker(model, windows * WINDOW_ONLY.window), reactions, online=True)
    together = [Spent(*map(sum, zip(*parts, strict=True))) for parts in zip(*spent.values(), strict=True)]
    return {"encoder": spent["encode"], "decoder": spent["step"], "both": together}


def _timed(function: Callable[..., Any], kept: list[Spent]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        wall, processor = time.perf_counter(), time.process_time()
        found = function(*arguments, **named)
        kept.append(Spent(1000 * (time.perf_counter() - wall), 1000 * (time.process_time() - processor)))
        return found

    return timed


def _print_clips(models: Sequence[tuple[str, str, Any, bool]]) -> None:
    print(f"\n{REACTIONS} reactions to a clip of {FRAMES} frames, {torch.get_num_threads()} threads\n")
    print("| model | processor s | wall s | most memory so far, MB |\n| --- | --: | --: | --: |")
    for title, name, config, online in models:
        model = load(name, config=config)
        block = getattr(model.config, "block", 1)
        speaker = _speaker(model, FRAMES - FRAMES % block)
        model.generate(_speaker(model, 50 - 50 % block), 1, online=online)
        wall, processor = time.perf_counter(), time.process_time()
        model.generate(speaker, REACTIONS, online=online)
        seconds = f"{time.process_time() - processor:.1f} | {time.perf_counter() - wall:.1f}"
        print(f"| {title} | {seconds} | {peak_megabytes():.0f} |", flush=True)


def _speaker(model: ReactionModel, frames: int) -> dict[str, Any]:
    """A batch of one random speaker."""
    rng, side = np.random.default_rng(0), model.video_size
    shapes = {
        "video": (frames, 3, side, side),
        "audio": (frames * model.sample_rate // model.frames_per_second,),
        **{kind: (frames, width) for kind, width in WIDTHS.items()},
    }
    series = {}
    for name in model.inputs:
        kind = name.removeprefix("speaker_")
        # Names of features end with their width.
        shape = shapes.get(kind) or (frames, int(kind.lstrip(ascii_lowercase)))
        series[name] = 2 * rng.random((1, *shape), dtype=np.float32) - 1
    return {"clip": ["clip"], **series}


if __name__ == "__main__":
    main()
