"""The registry of metrics: one record a metric, from which the CLI, the tables and the docs are made."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from react_data.clips import suggest
from react_eval.errors import InputError, UnknownNameError
from react_eval.extensions import load_extensions, why_left_out

__all__ = ["Measurement", "Metric", "Observed", "Pool", "all_metrics", "find_metric", "mean_over_clips", "register"]

Better = Literal["higher", "lower", "near real", "unranked"]
Resampled = Literal["mean over clips", "pairs of clips"]


@dataclass(frozen=True)
class Measurement:
    """What a metric found on a set of clips.

    Attributes:
        value: The score; NaN if undefined.
        per_clip: Arrays by clip, (N,) or by clip and reaction, (N, α); by variable name.
        details: Facts to report beside the value, by name.
        reason: Why the value is undefined, or what has to be known to read it.
        rankable: False where so little was defined that the value must not be compared with others.
        reading: What a table says beside the value; told from the metric's record if empty.
    """

    value: float
    per_clip: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    rankable: bool = True
    reading: str = ""

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not math.isnan(self.value)

    def by_clip(self, metric: str) -> NDArray[np.float64] | None:
        """Values by clip, (N,), means over reactions; None if the metric tells no clips apart.

        Args:
            metric: The metric's name.
        """
        values = self.per_clip.get(metric)
        return None if values is None else np.asarray(values.reshape(len(values), -1).mean(axis=1))


class Pool(Protocol):
    """Sums over clips that do not depend on the order in which clips are added or pools are merged, to the last bit."""

    def add(self, view: Any) -> None:
        """Add a clip, given as a `ClipView`."""

    def merge(self, other: Any) -> None:
        """Add the clips of another pool; no clip may be in both."""


@dataclass(frozen=True)
class Observed:
    """What a metric concludes from.

    Attributes:
        found: What each clip told, in the order of the clips.
        reactions: Reactions a clip that a sum counts.
        pool: The metric's pool of all clips, if it has one.
    """

    found: Sequence[Any]
    reactions: int
    pool: Any = None


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
        observe: What one clip tells, from a `ClipView` and the settings: small, and independent of every other clip.
        conclude: The value, from what all clips told, and the settings.
        reading: How to read a value, in one or two plain sentences.
        function: Name of the function on arrays in `react_eval.metrics`.
        aliases: Other names in use.
        resampled: What intervals and comparisons are made of: ``"mean over clips"`` where ``per_clip`` has an array of
            the metric's name whose mean over clips is the value (times the reactions of a sum and the setting
            ``scale``), and nothing where it is not; ``"pairs of clips"`` for the mean squared difference between clips,
            to which each clip adds twice its squared distance to the mean clip.
        on_gpu: Provides for a `GpuBatch` of clips what `observe` would share, so that it finds it.
        pool: Makes an empty pool, for a metric over all clips that no summary of single clips can tell.
    """

    name: str
    title: str
    facet: str
    better: Better
    unit: str
    needs: tuple[str, ...]
    settings: type[Any]
    observe: Callable[[Any, Any], Any]
    conclude: Callable[[Observed, Any], Measurement]
    reading: str
    function: str
    aliases: tuple[str, ...] = ()
    resampled: Resampled = "mean over clips"
    pool: Callable[[], Pool] | None = None
    on_gpu: Callable[[Any, Any], None] | None = None

    @property
    def arrow(self) -> str:
        """The direction as a sign for table headings."""
        return {"higher": "↑", "lower": "↓", "near real": "→GT", "unranked": ""}[self.better]


_GROUP = "react_eval.metrics"
_METRICS: dict[str, Metric] = {}


def register(metric: Metric) -> Metric:
    """Add a metric to the registry.

    Args:
        metric: Its record.

    Returns:
        The same record.

    Raises:
        InputError: If one of its names is taken by another metric, or its name by a metric of another package.
    """
    known = _METRICS.get(metric.name, metric)
    if known != metric and _package(known) != _package(metric):
        raise InputError(
            f"the name {metric.name!r} is taken by a metric of package {_package(known)!r}; package "
            f"{_package(metric)!r} cannot define it too. Choose another."
        )
    for name in (metric.name, *metric.aliases):
        other = _names().get(name.lower())
        if other not in (None, metric.name):
            raise InputError(f"the name {name!r} of metric {metric.name!r} is taken by {other!r}. Choose another.")
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

    load_extensions(_GROUP, Metric, lambda metric: metric.name, register)
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
        raise UnknownNameError(why_left_out(_GROUP, name) or f"there is no metric {name!r}. {suggest(name, metrics)}")
    return metrics[found]


def _package(metric: Metric) -> str:
    return metric.conclude.__module__.partition(".")[0]


def _names() -> dict[str, str]:
    return {alias.lower(): metric.name for metric in _METRICS.values() for alias in (metric.name, *metric.aliases)}


def mean_over_clips(values: NDArray[np.floating[Any]]) -> float:
    """Mean over the clips that are defined, the same to the last bit for any order of them; NaN if none is.

    Args:
        values: (N,), NaN where a clip is undefined.

    Returns:
        The mean, in float64.
    """
    defined = values[~np.isnan(values)]
    return math.fsum(defined) / defined.size if defined.size else math.nan
