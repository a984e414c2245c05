"""The result of scoring: values by metric, what they were made with, and what a reader has to know."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_eval import __version__
from react_eval.errors import UnknownNameError
from react_eval.examples import Example
from react_eval.grid import Grid
from react_eval.intervals import Interval
from react_eval.protocol import MetricUse, Protocol
from react_eval.registry import Measurement

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from react_eval.specificity_result import Specificity

__all__ = ["ProtocolResults", "ScoreResult", "fixed_digits"]

_DIGITS = 10


def fixed_digits(value: float) -> float | None:
    """A value as it is written to files: rounded to 10 significant digits, None if undefined or infinite.

    Args:
        value: Any float.

    Returns:
        The rounded value, whose shortest decimal form is the same on every platform.

    Example:
        >>> fixed_digits(0.1 + 0.2), fixed_digits(float("nan"))
        (0.3, None)
    """
    return None if not math.isfinite(value) else float(f"{value:.{_DIGITS}g}")


@dataclass(frozen=True, eq=False, repr=False)
class ScoreResult(Mapping[str, float]):
    """Scores under one protocol; a mapping of result keys to floats.

    Attributes:
        protocol: What the values mean.
        measurements: What each metric found, by result key.
        context: The same metrics for GT and B_Mime on the same data, by baseline and result key.
        facts: What was scored: ``split``, ``channels``, ``clips``, ``reactions``, ``frames``, ``neighbours`` (their
            source), ``synthetic``, ``method``, ``run_seed``, ``track``; ``baseline`` where our own code made the
            predictions, which no file can claim.
        hashes: SHA-256 of the predictions and of the data, by name.
        diagnostics: Facts that explain the scores; see `react_eval.diagnostics.diagnose`.
        intervals: 95 % bootstrap intervals by result key, where the protocol has them.
        notes: What a person should know about the inputs.
        clips: Ids of the scored clips; empty in a public result.
        groups: Number of the group that each clip belongs to; clips of one group depend on each other. Empty in a
            public result.
        group_kind: What a group is: ``"sessions"``, ``"recordings"`` or ``"clips"``.
        listeners: Ids of the listeners, which name the nearest neighbours; empty in a public result.
        context_per_clip: Values of GT and B_Mime by clip, by baseline and result key of the metrics that have them;
            empty in a public result.
        examples: Clips to look at; empty in a public result.
        run: Timings, versions and ``file_notes`` on how a file is packed, which are no part of the scores.
    """

    protocol: Protocol
    measurements: Mapping[str, Measurement]
    context: Mapping[str, Mapping[str, float]]
    facts: Mapping[str, Any]
    hashes: Mapping[str, str]
    diagnostics: Mapping[str, Any]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    group_kind: str = ""
    listeners: tuple[str, ...] = ()
    context_per_clip: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> float:
        key = name if name in self.measurements else self.protocol.use(name).key
        if key not in self.measurements:
            raise UnknownNameError(self._why_left_out(key))
        return self.measurements[key].value

    def _why_left_out(self, key: str) -> str:
        told = next((note for note in self.notes if note.startswith(f"{key} left out")), None)
        return told or f"{key} was not asked for: metrics={list(self)}. Score with it, or with metrics=None for all."

    def __iter__(self) -> Iterator[str]:
        return iter(self.measurements)

    def __len__(self) -> int:
        return len(self.measurements)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.items())
        return f"<ScoreResult {self.protocol.id}: {values}>"

    def __str__(self) -> str:
        return self.grid().to_text()

    def _repr_html_(self) -> str:
        return self.grid().to_html()

    @property
    def signature(self) -> str:
        """One line to cite: everything that fixes what the numbers mean."""
        facts = self.facts
        parts = {
            "split": facts.get("split") or "arrays",
            "channels": facts["channels"],
            "clips": facts.get("partial", facts["clips"]),
            "reactions": facts["reactions"],
            "frames": facts["frames"],
            "neighbours": facts["neighbours"],
            **({"alignment": self.protocol.alignment} if self.protocol.alignment != "none" else {}),
            "data": "synthetic" if facts.get("synthetic") else "real" if facts.get("split") else "as given",
            "react-eval": __version__,
        }
        return "|".join([self.protocol.id, *(f"{name}:{value}" for name, value in parts.items())])

    def use(self, key: str) -> MetricUse:
        """How the protocol uses the metric of a result key."""
        return self.protocol.use(key)

    def per_reaction(self, key: str) -> float | None:
        """A sum over reactions as a mean per reaction, not scaled; None for values that are no sums."""
        use = self.use(key)
        scale = float(getattr(use.settings, "scale", 1.0))
        return self[key] / self.facts["reactions"] / scale if use.sums_reactions else None

    def grid(self) -> Grid:
        """The table that `print` shows."""
        from react_eval.tables import result_grid  # tables are made of results

        return result_grid(self)

    def to_markdown(self) -> str:
        """The table as Markdown."""
        return self.grid().to_markdown()

    def to_latex(self) -> str:
        """The table as LaTeX for the package booktabs."""
        return self.grid().to_latex()

    def to_html(
        self,
        path: str | Path | None = None,
        *,
        beside: Sequence[ScoreResult] = (),
        specificity: Specificity | None = None,
    ) -> str:
        """The report: one self-contained HTML page on why the scores are what they are.

        Args:
            path: Where to write it; None to return the text only.
            beside: Results of other methods on the same data, such as naive baselines, drawn beside.
            specificity: What `react_eval.specificity` found for the same predictions.

        Returns:
            The page.

        Raises:
            InputError: If `beside` holds results that do not compare.
        """
        return _write_page([self], beside, specificity, path)

    def to_frame(self) -> pd.DataFrame:
        """The scores as a data frame: a row a metric, with its value, the mean per reaction, GT's and B_Mime's."""
        import pandas as pd  # slow to import

        rows = {
            key: {
                "value": self[key],
                "per_reaction": self.per_reaction(key),
                **({"low": self.intervals[key].low, "high": self.intervals[key].high} if key in self.intervals else {}),
                **{name: values.get(key) for name, values in self.context.items()},
                "better": self.use(key).record.better,
                "protocol": self.protocol.id,
            }
            for key in self
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    @property
    def per_clip(self) -> xr.Dataset:
        """Every metric that has one, by clip (and reaction), and the ids of the nearest neighbours."""
        import xarray as xr  # slow to import

        variables: dict[str, Any] = {}
        for key, found in self.measurements.items():
            for name, values in found.per_clip.items():
                if not self.clips:
                    continue
                values = self._named_neighbours(values) if name.endswith("_neighbour") else values
                values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
                metric = self.use(key).metric
                label = name.replace(metric, key, 1) if metric in name else f"{key}_{name}"
                variables[label] = (("clip", "reaction")[: values.ndim], values)
        return xr.Dataset(variables, {"clip": list(self.clips)}, {"signature": self.signature})

    def _named_neighbours(self, indices: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        names = np.array([*self.listeners, ""], dtype=object)
        return np.asarray(names[indices].astype(str))

    def named(self, method: str) -> ScoreResult:
        """The same result under a method's name.

        Args:
            method: Name of the row in tables.
        """
        return replace(self, facts={**self.facts, "method": method})

    def public(self) -> ScoreResult:
        """Aggregates only: nothing that shows a test clip."""
        bare = {key: replace(found, per_clip={}) for key, found in self.measurements.items()}
        return replace(self, measurements=bare, clips=(), groups=(), listeners=(), context_per_clip={}, examples=())

    def to_dict(self) -> dict[str, Any]:
        """Plain data: ``scores``, the same for the same predictions, data and protocol; and ``run``."""
        scores = {
            "protocol": self.protocol.id,
            "signature": self.signature,
            "values": {key: fixed_digits(value) for key, value in self.items()},
            "intervals": {
                key: [fixed_digits(each.low), fixed_digits(each.high)] for key, each in self.intervals.items()
            },
            "reasons": {key: found.reason for key, found in self.measurements.items() if found.reason},
            "context": {
                name: {key: fixed_digits(value) for key, value in values.items()}
                for name, values in self.context.items()
            },
            "facts": _plain(self.facts),
            "hashes": dict(self.hashes),
            "diagnostics": _plain(self.diagnostics),
            "notes": list(self.notes),
        }
        return {"scores": scores, "run": _plain(self.run)}

    def to_json(self, path: str | Path | None = None) -> str:
        """The result as JSON; its ``scores`` are the same bytes for the same predictions, data and protocol.

        Args:
            path: Where to write it; None to return the text only.

        Returns:
            The text.
        """
        return _write_json(self.to_dict(), path)


class ProtocolResults(Mapping[str, float]):
    """Scores under several protocols, as a mapping of ``"protocol/key"`` to floats.

    A protocol goes by its name, or by its id where several of that name were scored.
    """

    def __init__(self, results: tuple[ScoreResult, ...]) -> None:
        self.results = results
        names = [result.protocol.name for result in results]
        self._named = {
            result.protocol.id if names.count(name) > 1 else name: result
            for name, result in zip(names, results, strict=True)
        }

    def protocol(self, name: str) -> ScoreResult:
        """The result under one protocol, by its name or id.

        Raises:
            KeyError: If it is not among them.
        """
        known = {result.protocol.id: result for result in self.results} | self._named
        if name not in known:
            raise KeyError(f"{name!r} is not among {list(known)}")
        return known[name]

    def __getitem__(self, name: str) -> float:
        protocol, _, key = name.rpartition("/")
        if not protocol:
            raise KeyError(f"{name!r}: several protocols were scored, so say which, such as {next(iter(self))!r}.")
        return self.protocol(protocol)[key]

    def __iter__(self) -> Iterator[str]:
        return (f"{name}/{key}" for name, result in self._named.items() for key in result)

    def __len__(self) -> int:
        return sum(len(result) for result in self.results)

    def __str__(self) -> str:
        return "\n\n".join(str(result) for result in self.results)

    def _repr_html_(self) -> str:
        return "\n".join(result.grid().to_html() for result in self.results)

    def public(self) -> ProtocolResults:
        """Aggregates only: nothing that shows a test clip."""
        return ProtocolResults(tuple(result.public() for result in self.results))

    def to_html(
        self,
        path: str | Path | None = None,
        *,
        beside: Sequence[ScoreResult] = (),
        specificity: Specificity | None = None,
    ) -> str:
        """The report of all protocols on one page; see `ScoreResult.to_html`."""
        return _write_page(self.results, beside, specificity, path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data by protocol id."""
        return {result.protocol.id: result.to_dict() for result in self.results}

    def to_json(self, path: str | Path | None = None) -> str:
        """All results as JSON, by protocol id; written to `path` if given."""
        return _write_json(self.to_dict(), path)


def _write_page(
    results: Sequence[ScoreResult],
    beside: Sequence[ScoreResult],
    specificity: Specificity | None,
    path: str | Path | None,
) -> str:
    from react_eval.report import report_page  # reports are made of results

    page = report_page(results, beside, specificity)
    if path is not None:
        Path(path).write_text(page, encoding="utf-8")
    return page


def _write_json(content: dict[str, Any], path: str | Path | None) -> str:
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _plain(value: Any) -> Any:
    """Nested mappings as JSON has them: of numpy's numbers too, in fixed digits, None where undefined or infinite."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return fixed_digits(value) if isinstance(value, float) else value
