"""Tables of scores: one result with its context, or many methods side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import mean, stdev

from react_eval.baselines import NAMES
from react_eval.errors import InputError
from react_eval.grid import Cell, Grid
from react_eval.intervals import Interval
from react_eval.protocol import MetricUse
from react_eval.registry import Measurement
from react_eval.result import ScoreResult

__all__ = ["result_grid", "table"]

_SYNTHETIC = "Synthetic data: the numbers compare with nothing that is published."


def table(results: Sequence[ScoreResult]) -> Grid:
    """Put methods side by side: a row a method, a column a metric.

    Results of one method with several run seeds become mean ± standard deviation. The best value of each metric is
    bold, as the metric's record says: the largest, the smallest, or the nearest to GT; naive baselines are never bold,
    and neither is FRDiv, which says nothing alone.

    Args:
        results: Results under one protocol; ``facts["method"]`` names the row.

    Returns:
        A table with ``to_text``, ``to_markdown``, ``to_latex`` and ``to_html``.

    Raises:
        InputError: If there are no results, or they do not compare: they differ in protocol, split, data, sizes.
    """
    _check_comparable(results)
    runs: dict[str, list[ScoreResult]] = {}
    for result in results:
        runs.setdefault(str(result.facts.get("method") or "predictions"), []).append(result)
    first = results[0]
    real = _real_values(results)
    uses = [first.use(key) for key in first]
    best = {use.key: _best(use, runs, real.get(use.key)) for use in uses}
    digits = {use.key: _digits([result[use.key] for result in results]) for use in uses}
    rows: list[list[Cell]] = []
    naive = [method for method in runs if method in NAMES]
    for method in [*naive, *(method for method in runs if method not in NAMES)]:
        if naive and method == next((name for name in runs if name not in NAMES), None):
            rows.append([])
        cells = [Cell(_summary(use, runs[method], digits[use.key]), method == best[use.key]) for use in uses]
        rows.append([Cell(method), *cells])
    headings = ["method", *(f"{use.key} {use.record.arrow}".rstrip() for use in uses)]
    return Grid(headings, rows, _caption(first), _shared_notes(results), label=f"tab:{first.protocol.name}")


def result_grid(result: ScoreResult) -> Grid:
    """The table of one result: a row a metric, beside it the mean per reaction and the values of GT and B_Mime."""
    digits = {key: _digits([result[key], *(values[key] for values in result.context.values())]) for key in result}
    columns: dict[str, Callable[[str], str]] = {
        "metric": lambda key: f"{key} {result.use(key).record.arrow}".rstrip(),
        "value": lambda key: _format(result[key], digits[key]) + ("" if result.measurements[key].rankable else " †"),
    }
    if result.intervals:
        columns["95 % interval"] = lambda key: _interval(result.intervals.get(key), digits[key])
    if any(result.use(key).sums_reactions for key in result):
        columns["per reaction"] = lambda key: _format(result.per_reaction(key), 4)
    for name, values in result.context.items():
        columns[name] = lambda key, values=values: _format(values[key], digits[key])  # type: ignore[misc]
    columns["reading"] = lambda key: _reading(result, result.use(key))
    rows = [[Cell(show(key)) for show in columns.values()] for key in result]
    method = f"{result.facts['method']}: " if result.facts.get("method") else ""
    caption, label = method + _caption(result), f"tab:{result.protocol.name}"
    return Grid(list(columns), rows, caption, _notes(result), label, text_columns=(0, len(columns) - 1))


def _interval(interval: Interval | None, digits: int) -> str:
    return "" if interval is None else f"{_format(interval.low, digits)} – {_format(interval.high, digits)}"


def _reading(result: ScoreResult, use: MetricUse) -> str:
    if use.sums_reactions:
        return f"sum over {result.facts['reactions']} reactions"
    details = result.measurements[use.key].details
    if use.metric == "FRSyn" and "floor" in details:
        share = details["share_undefined"]
        return (
            f"undefined in {share:.0%} of the clips, floor {details['floor']:.1f}" if share else "defined in every clip"
        )
    if use.metric == "FRSyn":
        return f"peak correlation {details['mean_peak']:.3f} at lag {details['mean_lag']:+.1f}"
    return {"near real": "best near GT", "unranked": "says nothing alone"}.get(use.record.better, "mean over reactions")


def _caption(result: ScoreResult) -> str:
    facts = result.facts
    split = f"{facts['split']}, " if facts.get("split") else ""
    size = f"{facts['clips']} clips × {facts['reactions']} reactions × {facts['frames']} frames"
    return f"{result.protocol.id}, {split}{size}"


def _notes(result: ScoreResult) -> list[str]:
    notes = [_SYNTHETIC] if result.facts.get("synthetic") else []
    for key, found in result.measurements.items():
        notes += [f"{key}: {found.reason}."] if found.reason else []
        if "floor" in found.details and found.details["share_undefined"]:
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
        notes.append(f"Intervals: percentile bootstrap over {interval.clusters} {interval.kind}.")
    elif result.protocol.intervals:
        notes.append("No intervals: they are made over conversations, and there is only one.")
    return [*notes, *_value_notes(result), *result.notes, result.signature]


def _shared_notes(results: Sequence[ScoreResult]) -> list[str]:
    """What the reader of a comparison has to know: facts of the data and protocol, and which values are not ranked."""
    first = results[0]
    notes = [_SYNTHETIC] if first.facts.get("synthetic") else []
    for key, found in first.measurements.items():
        if found.details.get("floor"):
            notes.append(
                f"{key}: {found.details['share_speaker_silent']:.1%} of the speakers have a channel that never varies; "
                f"whatever a method does, it scores at least {found.details['floor']:.2f}."
            )
    if any(not found.rankable for result in results for found in result.measurements.values()):
        notes.append("† too few channels vary on both sides: not rankable.")
    return [*notes, first.signature]


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
    counts = [result.diagnostics[name] for name in ("neighbours", "personal_neighbours")]
    every, same = (f"{each['least']} to {each['most']} (median {each['median']:g})" for each in counts)
    alone = result.diagnostics["share_alone"]
    return f"Neighbours a clip: {every}, of the same listener: {same}; only the clip's own listener in {alone:.1%}."


def _check_comparable(results: Sequence[ScoreResult]) -> None:
    if not results:
        raise InputError("there are no results to put into a table.")
    if any(hasattr(result, "results") for result in results):
        raise InputError("a table is of one protocol: pass each result's result.protocol('react2024'), or another.")
    facts = {"splits": "split", "kinds of channels": "channels"}
    facts |= {f"numbers of {name}": name for name in ("clips", "reactions", "frames")}
    for what, values in {
        "protocols": [result.protocol.id for result in results],
        **{what: [str(result.facts.get(name)) for result in results] for what, name in facts.items()},
        "data": [result.hashes["data"][:12] for result in results],
        "sets of metrics": [", ".join(result) for result in results],
    }.items():
        if len(set(values)) > 1:
            raise InputError(f"results of different {what} do not compare: {'; '.join(sorted(set(values)))}.")


def _real_values(results: Sequence[ScoreResult]) -> dict[str, float]:
    named = [dict(result) for result in results if result.facts.get("method") == "GT"]
    context = [dict(result.context["GT"]) for result in results if "GT" in result.context]
    return next(iter([*named, *context]), {})


def _best(use: MetricUse, runs: dict[str, list[ScoreResult]], real: float | None) -> str | None:
    """The method whose mean is best, among those that are not naive and whose value may be ranked."""
    means = {
        method: mean(result[use.key] for result in of_method)
        for method, of_method in runs.items()
        if method not in NAMES and all(result.measurements[use.key].rankable for result in of_method)
    }
    means = {method: value for method, value in means.items() if not math.isnan(value)}
    if len(means) < 2 or (use.record.better == "near real" and (real is None or math.isnan(real))):
        return None
    if use.record.better == "higher":
        return max(means, key=lambda method: means[method])
    if use.record.better == "lower":
        return min(means, key=lambda method: means[method])
    if use.record.better == "near real" and real is not None:
        target = real
        return min(means, key=lambda method: abs(means[method] - target))
    return None


def _summary(use: MetricUse, runs: list[ScoreResult], digits: int) -> str:
    values = [result[use.key] for result in runs]
    mark = "" if all(result.measurements[use.key].rankable for result in runs) else " †"
    spread = f" ± {_format(stdev(values), digits)}" if len(values) > 1 else ""
    return _format(mean(values), digits) + spread + mark


def _digits(values: Sequence[float]) -> int:
    """Digits after the point for values that are read beside each other: four if any is below 1 and not 0, else two."""
    return 4 if any(0 < abs(value) < 1 for value in values) or not any(values) else 2


def _format(value: float | None, digits: int) -> str:
    """A number; nothing for None, a dash for undefined."""
    if value is None:
        return ""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
