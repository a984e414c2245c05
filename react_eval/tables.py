"""Tables of scores: one result with its context, or many methods side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import mean, stdev

from react_eval.grid import Cell, Grid
from react_eval.intervals import FEW_GROUPS, Interval
from react_eval.methods import GROUPS, Method, check_comparable, gather_methods
from react_eval.protocol import MetricUse
from react_eval.published_rows import PublishedRow
from react_eval.published_table import notes_beside, row_name, rows_beside, value_beside
from react_eval.registry import Measurement
from react_eval.result import ScoreResult
from react_eval.rounding import digits_for, rounded
from react_eval.telling import SYNTHETIC

__all__ = ["result_grid", "table"]

_READINGS = {"near real": "best near GT", "unranked": "says nothing alone"}
_FLOOR = {"floor", "share_undefined", "share_speaker_silent", "share_speaker_constant", "share_prediction_constant"}


def table(results: ScoreResult | Iterable[ScoreResult], *, published: bool | Iterable[PublishedRow] = False) -> Grid:
    """Put methods side by side: a row a method, a column a metric.

    Rows come in groups: offline methods, online ones, those that state no track, naive baselines, published rows.

    Results of one method with several run seeds become mean ± standard deviation; results without a name, or without
    run seeds of their own, keep a row each. The best value of each metric is bold, as the metric's record says: the
    largest, the smallest, or the nearest to GT; naive baselines and published rows are never bold and never counted,
    and neither is FRDiv, which says nothing alone. Published values have the digits that were printed, a mark for each
    doubt, and the source in the row's name; notes say what keeps them from comparing with one's own.

    Args:
        results: Results under one protocol, or a single one; ``facts["method"]`` names the row, and
            ``facts["baseline"]`` tells our own baselines from uploads that only call themselves so;
            ``facts["track"]`` the group.
        published: Published rows to put below, such as ``react_eval.published(source="reactdiff")``; those of another
            protocol are left out. True for every system and naive baseline that is published under the protocol.

    Returns:
        A table with ``to_text``, ``to_markdown``, ``to_latex`` and ``to_html``.

    Raises:
        InputError: If there are no results, or they do not compare: they differ in protocol, split, data, sizes; or if
            nothing is published under their protocol.
    """
    given = [results] if isinstance(results, ScoreResult) else list(results)
    check_comparable(given)
    methods = gather_methods(given)
    first, real = given[0], _real_values(given)
    uses = [first.use(key) for key in first]
    digits = {use.key: digits_for([result[use.key] for result in given]) for use in uses}
    best = {use.key: _best(use, methods, real.get(use.key), digits[use.key]) for use in uses}
    groups: dict[str, list[list[Cell]]] = {}
    for method in methods:
        cells = [Cell(_summary(use, method.runs, digits[use.key]), method in best[use.key]) for use in uses]
        groups.setdefault(method.group, []).append([Cell(method.name), *cells])
    beside = rows_beside(first, published)
    for row in beside:
        cells = [Cell(value_beside(row, use)) for use in uses]
        groups.setdefault("published", []).append([Cell(row_name(row, first)), *cells])
    rows, titles = _grouped(groups)
    headings = ["method", *(f"{use.key} {use.record.arrow}".rstrip() for use in uses)]
    notes = [*_shared_notes(first, methods), *notes_beside(first, beside), first.signature]
    return Grid(headings, rows, _caption(first), notes, label=f"tab:{first.protocol.name}", titles=titles)


def _grouped(groups: Mapping[str, list[list[Cell]]]) -> tuple[list[list[Cell]], dict[int, str]]:
    """Rows with a rule above each group, and the groups' titles by the place of their rule; no rule for one group."""
    if len(groups) == 1:
        return next(iter(groups.values())), {}
    rows: list[list[Cell]] = []
    titles = {}
    for title in sorted(groups, key=GROUPS.index):
        titles[len(rows)] = title
        rows += [[], *groups[title]]
    return rows, titles


