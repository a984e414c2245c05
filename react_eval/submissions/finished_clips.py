"""Clips of a run that is not complete: one file each, so that an interruption loses none that is finished."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_eval.errors import InputError, NonFiniteError, ShapeError
from react_eval.metrics.arguments import to_numpy

__all__ = ["FinishedClips", "checked_clip"]

Arrays = Mapping[str, NDArray[np.float32]]

_MANIFEST = "run.json"
_IDENTITY = ("method", "split", "track", "run_seed")


def checked_clip(values: Any, clip: str, kind: str) -> NDArray[np.float32]:
    """The reactions to one clip as float32.

    Args:
        values: (α, T, C).
        clip: Its id, for messages.
        kind: Kind of its channels, for messages.

    Returns:
        The values.

    Raises:
        ShapeError: If it has not three axes, or an empty one.
        DtypeError: If values are integers or no numbers.
        NonFiniteError: If a value is NaN or infinite.
    """
    array = to_numpy(values, f"{kind} of clip {clip!r}")
    if array.ndim != 3 or 0 in array.shape:
        raise ShapeError(
            f"{kind} of clip {clip!r} has shape {array.shape}, expected (reactions, frames, channels), none empty."
        )
    finite = np.isfinite(array)
    if not finite.all():
        reaction, frame, channel = np.argwhere(~finite)[0]
        raise NonFiniteError(
            f"{kind} of clip {clip!r} has {array.size - finite.sum()} values that are NaN or beyond float32, the first "
            f"at reaction {reaction}, frame {frame}, channel {channel}. Find out why the model gives them."
        )
    return array


class FinishedClips:
    """A folder of finished clips, in the order they were written.

    Args:
        folder: The folder; made if it is not there.
        attributes: What the run says of itself; an interrupted run there must say the same.

    Raises:
        InputError: If the folder is of another run.
    """

    def __init__(self, folder: Path, attributes: Mapping[str, str | int]) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        files = sorted(folder.glob("clip-*.npz"))
        self._claim({name: attributes[name] for name in _IDENTITY}, empty=not files)
        self._first: dict[str, tuple[int, int]] | None = None
        self.ids: dict[str, Path] = {}
        for file in files:
            with np.load(file, allow_pickle=False) as stored:
                self.ids[str(stored["clip"])] = file

    def _claim(self, run: Mapping[str, str | int], *, empty: bool) -> None:
        manifest = self.folder / _MANIFEST
        if empty or not manifest.is_file():
            temporary = manifest.with_suffix(".tmp")
            temporary.write_text(json.dumps(run), encoding="utf-8")
            temporary.replace(manifest)
            return
        earlier = json.loads(manifest.read_text(encoding="utf-8"))
        differing = [
            f"{name} {earlier.get(name)!r} there, {run[name]!r} now" for name in run if earlier.get(name) != run[name]
        ]
        if differing:
            raise InputError(
                f"{self.folder} holds clips of an interrupted run that was another: {'; '.join(differing)}. "
                "Continue that run, remove the folder, or choose another path."
            )

    def add(self, clip: str, arrays: Arrays) -> None:
        """Keep a clip.

        Raises:
            InputError: If it is there with other values, or has other kinds of channels than the first clip.
            ShapeError: If reactions or channels differ from the first clip's.
        """
        if clip in self.ids:
            earlier = self.read(clip)
            if earlier.keys() != arrays.keys() or any(not np.array_equal(earlier[k], arrays[k]) for k in arrays):
                raise InputError(f"clip {clip!r} was written before, with other values. Each clip is written once.")
            return
        if self.ids:
            self._check_like_first(clip, arrays)
        file = self.folder / f"clip-{len(self.ids):07d}.npz"
        temporary = file.with_suffix(".tmp")
        with temporary.open("wb") as stream, zipfile.ZipFile(stream, "w") as archive:
            for name, values in {"clip": np.asarray(clip), **arrays}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)
        temporary.replace(file)
        self.ids[clip] = file

    def _check_like_first(self, clip: str, arrays: Arrays) -> None:
        found = {kind: _variant(values) for kind, values in arrays.items()}
        if self._first is None:
            self._first = {kind: _variant(values) for kind, values in self.read(next(iter(self.ids))).items()}
        if found.keys() != self._first.keys():
            raise InputError(f"clip {clip!r} has {', '.join(found)}, but the first clip {', '.join(self._first)}.")
        if found != self._first:
            raise ShapeError(
                f"clip {clip!r} has {_describe(found)}, but the first clip {_describe(self._first)}. "
                "Only the number of frames may differ."
            )

    def read(self, clip: str) -> dict[str, NDArray[np.float32]]:
        """The arrays of a finished clip."""
        with np.load(self.ids[clip], allow_pickle=False) as stored:
            return {kind: stored[kind] for kind in stored.files if kind != "clip"}


def _variant(values: NDArray[np.float32]) -> tuple[int, int]:
    return values.shape[0], values.shape[2]


def _describe(variants: Mapping[str, tuple[int, int]]) -> str:
    return " and ".join(
        f"{reactions} reactions of {channels} {kind} channels" for kind, (reactions, channels) in variants.items()
    )
