"""Tables in Markdown that are made from the records of metrics and protocols, so that none is typed twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

import react_data
from react_eval.demo import score_baselines
from react_eval.protocol import Protocol, find_protocol, protocols
from react_eval.registry import Metric, all_metrics
from react_eval.result import ProtocolResults
from react_eval.rounding import digits_for, rounded

__all__ = ["baselines", "differences", "facts", "overview", "protocol_list", "settings", "table"]

_SCORED_WITH = ("react2024", "reactface", "corrected")
_BEST = {
    "higher": "higher",
    "lower": "lower",
    "near real": "near the value of real reactions",
    "unranked": "says nothing alone",
}
_OF_PROTOCOL = ("channels", "frames", "reactions", "clip_set", "intervals")


def facts(metric: Metric) -> str:
    """What the record says of a metric.

    Args:
        metric: Its record.
    """
    rows = [
        ("asks about", f"{metric.facet}: {metric.title}"),
        ("best", f"{_BEST[metric.better]} {metric.arrow}"),
        ("unit", metric.unit),
        ("needs", ", ".join(("predictions", *metric.needs))),
        ("also called", ", ".join(metric.aliases) or "–"),
        ("on arrays", f"[`react_eval.metrics.{metric.function}`](../api.md)"),
    ]
    return table(("", metric.name), rows) + f"\n\n{metric.reading}"


def overview() -> str:
    """One line a metric."""
    rows = [
        (f"[{each.name}](metrics/{each.name.lower()}.md)", each.title, each.facet, _BEST[each.better], each.unit)
        for each in all_metrics().values()
    ]
    return table(("metric", "measures", "facet", "best", "unit"), rows)


def settings(metric: Metric) -> str:
    """How protocols set a metric; bold where that differs from the first, which is ``react2024`` where it has it.

    Args:
        metric: Its record.
    """
    uses = [(each.id, use) for each in _shown() for use in each.uses if use.metric == metric.name]
    if not uses or not asdict(uses[0][1].settings):
        return "It has no settings: every protocol computes the same."
    usual = asdict(uses[0][1].settings)
    rows = [
        (f"`{id_}`", f"`{use.key}`", *(_marked(value, usual[name]) for name, value in asdict(use.settings).items()))
        for id_, use in uses
    ]
    return table(("protocol", "key", *(f"`{name}`" for name in usual)), rows)


def baselines(metric: Metric) -> str:
    """What the naive baselines score on synthetic dyads; † marks what must not be ranked.

    Args:
        metric: The metric's record.
    """
    scored = _synthetic_scores()
    names = [each.facts["baseline"] for each in (several.results[0] for several in scored)]
    columns = [[each.protocol(name).measurements[metric.name] for each in scored] for name in _SCORED_WITH]
    shown = []
    for column in columns:
        digits = digits_for(found.value for found in column)
        shown.append([rounded(found.value, digits) + ("" if found.rankable else " †") for found in column])
    rows = list(zip(names, *shown, strict=True))
    return table(("", *(f"`{name}`" for name in _SCORED_WITH)), rows)


def protocol_list() -> str:
    """One line a protocol."""
    return table(("protocol", "what it is"), [(f"`{id_}`", summary) for id_, summary in protocols().items()])


def differences() -> str:
    """Every setting in which protocols differ; bold where one differs from ``react2024``."""
    chosen = _shown()
    told = [_told(protocol) for protocol in chosen]
    names = dict.fromkeys(name for each in told for name in each)
    usual = _told(find_protocol("react2024"))
    rows = []
    for name in names:
        values = [each.get(name, "–") for each in told]
        if len(set(map(str, values))) > 1:
            rows.append((f"`{name}`", *(_marked(value, usual.get(name, "–")) for value in values)))
    return table(("setting", *(f"`{protocol.name}`" for protocol in chosen)), rows)


def _shown() -> list[Protocol]:
    """All protocols, of those that differ in alignment alone the one that interpolates."""
    return [each for each in map(find_protocol, protocols()) if each.alignment in ("none", "linear")]


def _told(protocol: Protocol) -> dict[str, Any]:
    """Settings by name; of a metric that is used twice, the second time only what is new."""
    told = {name: getattr(protocol, name) for name in _OF_PROTOCOL}
    for use in protocol.uses:
        first = {} if use.key == use.metric else asdict(protocol.use(use.metric).settings)
        settings = asdict(use.settings).items()
        told |= {f"{use.key}.{name}": value for name, value in settings if first.get(name) != value}
    return told


@cache
def _synthetic_scores() -> list[ProtocolResults]:
    with TemporaryDirectory() as folder:
        root = react_data.synthesise(folder, modalities=("emotion",), show_progress=False)
        return score_baselines(root, "test", protocols=_SCORED_WITH, show_progress=False)


def _marked(value: Any, usual: Any) -> str:
    if isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = " or ".join(value) if isinstance(value, tuple) else "all" if value is None else str(value)
    return f"**{text}**" if value != usual and text != "–" else text


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
