"""Neighbours of an opened data set: as a sparse table, and in place of those that it came with."""

from __future__ import annotations

import xarray as xr

from react_data.neighbour_source import NeighbourSource
from react_data.neighbour_table import NeighbourTable

__all__ = ["neighbours_of", "with_neighbours"]


def neighbours_of(dataset: xr.Dataset) -> NeighbourTable | None:
    """The appropriate reactions of an opened data set.

    Args:
        dataset: What `react_data.open_split` returned.

    Returns:
        The table, whose source is what the data set names; None if the data set has no neighbours.
    """
    if "neighbours" not in dataset:
        return None
    clips = [str(clip) for clip in dataset["clip"].values]
    source = NeighbourSource(source=str(dataset.attrs["neighbour_source"]))
    return NeighbourTable.from_matrix(dataset["neighbours"].values, clips, clips, source=source)


def with_neighbours(dataset: xr.Dataset, table: NeighbourTable) -> xr.Dataset:
    """A data set with other neighbours.

    Args:
        dataset: What `react_data.open_split` returned.
        table: Neighbours of at least its clips.

    Returns:
        The same data set with ``neighbours`` (clip, listener) of the table and ``attrs["neighbour_source"]``.

    Raises:
        NeighbourMatrixError: If a clip is not in the table.
    """
    clips = [str(clip) for clip in dataset["clip"].values]
    cut = table.cut(clips)
    variable = xr.Variable(("clip", "listener"), cut.to_matrix())
    others = dataset.drop_vars(["neighbours", "listener"], errors="ignore")
    complete = others.assign(neighbours=variable).assign_coords(listener=clips)
    kept = {name: value for name, value in complete.attrs.items() if name != "draw_seed"}
    complete.attrs = kept | {"neighbour_source": str(cut.source)}
    return complete
