"""What a data set holds, in numbers."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import xarray as xr

from react_data.clip_videos import video_folders
from react_data.file_access import file_access
from react_data.location import find_data_root
from react_data.modalities import series_kinds
from react_data.opening import Layout, find_layout, open_split, splits_of

__all__ = ["describe"]


@file_access()
def describe(root: str | os.PathLike[str] | None = None, *, layout: str | None = None) -> dict[str, Any]:
    """Count what the splits of a data set hold.

    Args:
        root: Folder of the data set, or a packed file; ``$REACT_DATA`` or config.toml names it, if not given.
        layout: Name of the layout; recognised if not given.

    Returns:
        Plain data: ``root``, ``layout``, ``synthetic``, and by split the numbers of recordings, directed clips,
        sessions, persons, frames a clip, the modalities, whether listeners are there, and the least, median and most
        neighbours a clip.

    Raises:
        DataRootError: If the data set does not exist.
        LayoutError: If its layout is not known, or it has no split of the layout.
        FileAccessError: If a file or folder cannot be read.
        ReactError: If a split is unusable.
    """
    place = find_data_root(root)
    found = find_layout(place, layout)
    every = None if found.kinds is not None else "all"
    opened = {split: open_split(place, split, layout=found.name, modalities=every) for split in splits_of(place, found)}
    return {
        "root": str(place),
        "layout": found.name,
        "synthetic": any(bool(each.attrs["synthetic"]) for each in opened.values()),
        "splits": {split: _counts(each, found) for split, each in opened.items()},
    }


def _counts(data: xr.Dataset, layout: Layout) -> dict[str, Any]:
    roles = [name for name in ("speaker_person", "listener_person") if name in data.coords]
    persons = {str(person) for name in roles for person in data[name].values}
    return {
        "recordings": len(np.unique(data["recording"])),
        "clips": data.sizes["clip"],
        "sessions": len(np.unique(data["session"])),
        "persons": len(persons),
        "frames": _frames(data),
        "modalities": _modalities(data, layout),
        "labels": data.attrs["labels"] != "none",
        "neighbours": _spread(data["neighbours"].sum("listener").to_numpy()) if "neighbours" in data else None,
    }


def _frames(data: xr.Dataset) -> int | str:
    if "speaker_row_size" not in data:
        return int(data.sizes.get("frame", 0))
    sizes = data["speaker_row_size"].to_numpy()
    return f"{sizes.min()}–{sizes.max()}"


def _modalities(data: xr.Dataset, layout: Layout) -> list[str]:
    """Series that the data set has, and video that lies beside them in its folder."""
    root, split = find_data_root(data.attrs["root"]), data.attrs["split"]
    series = list(layout.kinds(root, split)) if layout.kinds is not None else series_kinds(data)
    return series + [f"{view} video" for view in video_folders(layout.name, root, split)]


def _spread(counts: Any) -> dict[str, float]:
    return {"min": int(np.min(counts)), "median": float(np.median(counts)), "max": int(np.max(counts))}