def result_grid(result: ScoreResult) -> Grid:
    """The table of one result: a row a metric, beside it the mean per reaction and the values of GT and B_Mime."""
    digits = {key: digits_for([result[key], *(values[key] for values in result.context.values())]) for key in result}
    columns: dict[str, Callable[[str], str]] = {
        "metric": lambda key: f"{key} {result.use(key).record.arrow}".rstrip(),
        "value": lambda key: rounded(result[key], digits[key]) + ("" if result.measurements[key].rankable else " †"),
    }
    if result.intervals:
        columns["95 % interval"] = lambda key: _interval(result.intervals.get(key), digits[key])
    if any(result.use(key).sums_reactions for key in result):
        columns["per reaction"] = lambda key: rounded(result.per_reaction(key), 4)
    for name, values in result.context.items():
        columns[name] = lambda key, values=values: rounded(values[key], digits[key])  # type: ignore[misc]
    columns["reading"] = lambda key: _reading(result, result.use(key))
    rows = [[Cell(show(key)) for show in columns.values()] for key in result]
    method = f"{result.facts['method']}: " if result.facts.get("method") else ""
    caption, label = method + _caption(result), f"tab:{result.protocol.name}"
    return Grid(list(columns), rows, caption, _notes(result), label, text_columns=(0, len(columns) - 1))


def _interval(interval: Interval | None, digits: int) -> str:
    return "" if interval is None else f"{rounded(interval.low, digits)} – {rounded(interval.high, digits)}"


def _reading(result: ScoreResult, use: MetricUse) -> str:
    if use.sums_reactions:
        scale = getattr(use.settings, "scale", 1.0)
        return f"sum over {result.facts['reactions']} reactions" + (f", times {scale:g}" if scale != 1 else "")
    found = result.measurements[use.key]
    told = found.reading or _lag_reading(found)
    if told or use.record.better in _READINGS:
        return told or _READINGS[use.record.better]
    return "mean over reactions" if hasattr(use.settings, "combine") else use.record.title


def _lag_reading(found: Measurement) -> str:
    """What lags say, where the measurement tells of them."""
    details = found.details
    if _tells_floor(found):
        share = details["share_undefined"]
        floor = f"undefined in {share:.0%} of the clips, floor {details['floor']:.1f}"
        return floor if share else "defined in every clip"
    if {"mean_peak", "mean_lag"} <= set(details):
        return f"peak correlation {details['mean_peak']:.3f} at lag {details['mean_lag']:+.1f}"
    return ""


def _tells_floor(found: Measurement) -> bool:
    return set(found.details) >= _FLOOR


def _caption(result: ScoreResult) -> str:
    facts = result.facts
    split = f"{facts['split']}, " if facts.get("split") else ""
    partial = f"{facts['partial']}, " if "partial" in facts else ""
    size = f"{facts['clips']} clips × {facts['reactions']} reactions × {facts['frames']} frames"
    return f"{result.protocol.id}, {split}{partial}{size}"


def _about_data(result: ScoreResult) -> list[str]:
    """What sets the data apart from a challenge's: they are synthetic, or their neighbours were retrieved."""
    notes = [SYNTHETIC] if result.facts.get("synthetic") else []
    source = result.facts.get("neighbour_source")
    return notes + ([f"Neighbours are not the challenge's: {source}."] if source else [])


def _notes(result: ScoreResult) -> list[str]:
    notes = _about_data(result)
    for key, found in result.measurements.items():
        notes += [f"{key}: {found.reason}."] if found.reason else []
        if _tells_floor(found) and found.details["share_undefined"]:
            notes.append(_undefined_note(key, found))
        if found.details.get("near_ties"):
            notes.append(f"{key}: {found.details['near_ties']} near-ties of lags within 1e-7.")
    if any(result.use(key).sums_reactions for key in result) and result.facts["reactions"] != result.protocol.reactions:
        notes.append(
            f"Not comparable with challenge results: sums over {result.facts['reactions']} reactions, "
            f"the challenge sums over {result.protocol.reactions}."
        )
    if any("personal" in result.use(key).needs for key in result):
        notes.append(_personal_note(result))
    interval = next(iter(result.intervals.values()), None)
    if interval is not None:
        few = "; so few that they are too narrow" * (interval.clusters < FEW_GROUPS)
        notes.append(f"Intervals: percentile bootstrap over {interval.clusters} {interval.kind}{few}.")
    elif result.protocol.intervals and len(set(result.groups)) == 1:
        notes.append("No intervals: they are made over conversations, and there is only one.")
    return [*notes, *_value_notes(result), *result.notes, *result.run.get("file_notes", ()), result.signature]


