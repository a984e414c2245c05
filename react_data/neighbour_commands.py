"""What `react-data neighbours` does: retrieve, write, say what was found beside the shipped matrix, and explain it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from react_data.channels import ChannelSchema, schema_for
from react_data.clips import suggest
from react_data.dataset_neighbours import neighbours_of
from react_data.errors import NeighbourMatrixError, RetrievalError
from react_data.modalities import USUAL_KINDS
from react_data.neighbour_explanation import NeighbourExplanation, explain_neighbours
from react_data.neighbour_source import MATRIX_SOURCE
from react_data.neighbour_table import NeighbourTable
from react_data.opening import open_split
from react_data.ragged import clip_series
from react_data.retrieval import retrieve_neighbours
from react_data.retrieval_quality import evaluate_retrieval

__all__ = ["describe_retrieval", "explain_clip"]


def describe_retrieval(
    root: Path,
    split: str,
    series: str,
    out: Path | None,
    rule: Mapping[str, Any],
    *,
    options: Mapping[str, Any],
    show_progress: bool | None,
) -> dict[str, Any]:
    """Retrieve the neighbours of a split.

    Args:
        root: The data set.
        split: Name of the split.
        series: Variable that tells what speakers do.
        out: File to write, if any.
        rule: How neighbours are found; see `retrieve_neighbours`.
        options: How the split is opened, such as ``layout=``; see `react_data.open_split`.
        show_progress: Whether progress is shown; None shows it on a terminal.

    Returns:
        Plain data: the rule, numbers of neighbours, and precision and recall against the data set's matrix.

    Raises:
        RetrievalError: If the data set has no such series, or an argument does not fit.
    """
    dataset = _opened(root, split, series, options)
    found = _retrieved(dataset, series, out, rule, show_progress)
    told: dict[str, Any] = {"neighbours": str(found.source), "clips": len(found.clips)} | _spread(found.counts)
    known = neighbours_of(dataset)
    if known is not None and known.source.source.startswith(MATRIX_SOURCE):
        quality = evaluate_retrieval(found, known)
        told |= {"precision": float(quality.precision[-1]), "recall": float(quality.recall[-1])}
    return told | ({"written": str(out)} if out is not None else {})


def explain_clip(
    root: Path,
    split: str,
    series: str,
    clip: str,
    rule: Mapping[str, Any],
    *,
    options: Mapping[str, Any],
    count: int,
    show_progress: bool | None,
) -> NeighbourExplanation:
    """Show which clips are a clip's neighbours, how similar they are, and why.

    Args:
        root: The data set.
        split: Name of the split.
        series: Variable that tells what speakers do.
        clip: Id of the clip.
        rule: How neighbours are found; with neither threshold nor number, they are the data set's own.
        options: How the split is opened, such as ``layout=``; see `react_data.open_split`.
        count: How many neighbours are shown.
        show_progress: Whether progress is shown; None shows it on a terminal.

    Returns:
        The nearest neighbours, which print as a table.

    Raises:
        RetrievalError: If there is no such clip or series, or an argument does not fit.
        NeighbourMatrixError: If the data set has no neighbours of its own.
    """
    dataset = _opened(root, split, series, options)
    if rule["threshold"] is None and rule["top_k"] is None:
        table = neighbours_of(dataset)
        if table is None:
            raise NeighbourMatrixError(f"{root} has no neighbours of its own in {split}. Name --threshold or --top-k.")
    else:
        table = _retrieved(dataset, series, None, rule, show_progress)
    speakers = list(clip_series(dataset, series))
    return explain_neighbours(table, clip, speakers, k=count, features=_features(dataset, series))


def _opened(root: Path, split: str, series: str, options: Mapping[str, Any]) -> xr.Dataset:
    kind = series.partition("_")[2]
    dataset = open_split(root, split, modalities=None if kind in USUAL_KINDS else [kind], **options)
    if series not in dataset:
        raise RetrievalError(f"the data set has no {series!r}. {suggest(series, map(str, dataset.data_vars))}")
    return dataset


def _features(dataset: xr.Dataset, series: str) -> ChannelSchema:
    channels = dataset[series].dims[-1]
    return schema_for([str(name) for name in dataset[channels].values])


def _retrieved(
    dataset: xr.Dataset, series: str, out: Path | None, rule: Mapping[str, Any], show_progress: bool | None
) -> NeighbourTable:
    ids = [str(clip) for clip in dataset["clip"].values]
    return retrieve_neighbours(
        list(clip_series(dataset, series)), ids=ids, features=_features(dataset, series), out=out,
        show_progress=show_progress, **rule,
    )  # fmt: skip


def _spread(counts: Any) -> dict[str, Any]:
    return {"least": int(np.min(counts)), "median": float(np.median(counts)), "most": int(np.max(counts))}
