"""What a comparison of methods found, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import TYPE_CHECKING, Any

from react_eval.grid import Cell, Grid
from react_eval.paired_tests import is_exact
from react_eval.registry import find_metric
from react_eval.result import fixed_digits
from react_eval.rounding import digits_for, rounded
from react_eval.telling import SYNTHETIC, scope, written_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SIGNIFICANT", "Comparison", "PairedDifference"]

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class PairedDifference:
    """Two methods on one metric, clip by clip.

    Attributes:
        metric: Result key.
        compared: ``"value"``, or ``"distance to GT"`` where the best value is that of real reactions.
        better: Which sign of the difference is good for the first method: 1, -1, or 0 where neither is.
        first: The one method.
        second: The other.
        difference: What is compared, of the first less that of the second: means over `clips`, on the protocol's scale.
        low: Lower end of the 95 % interval; NaN where there is one group only.
        high: Its upper end.
        p_value: Of the sign-flip test, in (0, 1].
        p_holm: The same after Holm's correction over all comparisons made at once.
        smallest_p: The smallest p-value that so many groups can give.
        wins: Clips on which the first method is better; None where the metric has no better.
        ties: Clips on which both are equal to 12 digits, or both undefined.
        losses: Clips on which the second method is better.
        clips: Clips that are compared: those defined for both.
        left_out: The others.
        groups: Groups that the compared clips are in.
    """

    metric: str
    compared: str
    better: int
    first: str
    second: str
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    smallest_p: float
    wins: int | None
    ties: int | None
    losses: int | None
    clips: int
    left_out: int
    groups: int

    @property
    def winner(self) -> str:
        """The better method where the corrected p-value is at most .05; empty elsewhere."""
        if self.p_holm > SIGNIFICANT or not self.better * self.difference:
            return ""
        return self.first if self.better * self.difference > 0 else self.second

    @property
    def record(self) -> str:
        """Wins, ties and losses of the first method, as text."""
        return "" if self.wins is None else f"{self.wins} / {self.ties} / {self.losses}"


@dataclass(frozen=True, repr=False)
class Comparison:
    """Every pair of methods on every metric with values by clip.

    Attributes:
        differences: What was found, metric by metric.
        not_compared: What was not compared, and why.
        values: The metrics' values by method, means over run seeds.
        protocol: Id of the protocol.
        split: Split of the data set; empty for arrays.
        synthetic: Whether the data are synthetic.
        signature: The line to cite.
        clips: How many clips there are.
        groups: How many groups they are in.
        group_kind: What a group is: ``"sessions"``, ``"recordings"`` or ``"clips"``.
        resamples: Resamples of the intervals.
        permutations: Patterns of signs that a test may look at.
        seed: Seed of both.
    """

    differences: tuple[PairedDifference, ...]
    not_compared: tuple[str, ...]
    values: Mapping[str, Mapping[str, float]]
    protocol: str
    split: str
    synthetic: bool
    signature: str
    clips: int
    groups: int
    group_kind: str
    resamples: int
    permutations: int
    seed: int

    def __repr__(self) -> str:
        return f"<Comparison {self.protocol}: {' – '.join(self.values)}, {len(self.differences)} differences>"

    def __str__(self) -> str:
        return self.grid().to_text()

    def _repr_html_(self) -> str:
        return self.grid().to_html()

    def grid(self) -> Grid:
        """The table that `print` shows: a row a pair of methods, metric after metric; the better one is bold."""
        rows: list[list[Cell]] = []
        for number, each in enumerate(self.differences):
            if number and self.differences[number - 1].metric != each.metric:
                rows.append([])
            rows.append(
                [
                    Cell(_heading(each)),
                    Cell(f"{each.first} – {each.second}"),
                    Cell(_signed(each.difference)),
                    Cell("–" if each.low != each.low else f"[{_signed(each.low)}, {_signed(each.high)}]"),
                    Cell(_probability(each.p_value)),
                    Cell(_probability(each.p_holm)),
                    Cell(each.record),
                    Cell(each.winner, bold=bool(each.winner)),
                ]
            )
        headings = ["metric", "methods", "difference", "95 % interval", "p", "p (Holm)", "win / tie / loss", "better"]
        return Grid(headings, rows, self._caption(), self._notes(), "tab:comparison", text_columns=(0, 1, 7))

    def by_method(self) -> Grid:
        """A row a method: each value with the letters of the methods that it is significantly better than.

        Short where there are many methods, and so many pairs.
        """
        letters = dict(zip(self.values, _letters(len(self.values)), strict=True))
        first = next(iter(self.values.values()))
        digits = {key: digits_for(values[key] for values in self.values.values()) for key in first}
        rows = []
        for method, values in self.values.items():
            cells = [Cell(f"{letters[method]} {method}")]
            for key, value in values.items():
                beaten = [letters[each] for each in self._beaten_by(method, key)]
                cells.append(Cell(" ".join([rounded(value, digits[key]), *beaten])))
            rows.append(cells)
        headings = ["method", *(f"{key} {_arrow(key)}".rstrip() for key in first)]
        note = f"Letters after a value: the methods that it is better than, corrected p ≤ {SIGNIFICANT:g}."
        return Grid(headings, rows, self._caption(), [note, *self._notes()], "tab:comparison-by-method")

    def _beaten_by(self, method: str, key: str) -> list[str]:
        won = [each for each in self.differences if each.metric == key and each.winner == method]
        return [each.second if each.first == method else each.first for each in won]

    def to_markdown(self) -> str:
        """The table as Markdown."""
        return self.grid().to_markdown()

    def to_latex(self) -> str:
        """The table as LaTeX for the package booktabs."""
        return self.grid().to_latex()

    def to_html(self) -> str:
        """The table as HTML."""
        return self.grid().to_html()

    def to_frame(self) -> pd.DataFrame:
        """The differences as a data frame: a row a pair of methods and metric."""
        import pandas as pd  # slow to import

        return pd.DataFrame([asdict(each) | {"winner": each.winner} for each in self.differences])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in fixed digits; undefined is None."""
        facts = asdict(self)
        facts["differences"] = [_plain(asdict(each) | {"winner": each.winner}) for each in self.differences]
        facts["values"] = {method: _plain(values) for method, values in self.values.items()}
        return facts | {"not_compared": list(self.not_compared)}

    def to_json(self, path: str | Path | None = None) -> str:
        """The same as JSON.

        Args:
            path: Where to write it; None to return the text only.

        Returns:
            The text.
        """
        return written_json(self.to_dict(), path)

    def _caption(self) -> str:
        what = scope(self.split, self.clips, self.groups, self.group_kind)
        return f"Paired differences by clip, {self.protocol}, {what}"

    def _notes(self) -> list[str]:
        kind, count = self.group_kind, len(self.differences)
        patterns = "all patterns" if is_exact(self.groups, self.permutations) else f"{self.permutations} random ones"
        notes = [SYNTHETIC] if self.synthetic else []
        notes.append(
            f"p: signs of whole {kind} are flipped, {patterns}. Holm's correction is over all {count} comparisons of "
            f"this table. Intervals: percentile bootstrap over {kind}, {self.resamples} resamples, not corrected. "
            "Ties: clips equal to 12 digits, or undefined for both."
        )
        if kind == "clips":
            notes.append(
                "No conversations are known: every clip counts as independent, and p is too small if some are not."
            )
        return [*notes, *_few_groups(self.differences, kind), *self._metric_notes(), self.signature]

    def _metric_notes(self) -> list[str]:
        distances = dict.fromkeys(each.metric for each in self.differences if each.compared != "value")
        neither = dict.fromkeys(each.metric for each in self.differences if not each.better)
        left_out = {each.metric: each.left_out for each in self.differences if each.left_out}
        notes = []
        if distances:
            notes.append(f"{', '.join(distances)}: compared are distances of means to GT's mean; negative is nearer.")
        if neither:
            notes.append(f"{', '.join(neither)}: more is not better, nor worse, so nobody wins.")
        notes += [
            f"{key}: up to {count} clips are undefined for a method, and left out." for key, count in left_out.items()
        ]
        return notes + [f"Not compared: {reason}" for reason in self.not_compared]


