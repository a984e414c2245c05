"""What models score under conditions of missing data, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from react_data.missing_conditions import COMPLETE
from react_eval.condition_scores import ConditionScores
from react_eval.grid import Cell, Grid
from react_eval.intervals import FEW_GROUPS
from react_eval.result import ScoreResult, fixed_digits
from react_eval.rounding import digits_for, rounded
from react_eval.telling import SYNTHETIC, scope, written_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Robustness"]


@dataclass(frozen=True, eq=False, repr=False)
class Robustness:
    """What models score under conditions of missing data.

    Attributes:
        scores: Model by model, condition by condition; the complete one first.
        seeds: Seeds of the runs.
        loss_seed: Seed by which losses are drawn.
        notes: What a reader has to know of how the models were run.
    """

    scores: tuple[ConditionScores, ...]
    seeds: tuple[int, ...]
    loss_seed: int
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ConditionScores]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        return f"<Robustness of {', '.join(self.models)}: {len(self)} rows under {self.first.protocol.id}>"

    def __str__(self) -> str:
        return self.table().to_text()

    def _repr_html_(self) -> str:
        return self.table().to_html()

    @property
    def first(self) -> ScoreResult:
        """The first result, whose facts all of them share."""
        return self.scores[0].runs[0]

    @property
    def models(self) -> tuple[str, ...]:
        """The models' names."""
        return tuple(dict.fromkeys(each.model for each in self.scores))

    def of(self, model: str, condition: str = COMPLETE) -> ConditionScores:
        """What a model scores under a condition.

        Args:
            model: The model's name.
            condition: The condition's name.

        Raises:
            KeyError: If there is no such row.
        """
        found = {(each.model, each.condition.name): each for each in self.scores}
        return found[model, condition]

    def table(self) -> Grid:
        """A row a condition, model by model; below, GT and mimicry of the complete speaker."""
        keys, context = list(self.first), self.first.context
        values = {key: [*(each.value(key) for each in self), *(each[key] for each in context.values())] for key in keys}
        digits = {key: digits_for(values[key]) for key in keys}
        rows: list[list[Cell]] = []
        titles = {}
        for model in self.models:
            if len(self.models) > 1:
                titles[len(rows)] = model
                rows.append([])
            rows += [_row(each, digits) for each in self if each.model == model]
        if context:
            rows.append([])
        for name, scored in context.items():
            rows.append([Cell(name), *(Cell(rounded(scored[key], digits[key])) for key in keys), Cell("")])
        headings = ["condition", *(f"{key} {self.first.use(key).record.arrow}".rstrip() for key in keys), ""]
        if not any(each.note for each in self):  # nothing stands in the last column
            headings, rows = headings[:-1], [row[:-1] for row in rows]
        text = (0, len(keys) + 1) if len(headings) > len(keys) + 1 else (0,)
        return Grid(headings, rows, self._caption(), self._notes(), "tab:robustness", text, titles)

    def curves(self, path: str | Path | None = None) -> str:
        """Every metric against the share of frames that are lost, with 95 % intervals, as SVG.

        Args:
            path: Where to write it; None to return the text only.

        Returns:
            The picture's text.
        """
        from react_eval.report.robustness_curves import draw_curves  # pictures are made of results

        return _written(draw_curves(self), path)

    def to_markdown(self) -> str:
        """The table as Markdown."""
        return self.table().to_markdown()

    def to_latex(self) -> str:
        """The table as LaTeX for the packages booktabs and graphicx."""
        return self.table().to_latex()

    def to_html(self, path: str | Path | None = None) -> str:
        """Table and curves as one self-contained page.

        Args:
            path: Where to write it; None to return the text only.
        """
        from react_eval.report.robustness_curves import robustness_page  # pages are made of results

        return _written(robustness_page(self), path)

    def to_frame(self) -> pd.DataFrame:
        """The values as a data frame: a row a model, condition and metric."""
        import pandas as pd  # slow to import

        return pd.DataFrame(list(self._long()))

    def to_csv(self, path: str | Path | None = None) -> str:
        """The data frame as CSV.

        Args:
            path: Where to write it; None to return the text only.
        """
        return _written(self.to_frame().to_csv(index=False, lineterminator="\n"), path)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in fixed digits; undefined is None."""
        return {
            "protocol": self.first.protocol.id,
            "signature": self.first.signature,
            "synthetic": bool(self.first.facts.get("synthetic")),
            "seeds": list(self.seeds),
            "loss_seed": self.loss_seed,
            "notes": list(self.notes),
            "rows": [self._told(each) for each in self],
            "context": {
                name: {key: fixed_digits(value) for key, value in values.items()}
                for name, values in self.first.context.items()
            },
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """The same as JSON.

        Args:
            path: Where to write it; None to return the text only.
        """
        return written_json(self.to_dict(), path)

    def _told(self, each: ConditionScores) -> dict[str, Any]:
        return {
            "model": each.model,
            "condition": each.condition.name,
            "title": each.condition.title,
            "status": each.status,
            "reason": each.failure or each.unaffected,
            "values": {key: fixed_digits(each.value(key)) for key in self.first},
            "deviations": {key: fixed_digits(each.deviation(key)) for key in self.first},
            "intervals": {key: [fixed_digits(at.low), fixed_digits(at.high)] for key, at in each.intervals.items()},
        }

    def _long(self) -> Iterator[dict[str, Any]]:
        for each in self:
            condition = each.condition
            for key in self.first:
                interval = each.intervals.get(key)
                yield {
                    "model": each.model, "condition": condition.name, "title": condition.title, "kind": condition.kind,
                    "modality": "+".join(condition.modalities), "amount": condition.amount, "status": each.status,
                    "reason": each.failure or each.unaffected, "metric": key, "value": each.value(key),
                    "sd": each.deviation(key), "low": interval.low if interval else math.nan,
                    "high": interval.high if interval else math.nan,
                }  # fmt: skip

    def _caption(self) -> str:
        first, kind = self.first, self.first.group_kind
        who = f"{self.models[0]} under missing data" if len(self.models) == 1 else "Models under missing data"
        what = scope(str(first.facts.get("split") or ""), len(first.clips), len(set(first.groups)), kind)
        return f"{who}, {first.protocol.id}, {what}"

    def _notes(self) -> list[str]:
        notes = [SYNTHETIC] if self.first.facts.get("synthetic") else []
        notes += self.notes
        if len(self.seeds) > 1:
            notes.append(f"Mean ± standard deviation over {len(self.seeds)} seeds.")
        interval = next((at for each in self for at in each.intervals.values()), None)
        if interval is not None:
            few = "; so few that they are too narrow" * (interval.clusters < FEW_GROUPS)
            notes.append(f"Intervals: percentile bootstrap over {interval.clusters} {interval.kind}{few}.")
        failures: dict[str, list[str]] = {}
        for each in (each for each in self if each.failure):
            failures.setdefault(each.failure, []).append(f"{each.model}, {each.condition.title}")
        notes += [f"Fails ({'; '.join(rows)}): {failure}" for failure, rows in failures.items()]
        return [*notes, self.first.signature]


def _row(each: ConditionScores, digits: Mapping[str, int]) -> list[Cell]:
    texts = []
    for key, count in digits.items():
        spread = each.deviation(key)
        texts.append(rounded(each.value(key), count) + (f" ± {rounded(spread, count)}" if spread == spread else ""))
    return [Cell(each.condition.title), *map(Cell, texts), Cell(each.note)]


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
