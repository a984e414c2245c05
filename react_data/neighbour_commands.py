"""What `react-data neighbours` does: retrieve, write, and say what was found, beside the shipped matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from react_data.channels import schema_for
from react_data.clips import suggest
from react_data.errors import RetrievalError
from react_data.neighbour_table import NeighbourTable
from react_data.opening import open_split
from react_data.ragged import clip_series
from react_data.retrieval import retrieve_neighbours
from react_data.retrieval_quality import evaluate_retrieval

__all__ = ["describe_retrieval"]


def describe_retrieval(
    root: Path, split: str, series: str, out: Path | None, rule: Mapping[str, Any], *, show_progress: bool | None
) -> dict[str, Any]:
    """Retrieve the neighbours of a split.

    Args:
        root: The data set.
        split: Name of the split.
        series: Variable that tells what speakers do.
        out: File to write, if any.
        rule: How neighbours are found; see `retrieve_neighbours`.
        show_progress: Whether progress is shown; None shows it on a terminal.

    Returns:
        Plain data: the rule, numbers of neighbours, and precision and recall against the data set's matrix.

    Raises:
        RetrievalError: If the data set has no such series, or an argument does not fit.
    """
    dataset = open_split(root, split)
    if series not in dataset:
        raise RetrievalError(f"the data set has no {series!r}. {suggest(series, map(str, dataset.data_vars))}")
    ids = [str(clip) for clip in dataset["clip"].values]
    names = [str(name) for name in dataset[dataset[series].dims[-1]].values]
    found = retrieve_neighbours(
        list(clip_series(dataset, series)), ids=ids, features=schema_for(names), out=out, show_progress=show_progress,
        **rule,
    )  # fmt: skip
    told: dict[str, Any] = {"neighbours": str(found.source), "clips": len(ids)} | _spread(found.counts)
    if "neighbours" in dataset and dataset.attrs["neighbour_source"].startswith("appropriateness matrix"):
        quality = evaluate_retrieval(found, NeighbourTable.from_matrix(dataset["neighbours"].values, ids))
        told |= {"precision": float(quality.precision[-1]), "recall": float(quality.recall[-1])}
    return told | ({"written": str(out)} if out is not None else {})


def _spread(counts: Any) -> dict[str, Any]:
    return {"least": int(np.min(counts)), "median": float(np.median(counts)), "most": int(np.max(counts))}
