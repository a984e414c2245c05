"""The file of one finished clip: a SHA-256 of all that follows, then the arrays, the clip's id and its position.

The name of a file is a hash of the clip's id, so that no file is ever taken for that of another clip.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_eval.submissions.durable import replace_durably

__all__ = ["Arrays", "FinishedClip", "clip_file", "read_clip", "write_clip"]

Arrays = Mapping[str, NDArray[np.float32]]

_DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True)
class FinishedClip:
    """A clip as it was written.

    Attributes:
        clip: Its id.
        position: How many clips were begun before it.
        arrays: The reactions (α, T, C) by kind of channels.
    """

    clip: str
    position: int
    arrays: Arrays


def clip_file(folder: Path, clip: str) -> Path:
    """The file of a clip."""
    return folder / f"clip-{hashlib.sha256(clip.encode()).hexdigest()[:32]}.finished"


def write_clip(folder: Path, finished: FinishedClip) -> Path:
    """Write a clip; it is safe on the disk when this returns.

    Args:
        folder: Where its file goes.
        finished: The clip.

    Returns:
        The file.
    """
    content = io.BytesIO()
    arrays: dict[str, Any] = {"clip": finished.clip, "position": finished.position, **finished.arrays}
    np.savez(content, **arrays)
    file = clip_file(folder, finished.clip)
    temporary = file.with_suffix(".tmp")
    with temporary.open("wb") as stream:
        stream.write(hashlib.sha256(content.getbuffer()).digest())
        stream.write(content.getbuffer())
    replace_durably(temporary, file)
    return file


def read_clip(file: Path) -> FinishedClip | None:
    """Read a clip.

    Args:
        file: What `write_clip` wrote.

    Returns:
        The clip; None if the file is missing, or not what was written for the clip of its name.
    """
    try:
        stored = file.read_bytes()
    except FileNotFoundError:
        return None
    digest, content = stored[:_DIGEST_BYTES], memoryview(stored)[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest:
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    clip, position = str(found.pop("clip")), int(found.pop("position"))
    return FinishedClip(clip, position, found) if file == clip_file(file.parent, clip) else None
