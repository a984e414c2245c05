"""Published rows beside one's own results: which rows belong there, their cells, and what keeps them from comparing."""

from __future__ import annotations

from collections.abc import Iterable

from react_eval.errors import InputError
from react_eval.protocol import MetricUse, Protocol
from react_eval.published_results import (
    PublishedResults,
    doubt_marks,
    doubt_notes,
    marked,
    published,
    reading_order,
    source_notes,
)
from react_eval.published_rows import PublishedRow
from react_eval.result import ScoreResult

__all__ = ["is_published_under", "notes_beside", "row_name", "rows_beside", "tells", "value_beside"]

_USUAL = ("system", "naive")


def is_published_under(protocol: Protocol) -> bool:
    """Whether any system or naive baseline is published under a protocol.

    Args:
        protocol: The protocol.
    """
    return any(row.protocol == protocol.name for row in published() if row.kind in _USUAL)


def rows_beside(result: ScoreResult, wanted: bool | Iterable[PublishedRow]) -> PublishedResults:
    """The published rows that go under the protocol of a result.

    Args:
        result: One's own.
        wanted: Rows to choose from; True for all systems and naive baselines, without ablations and reproductions.

    Returns:
        The rows: offline, online, of an unknown track, naive.

    Raises:
        InputError: If none of them is of the result's protocol; tells the protocols that have rows.
    """
    given = list(published()) if wanted is True else list(wanted or ())
    kinds = _USUAL if wanted is True else tuple({row.kind for row in given})
    rows = [row for row in given if row.protocol == result.protocol.name and row.kind in kinds]
    if not rows and wanted is not False:
        there = ", ".join(dict.fromkeys(row.protocol for row in given)) or "none"
        raise InputError(
            f"nothing is published under protocol {result.protocol.name!r}; protocols of the published rows: {there}. "
            "Score under one of these, or leave the published rows out."
        )
    return PublishedResults(sorted(rows, key=reading_order))


def row_name(row: PublishedRow, result: ScoreResult) -> str:
    """What a published row is called beside a result: with its track, its source, and its split where that differs."""
    track = "" if row.track == "unknown" else f", {row.track}"
    split = {"unknown": ", split unknown"}.get(row.split, f", {row.split}")
    there = "" if row.split == result.facts.get("split") else split
    return f"{row.name}{track} [{row.source.key}]{there}" + doubt_marks(row.doubts_about_all)


def tells(row: PublishedRow, use: MetricUse) -> bool:
    """Whether a row has a value of a protocol's metric, for the same kind of neighbours."""
    neighbours = getattr(use.settings, "neighbours", None)
    task = {"personal": "pmafrg", "all": "mafrg"}.get(str(neighbours), row.task)
    return use.metric in row and row.task == task


def value_beside(row: PublishedRow, use: MetricUse) -> str:
    """A published value under a metric of a protocol, marked; nothing where the row does not tell it."""
    return marked(row, use.metric) if tells(row, use) else ""


def notes_beside(result: ScoreResult, rows: PublishedResults) -> list[str]:
    """What keeps published rows from comparing with a result, what is doubtful in them, and where they are from."""
    if not rows:
        return []
    shown = [result.use(key).metric for key in result]
    return [*_differences(result, rows), *doubt_notes(rows, shown), *source_notes(rows)]


def _differences(result: ScoreResult, rows: PublishedResults) -> list[str]:
    facts, notes = result.facts, []
    elsewhere = [row for row in rows if row.split != facts.get("split")]
    if elsewhere:
        splits = " and ".join(dict.fromkeys(_split(row) for row in elsewhere))
        yours = f"your split is {facts['split']}" if facts.get("split") else "yours are bare arrays"
        notes.append(f"Published on {splits}: {_which(elsewhere, rows)}; {yours}.")
    others = [row for row in rows if row.reactions not in (None, facts["reactions"])]
    if others:
        counts = " and ".join(str(count) for count in dict.fromkeys(row.reactions for row in others))
        notes.append(
            f"FRCorr and FRDist are sums over {counts} reactions in {_which(others, rows)}, "
            f"over {facts['reactions']} in yours."
        )
    spaces = [row for row in rows if row.space != facts["channels"]]
    if spaces:
        kinds = " and ".join(dict.fromkeys(row.space for row in spaces))
        notes.append(f"Published on {kinds}: {_which(spaces, rows)}; your channels are {facts['channels']}.")
    if "partial" in facts:
        notes.append(f"Published rows are of all clips; yours are of {facts['partial']}.")
    if result.protocol.variant:
        notes.append(
            f"Published rows are under {result.protocol.name} unchanged; yours are under {result.protocol.id}."
        )
    return notes


def _split(row: PublishedRow) -> str:
    return "a split that is not on record" if row.split == "unknown" else f"the official {row.split} set"


def _which(some: list[PublishedRow], rows: PublishedResults) -> str:
    if len(some) == len(rows):
        return "all published rows"
    return ", ".join(dict.fromkeys(row.cited for row in some)) if len(some) <= 6 else f"{len(some)} published rows"
