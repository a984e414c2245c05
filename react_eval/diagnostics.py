"""Facts about predictions that explain a score: what varies, in which range, which neighbours were matched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_eval.clip_set import ClipSet, ClipView
from react_eval.observing import Observations
from react_eval.prediction_values import ValueSummary, summarise_values
from react_eval.registry import Measurement

__all__ = ["diagnose", "look_at_values"]

_UNITS = "action units"


@dataclass(frozen=True)
class _Values:
    """What the values of one clip are like."""

    summary: ValueSummary
    binary_units: bool


def look_at_values(view: ClipView) -> _Values:
    """Facts about the values of one clip, from which `diagnose` describes all.

    Args:
        view: The clip.
    """
    units = [slice(group.start, group.stop) for group in view.schema.groups if group.name == _UNITS]
    binary = all(bool(np.isin(view.reactions[..., part], (0, 1)).all()) for part in units)
    return _Values(summarise_values([view.reactions], view.schema), binary)


def diagnose(clips: ClipSet, observations: Observations, measured: Mapping[str, Measurement]) -> dict[str, Any]:
    """Describe predictions and what the metrics met on them.

    Args:
        clips: What was scored.
        observations: What every clip told; its facts are those of `look_at_values`.
        measured: What the metrics found, by result key.

    Returns:
        Plain numbers, texts and dicts: ``coverage`` (share of prediction series that vary), ``channel_coverage`` (the
        same by channel) and ``listener_coverage`` (of the real listeners), ``value_ranges`` and
        ``outside_range`` (share of values) by group, ``action_units`` (``"binary"`` or ``"continuous"``),
        ``identical_reactions`` (clips with at least two equal ones), ``neighbours`` (least, median, most a clip),
        ``clips_without_neighbours``, ``distinct_neighbours`` matched by metric, and each metric's own details.
    """
    facts = _describe_values(clips, observations)
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


def _describe_values(clips: ClipSet, observations: Observations) -> dict[str, Any]:
    schema = clips.schema
    told = [observations.clips[clip] for clip in clips.clips]
    found: list[_Values] = [each.facts for each in told]
    low = np.min([each.summary.low for each in found], axis=0)
    high = np.max([each.summary.high for each in found], axis=0)
    outside = np.sum([each.summary.outside for each in found], axis=0)
    count = sum(each.summary.count for each in found)
    series = sum(each.shape[0] for each in told)
    constant = np.sum([each.summary.constant for each in found], axis=0)
    parts = {group.name: slice(group.start, group.stop) for group in schema.groups}
    bounded = [group.name for group in schema.groups if group.low is not None or group.high is not None]
    facts: dict[str, Any] = {
        "coverage": float(1 - constant.sum() / (series * len(schema))),
        "channel_coverage": _named(1 - constant / series, schema),
        "value_ranges": {name: [float(low[part].min()), float(high[part].max())] for name, part in parts.items()},
        "outside_range": {name: float(outside[parts[name]].mean() / count) for name in bounded},
        "identical_reactions": sum(bool(each.summary.identical) for each in found),
    }
    if clips.listeners is not None:
        listeners = clips.listeners
        real = clips.shared_of_data("listener coverage", lambda: _share_varying(listeners))
        facts["listener_coverage"] = _named(real, schema)
    if _UNITS in parts:
        facts["action_units"] = "binary" if all(each.binary_units for each in found) else "continuous"
    return facts


def _share_varying(series: Iterable[Any]) -> NDArray[np.float64]:
    """In which share of the series each channel varies."""
    return np.asarray(np.mean([(values != values[0]).any(axis=0) for values in series], axis=0))


def _named(shares: NDArray[np.float64], schema: ChannelSchema) -> dict[str, float]:
    return {name: float(share) for name, share in zip(schema.channels, shares, strict=True)}
