"""The packed store: all splits of a data set, everything but video, in one checksummed netCDF-4 file.

Conventions: a group a split. Every person's clip is stored once, in order of first appearance; ``speaker_of`` and
``listener_of`` (clip) say which ones a directed clip is made of. ``person_emotion`` and every other kind of series is
(person_clip, channel, frame) where lengths are equal, else (channel, row) with ``…_row_size`` (person_clip): frames of
a channel lie side by side, since they resemble each other. Sound is (row, sound channel) in the wav files' own type.
The group ``neighbours`` within a split's holds the pairs sparsely, with the ids of both sides and their source.
While a file is being made, finished blocks lie in a folder beside it; it gets its name when it is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h5netcdf
import h5py

from react_data.errors import PackError
from react_data.exclusive_writing import sole_writer
from react_data.file_access import file_access
from react_data.neighbour_files import load_neighbours, write_neighbour_group
from react_data.opening import find_layout
from react_data.packed_blocks import PackedBlocks
from react_data.packed_neighbours import check_behaviour, check_clips
from react_data.packed_sources import PackedSource
from react_data.packed_writing import FORMAT, write_split

__all__ = ["pack"]

StrPath = str | os.PathLike[str]

_PLACES = ("features", "mean_face", "std_face")


@file_access()
def pack(
    root: StrPath,
    path: StrPath,
    *,
    layout: str | None = None,
    splits: Sequence[str] | None = None,
    modalities: str | Sequence[str] = "all",
    features: StrPath | None = None,
    neighbours: StrPath | Sequence[StrPath] = (),
    compressed: bool = True,
    show_progress: bool | None = None,
    **options: Any,
) -> Path:
    """Write a data set into one file, which `react_data.open_split` opens like the folder; an interrupted run resumes.

    Args:
        root: Folder of the data set.
        path: The file to write, such as ``react2024.h5``.
        layout: Name of the layout; recognised if not given.
        splits: Which splits; all that are there if not given.
        modalities: Which kinds of series, such as ``["emotion", "audio"]``; ``"all"`` for all but video.
        features: Folder that ``react-data features`` wrote, whose features are packed too.
        neighbours: Files of `react_data.save_neighbours`. A split whose clips are in one of them gets these neighbours
            in place of its own.
        compressed: Whether series that shrink by it are compressed. Uncompressed ones are read several times faster.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
        **options: What the layout's opener takes, such as ``draw_seed=`` (MARS).

    Returns:
        The file.

    Raises:
        PackError: If the file exists or is being written by another run, a split is not there, files have changed since
            an interrupted run, or neighbours are those of no split or of other behaviour.
        ReactError: If clips are missing or damaged.
    """
    target = Path(path)
    _check_new(target)
    found = find_layout(root, layout)
    there = list(found.splits(Path(root)))
    chosen = there if splits is None else list(splits)
    missing = [split for split in chosen if split not in there]
    if not chosen:
        raise PackError(f"{root} holds no split in the layout {found.name}. Is it of another layout?")
    if missing:
        raise PackError(f"{root} has no split {', '.join(missing)}; it has {', '.join(there) or 'none'}.")
    given = options | {"layout": found.name, "modalities": modalities}
    given |= {} if features is None else {"features": features}
    files = [neighbours] if isinstance(neighbours, str | os.PathLike) else list(neighbours)
    tables = {str(file): load_neighbours(file) for file in files}
    sources = [PackedSource.opened(root, split, list(tables.values()), given) for split in chosen]
    check_clips(tables, sources)
    places = {"data": Path(root)} | {name: Path(given[name]) for name in _PLACES if given.get(name) is not None}
    parts = target.with_name(f"{target.name}.parts")
    with sole_writer(parts, PackError):
        _check_new(target)  # who held the folder before may have made it
        blocks = PackedBlocks(parts, {"options": given, "splits": [each.facts for each in sources]}, places)
        for source in sources:
            blocks.fill(source, show_progress)
        check_behaviour(tables, sources, blocks)
        return _assemble(target, _provenance(root, given), sources, blocks, compressed, show_progress)


def _check_new(target: Path) -> None:
    if target.exists():
        raise PackError(f"{target} exists. Choose another name, or delete it.")


def _assemble(
    target: Path,
    provenance: Mapping[str, str],
    sources: Sequence[PackedSource],
    blocks: PackedBlocks,
    compressed: bool,
    show_progress: bool | None,
) -> Path:
    partial = blocks.folder / target.name
    with h5netcdf.File(partial, "w") as file:
        file.attrs.update(provenance)
        for source in sources:
            group = file.create_group(source.split)
            write_split(group, source, blocks, compressed=compressed, show_progress=show_progress)
    with h5py.File(partial, "r+") as file:
        for source in sources:
            if source.neighbours is not None:
                write_neighbour_group(source.neighbours, file[source.split].create_group("neighbours"))
    partial.replace(target)
    shutil.rmtree(blocks.folder, ignore_errors=True)  # complete, whoever may look for the folder's lock
    return target


def _provenance(root: StrPath, options: Mapping[str, Any]) -> dict[str, str]:
    """Where the data come from; folders by their names, since the rest is of no use elsewhere."""
    told = {name: Path(value).name if name in _PLACES else value for name, value in options.items()}
    return {
        "format": FORMAT,
        "layout": str(options["layout"]),
        "packed_from": Path(root).resolve().name,
        "options": json.dumps(told, sort_keys=True, default=str),
        "created_by": f"react-data {version('react-eval')}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "Conventions": "CF-1.11",
    }