def _few_groups(differences: Sequence[PairedDifference], kind: str) -> list[str]:
    """What has to be said where groups are so few that no difference could be told from chance."""
    hopeless = [each for each in differences if each.smallest_p > SIGNIFICANT]
    if hopeless:
        who = "No difference" if len(hopeless) == len(differences) else f"Not every difference ({len(hopeless)} not)"
        least = min(hopeless, key=lambda each: each.smallest_p)
        return [
            f"{who} can reach p = {SIGNIFICANT:g}: with {least.groups} {kind} the smallest possible p is "
            f"{least.smallest_p:.4g}."
        ]
    smallest = min((each.smallest_p for each in differences), default=0.0)
    if len(differences) * smallest <= SIGNIFICANT:
        return []
    return [
        f"After correction over {len(differences)} comparisons no difference can reach p = {SIGNIFICANT:g}: the "
        f"smallest possible p is {smallest:.4g}. Compare fewer methods or metrics at once."
    ]


def _heading(each: PairedDifference) -> str:
    return f"{each.metric} {_arrow(each.metric) if each.better else ''}".rstrip()


def _arrow(key: str) -> str:
    return find_metric(key.partition("_")[0]).arrow


def _letters(count: int) -> list[str]:
    return [ascii_lowercase[n % 26] * (n // 26 + 1) for n in range(count)]


def _signed(value: float) -> str:
    return "0" if value == 0 else f"{value:+.3g}"


def _probability(p: float) -> str:
    return f"{p:.4f}" if p >= 1e-4 else f"{p:.1e}"


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fixed_digits(value) if isinstance(value, float) else value for name, value in values.items()}
