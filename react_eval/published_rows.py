"""A published row: numbers as they were printed, and what they really are."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from react_data.clips import suggest
from react_eval.errors import UnknownNameError
from react_eval.registry import find_metric

__all__ = ["DESCRIPTION", "Claim", "Doubt", "Number", "PublishedRow", "Source"]

DESCRIPTION = ("system", "variant", "table", "protocol", "split", "track", "task", "kind", "reactions", "space")
"""The attributes of a row that say what was scored, and how."""


@dataclass(frozen=True)
class Source:
    """A document that prints results.

    Attributes:
        key: What rows cite it by.
        title: What it is.
        authors: Its authors, if on record.
        year: Year of publication, if on record.
        venue: Where it was published, if on record.
        repository: ``owner/name`` of its code, if on record.
        tables: Numbers of its tables, if on record.
        unit: What is not printed in plain units.
    """

    key: str
    title: str
    authors: str = ""
    year: int | None = None
    venue: str = ""
    repository: str = ""
    tables: str = ""
    unit: str = ""

    def __str__(self) -> str:
        when = self.venue or str(self.year or "")
        tables = f"Table{'s' * (len(self.tables) > 1)} {self.tables}" if self.tables else ""
        return ", ".join(filter(None, (self.title, self.authors, when, self.repository, tables)))


@dataclass(frozen=True)
class Doubt:
    """Why a number must not be taken as it stands.

    Attributes:
        kind: One of the kinds that the data file lists, such as ``"swapped labels"``.
        reason: Why, in a sentence.
        headings: The columns that it concerns, as printed.
    """

    kind: str
    reason: str
    headings: tuple[str, ...]


@dataclass(frozen=True)
class Number:
    """A printed number.

    Attributes:
        heading: The column that it was printed under.
        printed: The number in the unit of its source, digit by digit.
        labelled: The metric that the column is labelled as.
        plain: The number in plain units, as labelled.
        readings: Metric and value in plain units, once for each reading of the row.
    """

    heading: str
    printed: str
    labelled: str
    plain: Decimal
    readings: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True)
class PublishedRow:
    """A row of a published table.

    ``row["FRVar"]`` is the value under the metric that it really is, in plain units; NaN where two readings are open,
    which `readings` lists.

    Attributes:
        system: What was scored, by one name for all sources.
        variant: Which version of it; empty if there is only one.
        printed_name: What the source calls it.
        source: The document.
        table: Number of its table; empty if not on record.
        protocol: Name of the protocol.
        split: ``"val"``, ``"test"`` or ``"unknown"``.
        track: ``"offline"``, ``"online"`` or ``"unknown"``.
        task: ``"mafrg"`` (any appropriate reaction) or ``"pmafrg"`` (of the same listener).
        kind: ``"system"``, ``"naive"``, ``"ablation"`` or ``"reproduction"``.
        reactions: Reactions a clip; None if not on record.
        space: Channels, such as ``"emotion-25"``.
        numbers: The printed numbers, in the order of the columns.
        doubts: Why some of them must not be taken as they stand.
    """

    system: str
    variant: str
    printed_name: str
    source: Source
    table: str
    protocol: str
    split: str
    track: str
    task: str
    kind: str
    reactions: int | None
    space: str
    numbers: tuple[Number, ...]
    doubts: tuple[Doubt, ...]

    @property
    def name(self) -> str:
        """System and variant."""
        return f"{self.system} ({self.variant})" if self.variant else self.system

    @property
    def cited(self) -> str:
        """Name and source."""
        return f"{self.name} [{self.source.key}]"

    @property
    def id(self) -> str:
        """A name that no other row has."""
        track = "" if self.track == "unknown" else self.track
        split = {"test": "", "unknown": "split unknown"}.get(self.split, self.split)
        parts = (track, "" if self.task == "mafrg" else self.task, split)
        return ", ".join([self.cited, *filter(None, parts)])

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that it tells, or may tell."""
        return tuple(dict.fromkeys(metric for number in self.numbers for metric, _ in number.readings))

    def __contains__(self, metric: object) -> bool:
        return metric in self.metrics

    def __getitem__(self, metric: str) -> float:
        values = self.readings(metric)
        return values[0] if len(values) == 1 else math.nan

    def get(self, metric: str) -> float | None:
        """The value under a metric, NaN where two readings are open; None if the row does not tell it.

        Args:
            metric: The metric's name.
        """
        if metric not in self:
            return None
        return self[metric]

    def readings(self, metric: str) -> tuple[float, ...]:
        """Every value that the metric may have, in plain units; one where nothing is open.

        Args:
            metric: A metric's name or alias, in any case.

        Raises:
            UnknownNameError: If the row does not tell the metric.
        """
        return tuple(map(float, self._decimals(metric)))

    def printed(self, heading: str) -> str:
        """The number as it was printed under a column, in the unit of the source.

        Args:
            heading: The column's heading, in any case.

        Raises:
            UnknownNameError: If the row has no number there.
        """
        for number in self.numbers:
            if number.heading.lower() == heading.lower():
                return number.printed
        headings = [number.heading for number in self.numbers]
        raise UnknownNameError(f"{self.id} has no number under {heading!r}. {suggest(heading, headings)}")

    def shown(self, metric: str) -> str:
        """The value in plain units with the digits that were printed; every reading where two are open.

        Args:
            metric: A metric's name or alias, in any case.

        Raises:
            UnknownNameError: If the row does not tell the metric.
        """
        return " or ".join(f"{value:f}" for value in self._decimals(metric))

    def as_labelled(self, metric: str) -> float | None:
        """The value that a reader of the table takes for the metric, in plain units; None if no column says so.

        Args:
            metric: The metric's name.
        """
        return next((float(number.plain) for number in self.numbers if number.labelled == metric), None)

    def doubts_about(self, metric: str) -> tuple[Doubt, ...]:
        """The doubts that concern a metric, and not the whole row.

        Args:
            metric: The metric's name.
        """
        doubts = (doubt for doubt in self.doubts if doubt not in self.doubts_about_all)
        return tuple(doubt for doubt in doubts if metric in self.doubted(doubt))

    def doubted(self, doubt: Doubt) -> tuple[str, ...]:
        """The metrics that a doubt concerns.

        Args:
            doubt: One of the row's doubts.
        """
        numbers = (number for number in self.numbers if number.heading in doubt.headings)
        return tuple(dict.fromkeys(metric for number in numbers for metric, _ in number.readings))

    @property
    def doubts_about_all(self) -> tuple[Doubt, ...]:
        """The doubts that concern every number of a row of several."""
        whole = len(self.numbers) > 1
        return tuple(doubt for doubt in self.doubts if whole and len(doubt.headings) == len(self.numbers))

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what the row is, numbers as printed, values by metric (null where open), doubts."""
        values = {metric: None if len(self.readings(metric)) > 1 else self[metric] for metric in self.metrics}
        doubts = ({"kind": each.kind, "headings": list(each.headings), "reason": each.reason} for each in self.doubts)
        return {
            "id": self.id,
            "source": self.source.key,
            **{name: getattr(self, name) for name in DESCRIPTION},
            "printed": {number.heading: number.printed for number in self.numbers},
            "values": values,
            "readings": {metric: list(self.readings(metric)) for metric, value in values.items() if value is None},
            "doubts": list(doubts),
        }

    def _decimals(self, metric: str) -> list[Decimal]:
        known = self._metric(metric)
        by_reading = zip(*(number.readings for number in self.numbers), strict=True)
        return list(dict.fromkeys(value for reading in by_reading for found, value in reading if found == known))

    def _metric(self, name: str) -> str:
        names = {metric.lower(): metric for metric in self.metrics}
        with suppress(UnknownNameError):
            names.setdefault(name.lower(), find_metric(name).name)
        if names.get(name.lower()) not in self.metrics:
            raise UnknownNameError(f"{self.id} does not tell {name!r}. {suggest(name, self.metrics)}")
        return names[name.lower()]


@dataclass(frozen=True)
class Claim:
    """What a text says of its own table.

    Attributes:
        source: The document.
        says: What is said: ``"gain"``, ``"mean gain"``, ``"value"``, ``"best"``, ``"better"``, ``"little loss"`` or
            ``"Gaussian"``.
        words: The claim, in our words.
        metrics: The metrics that it is about.
        number: The number that it names, as printed; empty if none.
        pairs: Rows, and the rows that they are compared with.
        rows: The row that it is about.
    """

    source: Source
    says: str
    words: str
    metrics: tuple[str, ...]
    number: str
    pairs: tuple[tuple[PublishedRow, PublishedRow], ...]
    rows: tuple[PublishedRow, ...]
