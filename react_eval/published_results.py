"""Published results: numbers that papers and READMEs print, the metric that each really is, and what is doubtful."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, overload

from react_data.clips import suggest
from react_eval.errors import UnknownNameError
from react_eval.grid import Cell, Grid
from react_eval.protocol import find_protocol
from react_eval.published_loading import load_published
from react_eval.published_rows import DESCRIPTION, Doubt, PublishedRow
from react_eval.registry import all_metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PublishedResults", "doubt_marks", "doubt_notes", "marked", "published", "reading_order", "source_notes"]

# † marks values of one's own that are not rankable, so no doubt goes by it.
_MARKS = ("‡", "§", "¶", "‖", "◇", "△", "○", "•")


class PublishedResults(Sequence[PublishedRow]):
    """Published rows, in the order of the data file; immutable.

    ``rows[0]`` is a row, ``rows[:5]`` and ``rows.select(…)`` are fewer rows, ``print(rows)`` shows the table.
    """

    def __init__(self, rows: Iterable[PublishedRow]) -> None:
        self._rows = tuple(rows)

    @overload
    def __getitem__(self, index: int) -> PublishedRow: ...

    @overload
    def __getitem__(self, index: slice) -> PublishedResults: ...

    def __getitem__(self, index: int | slice) -> PublishedRow | PublishedResults:
        return PublishedResults(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublishedResults) and self._rows == other._rows

    def __hash__(self) -> int:
        return hash(self._rows)

    def __repr__(self) -> str:
        return f"<PublishedResults: {len(self)} rows of {len({row.source.key for row in self})} sources>"

    def __str__(self) -> str:
        return self.grid().to_text()

    def _repr_html_(self) -> str:
        return self.grid().to_html()

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics that any row tells: those of the challenge first, in its order."""
        told = dict.fromkeys(metric for row in self for metric in row.metrics)
        ours = [use.metric for use in find_protocol("react2024").uses if use.metric in told]
        return (*ours, *(name for name in told if name not in ours))

    def select(
        self,
        *,
        system: str | None = None,
        source: str | None = None,
        protocol: str | None = None,
        split: str | None = None,
        kind: str | None = None,
    ) -> PublishedResults:
        """The rows that fit everything that is given.

        Args:
            system: Such as ``"PerFRDiff"``.
            source: Key of a document, such as ``"reactdiff"``.
            protocol: Such as ``"react2024"``; an id is taken too.
            split: ``"val"``, ``"test"`` or ``"unknown"``.
            kind: ``"system"``, ``"naive"``, ``"ablation"`` or ``"reproduction"``.

        Returns:
            The rows, possibly none.

        Raises:
            UnknownNameError: If no published row has such a value at all; suggests the nearest.
        """
        named = None if protocol is None else find_protocol(protocol).name
        wanted = {"system": system, "source": source, "protocol": named, "split": split, "kind": kind}
        chosen = {name: _known(name, value) for name, value in wanted.items() if value is not None}
        return PublishedResults(row for row in self if all(_told(row, name) == value for name, value in chosen.items()))

    def to_frame(self) -> pd.DataFrame:
        """The rows as a data frame, by id: what each row is, its values in plain units (NaN where not told, or where
        two readings are open), and the kinds of its doubts.
        """
        import pandas as pd  # slow to import

        rows = {
            row.id: {
                "source": row.source.key,
                **{name: getattr(row, name) for name in DESCRIPTION},
                **{metric: row[metric] if metric in row else float("nan") for metric in self.metrics},
                "doubts": ", ".join(dict.fromkeys(doubt.kind for doubt in row.doubts)),
            }
            for row in self
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("row")

    def grid(self) -> Grid:
        """The table that `print` shows: a row a published row, values under the metric that they really are with the
        digits as printed, and a mark for each doubt, which the notes explain.
        """
        rows: list[list[Cell]] = []
        titles: dict[int, str] = {}
        for row in sorted(self, key=reading_order):
            if _group(row) not in titles.values():
                titles[len(rows)] = _group(row)
                rows.append([])
            cells = [Cell(marked(row, metric)) for metric in self.metrics]
            rows.append([Cell(row.cited + doubt_marks(row.doubts_about_all)), *cells])
        signs: dict[str, str] = {metric.better: metric.arrow for metric in all_metrics().values()}
        arrows = [f"{name} {signs.get(load_published().better(name), '')}".rstrip() for name in self.metrics]
        caption = "Published results, under the metric that each number really is"
        notes = [*doubt_notes(self, self.metrics), *source_notes(self)]
        return Grid(["system", *arrows], rows, caption, notes, label="tab:published", titles=titles)

    def to_dict(self) -> list[dict[str, Any]]:
        """Plain data, a mapping a row."""
        return [row.to_dict() for row in self]

    def to_json(self) -> str:
        """The rows as JSON."""
        return json.dumps(self.to_dict(), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def published(
    *,
    system: str | None = None,
    source: str | None = None,
    protocol: str | None = None,
    split: str | None = None,
    kind: str | None = None,
) -> PublishedResults:
    """What papers and READMEs print.

    Args:
        system: Such as ``"PerFRDiff"``; every system if None.
        source: Key of a document, such as ``"reactdiff"``; every document if None.
        protocol: Such as ``"react2024"``; every protocol if None.
        split: ``"val"``, ``"test"`` or ``"unknown"``; every split if None.
        kind: ``"system"``, ``"naive"``, ``"ablation"`` or ``"reproduction"``; every kind if None.

    Returns:
        The rows that fit, possibly none.

    Raises:
        UnknownNameError: If no published row has such a value at all; suggests the nearest.

    Example:
        >>> row = published(system="PerFRDiff", source="reactdiff")[0]
        >>> row.printed("FRVar"), row["FRVar"]
        ('0.2191', 0.0879)
        >>> [doubt.kind for doubt in row.doubts]
        ['swapped labels']
    """
    rows = PublishedResults(load_published().rows)
    return rows.select(system=system, source=source, protocol=protocol, split=split, kind=kind)


def doubt_marks(doubts: Iterable[Doubt]) -> str:
    """The marks of doubts, behind a space; nothing for none."""
    marks = sorted({_mark(doubt.kind) for doubt in doubts}, key=_MARKS.index)
    return " " * bool(marks) + "".join(marks)


def marked(row: PublishedRow, metric: str) -> str:
    """A value with the digits that were printed, and the marks of its doubts; nothing if the row does not tell it.

    Args:
        row: The row.
        metric: The metric's name.
    """
    return row.shown(metric) + doubt_marks(row.doubts_about(metric)) if metric in row else ""


def doubt_notes(rows: Iterable[PublishedRow], metrics: Iterable[str]) -> list[str]:
    """A note for each reason to doubt, which names the rows that it concerns.

    Args:
        rows: The rows that are shown.
        metrics: The metrics that are shown.
    """
    shown = set(metrics)
    concerned: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for doubt in (each for each in row.doubts if shown & set(row.doubted(each))):
            names = concerned.setdefault((doubt.kind, doubt.reason), [])
            names += [] if row.cited in names else [row.cited]
    ordered = sorted(concerned.items(), key=lambda each: _MARKS.index(_mark(each[0][0])))
    return [f"{_mark(kind)} {kind}: {reason}. {', '.join(names)}." for (kind, reason), names in ordered]


def source_notes(rows: Iterable[PublishedRow]) -> list[str]:
    """A note for each source: what its key stands for."""
    sources = dict.fromkeys(row.source for row in rows)
    return [f"[{source.key}] {source}." for source in sources]


def reading_order(row: PublishedRow) -> tuple[Any, ...]:
    """A key to sort rows by: protocol, split, space; and of these offline, online, unknown, naive."""
    protocols = list(dict.fromkeys(each.protocol for each in load_published().rows))
    tracks = ("offline", "online", "unknown")
    place = len(tracks) if row.kind == "naive" else tracks.index(row.track)
    splits = ("test", "val", "train", "unknown")
    return protocols.index(row.protocol), splits.index(row.split), row.space, place


def _mark(kind: str) -> str:
    return _MARKS[load_published().doubt_kinds.index(kind)]


def _told(row: PublishedRow, name: str) -> str:
    return row.source.key if name == "source" else str(getattr(row, name))


def _known(name: str, value: str) -> str:
    """A value as rows have it, whatever its case."""
    values = {_told(row, name).lower(): _told(row, name) for row in load_published().rows}
    if value.lower() not in values:
        raise UnknownNameError(f"nothing is published of {name} {value!r}. {suggest(value, sorted(values.values()))}")
    return values[value.lower()]


def _group(row: PublishedRow) -> str:
    split = "split unknown" if row.split == "unknown" else row.split
    track = "track unknown" if row.track == "unknown" else row.track
    return ", ".join([row.protocol, split, row.space, "naive" if row.kind == "naive" else track])
