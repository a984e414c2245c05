"""Writing a split into a packed file.

Conventions: see `react_data.packing`. Emotion and other series whose bytes repeat are compressed; series that hardly
shrink, and sound, are not, since reading them is then several times faster.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import h5netcdf
import h5py
import numpy as np
from numpy.typing import NDArray

from react_data.packed_blocks import PackedBlocks
from react_data.packed_sources import SOUND, PackedSource

__all__ = ["BY_CLIP", "FORMAT", "index_hash", "series_hash", "write_split"]

FORMAT = "react-data-pack@2"

_TEXT = h5py.string_dtype()
_CHECKED = {"fletcher32": True}
_COMPRESSED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
_CHUNK_ROWS, _CHUNK_SAMPLES = 750, 1 << 16
_WORTH_COMPRESSING = 0.6
_LOOKED_AT = 1 << 22  # bytes
# Coordinates by directed clip that are stored as they are.
BY_CLIP = ("clip", "corpus", "topic", "session", "recording", "speaker_person", "listener_person", "listener_clip")


def write_split(
    group: h5netcdf.Group, source: PackedSource, blocks: PackedBlocks, *, compressed: bool, show_progress: bool | None
) -> None:
    """Write a split into an empty group.

    Args:
        group: The group.
        source: The split.
        blocks: Its series.
        compressed: Whether series that shrink are compressed.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
    """
    group.attrs.update(source.attributes)
    group.attrs["kinds"] = " ".join(source.kinds)
    group.dimensions = {"clip": len(source.clips), "person_clip": len(source.persons)}
    texts = {name: [str(each) for each in source.dataset[name].values] for name in BY_CLIP if name in source.dataset}
    for name, values in texts.items():
        _write_text(group, name, "clip", values)
    _write_text(group, "person_clip", "person_clip", source.persons)
    place = {person: number for number, person in enumerate(source.persons)}
    indices = {"speaker_of": [place[clip] for clip in source.clips]}
    indices |= {"listener_of": [place[clip] for clip in source.listeners]} if source.listeners else {}
    for name, numbers in indices.items():
        group.create_variable(name, ("clip",), "i4")[:] = np.array(numbers, dtype=np.int32)
    group.attrs["index_sha256"] = index_hash(texts | indices | {"person_clip": list(source.persons)})
    for kind in source.kinds:
        _Writer(group, source, kind).write(blocks, compressed, show_progress)


class _Writer:
    """Writes one kind of series."""

    def __init__(self, group: h5netcdf.Group, source: PackedSource, kind: str) -> None:
        self._group, self._source, self._kind = group, source, kind
        self._sizes, self._dims = source.sizes[kind], source.dims(kind)
        self._person = "person_clip" if len(self._sizes) == len(source.persons) else "clip"
        self._sound, self._ragged = kind == SOUND, self._dims[0] != "clip"

    def write(self, blocks: PackedBlocks, compressed: bool, show_progress: bool | None) -> None:
        variable: h5netcdf.Variable | None = None
        digests: list[str] = []
        row = 0
        for block, values in blocks.read(self._source, self._kind, show_progress):
            if variable is None:
                variable = self._variable(compressed and not self._sound and _shrinks(values))
            lengths = self._sizes[block]
            if self._sound:
                variable[row : row + len(values)] = values
            elif self._ragged:
                variable[:, row : row + len(values)] = values.T
            else:
                variable[block] = values.reshape(len(lengths), -1, values.shape[1]).swapaxes(1, 2)
            row += len(values)
            digests += [series_hash(part) for part in np.split(values, np.cumsum(lengths)[:-1])]
        _write_text(self._group, f"{self._kind}_sha256", self._person, digests)

    def _variable(self, compressed: bool) -> h5netcdf.Variable:
        """An empty variable for the series of all persons' clips."""
        group, kind, total = self._group, self._kind, int(self._sizes.sum())
        channels, rows = self._channels(), f"{kind}_row" if self._ragged else f"{kind}_frame"
        group.dimensions[rows] = total if self._ragged else int(self._sizes[0])
        width = group.dimensions[channels].size
        if self._ragged:
            group.create_variable(f"{rows}_size", (self._person,), "i8")[:] = self._sizes
        dims: tuple[str, ...] = (channels, rows) if self._ragged else (self._person, channels, rows)
        chunks: tuple[int, ...] = (width, min(_CHUNK_ROWS, total)) if self._ragged else (1, width, int(self._sizes[0]))
        if self._sound:
            dims, chunks = (rows, channels), (min(_CHUNK_SAMPLES, total), width)
        filters = _CHECKED | (_COMPRESSED if compressed else {})
        variable = group.create_variable(f"person_{kind}", dims, self._source.encoding(kind), chunks=chunks, **filters)
        variable.attrs["dims"] = " ".join(self._dims)
        variable.attrs["roles"] = " ".join(self._source.roles(kind))
        variable.attrs.update(self._source.dataset[f"speaker_{kind}"].attrs)
        return variable

    def _channels(self) -> str:
        """The dimension of the channels, made and named where that is not done yet."""
        group, dataset = self._group, self._source.dataset
        name = "sound_channel" if self._sound else self._dims[-1]
        if name not in group.dimensions:
            group.dimensions[name] = self._source.width(self._kind)
            if name in dataset.coords:
                _write_text(group, name, name, dataset[name].values)
        return name


def _shrinks(values: NDArray[Any]) -> bool:
    """Whether compression is worth the time, by the first megabytes."""
    looked_at = np.ascontiguousarray(values[: max(1, _LOOKED_AT // (4 * values.shape[1]))].T)
    planes = looked_at.reshape(-1).view(np.uint8).reshape(-1, looked_at.itemsize).T
    return len(zlib.compress(planes.tobytes(), 1)) < _WORTH_COMPRESSING * looked_at.nbytes


def _write_text(group: h5netcdf.Group, name: str, dim: str, values: Iterable[Any]) -> None:
    group.create_variable(name, (dim,), _TEXT)[:] = np.array([str(value) for value in values], dtype=object)


def series_hash(series: NDArray[Any]) -> str:
    """SHA-256 of a series as it is stored.

    Args:
        series: (rows, channels).
    """
    stored = series.dtype.newbyteorder("<")
    return hashlib.sha256(np.ascontiguousarray(series, dtype=stored).data).hexdigest()


def index_hash(content: Mapping[str, Sequence[Any]]) -> str:
    """SHA-256 of ids, other texts by clip, and which persons' clips they are made of.

    Args:
        content: Plain lists by name.
    """
    return hashlib.sha256(json.dumps(dict(content), sort_keys=True).encode()).hexdigest()
