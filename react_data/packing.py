"""The packed store: all splits of a data set in one compressed, checksummed netCDF-4 file.

Conventions: a group a split. Every person's clip is stored once, in order of first appearance; ``speaker_of`` and
``listener_of`` (clip) say which ones a directed clip is made of. ``person_emotion`` and ``person_3dmm`` are
(person_clip, channel, frame) where lengths are equal, else (channel, row) with ``…_row_size`` (person_clip): frames of
a channel lie side by side, since they resemble each other. Neighbours are pairs of indices. While a file is being made,
finished blocks lie in a folder beside it; the file gets its name when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.errors import PackError
from react_data.opening import Layout, find_layout
from react_data.progress import track
from react_data.ragged import clip_series
from react_data.stored_arrays import open_array

__all__ = ["FORMAT", "pack"]

FORMAT = "react-data-pack@1"
KINDS = {"emotion": "emotion", "3dmm": "coefficient"}

_BLOCK = 64  # person clips that are read and kept together
_TEXT = h5py.string_dtype()
_STORED = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "fletcher32": True}
_CHUNK_ROWS = 750
# Coordinates by directed clip that are stored as they are.
_BY_CLIP = ("clip", "corpus", "topic", "session", "recording", "speaker_person", "listener_person", "listener_clip")


def pack(
    root: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    layout: str | None = None,
    splits: Sequence[str] | None = None,
    show_progress: bool | None = None,
    **options: Any,
) -> Path:
    """Write a data set into one file, which `react_data.open_split` opens like the folder; an interrupted run resumes.

    Args:
        root: Folder of the data set.
        path: The file to write, such as ``react2024.h5``.
        layout: Name of the layout; recognised if not given.
        splits: Which splits; all that are there if not given.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
        **options: What the layout's opener takes.

    Returns:
        The file.

    Raises:
        PackError: If the file exists, or a split is not there.
        ReactError: If clips are missing or damaged.
    """
    target = Path(path)
    if target.exists():
        raise PackError(f"{target} exists. Choose another name, or delete it.")
    found = find_layout(root, layout)
    there = list(found.splits(Path(root)))
    chosen = there if splits is None else list(splits)
    missing = [split for split in chosen if split not in there]
    if missing or not chosen:
        raise PackError(f"{root} has no split {', '.join(missing)}; it has {', '.join(there) or 'none'}.")
    sources = [_Source.of(found, Path(root), split, options) for split in chosen]
    blocks = _Blocks(target, {"layout": found.name, "options": options, "splits": [each.facts for each in sources]})
    for source in sources:
        blocks.fill(source, show_progress)
    return _assemble(target, found, sources, blocks)


@dataclass(frozen=True)
class _Source:
    """A split that is packed."""

    split: str
    dataset: xr.Dataset

    @classmethod
    def of(cls, layout: Layout, root: Path, split: str, options: Mapping[str, Any]) -> _Source:
        return cls(split, layout.open(root, split, **options))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind in KINDS if f"speaker_{kind}" in self.dataset]

    @cached_property
    def listeners(self) -> list[str]:
        """Id of the clip that each listener is in; listeners of no clip of their own get one."""
        if self.dataset.attrs["labels"] == "none":
            return []
        if "listener_clip" in self.dataset:
            return [str(each) for each in self.dataset["listener_clip"].values]
        return [f"{clip}#listener" for clip in self.dataset["clip"].values]

    @cached_property
    def persons(self) -> dict[str, tuple[str, int]]:
        """Every person's clip: the role and the directed clip in which it is found."""
        found = {str(clip): ("speaker", number) for number, clip in enumerate(self.dataset["clip"].values)}
        for number, clip in enumerate(self.listeners):
            found.setdefault(clip, ("listener", number))
        return found

    @property
    def facts(self) -> dict[str, Any]:
        digest = hashlib.sha256("\n".join(self.persons).encode()).hexdigest()
        return {"split": self.split, "kinds": self.kinds, "person_clips": len(self.persons), "ids": digest}

    def series(self, kind: str, places: Sequence[tuple[str, int]]) -> list[NDArray[np.float32]]:
        by_role = {role: clip_series(self.dataset, f"{role}_{kind}") for role in {role for role, _ in places}}
        return [np.asarray(by_role[role][number], dtype=np.float32) for role, number in places]


