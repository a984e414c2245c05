"""What `react-eval robustness` does: generate, score, print, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from react_data.command_line import print_json
from react_eval.robustness import robustness
from react_eval.robustness_result import Robustness

__all__ = ["show_robustness"]

_NAME = "robustness"


def show_robustness(
    models: Sequence[str],
    *,
    conditions: Sequence[str],
    metrics: Sequence[str],
    seeds: Sequence[int],
    modalities: Sequence[str],
    quiet: bool,
    out: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Score models under conditions of missing data.

    Args:
        models: Names, checkpoints, or ``module:callable``.
        conditions: Names of conditions and families; the standard ones if empty.
        metrics: Result keys, names or aliases; all if empty.
        seeds: Seeds of the runs; 0 if empty.
        modalities: ``FEATURE=MODALITY`` of features that are not known.
        quiet: Whether progress bars are left out; else they are shown on a terminal.
        out: Folder to write into, if any.
        as_json: Whether JSON is printed in place of a table.
        **how: See `react_eval.robustness`.
    """
    known = dict(_pair(each) for each in modalities)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)  # before anything is generated, so that it is known to be possible
    found = robustness(
        list(models), conditions=conditions or "standard", metrics=list(metrics) or None, seeds=seeds or 0,
        modality_of=known, show_progress=False if quiet else None, **how,
    )  # fmt: skip
    if out is not None:
        _write(found, out)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))


def _pair(text: str) -> tuple[str, str]:
    feature, separator, modality = text.partition("=")
    if not separator:
        raise click.UsageError(f"--modality {text}: expected FEATURE=face, FEATURE=speech or FEATURE=neither.")
    return feature, modality


def _write(found: Robustness, folder: Path) -> None:
    found.to_json(folder / f"{_NAME}.json")
    found.to_csv(folder / f"{_NAME}.csv")
    found.to_html(folder / f"{_NAME}.html")
    found.curves(folder / f"{_NAME}.svg")
    for suffix, text in ((".md", found.to_markdown()), (".tex", found.to_latex())):
        (folder / f"{_NAME}{suffix}").write_text(text, encoding="utf-8")
