"""Facts about predictions that explain a score: what varies, in which range, which neighbours were matched."""

from __future__ import annotations

from typing import Any

import numpy as np

from react_eval.clip_set import ClipSet
from react_eval.registry import Measurement

__all__ = ["diagnose"]


def diagnose(clips: ClipSet, measured: dict[str, Measurement]) -> dict[str, Any]:
    """Describe predictions and what the metrics met on them.

    Args:
        clips: What was scored.
        measured: What the metrics found, by result key.

    Returns:
        Plain numbers, texts and dicts: ``coverage`` (share of prediction series that vary), ``value_ranges`` by group,
        ``outside_range`` (share of values by group), ``action_units`` (``"binary"`` or ``"continuous"``),
        ``identical_reactions`` (clips whose reactions are all equal), ``neighbours`` (least, median, most a clip),
        ``distinct_neighbours`` matched by metric, ``clips_without_neighbours``, and each metric's own details.
    """
    facts = _describe_values(clips)
    if clips.neighbours is not None:
        counts = np.array([len(each) for each in clips.neighbours])
        facts["neighbours"] = _spread(counts)
        facts["clips_without_neighbours"] = int((counts == 0).sum())
    if clips.personal is not None:
        counts = np.array([len(each) for each in clips.personal])
        facts["personal_neighbours"] = _spread(counts)
        facts["share_alone"] = float((counts == 1).mean())
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


def _spread(counts: np.ndarray) -> dict[str, float]:
    return {"least": int(counts.min()), "median": float(np.median(counts)), "most": int(counts.max())}


def _describe_values(clips: ClipSet) -> dict[str, Any]:
    groups = clips.schema.groups
    units = clips.schema.group("action units")

    def describe(clip: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, bool, bool]:
        values = clips.predictions[clip]
        parts = [values[..., group.start : group.stop] for group in groups]
        outside = [
            np.mean((part < (-np.inf if group.low is None else group.low)) | (part > (group.high or np.inf)))
            for group, part in zip(groups, parts, strict=True)
        ]
        varying = float((values != values[:, :1]).any(axis=1).mean())
        identical = len(values) > 1 and bool((values == values[:1]).all())
        binary = units is not None and bool(np.isin(values[..., units.start : units.stop], (0, 1)).all())
        lows, highs = [part.min() for part in parts], [part.max() for part in parts]
        return np.array(lows), np.array(highs), np.array(outside), varying, identical, binary

    found = clips.map(describe, "diagnostics")
    lows, highs = np.min([each[0] for each in found], axis=0), np.max([each[1] for each in found], axis=0)
    outside = np.mean([each[2] for each in found], axis=0)
    facts: dict[str, Any] = {
        "coverage": float(np.mean([each[3] for each in found])),
        "value_ranges": {group.name: [float(lows[n]), float(highs[n])] for n, group in enumerate(groups)},
        "outside_range": {group.name: float(outside[n]) for n, group in enumerate(groups) if group.high is not None},
        "identical_reactions": sum(each[4] for each in found),
    }
    if units is not None:
        facts["action_units"] = "binary" if all(each[5] for each in found) else "continuous"
    return facts