class _Blocks:
    """Finished blocks of series in a folder beside the file, so that a killed run loses one block at most."""

    def __init__(self, target: Path, wanted: Mapping[str, Any]) -> None:
        self.folder = target.with_name(f"{target.name}.parts")
        record = self.folder / "pack.json"
        text = json.dumps(wanted, sort_keys=True, default=str)
        if self.folder.exists() and (not record.is_file() or record.read_text(encoding="utf-8") != text):
            raise PackError(f"{self.folder} holds blocks of another data set or of other settings. Delete it.")
        self.folder.mkdir(parents=True, exist_ok=True)
        record.write_text(text, encoding="utf-8")

    def fill(self, source: _Source, show_progress: bool | None) -> None:
        """Read what is not there yet."""
        places = list(source.persons.values())
        starts = range(0, len(places), _BLOCK)
        for start in track(starts, f"packing {source.split}", unit="block", show=show_progress):
            for kind in source.kinds:
                if not self._path(source.split, kind, start).is_file():
                    self._write(source, kind, start, places[start : start + _BLOCK])

    def _write(self, source: _Source, kind: str, start: int, places: Sequence[tuple[str, int]]) -> None:
        series = source.series(kind, places)
        sizes = self._path(source.split, kind, start, "sizes")
        np.save(sizes, np.array([len(each) for each in series], dtype=np.int64))
        finished = self._path(source.split, kind, start)
        partial = finished.with_suffix(".partial")
        with partial.open("wb") as handle:
            np.save(handle, np.concatenate(series))
        partial.replace(finished)

    def read(self, source: _Source, kind: str) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
        """First person clip, lengths and values of each block."""
        for start in range(0, len(source.persons), _BLOCK):
            sizes = np.load(self._path(source.split, kind, start, "sizes"), allow_pickle=False)
            yield start, sizes, open_array(self._path(source.split, kind, start))

    def sizes(self, source: _Source, kind: str) -> NDArray[np.int64]:
        """Length of every person's clip."""
        return np.concatenate([sizes for _, sizes, _ in self.read(source, kind)])

    def _path(self, split: str, kind: str, start: int, what: str = "values") -> Path:
        return self.folder / f"{split}-{kind}-{start:06d}-{what}.npy"


def _assemble(target: Path, layout: Layout, sources: Sequence[_Source], blocks: _Blocks) -> Path:
    partial = blocks.folder / target.name
    with h5netcdf.File(partial, "w") as file:
        file.attrs.update(_provenance(layout))
        for source in sources:
            _write_split(file.create_group(source.split), source, blocks)
    partial.replace(target)
    shutil.rmtree(blocks.folder)
    return target


def _provenance(layout: Layout) -> dict[str, str]:
    return {
        "format": FORMAT,
        "layout": layout.name,
        "created_by": f"react-data {version('react-eval')}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "Conventions": "CF-1.11",
    }


def _write_split(group: h5netcdf.Group, source: _Source, blocks: _Blocks) -> None:
    dataset, persons = source.dataset, list(source.persons)
    place = {person: number for number, person in enumerate(persons)}
    group.attrs.update({name: value for name, value in dataset.attrs.items() if name != "root"})
    group.dimensions = {"clip": dataset.sizes["clip"], "person_clip": len(persons)}
    for name in (name for name in _BY_CLIP if name in dataset.coords):
        _write_text(group, name, "clip", dataset[name].values)
    _write_text(group, "person_clip", "person_clip", persons)
    indices = {"speaker_of": [str(clip) for clip in dataset["clip"].values], "listener_of": source.listeners}
    for name, clips in indices.items():
        if clips:
            group.create_variable(name, ("clip",), "i4")[:] = np.array([place[clip] for clip in clips], dtype=np.int32)
    for kind in source.kinds:
        _write_series(group, kind, source, blocks)
    if "neighbours" in dataset:
        _write_neighbours(group, dataset["neighbours"].values)


def _write_text(group: h5netcdf.Group, name: str, dim: str, values: Iterable[Any]) -> None:
    group.create_variable(name, (dim,), _TEXT)[:] = np.array([str(value) for value in values], dtype=object)


def _write_series(group: h5netcdf.Group, kind: str, source: _Source, blocks: _Blocks) -> None:
    sizes = blocks.sizes(source, kind)
    variable, ragged = _variable(group, kind, source.dataset[KINDS[kind]].values, sizes)
    digests, row = [], 0
    for start, lengths, values in blocks.read(source, kind):
        if ragged:
            variable[:, row : row + len(values)] = values.T
        else:
            variable[start : start + len(lengths)] = values.reshape(len(lengths), -1, values.shape[1]).swapaxes(1, 2)
        row += len(values)
        parts = np.split(values, np.cumsum(lengths)[:-1])
        digests += [hashlib.sha256(np.ascontiguousarray(part, dtype="<f4").data).hexdigest() for part in parts]
    _write_text(group, f"{kind}_sha256", "person_clip", digests)


def _variable(
    group: h5netcdf.Group, kind: str, names: NDArray[Any], sizes: NDArray[np.int64]
) -> tuple[h5netcdf.Variable, bool]:
    """An empty variable for the series of all persons' clips, and whether they differ in length."""
    dim, channels, total = KINDS[kind], len(names), int(sizes.sum())
    ragged = len(set(sizes.tolist())) > 1
    group.dimensions[dim] = channels
    _write_text(group, dim, dim, names)
    if ragged:
        group.dimensions[f"{kind}_row"] = total
        group.create_variable(f"{kind}_row_size", ("person_clip",), "i8")[:] = sizes
        dims, chunks = (dim, f"{kind}_row"), (channels, min(_CHUNK_ROWS, total))
        return group.create_variable(f"person_{kind}", dims, "f4", chunks=chunks, **_STORED), True
    frames = int(sizes[0])
    group.dimensions[f"{kind}_frame"] = frames
    whole = ("person_clip", dim, f"{kind}_frame")
    return group.create_variable(f"person_{kind}", whole, "f4", chunks=(1, channels, frames), **_STORED), False


def _write_neighbours(group: h5netcdf.Group, matrix: NDArray[np.bool_]) -> None:
    clips, listeners = np.nonzero(matrix)
    group.dimensions["pair"] = len(clips)
    for name, values in (("neighbour_clip", clips), ("neighbour_listener", listeners)):
        group.create_variable(name, ("pair",), "i4", **_STORED)[:] = values.astype(np.int32)
