"""What re-pairing found, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from react_eval.grid import Cell, Grid
from react_eval.registry import find_metric
from react_eval.result import fixed_digits
from react_eval.rounding import digits_for, rounded
from react_eval.telling import SYNTHETIC, scope, written_json

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SpecificValue", "Specificity"]

# What Student's t exceeds in size with probability .05 / 3, for 1, 2, … 30 degrees of freedom: a third, since mostly
# three metrics are looked at together (FRCorr, FRDist, FRSyn).
_STUDENT = (
    *(38.188, 7.649, 4.857, 3.961, 3.534, 3.287, 3.128, 3.016, 2.933, 2.870),
    *(2.820, 2.779, 2.746, 2.718, 2.694, 2.673, 2.655, 2.639, 2.625, 2.613),
    *(2.601, 2.591, 2.582, 2.574, 2.566, 2.559, 2.552, 2.546, 2.541, 2.536),
)


@dataclass(frozen=True)
class SpecificValue:
    """One metric with the speakers' own reactions and with those to others.

    Attributes:
        metric: Result key.
        better: 1 where higher is better, -1 where lower is, 0 where neither.
        value: The score.
        repaired: The score in each re-pairing.
        groups: How many groups of clips were exchanged, at least 3.
    """

    metric: str
    better: int
    value: float
    repaired: tuple[float, ...]
    groups: int

    @property
    def mean(self) -> float:
        """Mean over the re-pairings."""
        return mean(self.repaired)

    @property
    def sd(self) -> float:
        """Standard deviation over the re-pairings."""
        return stdev(self.repaired)

    @property
    def difference(self) -> float:
        """The score less the mean over the re-pairings."""
        return self.value - self.mean

    @property
    def chance(self) -> float:
        r"""How large a difference chance makes in 59 of 60 cases, if reactions have nothing to do with the speaker.

        The pairing that was scored is then one more draw, of n draws of standard deviation s:
        :math:`t_{1 - .05/6,\,n-1}\, s \sqrt{\frac{G}{G - 2} + \frac{1}{n}}`. With G groups, draws differ less from each
        other than from the pairing that was scored: two of them share pairs of groups, none shares one with it.
        """
        count = len(self.repaired)
        apart = self.groups / (self.groups - 2) + 1 / count
        return _STUDENT[min(count - 1, len(_STUDENT)) - 1] * self.sd * math.sqrt(apart)

    @property
    def listens(self) -> bool:
        """Whether the score is better with the own speaker than chance makes it."""
        return self.better * self.difference > self.chance > 0

    @property
    def reading(self) -> str:
        """What the difference says, in plain words."""
        if math.isnan(self.difference):
            return "undefined"
        if self.difference == 0 and self.chance == 0:
            return "the same for every speaker"
        if self.chance == 0:
            return "too rarely defined to tell"
        if abs(self.difference) <= self.chance:
            return "no sign that the speaker matters"
        if self.listens:
            return "fits its own speaker better"
        return "fits other speakers better" if self.better else "depends on the speaker"


@dataclass(frozen=True, repr=False)
class Specificity(Mapping[str, SpecificValue]):
    """What re-pairing did to each metric; a mapping of result keys.

    Attributes:
        found: By result key.
        method: Name of the method; empty if it has none.
        protocol: Id of the protocol.
        split: Split of the data set; empty for arrays.
        synthetic: Whether the data are synthetic.
        signature: The line to cite.
        clips: How many clips there are.
        groups: How many groups they are in.
        group_kind: What a group is: ``"sessions"``, ``"recordings"`` or ``"clips"``.
        seed: Seed of the re-pairings.
    """

    found: Mapping[str, SpecificValue]
    method: str
    protocol: str
    split: str
    synthetic: bool
    signature: str
    clips: int
    groups: int
    group_kind: str
    seed: int

    def __getitem__(self, key: str) -> SpecificValue:
        return self.found[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def __repr__(self) -> str:
        told = ", ".join(f"{key}={each.difference:+.3g}" for key, each in self.items())
        return f"<Specificity of {self._who}, {self.protocol}: {told}>"

    def __str__(self) -> str:
        return self.grid().to_text()

    def _repr_html_(self) -> str:
        return self.grid().to_html()

    @property
    def _who(self) -> str:
        return self.method or "this method"

    @property
    def listens(self) -> bool:
        """Whether any metric is better with the own speaker than with others."""
        return any(each.listens for each in self.found.values())

    @property
    def verdict(self) -> str:
        """Whether the method listens, in one sentence."""
        telling = [key for key, each in self.items() if each.listens]
        if telling:
            return f"{self._who} listens: {' and '.join(telling)} better with the own speaker than with others."
        return f"No sign that {self._who} listens: reactions made for other speakers score as well."

    def grid(self) -> Grid:
        """The table that `print` shows: a row a metric."""
        rows = []
        for key, each in self.items():
            digits = digits_for([each.value, *each.repaired])
            spread = f"{rounded(each.mean, digits)} ± {rounded(each.sd, digits)}"
            difference, chance = f"{each.difference:+.{digits}f}", f"± {rounded(each.chance, digits)}"
            texts = [_heading(key), rounded(each.value, digits), spread, difference, chance]
            rows.append([*map(Cell, texts), Cell(each.reading, bold=each.listens)])
        headings = ["metric", "own speaker", "other speakers", "difference", "by chance", "reading"]
        return Grid(headings, rows, self._caption(), self._notes(), "tab:specificity", text_columns=(0, 5))

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
        """The values as a data frame: a row a metric."""
        import pandas as pd  # slow to import

        columns = ("value", "mean", "sd", "difference", "chance", "listens", "reading")
        rows = {key: {name: getattr(each, name) for name in columns} for key, each in self.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, in fixed digits; undefined is None."""
        told = {
            key: {
                **{name: fixed_digits(getattr(each, name)) for name in ("value", "mean", "sd", "difference", "chance")},
                "repaired": [fixed_digits(value) for value in each.repaired],
                "listens": each.listens,
                "reading": each.reading,
            }
            for key, each in self.items()
        }
        return asdict(self) | {"found": told, "verdict": self.verdict, "listens": self.listens}

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
        return f"Specificity of {self._who}, {self.protocol}, {what}"

    def _notes(self) -> list[str]:
        draws = len(next(iter(self.found.values())).repaired)
        notes = [self.verdict]
        notes += [SYNTHETIC] if self.synthetic else []
        notes.append(
            f"Other speakers: the clips of one of the {self.group_kind} get the reactions made for those of another; "
            f"mean ± standard deviation over {draws} draws. By chance: what differences of three metrics stay within "
            "in 19 of 20 cases if reactions have nothing to do with the speaker."
        )
        if self.group_kind == "clips":
            notes.append("No conversations are known: other clips may be of the same one.")
        return [*notes, self.signature]


def _heading(key: str) -> str:
    return f"{key} {find_metric(key.partition('_')[0]).arrow}".rstrip()
