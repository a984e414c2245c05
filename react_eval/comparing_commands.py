"""What `react-eval compare` and `react-eval specificity` do: score, compare, print, write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from react_data.command_line import print_json
from react_eval.comparing import compare_results
from react_eval.computing import Resources
from react_eval.errors import ChannelError
from react_eval.protocol import Protocol, find_protocol
from react_eval.references import reference_file
from react_eval.result import ScoreResult
from react_eval.scoring import score_against
from react_eval.scoring_commands import by_protocol, named_by_file
from react_eval.specificity_scoring import specificity
from react_eval.tables import table
from react_eval.targets import SplitTargets

if TYPE_CHECKING:
    from react_eval.grid import Grid

__all__ = ["compare_files", "show_specificity"]

_SUFFIXES = (".json", ".md", ".tex")


def compare_files(
    files: Sequence[Path],
    split: str,
    data: Path | None,
    protocols: Sequence[str],
    *,
    against: Sequence[str],
    generation: dict[str, Any],
    metrics: Sequence[str] | None,
    draws: dict[str, Any],
    save: Path | None,
    as_json: bool,
    device: str,
    threads: int | None,
    show_progress: bool | None,
) -> None:
    """Score submissions on one split and compare every pair of them; under each protocol a table and a comparison.

    Args:
        files: Submissions; at least two methods with the references.
        split: ``"train"``, ``"val"`` or ``"test"``.
        data: Folder of the data set.
        protocols: Names or ids; what follows from the data if empty.
        against: Names of references, whose submissions are generated or taken from the cache.
        generation: How they are generated; see `react_eval.references.reference_file`.
        metrics: Result keys, names or aliases; all if None.
        draws: ``resamples``, ``permutations`` and ``seed`` of `react_eval.compare_results`.
        save: File to write, if any.
        as_json: Whether JSON is printed in place of tables.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if None.
        show_progress: Whether progress bars are shown; None shows them on a terminal.
    """
    if len(files) + len(against) < 2:
        raise click.UsageError("a comparison needs at least two submission files, or one and --against references.")
    _check_save(save)
    targets = SplitTargets.of(data, split)
    shown = {"device": device, "show_progress": show_progress}
    references = {reference_file(name, data, split=split, **generation, **shown): name for name in against}
    how: dict[str, Any] = {"metrics": metrics, "show_progress": show_progress, "resources": Resources(device, threads)}
    everything: dict[str, dict[str, Any]] = {"comparisons": {}, "results": {}, "left_out": {}}
    grids: list[Grid] = []
    for protocol in map(find_protocol, protocols or (targets.usual_protocol,)):
        results, left_out = _scored(targets, files, references, protocol, how)
        grids += _compared(list(results.values()), left_out, everything["comparisons"], draws)
        everything["left_out"][protocol.id] = left_out
        everything["results"][protocol.id] = {str(file): result.to_dict() for file, result in results.items()}
    _write(grids, lambda: json.dumps(everything, indent=1, ensure_ascii=False) + "\n", save)
    if as_json:
        print_json(everything)
    else:
        click.echo("\n\n".join(grid.to_text() for grid in grids))


def _compared(
    results: list[ScoreResult], left_out: Sequence[str], comparisons: dict[str, Any], draws: dict[str, Any]
) -> list[Grid]:
    """The table of one protocol and, of two methods or more, the comparison."""
    scores = table(results)
    grids = [replace(scores, notes=(*scores.notes, *left_out))]
    if len(results) > 1:
        comparison = compare_results(results, **draws)
        comparisons[comparison.protocol] = comparison.to_dict()
        grids.append(comparison.grid())
    return grids


def _scored(
    targets: SplitTargets,
    files: Sequence[Path],
    references: Mapping[Path, str],
    protocol: Protocol,
    how: dict[str, Any],
) -> tuple[dict[Path, ScoreResult], list[str]]:
    """Results by file under one protocol, and why references without the channels that it needs are left out."""
    results: dict[Path, ScoreResult] = {}
    left_out = []
    for file in (*files, *references):
        try:
            found = named_by_file(score_against(targets, file, protocol=protocol, **how), file)
        except ChannelError as error:
            if file not in references:
                raise
            left_out.append(f"{references[file]} is not in the table: {error.message}")
        else:
            results[file] = by_protocol(found)[0]
    return results, left_out


def show_specificity(file: Path, *, save: Path | None, as_json: bool, **how: Any) -> None:
    """Score a submission as it is and re-paired with other speakers.

    Args:
        file: The submission.
        save: File to write, if any.
        as_json: Whether JSON is printed in place of a table.
        **how: See `react_eval.specificity`.
    """
    _check_save(save)
    found = specificity(file, **how)
    found = found if found.method else replace(found, method=file.stem)
    _write([found.grid()], found.to_json, save)
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))


def _check_save(save: Path | None) -> None:
    """Refuse a file that cannot be written, before anything is scored."""
    if save is not None and save.suffix not in _SUFFIXES:
        raise click.UsageError(f"--save {save}: the suffix must be one of {', '.join(_SUFFIXES)}.")
    if save is not None and not save.parent.is_dir():
        raise click.UsageError(f"--save {save}: there is no folder {save.parent}.")


def _write(grids: Sequence[Grid], as_json: Callable[[], str], save: Path | None) -> None:
    """Write what was found in the form of the file's suffix."""
    if save is None:
        return
    writers: dict[str, Callable[[], str]] = {
        ".json": as_json,
        ".md": lambda: "\n".join(grid.to_markdown() for grid in grids),
        ".tex": lambda: "\n".join(grid.to_latex() for grid in grids),
    }
    save.write_text(writers[save.suffix](), encoding="utf-8")