def _shared_notes(first: ScoreResult, methods: Sequence[Method]) -> list[str]:
    """What the reader of a comparison has to know: facts of the data and protocol, and which values are not ranked."""
    notes = _about_data(first)
    for key, found in first.measurements.items():
        if _tells_floor(found) and found.details["floor"]:
            notes.append(
                f"{key}: {found.details['share_speaker_silent']:.1%} of the speakers have a channel that never varies; "
                f"whatever a method does, it scores at least {found.details['floor']:.2f}."
            )
    for method in methods:
        for key in first:
            unranked = [run.measurements[key].reason for run in method.runs if not run.measurements[key].rankable]
            why = "; ".join(sorted(set(filter(None, unranked))))
            notes += [f"† {key} of {method.name} is not rankable{': ' * bool(why)}{why}."] if unranked else []
    return notes


def _value_notes(result: ScoreResult) -> list[str]:
    facts = result.diagnostics
    notes = [
        f"{share:.1%} of the values of {group} are outside their range."
        for group, share in facts.get("outside_range", {}).items()
        if share > 0
    ]
    if facts.get("identical_reactions"):
        notes.append(f"{facts['identical_reactions']} of {result.facts['clips']} clips have reactions that are equal.")
    return notes


def _undefined_note(key: str, found: Measurement) -> str:
    details = found.details
    return (
        f"{key}: a channel that does not vary makes {details['share_undefined']:.1%} of the clips undefined (one of "
        f"the speaker in {details['share_speaker_constant']:.1%}, of the prediction in "
        f"{details['share_prediction_constant']:.1%}); such a clip scores its first undefined lag, 49 where the "
        "channel never varies, whatever the model did."
    )


def _personal_note(result: ScoreResult) -> str:
    names = {"neighbours": "", "personal_neighbours": " of the same listener"}
    there = {what: result.diagnostics[name] for name, what in names.items() if name in result.diagnostics}
    spreads = [f"{what}: {each['least']} to {each['most']} (median {each['median']:g})" for what, each in there.items()]
    alone = result.diagnostics["share_alone"]
    return f"Neighbours a clip{','.join(spreads)}; only the clip's own listener in {alone:.1%}."


def _real_values(results: Sequence[ScoreResult]) -> Mapping[str, float]:
    """What GT scores on the same data, from our own code alone."""
    beside = [result.context["GT"] for result in results if "GT" in result.context]
    return next(iter([*beside, *(result for result in results if result.facts.get("baseline") == "GT")]), {})


def _best(use: MetricUse, methods: Sequence[Method], real: float | None, digits: int) -> list[Method]:
    """The methods whose mean is best as it is printed, among those that are not naive and whose value may be ranked."""
    means = [
        (mean(run[use.key] for run in method.runs), method)
        for method in methods
        if not method.naive and all(run.measurements[use.key].rankable for run in method.runs)
    ]
    means = [(value, method) for value, method in means if not math.isnan(value)]
    target = math.nan if real is None else real
    distances: dict[str, Callable[[float], float]] = {
        "higher": lambda value: -value,
        "lower": lambda value: value,
        "near real": lambda value: abs(value - target),
    }
    distance = distances.get(use.record.better)
    if len(means) < 2 or distance is None or math.isnan(distance(means[0][0])):
        return []
    shown = rounded(min(means, key=lambda each: distance(each[0]))[0], digits)
    return [method for value, method in means if rounded(value, digits) == shown]


def _summary(use: MetricUse, runs: Sequence[ScoreResult], digits: int) -> str:
    values = [result[use.key] for result in runs]
    mark = "" if all(result.measurements[use.key].rankable for result in runs) else " †"
    defined = not any(map(math.isnan, values))  # of undefined values `stdev` knows no deviation
    spread = f" ± {rounded(stdev(values), digits)}" if len(values) > 1 and defined else ""
    return rounded(mean(values), digits) + spread + mark
