"""What `react-eval published` and `react-eval score --with published` do: choose rows, print, write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from react_eval.errors import InputError
from react_eval.grid import Grid
from react_eval.protocol import Protocol
from react_eval.published_audit import audit_published, audit_text
from react_eval.published_results import PublishedResults, published
from react_eval.published_table import is_published_under, row_name, rows_beside, tells
from react_eval.result import ScoreResult
from react_eval.tables import table

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "check_published",
    "frame_beside",
    "json_text",
    "rows_as_json",
    "show_audit",
    "show_published",
    "tables_beside",
]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Published results</title><style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; margin-top: 2rem }}
caption {{ text-align: left; font-weight: 600; padding-bottom: .4rem }}
td, th {{ padding: .2rem .6rem; text-align: right; white-space: nowrap }}
td:first-child, th:first-child {{ text-align: left }}
thead th {{ border-bottom: 2px solid #222 }}
th[scope=rowgroup] {{ border-top: 1px solid #888; font-style: italic; font-weight: 500; padding-top: .5rem }}
ul {{ font-size: .85rem; padding-left: 1.2rem }}
</style></head><body>
{body}</body></html>
"""


def show_published(chosen: Mapping[str, str | None], *, save: Path | None, as_json: bool) -> None:
    """Print published rows, a table for each protocol.

    Args:
        chosen: What the rows must fit; see `react_eval.published`.
        save: File to write too; its suffix tells the form.
        as_json: Whether JSON is printed in place of tables.

    Raises:
        UsageError: If the file cannot be written or has another suffix.
        InputError: If no row fits.
    """
    rows = published(**chosen)
    if not rows:
        told = ", ".join(f"{name} {value!r}" for name, value in chosen.items() if value is not None)
        raise InputError(f"no published row fits all of {told}. Leave one out.")
    names = dict.fromkeys(row.protocol for row in rows)
    grids = [PublishedResults(row for row in rows if row.protocol == name).grid() for name in names]
    text = "\n\n".join(grid.to_text() for grid in grids) + "\n"
    content = json_text(rows.to_dict())
    writers: dict[str, Callable[[], str]] = {
        ".json": lambda: content,
        ".md": lambda: "\n".join(grid.to_markdown() for grid in grids),
        ".tex": lambda: "\n".join(grid.to_latex() for grid in grids),
        ".html": lambda: _PAGE.format(body="".join(grid.to_html() for grid in grids)),
        ".csv": lambda: str(rows.to_frame().to_csv()),
        ".txt": lambda: text,
    }
    _write(save, writers)
    click.echo(content if as_json else text, nl=False)


def show_audit(*, save: Path | None, as_json: bool) -> None:
    """Print the contradictions among published results.

    Args:
        save: File to write too; its suffix tells the form.
        as_json: Whether JSON is printed in place of text.

    Raises:
        UsageError: If the file cannot be written or has another suffix.
    """
    found = audit_published()
    text, content = audit_text(found) + "\n", json_text([each.to_dict() for each in found])
    _write(save, {".json": lambda: content, ".txt": lambda: text})
    click.echo(content if as_json else text, nl=False)


def check_published(protocols: Sequence[Protocol]) -> None:
    """Refuse to put published rows under protocols that have none.

    Args:
        protocols: What is scored.

    Raises:
        InputError: If nothing is published under any of them.
    """
    if not any(is_published_under(protocol) for protocol in protocols):
        there = ", ".join(dict.fromkeys(row.protocol for row in published()))
        names = ", ".join(protocol.name for protocol in protocols)
        raise InputError(f"nothing is published under {names}; published results are under {there}.")


def tables_beside(results: Sequence[Sequence[ScoreResult]]) -> list[Grid]:
    """A table with published rows for each protocol that has some.

    Args:
        results: Results, by protocol.
    """
    return [table(each, published=True) for each in results if is_published_under(each[0].protocol)]


def rows_as_json(results: Sequence[ScoreResult]) -> dict[str, Any]:
    """Published rows as plain data under ``published``, by the id of the protocol that they are put under.

    Args:
        results: A result of each protocol.
    """
    shown = [result for result in results if is_published_under(result.protocol)]
    return {"published": {result.protocol.id: rows_beside(result, True).to_dict() for result in shown}}


def frame_beside(result: ScoreResult) -> pd.DataFrame:
    """A result as a data frame, with a column for each published row.

    Args:
        result: One's own.
    """
    frame = result.to_frame()
    rows = rows_beside(result, True) if is_published_under(result.protocol) else []
    for row in rows:
        uses = [result.use(key) for key in frame.index]
        frame[row_name(row, result)] = [row[use.metric] if tells(row, use) else None for use in uses]
    return frame


def json_text(content: Any) -> str:
    """Plain data as JSON.

    Args:
        content: Mappings, lists, text and numbers.
    """
    return json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def _write(save: Path | None, writers: Mapping[str, Callable[[], str]]) -> None:
    if save is None:
        return
    if save.suffix not in writers:
        raise click.UsageError(f"--save {save}: the suffix must be one of {', '.join(writers)}.")
    if not save.parent.is_dir():
        raise click.UsageError(f"--save {save}: there is no folder {save.parent}.")
    save.write_text(writers[save.suffix](), encoding="utf-8")
