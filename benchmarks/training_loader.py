"""How fast training items are read: ``python -m benchmarks.training_loader [RECORDINGS]``.

Every method gives the same kind of batches: a window of 256 frames of facial attributes and 3DMM coefficients, of both
speaker and listener. Files are in the system's cache. Times are wall clock, the least of rounds in which the methods
take turns; on a machine that does other work, repeat.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset

from benchmarks.machine import facts
from react_data.clip_lists import mirrored, read_split_list
from react_data.clips import ClipId
from react_data.opening import open_split
from react_data.packing import pack
from react_data.synthesis import synthesise
from react_data.torch import ReactionData, loader

__all__ = ["main"]

RECORDINGS, WINDOW, BATCH, ROUNDS = 80, 256, 16, 3
KINDS = ("emotion", "3dmm")


class PlainData(Dataset[tuple[torch.Tensor, ...]]):
    """What training code of the field does: for every item, tables are parsed as text, then turned into numbers."""

    def __init__(self, root: Path, split: str) -> None:
        self._folder = root / split
        self._clips = mirrored(read_split_list(root / f"{split}.csv"))

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        clip = self._clips[index]
        start = random.randint(0, 751 - WINDOW)
        series = [read(person) for person in (clip.speaker, clip.listener) for read in (self._emotion, self._face)]
        return tuple(torch.from_numpy(each[start : start + WINDOW]) for each in series)

    def _emotion(self, person: ClipId) -> np.ndarray:
        table = pd.read_csv(self._folder / "Emotion" / f"{person.alias}.csv", header=None, low_memory=False)
        return np.array(table.drop(0)).astype(np.float32)

    def _face(self, person: ClipId) -> np.ndarray:
        return np.load(self._folder / "3D_FV_files" / f"{person}.npy").squeeze().astype(np.float32)


def main() -> None:
    """Print items a second of each method with and without workers, and the ratio to the plain loader."""
    recordings = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDINGS
    with tempfile.TemporaryDirectory() as folder:
        root = synthesise(Path(folder) / "data", recordings=recordings, splits=["train"], modalities=KINDS)
        packed = pack(root, Path(folder) / "data.h5")
        rates = _rates(_methods(root, packed))
        sizes = {name: _megabytes(path) for name, path in (("tree", root), ("pack", packed))}
    described = facts(("python", "-m", "benchmarks.training_loader", str(recordings)))
    described["torch"] = torch.__version__
    print("\n".join(f"{name}: {fact}" for name, fact in described.items()))
    print(f"{2 * recordings} clips of 751 frames: tree {sizes['tree']:.0f} MB, pack {sizes['pack']:.0f} MB\n")
    print("| workers | method | items/s | ratio |\n| --: | --- | --: | --: |")
    for (workers, method), rate in rates.items():
        print(f"| {workers} | {method} | {rate:.0f} | {rate / rates[workers, 'plain, pandas']:.1f} |")


def _methods(root: Path, packed: Path) -> dict[str, Callable[[int], Iterable[Any]]]:
    """For each method, what makes a loader with so many workers."""

    def ours(path: Path, in_memory: bool = False) -> Callable[[int], Iterable[Any]]:
        split = open_split(path, "train")
        data = ReactionData(split.load() if in_memory else split, window=WINDOW)
        return lambda workers: loader(data, BATCH, workers=workers)

    def plain(workers: int) -> Iterable[Any]:
        return DataLoader(
            PlainData(root, "train"), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
        )

    return {
        "plain, pandas": plain,
        "react-data, tree": ours(root),
        "react-data, pack": ours(packed),
        "react-data, pack in memory": ours(packed, in_memory=True),
    }


def _rates(methods: dict[str, Callable[[int], Iterable[Any]]]) -> dict[tuple[int, str], float]:
    """Items a second, by number of workers and method."""
    rates: dict[tuple[int, str], float] = {}
    for workers in (0, 2):
        batches = {name: make(workers) for name, make in methods.items()}
        for one in batches.values():
            _epoch(one)  # starts workers, fills caches
        for _ in range(ROUNDS):
            for name, one in batches.items():
                rates[workers, name] = max(rates.get((workers, name), 0.0), _epoch(one))
    return rates


def _epoch(batches: Iterable[Any]) -> float:
    begun, items = time.perf_counter(), 0
    for batch in batches:
        items += len(batch["clip"] if isinstance(batch, dict) else batch[0])
    return items / (time.perf_counter() - begun)


def _megabytes(path: Path) -> float:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files) / 1e6


if __name__ == "__main__":
    main()
