"""Clips of a run that is not complete: one file each, so that an interruption loses none that is finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.locking import Lock, describe_holder, try_lock
from react_data.problems import abbreviate
from react_data.progress import track
from react_eval.errors import InputError, ShapeError
from react_eval.submissions.clip_files import Arrays, FinishedClip, clip_file, read_clip, write_clip
from react_eval.submissions.durable import make_folder_durably, replace_durably
from react_eval.submissions.writing_checks import check_kinds

__all__ = ["FinishedClips"]

_LOCK = "writer.lock"
_MANIFEST = "run.json"
_CLIPS = "clip-*.finished"
_IDENTITY = ("method", "split", "track", "run_seed")


class FinishedClips:
    """The folder ``PATH.partial`` of finished clips, in the order they were written, locked against other writers.

    Args:
        target: The submission that is written, ``PATH``.
        attributes: What the run says of itself; an interrupted run there must say the same.

    Attributes:
        folder: The folder; made if it is not there.
        ids: The clips that are finished, in the order they were written.
        notes: Which clips were found damaged, and are not among `ids`.

    Raises:
        InputError: If another writer is at work there, or the folder is of another run.
    """

    def __init__(self, target: Path, attributes: Mapping[str, str | int]) -> None:
        self.folder = target.with_name(target.name + ".partial")
        self.ids: list[str] = []
        self.notes: tuple[str, ...] = ()
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._next = 0
        self._lock = self._locked(target)
        try:
            files = sorted(self.folder.glob(_CLIPS))
            self._claim({name: attributes[name] for name in _IDENTITY}, files)
            for temporary in self.folder.glob("*.tmp"):
                temporary.unlink()
            self._load(files)
        except BaseException:
            self.release()
            raise

    def _locked(self, target: Path) -> Lock:
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is in the way: it is a file, expected a folder or nothing. Move it.")
        make_folder_durably(self.folder)
        lock = try_lock(self.folder / _LOCK)
        if lock is None:
            raise InputError(
                f"{target} is being written by another SubmissionWriter ({describe_holder(self.folder / _LOCK)}). "
                "Wait until it ends, or, if it is yours, call its close() or pause(), or choose another path. "
                f"Only if that process surely ended, remove {self.folder / _LOCK}."
            )
        return lock

    def _claim(self, run: Mapping[str, str | int], files: list[Path]) -> None:
        manifest = self.folder / _MANIFEST
        if not files:
            temporary = manifest.with_suffix(".tmp")
            temporary.write_text(json.dumps(run), encoding="utf-8")
            replace_durably(temporary, manifest)
            return
        earlier = _read_manifest(manifest)
        if earlier is None:
            raise InputError(
                f"{self.folder} holds {len(files)} finished clips, but its {_MANIFEST}, which says of which run, is "
                "missing or damaged. Remove the folder, or choose another path."
            )
        differing = [
            f"{name} {earlier.get(name)!r} there, {run[name]!r} now" for name in run if earlier.get(name) != run[name]
        ]
        if differing:
            raise InputError(
                f"{self.folder} holds clips of an interrupted run that was another: {'; '.join(differing)}. "
                "Continue that run, remove the folder, or choose another path."
            )

    def _load(self, files: list[Path]) -> None:
        positions: dict[str, int] = {}
        damaged: list[str] = []
        for file in track(files, "checking finished clips"):
            found = read_clip(file)
            if found is None:
                damaged.append(file.name)
            else:
                positions[found.clip] = found.position
                self._shapes = self._shapes or _shapes(found.arrays)
        self.ids = sorted(positions, key=positions.__getitem__)
        self._next = max(positions.values(), default=-1) + 1
        if damaged:
            clips = "1 finished clip is" if len(damaged) == 1 else f"{len(damaged)} finished clips are"
            self.notes = (
                f"{clips} damaged in {self.folder} ({abbreviate(damaged, 3)}), as after a power cut. "
                "What is not in `done` has to be written again.",
            )

    def add(self, clip: str, arrays: Arrays) -> None:
        """Keep a clip; it is safe on the disk when this returns.

        Raises:
            InputError: If it is there with other values, or has other kinds of channels than the first clip.
            ShapeError: If its kinds differ in frames, or reactions or channels differ from the first clip's.
        """
        if clip in self.ids:
            earlier = self.read(clip)
            if earlier.keys() != arrays.keys() or any(not np.array_equal(earlier[k], arrays[k]) for k in arrays):
                raise InputError(f"clip {clip!r} was written before, with other values. Each clip is written once.")
            return
        shapes = _shapes(arrays)
        check_kinds(shapes, clip)
        _check_like_first(clip, shapes, self._shapes or shapes)
        write_clip(self.folder, FinishedClip(clip, self._next, arrays))
        self._shapes = self._shapes or shapes
        self._next += 1
        self.ids.append(clip)

    def read(self, clip: str) -> Mapping[str, NDArray[np.float32]]:
        """The arrays of a finished clip.

        Raises:
            InputError: If its file was damaged or removed in the meantime.
        """
        file = clip_file(self.folder, clip)
        found = read_clip(file)
        if found is None:
            raise InputError(
                f"finished clip {clip!r} in {file} is missing or damaged. Check the disk, then run the same code "
                "again, which writes only what is missing."
            )
        return found.arrays

    def release(self) -> None:
        """Let another writer continue."""
        self._lock.release()

    def remove(self) -> None:
        """Remove the folder, except what others put there, and let another writer begin."""
        (self.folder / _MANIFEST).unlink(missing_ok=True)
        for file in self.folder.glob(_CLIPS):
            file.unlink()
        self.release()
        with suppress(OSError):  # another writer, or something of the user's, is in it
            self.folder.rmdir()


def _read_manifest(manifest: Path) -> dict[str, object] | None:
    try:
        plain = json.loads(manifest.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return plain if isinstance(plain, dict) else None


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {kind: values.shape for kind, values in arrays.items()}


def _check_like_first(clip: str, shapes: Mapping[str, tuple[int, ...]], first: Mapping[str, tuple[int, ...]]) -> None:
    if shapes.keys() != first.keys():
        raise InputError(f"clip {clip!r} has {', '.join(shapes)}, but the first clip {', '.join(first)}.")
    found, expected = _describe(shapes), _describe(first)
    if found != expected:
        raise ShapeError(
            f"clip {clip!r} has {found}, but the first clip {expected}. Only the number of frames may differ."
        )


def _describe(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Reactions and channels by kind, in an order that does not depend on how they were passed."""
    return " and ".join(f"{shapes[kind][0]} reactions of {shapes[kind][2]} {kind} channels" for kind in sorted(shapes))
