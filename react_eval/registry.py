"""The registry of metrics: one record a metric, from which the CLI, the tables and the docs are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from react_data.clips import suggest
from react_eval.errors import UnknownNameError

__all__ = ["Measurement", "Metric", "all_metrics", "find_metric", "mean_over_clips", "register"]

Better = Literal["higher", "lower", "near real", "unranked"]


@dataclass(frozen=True)
class Measurement:
    """What a metric found on a set of clips.

    Attributes:
        value: The score; NaN if undefined.
        per_clip: Arrays by clip, (N,) or by clip and reaction, (N, α); by variable name.
        details: Facts to report beside the value, by name.
        reason: Why the value is undefined, or what has to be known to read it.
        rankable: False where so little was defined that the value must not be compared with others.
    """

    value: float
    per_clip: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    rankable: bool = True

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)


@dataclass(frozen=True)
class Metric:
    """The record of a metric.

    Attributes:
        name: The field's name, such as ``"FRCorr"``.
        title: What it measures, in a few words.
        facet: ``"appropriateness"``, ``"diversity"``, ``"realism"`` or ``"synchrony"``.
        better: ``"higher"``, ``"lower"``, ``"near real"`` (best where real reactions are) or ``"unranked"`` (says
            nothing on its own).
        unit: Unit of the value.
        needs: Inputs beside predictions: ``"listeners"``, ``"speakers"``, ``"neighbours"``, or what an extension
            defines.
        settings: Class of the settings that a protocol fixes.
        measure: Computes it from inputs and settings; inputs are a `ClipSet` for the metrics on arrays.
        reading: How to read a value, in one or two plain sentences.
        function: Name of the function on arrays in `react_eval.metrics`.
        aliases: Other names in use.
    """

    name: str
    title: str
    facet: str
    better: Better
    unit: str
    needs: tuple[str, ...]
    settings: type[Any]
    measure: Callable[[Any, Any], Measurement]
    reading: str
    function: str
    aliases: tuple[str, ...] = ()

    @property
    def arrow(self) -> str:
        """The direction as a sign for table headings."""
        return {"higher": "↑", "lower": "↓", "near real": "→GT", "unranked": ""}[self.better]


_METRICS: dict[str, Metric] = {}


def register(metric: Metric) -> Metric:
    """Add a metric to the registry.

    Args:
        metric: Its record.

    Returns:
        The same record.

    Raises:
        UnknownNameError: If one of its names is taken by another metric.
    """
    for name in (metric.name, *metric.aliases):
        other = _names().get(name.lower())
        if other not in (None, metric.name):
            raise UnknownNameError(
                f"the name {name!r} of metric {metric.name!r} is taken by {other!r}. Choose another."
            )
    _METRICS[metric.name] = metric
    return metric


def all_metrics() -> dict[str, Metric]:
    """Every metric: ours, and those of installed packages that extend the group ``react_eval.metrics``.

    Returns:
        Records by name, ours first.

    Example:
        >>> list(all_metrics())[:3]
        ['FRCorr', 'FRDist', 'FRDiv']
    """
    import react_eval.metrics  # noqa: F401  registers ours

    for extension in entry_points(group="react_eval.metrics"):
        if extension.name not in _METRICS:
            register(extension.load())
    return dict(_METRICS)


def find_metric(name: str) -> Metric:
    """The metric of a name or alias, in any case.

    Args:
        name: Such as ``"FRCorr"``, ``"frc"``, ``"TLCC"``.

    Returns:
        Its record.

    Raises:
        UnknownNameError: If there is none; suggests the nearest.

    Example:
        >>> find_metric("tlcc").name
        'FRSyn'
    """
    metrics = all_metrics()
    found = _names().get(name.lower())
    if found is None:
        raise UnknownNameError(f"there is no metric {name!r}. {suggest(name, metrics)}")
    return metrics[found]


def _names() -> dict[str, str]:
    return {alias.lower(): metric.name for metric in _METRICS.values() for alias in (metric.name, *metric.aliases)}


def mean_over_clips(values: NDArray[np.floating[Any]]) -> float:
    """Mean over the clips that are defined; NaN if none is.

    Args:
        values: (N,), NaN where a clip is undefined.

    Returns:
        The mean, in float64.
    """
    defined = values[~np.isnan(values)]
    return float(np.mean(defined, dtype=np.float64)) if defined.size else math.nan
