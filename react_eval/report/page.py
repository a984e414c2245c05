"""The report's page: what is filled into the template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from react_eval.grid import Grid
from react_eval.methods import check_comparable
from react_eval.report.charts import histogram, scale
from react_eval.report.clip_stories import tell
from react_eval.report.words import findings, standing
from react_eval.result import ScoreResult
from react_eval.rounding import digits_for, rounded
from react_eval.specificity_result import Specificity

__all__ = ["asset", "report_page", "templates"]

# Colours of the page by what is compared; results given beside take the following ones.
_CONTEXT = {"GT": "gt", "B_Mime": "mime"}
_BESIDE = ("other1", "other2", "other3", "other4", "other5")


def report_page(
    results: Sequence[ScoreResult], beside: Sequence[ScoreResult] = (), specificity: Specificity | None = None
) -> str:
    """One self-contained HTML page about one submission.

    Args:
        results: Its results, one a protocol.
        beside: Results of other methods on the same data, whose values are drawn beside.
        specificity: Whether the method listens, where that was looked at.

    Returns:
        The page. It fetches nothing, and shows no single clip where results are public.

    Raises:
        InputError: If a result beside is of other data.
    """
    for result in results:
        check_comparable([result, *(each for each in beside if each.protocol == result.protocol)])
    template = templates().get_template("page.html")
    stories = [tell(example) for example in results[0].examples]
    return template.render(
        method=results[0].facts.get("method") or "Predictions",
        parts=[_Part(result, [each for each in beside if each.protocol == result.protocol]) for result in results],
        findings=findings(results, specificity),
        specificity=None if specificity is None else specificity.grid(),
        stories=stories,
        faces=_as_json({str(number): story.faces for number, story in enumerate(stories) if story.faces}),
        public=not results[0].clips,
        css=Markup(asset("page.css")),  # noqa: S704  our own file
        script=Markup(asset("faces.js")),  # noqa: S704  our own file
    )


@dataclass(frozen=True)
class _Compared:
    """Something that values are drawn beside."""

    name: str
    values: Mapping[str, float]
    by_clip: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class _Part:
    """What the page says of one protocol."""

    result: ScoreResult
    beside: Sequence[ScoreResult]

    @cached_property
    def grid(self) -> Grid:
        return self.result.grid()

    @property
    def caption(self) -> str:
        return self.grid.caption.removeprefix(f"{self.result.facts.get('method')}: ")

    @cached_property
    def compared(self) -> dict[str, _Compared]:
        """What values are compared with, by css class."""
        result, context = self.result, self.result.context
        known = {
            css: _Compared(name, context[name], result.context_per_clip.get(name, {}))
            for name, css in _CONTEXT.items()
            if name in context and name != _name(result)
        }
        others = [_Compared(_name(each), each, _by_clip(each)) for each in self.beside if _name(each) not in context]
        return known | dict(zip(_BESIDE, others, strict=False))

    @property
    def scores(self) -> list[dict[str, Any]]:
        return [self._score(key) for key in self.result]

    def _score(self, key: str) -> dict[str, Any]:
        result, record = self.result, self.result.use(key).record
        others = {css: each.values[key] for css, each in self.compared.items() if key in each.values}
        interval = result.intervals.get(key)
        digits = digits_for([result[key], *others.values()])
        ends = (interval.low, interval.high) if interval else None
        return {
            "key": key,
            "arrow": record.arrow,
            "title": record.title,
            "value": rounded(result[key], digits),
            "interval": " – ".join(rounded(end, digits) for end in ends) if ends else "",
            "per_reaction": rounded(result.per_reaction(key), 4),
            "others": {css: rounded(value, digits) for css, value in others.items()},
            "scale": scale({"method": result[key], **others}, ends),
            "standing": standing(result, key),
            "reading": record.reading,
        }

    @property
    def distributions(self) -> list[tuple[str, str, str, Markup]]:
        """How each metric spreads over clips: result key, smallest and largest value, chart."""
        if not self.result.clips:
            return []
        found = []
        for key, values in _by_clip(self.result).items():
            others = {css: each.by_clip[key] for css, each in self.compared.items() if key in each.by_clip}
            everything = np.concatenate([values, *others.values()])
            ends = f"{np.nanmin(everything):.3g}", f"{np.nanmax(everything):.3g}"
            found.append((key, *ends, histogram({"method": values, **others})))
        return found

    @property
    def lags(self) -> dict[str, Any] | None:
        """Histogram of the lags where they are defined, and the share of the others."""
        found = self.result.measurements.get("FRSyn")
        if found is None or "FRSyn_lag" not in found.per_clip or not self.result.clips:
            return None
        lags, peaks = found.per_clip["FRSyn_lag"], found.per_clip["FRSyn_peak"]
        defined = ~np.isnan(peaks) & ~np.isnan(lags)
        longest = float(self.result.use("FRSyn").settings.longest_lag)
        return {
            "chart": histogram({"method": lags[defined]}, whole=(-longest, longest)),
            "longest": f"{longest:g}",
            "undefined": 1 - float(defined.mean()),
        }

    @property
    def coverage(self) -> list[tuple[str, float, float | None]]:
        """Channel, and in which share of predicted and of real series it varies."""
        facts = self.result.diagnostics
        real = facts.get("listener_coverage", {})
        return [(name, share, real.get(name)) for name, share in facts.get("channel_coverage", {}).items()]


def _name(result: ScoreResult) -> str:
    return str(result.facts.get("baseline") or result.facts.get("method") or "other predictions")


def _by_clip(result: ScoreResult) -> Mapping[str, NDArray[np.float64]]:
    """Values by clip, means over reactions, of the metrics that tell clips apart."""
    values = {key: found.by_clip(result.use(key).metric) for key, found in result.measurements.items()}
    return {key: each for key, each in values.items() if each is not None and not np.isnan(each).all()}


@cache
def templates() -> Environment:
    """The pages' templates, which escape what is filled in."""
    return Environment(
        loader=PackageLoader("react_eval.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def asset(name: str) -> str:
    """The text of a file that is put into pages.

    Args:
        name: Such as ``"page.css"``.
    """
    return files("react_eval.report").joinpath(name).read_text(encoding="utf-8")


def _as_json(content: Any) -> Markup:
    """JSON that cannot end the script element it stands in."""
    return Markup(json.dumps(content).replace("<", "\\u003c"))  # noqa: S704  no sign of markup is left in it
