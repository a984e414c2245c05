"""Writers of the official file formats; a file or folder appears under its name only when it is complete."""

from __future__ import annotations

import csv
import io
import shutil
import wave
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from react_data.channels import EMOTION_25

__all__ = ["whole_file", "whole_folder", "write_array", "write_emotion", "write_table", "write_voice"]

_EMOTION_FORMAT = ",".join(["%d"] * 15 + ["%.5f"] * 10)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Write a file under a temporary name in its folder, and rename it when it is complete.

    Args:
        path: The file; missing folders are made.

    Yields:
        A handle to write bytes to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as handle:
        yield handle
    partial.replace(path)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Write a folder of files under a temporary name beside it, and rename it when it is complete.

    Args:
        path: The folder, which does not exist; missing parents are made.

    Yields:
        The folder to write to, empty.
    """
    partial = path.with_name(f".{path.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(path)


def write_array(path: Path, values: NDArray[np.generic]) -> None:
    """Write a ``.npy`` file."""
    with whole_file(path) as handle:
        np.save(handle, values, allow_pickle=False)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a csv list."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    with whole_file(path) as handle:
        handle.write(text.getvalue().encode())


def write_emotion(path: Path, emotion: NDArray[np.float64]) -> None:
    """Write (T, 25) facial attributes as the official csv: a header, then a row a frame."""
    with whole_file(path) as handle:
        np.savetxt(handle, emotion, fmt=_EMOTION_FORMAT, header=",".join(EMOTION_25.channels), comments="")


def write_voice(path: Path, sound: NDArray[np.int16], sample_rate: int) -> None:
    """Write (samples, channels) of 16-bit sound as a wav file."""
    with whole_file(path) as handle, wave.open(handle, "wb") as file:
        file.setnchannels(sound.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(sound.astype("<i2").tobytes())
