"""The packed store beside the folder that was packed: ``python -m benchmarks.packed_store [RECORDINGS] [REPEATS]``.

Everything is measured in one process, the files lying in the system's cache. In a repeat the data set is opened anew
and every clip is read once, in random order, so that no chunk that HDF5 keeps is asked for again; stated is the median
of all clips, and the least of the repeats.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import wave
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import react_data
from benchmarks.machine import facts
from benchmarks.side_by_side import OURS, Times, markdown_table
from react_data.clips import ClipId
from react_data.official_tree import OfficialTree

__all__ = ["main"]

RECORDINGS, REPEATS, OPENINGS = 60, 3, 10
SPLIT = "test"
PACKED, PLAIN = f"{OURS}: packed", f"{OURS}: packed uncompressed"
TREE = "react_data from the folder"

Reader = Callable[[int], object]


def main() -> None:
    """Print times and ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packed_store", description=__doc__)
    parser.add_argument("recordings", nargs="?", type=int, default=RECORDINGS, help="of the data set that is measured")
    parser.add_argument("repeats", nargs="?", type=int, default=REPEATS, help="of which the least is taken")
    given = parser.parse_args()
    recordings, repeats = given.recordings, given.repeats
    with tempfile.TemporaryDirectory() as folder:
        root = react_data.synthesise(Path(folder) / "data", recordings=recordings, splits=[SPLIT])
        sources = {
            PACKED: react_data.pack(root, Path(folder) / "packed.h5"),
            PLAIN: react_data.pack(root, Path(folder) / "plain.h5", compressed=False),
            TREE: root,
        }
        times = _opening(sources) | _clips(root, sources, repeats) | _streams(folder, sources, repeats)
        described = facts(("python", "-m", "benchmarks.packed_store", str(recordings), str(repeats)))
        print("\n".join(f"{name}: {fact}" for name, fact in described.items()))
        for name, path in sources.items():
            files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
            print(f"{name}: {sum(each.stat().st_size for each in files) / 1e6:.0f} MB")
        print(f"\n{markdown_table(times)}")


def _opening(sources: dict[str, Path]) -> Times:
    def seconds(path: Path) -> float:
        return min(_timed(lambda _: react_data.open_split(path, SPLIT), range(OPENINGS)))

    return {"open a split": {name: seconds(path) for name, path in sources.items()}}


def _clips(root: Path, sources: dict[str, Path], repeats: int) -> Times:
    clips = [str(clip) for clip in react_data.open_split(root, SPLIT)["clip"].values]
    order = np.random.default_rng(0).permutation(len(clips)).tolist()
    plain: dict[str, tuple[str, Callable[[Path], NDArray[np.float32]]]] = {
        "emotion": ("pandas, as the official loader", _official_emotion),
        "3dmm": ("numpy.load", lambda path: np.load(path).astype(np.float32)),
        "audio": ("wave and numpy", _plain_sound),
    }
    times: Times = {}
    for kind, (label, read) in plain.items():
        files = [_file(root, kind, clip) for clip in clips]
        openers: dict[str, Callable[[], Reader]] = {
            name: partial(_series, path, kind) for name, path in sources.items()
        }
        openers[label] = partial(_plain, files, read)
        _check({name: opener() for name, opener in openers.items()}, order[:3])
        times[f"a random clip, {kind}"] = {
            name: min(median(_timed(opener(), order)) for _ in range(repeats)) for name, opener in openers.items()
        }
    return times


def _streams(folder: str, sources: dict[str, Path], repeats: int) -> Times:
    """The emotion of the whole split, and a file of the same bytes."""
    whole = react_data.open_split(sources[PLAIN], SPLIT)["speaker_emotion"].values
    raw = Path(folder) / "raw"
    whole.tofile(raw)

    def stream(path: Path) -> Reader:
        return lambda _: react_data.open_split(path, SPLIT)["speaker_emotion"].values

    readers = {name: stream(path) for name, path in sources.items()}
    readers["numpy.fromfile of the same bytes"] = lambda _: np.fromfile(raw, np.float32)
    seconds = {name: min(_timed(reader, range(repeats))) for name, reader in readers.items()}
    for name, each in seconds.items():
        print(f"a whole split's emotion, {name}: {whole.nbytes / 1e6 / each:.0f} MB/s")
    return {f"a whole split's emotion, {whole.nbytes / 1e6:.0f} MB": seconds}


def _series(path: Path, kind: str) -> Reader:
    series = react_data.clip_series(react_data.open_split(path, SPLIT, modalities=[kind]), f"speaker_{kind}")
    return lambda clip: np.asarray(series[clip])


def _plain(files: Sequence[Path], read: Callable[[Path], NDArray[np.float32]]) -> Reader:
    return lambda clip: read(files[clip])


def _check(readers: dict[str, Reader], clips: Sequence[int]) -> None:
    first, *others = readers.values()
    for clip in clips:
        if not all(np.allclose(np.squeeze(other(clip)), first(clip), atol=1e-6) for other in others):
            raise SystemExit(f"clip {clip} is read differently")


def _timed(reader: Reader, clips: Sequence[int]) -> list[float]:
    seconds = []
    for clip in clips:
        begun = time.perf_counter()
        reader(clip)
        seconds.append(time.perf_counter() - begun)
    return seconds


def _file(root: Path, kind: str, clip: str) -> Path:
    return OfficialTree(root, SPLIT).file(kind, ClipId.parse(clip))


def _official_emotion(path: Path) -> NDArray[np.float32]:
    table = pd.read_csv(path, header=None, delimiter=",", low_memory=False)
    return table.drop(0).to_numpy().astype(np.float32)


def _plain_sound(path: Path) -> NDArray[np.float32]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return (samples.astype(np.float32) / 32768).mean(axis=1)


if __name__ == "__main__":
    main()
