"""Whether neighbours fit the data that they are packed with: the same clips, and the same behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelGroup, ChannelSchema
from react_data.errors import PackError
from react_data.neighbour_source import NeighbourSource
from react_data.neighbour_table import NeighbourTable
from react_data.packed_blocks import PackedBlocks
from react_data.packed_sources import SOUND, PackedSource
from react_data.retrieval_arguments import Rule, behaviour_hash, prepare_behaviour

__all__ = ["check_behaviour", "check_clips"]

_Series = NDArray[np.float32]


def check_clips(tables: Mapping[str, NeighbourTable], sources: Sequence[PackedSource]) -> None:
    """See that every table is that of a split.

    Args:
        tables: Neighbours by the file they come from.
        sources: The splits.

    Raises:
        PackError: If a table lacks clips of every split.
    """
    for file, table in tables.items():
        if not any(set(source.clips) <= set(table.clips) for source in sources):
            splits = ", ".join(f"{source.split} ({len(source.clips)})" for source in sources)
            raise PackError(
                f"{file} has neighbours of {len(table.clips)} clips, which are not all the clips of any split: "
                f"{splits}. Retrieve the neighbours of a whole split."
            )


def check_behaviour(
    tables: Mapping[str, NeighbourTable], sources: Sequence[PackedSource], blocks: PackedBlocks
) -> None:
    """See that retrieved neighbours come from series that are packed, where series of that width are packed.

    Args:
        tables: Neighbours by the file they come from.
        sources: The splits.
        blocks: Their series, all read.

    Raises:
        PackError: If neighbours were retrieved from other values of the same clips.
    """
    for file, table in tables.items():
        kinds = _comparable(table, sources)
        hashes = {kind: _hash(table, kind, sources, blocks) for kind in kinds}
        if hashes and table.source.data_hash not in hashes.values():
            raise PackError(
                f"{file} has neighbours of clips of these names, but they were retrieved from other behaviour than "
                f"the speakers' {' or '.join(kinds)} here. Retrieve the neighbours from this data set."
            )


def _comparable(table: NeighbourTable, sources: Sequence[PackedSource]) -> list[str]:
    """Kinds of series from which the table may have been retrieved: as wide as it says, of all its clips."""
    clips = {clip for source in sources for clip in source.clips}
    if not table.source.data_hash or not set(table.clips) <= clips:
        return []
    concerned = [source for source in sources if set(source.clips) & set(table.clips)]
    shared = [kind for kind in concerned[0].kinds if all(kind in source.kinds for source in concerned)]
    width = table.source.groups[-1][2]
    return [kind for kind in shared if kind != SOUND and all(each.width(kind) == width for each in concerned)]


def _hash(table: NeighbourTable, kind: str, sources: Sequence[PackedSource], blocks: PackedBlocks) -> str:
    """What `data_hash` would be, had the table been retrieved from this kind of series."""
    said = table.source
    series: dict[str, _Series] = {}
    for source in sources:
        series |= _speakers(source, kind, blocks) if set(source.clips) & set(table.clips) else {}
    schema = ChannelSchema(said.features, _names(said), tuple(ChannelGroup(*group) for group in said.groups))
    rule = Rule(said.measure, said.normalise, said.per_frame, said.threshold, said.top_k, said.symmetric)
    behaviour, _ = prepare_behaviour([series[clip] for clip in table.clips], table.clips, schema, rule)
    return behaviour_hash(behaviour)


def _names(source: NeighbourSource) -> tuple[str, ...]:
    return tuple(f"channel{number}" for number in range(source.groups[-1][2]))


def _speakers(source: PackedSource, kind: str, blocks: PackedBlocks) -> dict[str, _Series]:
    """The speakers' series by clip; speakers are the first of the persons."""
    sizes = source.sizes[kind]
    series: list[_Series] = []
    for block, values in blocks.read(source, kind, False):
        series += np.split(values, np.cumsum(sizes[block])[:-1])
    return dict(zip(source.clips, series, strict=False))
