"""Curves of robustness: every metric against how much is lost, small charts side by side, and the page around them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from react_data.missing_conditions import COMPLETE
from react_eval.condition_scores import ConditionScores
from react_eval.report.page import asset, templates
from react_eval.robustness_result import Robustness

__all__ = ["draw_curves", "robustness_page"]

_WIDTH, _HEIGHT = 230, 130
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 18, 34, 46
_KINDS = {
    "segments": "lost in one segment",
    "bursts": "lost in bursts",
    "frozen": "frozen",
    "late": "late",
    "whole": "lost altogether",
}
_LEGEND = 22
_COLOURS = 8


@dataclass(frozen=True)
class _Line:
    """One model and what it loses.

    Attributes:
        label: As the legend names it.
        number: Of its colour.
        rows: From complete to the most that is lost.
    """

    label: str
    number: int
    rows: Sequence[ConditionScores]

    @property
    def css(self) -> str:
        return f"c{self.number % _COLOURS}"

    @property
    def dashed(self) -> str:
        """Speech is dashed, both modalities are dotted."""
        modalities = self.rows[-1].condition.modalities
        return "dotted" if len(modalities) > 1 else "dashed" if modalities == ("speech",) else ""


def draw_curves(found: Robustness) -> Markup:
    """A column of charts a kind of loss, a row a metric.

    Args:
        found: What was scored.

    Returns:
        An ``<svg>`` that stands alone. Bands are 95 % intervals, a cross marks what a model fails at, rings are
        modalities that are lost altogether, and the line across is GT where the best value is that of real reactions.
    """
    kinds = _kinds(found)
    columns = {kind: _lines(found, kind) for kind in kinds}
    labels = {line.label: line for lines in columns.values() for line in lines}
    longest = 60 + 7 * max(map(len, labels), default=0)
    width = max(len(kinds) * (_LEFT + _WIDTH + _RIGHT), longest)
    beside = width // longest
    legend = _LEGEND * math.ceil(len(labels) / beside) + 12
    keys = list(found.first)
    height = legend + len(keys) * (_TOP + _HEIGHT + _BOTTOM)
    shapes = _legend(labels.values(), width, beside)
    for number, key in enumerate(keys):
        low, high = _limits(found, key, [line for lines in columns.values() for line in lines])
        for column, (kind, lines) in enumerate(columns.items()):
            chart = _Chart(found, key, kind, lines, low, high)
            left, top = column * (_LEFT + _WIDTH + _RIGHT) + _LEFT, legend + number * (_TOP + _HEIGHT + _BOTTOM) + _TOP
            shapes += Markup('<g transform="translate({} {})">{}</g>').format(left, top, chart.draw())
    style = Markup(asset("curves.css"))  # noqa: S704  our own file
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="curves" viewBox="0 0 {0} {1}" width="{0}" height="{1}" '
        'role="img" aria-label="Scores against missing data"><style>{2}</style>'
        '<rect class="paper" width="{0}" height="{1}"/>{3}</svg>\n'
    ).format(width, height, style, shapes)


def robustness_page(found: Robustness) -> str:
    """One self-contained page with the table and the curves.

    Args:
        found: What was scored.
    """
    return (
        templates()
        .get_template("robustness.html")
        .render(
            title=", ".join(found.models),
            table=Markup(found.table().to_html()),  # noqa: S704  all text in it is escaped
            curves=draw_curves(found),
            css=Markup(asset("page.css")),  # noqa: S704  our own file
        )
    )


@dataclass(frozen=True)
class _Chart:
    """One metric against how much of one kind is lost."""

    found: Robustness
    key: str
    kind: str
    lines: Sequence[_Line]
    low: float
    high: float

    def draw(self) -> Markup:
        use = self.found.first.use(self.key)
        heading = f"{use.key} {use.record.arrow}".rstrip()
        shapes = Markup('<text class="heading" x="0" y="-12">{}</text>').format(heading)
        shapes += self._axes()
        real = self.found.first.context.get("GT", {}).get(self.key, math.nan)
        if use.record.better == "near real" and self.low <= real <= self.high:
            shapes += Markup('<line class="real" x1="0" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
                _WIDTH, y=self._y(real)
            )
            shapes += Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">GT</text>').format(
                _WIDTH - 2, self._y(real) + 12
            )
        for shape in (self._band, self._points):
            for line in self.lines:
                shapes += shape(line)
        return shapes

    def _axes(self) -> Markup:
        shapes = Markup('<rect class="frame" width="{}" height="{}"/>').format(_WIDTH, _HEIGHT)
        for value in _ticks(self.low, self.high):
            shapes += Markup('<line class="rail" x1="0" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
                _WIDTH, y=self._y(value)
            )
            shapes += Markup('<text class="tick" x="-6" y="{:.1f}" text-anchor="end">{:.4g}</text>').format(
                self._y(value) + 4, value
            )
        for value in _ticks(0, self._most):
            text = f"{value:g}" if self.kind == "late" else f"{100 * value:g}%"
            shapes += Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                self._x(value), _HEIGHT + 15, text
            )
        title = "frames late" if self.kind == "late" else _KINDS[self.kind]
        return shapes + Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _WIDTH / 2, _HEIGHT + 31, title
        )

    def _band(self, line: _Line) -> Markup:
        ends = [(row, row.intervals.get(self.key)) for row in line.rows]
        known = [(self._x(row.condition.amount), at) for row, at in ends if at is not None and not math.isnan(at.low)]
        if len(known) < 2:
            return Markup()
        upper = [f"{x:.1f},{self._y(at.high):.1f}" for x, at in known]
        lower = [f"{x:.1f},{self._y(at.low):.1f}" for x, at in reversed(known)]
        return Markup('<polygon class="band {}" points="{}"/>').format(line.css, " ".join(upper + lower))

    def _points(self, line: _Line) -> Markup:
        """The line where it is defined, a ring at what is lost altogether, and crosses at what fails, one a row."""
        places = [(self._x(row.condition.amount), row.value(self.key), row) for row in line.rows]
        drawn = [(x, self._y(value)) for x, value, _ in places if not math.isnan(value)]
        shapes = Markup('<polyline class="line {} {}" points="{}"/>').format(
            line.css, line.dashed, " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
        )
        for x, value, row in places:
            if row.failure:
                shapes += Markup('<path class="mark {}" d="M{:.1f},{}l7,7m0,-7l-7,7"/>').format(
                    line.css, x - 3.5, _HEIGHT - 11 - 11 * self.lines.index(line)
                )
            elif not math.isnan(value):
                ring = "ring" if row.condition.whole else "dot"
                shapes += Markup('<circle class="{} {}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(
                    ring, line.css, x, self._y(value)
                )
        return shapes

    @property
    def _most(self) -> float:
        if self.kind != "late":
            return 1.0
        return max(row.condition.amount for line in self.lines for row in line.rows)

    def _x(self, amount: float) -> float:
        return 8 + (_WIDTH - 16) * amount / self._most

    def _y(self, value: float) -> float:
        return _HEIGHT * (self.high - value) / (self.high - self.low)


def _kinds(found: Robustness) -> list[str]:
    """Kinds with amounts that were scored; else modalities as a whole."""
    there = {each.condition.kind for each in found}
    return [kind for kind in _KINDS if kind in there and kind != "whole"] or ["whole"]


def _lines(found: Robustness, kind: str) -> list[_Line]:
    """A line for each model and what it loses in this way, where it takes that at all."""
    grouped: dict[tuple[str, str], list[ConditionScores]] = {}
    for each in found:
        if each.condition.kind == kind and not each.unaffected:
            grouped.setdefault((each.model, each.condition.affected), []).append(each)
    lines = []
    for (model, affected), rows in grouped.items():
        modalities = rows[0].condition.modalities
        ends = [each for each in found if each.model == model and each.condition.name == COMPLETE]
        if kind in ("segments", "bursts"):
            ends += [
                each for each in found
                if (each.model, each.condition.kind, each.condition.modalities) == (model, "whole", modalities)
            ]  # fmt: skip
        label = affected if len(found.models) == 1 else f"{model}: {affected}"
        ordered = sorted([*ends, *rows], key=lambda row: row.condition.amount)
        lines.append(_Line(label, _number(found, model, affected), ordered))
    return lines


def _number(found: Robustness, model: str, affected: str) -> int:
    """Which colour a model has where it loses something; the same in every column."""
    known = dict.fromkeys((each.model, each.condition.affected) for each in found if each.condition.modalities)
    return list(known).index((model, affected))


def _legend(lines: Iterable[_Line], width: int, beside: int) -> Markup:
    shapes = Markup()
    for place, line in enumerate(lines):
        x, y = 14 + width / beside * (place % beside), 20 + _LEGEND * (place // beside)
        shapes += Markup('<polyline class="line {} {}" points="{:.0f},{y} {:.0f},{y}"/>').format(
            line.css, line.dashed, x, x + 26, y=y - 4
        )
        shapes += Markup('<text class="label" x="{:.0f}" y="{}">{}</text>').format(x + 32, y, line.label)
    return shapes


def _limits(found: Robustness, key: str, lines: Iterable[_Line]) -> tuple[float, float]:
    """The smallest and the largest value of a metric, with its intervals, and a margin."""
    rows = [row for line in lines for row in line.rows]
    ends = [row.value(key) for row in rows]
    ends += [end for row in rows if key in row.intervals for end in (row.intervals[key].low, row.intervals[key].high)]
    if found.first.use(key).record.better == "near real":
        ends.append(found.first.context.get("GT", {}).get(key, math.nan))
    finite = [end for end in ends if math.isfinite(end)] or [0.0]
    low, high = min(finite), max(finite)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers within limits."""
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [float(f"{step * number:.12g}") for number in range(first, math.floor(high / step + 1e-9) + 1)]
