"""What a data set holds, in numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from react_data.errors import ClipListError
from react_data.location import find_data_root
from react_data.official_tree import MODALITIES, SPLITS, OfficialTree
from react_data.opening import open_split

__all__ = ["describe"]


def describe(root: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Count what the splits of an official tree hold.

    Args:
        root: The folder with the split lists; ``$REACT_DATA`` or the user's config.toml names it, if not given.

    Returns:
        Plain data: ``root``, ``synthetic``, and by split the numbers of recordings, directed clips, sessions, persons,
        frames a clip, the modalities, whether listeners are there, and the least, median and most neighbours a clip.

    Raises:
        DataRootError: If the folder does not exist.
        ClipListError: If it has no split list, or a malformed one.
        AnnotationError: If the first clip of a split is unusable.
        NeighbourMatrixError: If a matrix does not fit its split.
    """
    folder = find_data_root(root)
    present = [split for split in SPLITS if (folder / f"{split}.csv").is_file()]
    if not present:
        raise ClipListError(f"{folder} holds no split list. Name the folder with train.csv, val.csv or test.csv.")
    trees = {split: OfficialTree(folder, split) for split in present}
    return {
        "root": str(folder),
        "synthetic": trees[present[0]].synthetic,
        "splits": {split: _counts(folder, tree) for split, tree in trees.items()},
    }


def _counts(root: Path, tree: OfficialTree) -> dict[str, Any]:
    data = open_split(root, tree.split)
    persons = [clip.person_path for row in tree.rows for clip in (row.speaker, row.listener) if clip is not None]
    return {
        "recordings": len(tree.rows),
        "clips": data.sizes["clip"],
        "sessions": len(np.unique(data["session"])),
        "persons": len(set(persons)),
        "frames": data.sizes.get("frame", 0),
        "modalities": [modality for modality in MODALITIES if tree.has(modality)],
        "labels": tree.labelled,
        "neighbours": _spread(data["neighbours"].sum("listener").to_numpy()) if "neighbours" in data else None,
    }


def _spread(counts: Any) -> dict[str, float]:
    return {"min": int(np.min(counts)), "median": float(np.median(counts)), "max": int(np.max(counts))}
