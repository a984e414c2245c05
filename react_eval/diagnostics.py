"""Facts about predictions that explain a score: what varies, in which range, which neighbours were matched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_eval.clip_set import ClipSet
from react_eval.prediction_values import summarise_values
from react_eval.registry import Measurement

__all__ = ["diagnose"]


def diagnose(clips: ClipSet, measured: Mapping[str, Measurement]) -> dict[str, Any]:
    """Describe predictions and what the metrics met on them.

    Args:
        clips: What was scored.
        measured: What the metrics found, by result key.

    Returns:
        Plain numbers, texts and dicts: ``coverage`` (share of prediction series that vary), ``value_ranges`` and
        ``outside_range`` (share of values) by group, ``action_units`` (``"binary"`` or ``"continuous"``),
        ``identical_reactions`` (clips with at least two equal ones), ``neighbours`` (least, median, most a clip),
        ``clips_without_neighbours``, ``distinct_neighbours`` matched by metric, and each metric's own details.
    """
    facts = dict(clips.shared("value facts", lambda: _describe_values(clips)))
    if clips.neighbours is not None:
        counts = np.array([len(each) for each in clips.neighbours])
        facts |= {"neighbours": _spread(counts), "clips_without_neighbours": int((counts == 0).sum())}
    if clips.personal is not None:
        counts = np.array([len(each) for each in clips.personal])
        facts |= {"personal_neighbours": _spread(counts), "share_alone": float((counts == 1).mean())}
    matched = {
        key: len(np.unique(values[values >= 0]))
        for key, found in measured.items()
        for name, values in found.per_clip.items()
        if name.endswith("_neighbour")
    }
    if matched:
        facts["distinct_neighbours"] = matched
    facts["metrics"] = {key: dict(found.details) for key, found in measured.items() if found.details}
    return facts


def _spread(counts: NDArray[np.intp]) -> dict[str, float]:
    return {"least": int(counts.min()), "median": float(np.median(counts)), "most": int(counts.max())}


def _describe_values(clips: ClipSet) -> dict[str, Any]:
    schema = clips.schema
    found = summarise_values(clips.predictions, schema, label="diagnostics", show_progress=clips.show_progress)
    reactions, _, channels = clips.predictions[0].shape
    parts = {group.name: slice(group.start, group.stop) for group in schema.groups}
    bounded = [group.name for group in schema.groups if group.low is not None or group.high is not None]
    facts: dict[str, Any] = {
        "coverage": 1 - found.constant_series / (len(clips) * reactions * channels),
        "value_ranges": {
            name: [float(found.low[part].min()), float(found.high[part].max())] for name, part in parts.items()
        },
        "outside_range": {name: float(found.outside[parts[name]].mean() / found.count) for name in bounded},
        "identical_reactions": len(found.identical),
    }
    if "action units" in parts:
        units = parts["action units"]
        binary = all(np.isin(reactions[..., units], (0, 1)).all() for reactions in clips.predictions)
        facts["action_units"] = "binary" if binary else "continuous"
    return facts
