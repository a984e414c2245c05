"""What of a split goes into a packed file: every person's clip once, in each kind of series that was opened."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from react_data.dataset_neighbours import neighbours_of, with_neighbours
from react_data.dataset_persons import listener_clips, person_clips
from react_data.modalities import ROLES, series_kinds
from react_data.neighbour_table import NeighbourTable
from react_data.opening import open_split
from react_data.packed_sound import READ_SOUND, StoredSound, stored_sound
from react_data.ragged import clip_series

__all__ = ["SOUND", "PackedSource"]

SOUND = "audio"

_BLOCK, _SOUND_BLOCK = 64, 8  # person clips that are read and kept together


@dataclass(frozen=True)
class PackedSource:
    """A split that is packed.

    Attributes:
        split: Its name.
        dataset: The opened split.
        neighbours: Its appropriate reactions, if it has any.
    """

    split: str
    dataset: xr.Dataset
    neighbours: NeighbourTable | None

    @classmethod
    def opened(
        cls,
        root: str | os.PathLike[str],
        split: str,
        tables: Sequence[NeighbourTable],
        options: Mapping[str, Any],
    ) -> PackedSource:
        """Open a split for packing.

        Args:
            root: The data set.
            split: Name of the split.
            tables: Neighbours of which the one with the split's clips takes the place of the split's own.
            options: What `react_data.open_split` takes.

        Returns:
            The split.
        """
        dataset = open_split(root, split, **options)
        clips = [str(clip) for clip in dataset["clip"].values]
        fitting = [table for table in tables if set(clips) <= set(table.clips)]
        if fitting:
            return cls(split, with_neighbours(dataset, fitting[0]), fitting[0].cut(clips))
        return cls(split, dataset, neighbours_of(dataset))

    @property
    def clips(self) -> list[str]:
        """Ids of the directed clips."""
        return [str(clip) for clip in self.dataset["clip"].values]

    @property
    def attributes(self) -> dict[str, Any]:
        """What the data set says of itself, wherever it lies."""
        said = {str(name): value for name, value in self.dataset.attrs.items() if name != "root"}
        if said.get("coefficients") == "raw":  # is said anew wherever there are coefficients
            del said["coefficients"]
        return said

    @property
    def kinds(self) -> list[str]:
        """Kinds of series, such as ``"emotion"``."""
        return series_kinds(self.dataset)

    @cached_property
    def listeners(self) -> list[str]:
        """Id of the clip that each listener is in."""
        return listener_clips(self.dataset)

    @cached_property
    def persons(self) -> dict[str, tuple[str, int]]:
        """Every person's clip, speakers first: the role and the directed clip in which it is found."""
        return person_clips(self.dataset)

    def roles(self, kind: str) -> list[str]:
        """Who has a kind of series: speakers, and mostly listeners."""
        return [role for role in ROLES if f"{role}_{kind}" in self.dataset]

    def holders(self, kind: str) -> list[tuple[str, int]]:
        """The persons' clips of a kind of series: all, or, where listeners lack it, the speakers'."""
        places = list(self.persons.values())
        return places if ROLES[1] in self.roles(kind) else places[: len(self.clips)]

    def dims(self, kind: str) -> tuple[str, ...]:
        """Dimensions of the speakers' series."""
        return tuple(str(dim) for dim in self.dataset[f"speaker_{kind}"].dims)

    @cached_property
    def sizes(self) -> dict[str, NDArray[np.int64]]:
        """Rows of every person's clip, by kind of series."""
        return {kind: self._sizes(kind) for kind in self.kinds}

    def _sizes(self, kind: str) -> NDArray[np.int64]:
        rows, holders = self.dims(kind)[0], self.holders(kind)
        if rows == "clip":
            return np.full(len(holders), self.dataset.sizes[self.dims(kind)[1]], dtype=np.int64)
        names = {role: f"{role}{rows.removeprefix('speaker')}_size" for role in ROLES}
        lengths = {role: self.dataset[name].values for role, name in names.items() if name in self.dataset}
        return np.array([lengths[role][number] for role, number in holders], dtype=np.int64)

    @cached_property
    def sound(self) -> StoredSound | None:
        """The wav files, where they can be copied sample by sample."""
        persons = list(self.persons)[: len(self.holders(SOUND))]
        root = Path(str(self.dataset.attrs["root"]))
        return stored_sound(str(self.dataset.attrs["layout"]), root, self.split, persons)

    def encoding(self, kind: str) -> str:
        """Type in which a kind of series is stored."""
        return self.sound.encoding if kind == SOUND and self.sound is not None else READ_SOUND

    def width(self, kind: str) -> int:
        """Channels of a kind of series."""
        if kind == SOUND:
            return 1 if self.sound is None else self.sound.channels
        return int(self.dataset[f"speaker_{kind}"].shape[-1])

    def blocks(self, kind: str) -> list[slice]:
        """Which persons' clips are read and kept together."""
        count, step = len(self.holders(kind)), _SOUND_BLOCK if kind == SOUND else _BLOCK
        return [slice(start, min(start + step, count)) for start in range(0, count, step)]

    def rows(self, kind: str, block: slice) -> NDArray[Any]:
        """The series of persons' clips one after the other, (rows, channels)."""
        if kind == SOUND and self.sound is not None:
            return np.concatenate([self.sound.read(number) for number in range(block.start, block.stop)])
        places = self.holders(kind)[block]
        by_role = {role: clip_series(self.dataset, f"{role}_{kind}") for role in {role for role, _ in places}}
        series = [np.asarray(by_role[role][number], dtype=np.float32) for role, number in places]
        return np.concatenate([each.reshape(len(each), -1) for each in series])

    @property
    def facts(self) -> dict[str, Any]:
        """What has to be the same for an interrupted run to be continued."""
        sizes = {kind: _digest(map(str, sizes)) for kind, sizes in self.sizes.items()}
        return {"split": self.split, "sizes": sizes, "ids": _digest(self.persons)}


def _digest(texts: Any) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
