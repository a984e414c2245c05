"""What `react-eval score` does: read, score, print, write."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from react_data.command_line import BAD_INPUT, print_json
from react_data.stored_arrays import open_array
from react_eval.computing import Resources
from react_eval.errors import InputError, SubmissionError, UnreadableFileError
from react_eval.protocol import Protocol, find_protocol
from react_eval.published_commands import check_published, frame_beside, json_text, rows_as_json, tables_beside
from react_eval.published_table import is_published_under
from react_eval.result import ProtocolResults, ScoreResult
from react_eval.scoring import score_against, score_arrays
from react_eval.specificity_scoring import specificity
from react_eval.tables import table
from react_eval.targets import SplitTargets

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from react_eval.grid import Grid
    from react_eval.specificity_result import Specificity

__all__ = ["Output", "by_protocol", "named_by_file", "score_bare_arrays", "score_files"]

_Result = ScoreResult | ProtocolResults


@dataclass(frozen=True)
class Output:
    """What becomes of results.

    Attributes:
        save: File to write; its suffix tells the form.
        html: File to write the report of one submission into.
        public: Whether everything that shows a single clip is left out.
        as_json: Whether JSON is printed in place of tables.
        published: Whether published rows are put beside the results.

    Raises:
        UsageError: If the file cannot be written or has another suffix, before anything is scored.
    """

    save: Path | None
    html: Path | None
    public: bool
    as_json: bool
    published: bool = False

    def __post_init__(self) -> None:
        if self.save is not None and self.save.suffix not in (".json", ".md", ".tex", ".csv"):
            raise click.UsageError(f"--save {self.save}: the suffix must be one of .json, .md, .tex, .csv.")
        for option, path in (("--save", self.save), ("--html", self.html)):
            if path is not None and not path.parent.is_dir():
                raise click.UsageError(f"{option} {path}: there is no folder {path.parent}.")

    def check(self, protocols: Sequence[str | Protocol]) -> None:
        """Refuse, before anything is scored, to put published rows under protocols that have none."""
        if self.published:
            check_published([find_protocol(name) for name in protocols])

    def one(self, result: _Result, specificity: Specificity | None = None) -> None:
        """Print and write one result, and whether the method listens where that was asked."""
        result = result.public() if self.public else result
        results = by_protocol(result)
        beside = tables_beside([[each] for each in results]) if self.published else []
        text = json_text(result.to_dict() | rows_as_json(results)) if self.published else result.to_json()
        if specificity is not None:
            text = json_text(json.loads(text) | {"specificity": specificity.to_dict()})
            beside.append(specificity.grid())
        told = "\n\n".join([str(result), *(grid.to_text() for grid in beside)])
        click.echo(text if self.as_json else told, nl=not self.as_json)
        self._write(lambda: text, [*(each.grid() for each in results), *beside], results)
        if self.html is not None:
            result.to_html(self.html, specificity=specificity)
            click.echo(f"Report: {self.html}", err=True)

    def several(self, results: Mapping[str, _Result]) -> None:
        """Print and write the results of several files: a table for each protocol, a row for each file."""
        if not results:
            return
        shown = {name: each.public() if self.public else each for name, each in results.items()}
        alike = list(zip(*map(by_protocol, shown.values()), strict=True))
        grids = [table(each, published=self.published and is_published_under(each[0].protocol)) for each in alike]
        everything: dict[str, Any] = {name: each.to_dict() for name, each in shown.items()}
        everything |= rows_as_json([each[0] for each in alike]) if self.published else {}
        if self.as_json:
            print_json(everything)
        else:
            click.echo("\n\n".join(grid.to_text() for grid in grids))
        rows = [each for result in shown.values() for each in by_protocol(result)]
        self._write(lambda: json.dumps(everything, indent=2) + "\n", grids, rows)

    def _write(self, as_json: Callable[[], str], grids: Sequence[Grid], results: Sequence[ScoreResult]) -> None:
        if self.save is None:
            return
        writers: dict[str, Callable[[], str]] = {
            ".json": as_json,
            ".md": lambda: "\n".join(grid.to_markdown() for grid in grids),
            ".tex": lambda: "\n".join(grid.to_latex() for grid in grids),
            ".csv": lambda: "".join(self._frame(each).to_csv() for each in results),
        }
        self.save.write_text(writers[self.save.suffix](), encoding="utf-8")

    def _frame(self, result: ScoreResult) -> pd.DataFrame:
        return frame_beside(result) if self.published else result.to_frame()


def score_files(
    files: Sequence[Path],
    split: str,
    data: Path | None,
    protocols: Sequence[str],
    overrides: Sequence[str],
    *,
    output: Output,
    method: str | None,
    device: str,
    threads: int | None,
    cluster: str | None,
    draw_seed: int | None = None,
    listens: bool = False,
    **how: Any,
) -> None:
    """Score one or several files against one split; a file that cannot be scored does not stop the others.

    Args:
        files: Submissions.
        split: ``"train"``, ``"val"`` or ``"test"``.
        data: Folder of the data set.
        protocols: Names or ids; what follows from the data if empty.
        overrides: Changes of settings, ``METRIC.SETTING=VALUE``.
        output: What becomes of the results.
        method: Name of the method, where there is one file.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if None.
        cluster: Address of a dask scheduler.
        draw_seed: Seed of the draw of appropriate reactions; the data set's if None.
        listens: Whether to score re-paired reactions too, where there is one file.
        **how: See `react_eval.scoring.score_against`.

    Raises:
        Exit: With code 2 if a file of several could not be scored.
    """
    targets = SplitTargets.of(data, split, draw_seed)
    chosen = _overridden(protocols or (targets.usual_protocol,), overrides)
    output.check(chosen)
    with _client(cluster) as client:
        how |= {"protocol": chosen, "resources": Resources(device, threads, client)}
        if len(files) == 1:
            result = score_against(targets, files[0], method=method, **how)
            where: dict[str, Any] = {"split": split, "data": data, "protocol": chosen[0], "method": method}
            where |= {
                "draw_seed": draw_seed,
                "device": device,
                "threads": threads,
                "client": client,
                "show_progress": how["show_progress"],
            }
            output.one(result, _specificity(files[0], where) if listens else None)
            return
        results: dict[str, _Result] = {}
        failed = []
        for file in files:
            try:
                results[str(file)] = named_by_file(score_against(targets, file, **how), file)
            except (SubmissionError, UnreadableFileError, OSError) as error:
                failed.append(f"{file}: {error}")
    output.several(results)
    for message in failed:
        click.echo(f"Error: {message}", err=True)
    if failed:
        raise click.exceptions.Exit(BAD_INPUT)


def _specificity(file: Path, where: Mapping[str, Any]) -> Specificity | None:
    """Whether a method listens; where that cannot be told, the score is shown all the same."""
    try:
        return specificity(file, **where)
    except InputError as error:
        click.echo(f"Specificity: {error}", err=True)
        return None


def named_by_file(result: _Result, file: Path) -> _Result:
    """A result whose method is the file's name where the file names none."""
    named = tuple(each if each.facts["method"] else each.named(file.stem) for each in by_protocol(result))
    return named[0] if isinstance(result, ScoreResult) else ProtocolResults(named)


def score_bare_arrays(
    paths: Mapping[str, Path],
    protocols: Sequence[str],
    overrides: Sequence[str],
    *,
    cluster: str | None,
    **how: Any,
) -> _Result:
    """Score arrays in ``.npy`` files.

    Args:
        paths: ``predictions``, and what else there is of listener, speaker, neighbours, personal.
        protocols: Names or ids; react2024 if empty.
        overrides: Changes of settings, ``METRIC.SETTING=VALUE``.
        cluster: Address of a dask scheduler.
        listens: Whether to score re-paired reactions too, where there is one file.
        **how: See `react_eval.score_arrays`.

    Returns:
        The result.
    """
    arrays: dict[str, Any] = {name: path if name == "predictions" else _load(path) for name, path in paths.items()}
    with _client(cluster) as client:
        return score_arrays(
            **arrays, protocol=_overridden(protocols or ("react2024",), overrides), client=client, **how
        )


def by_protocol(result: _Result) -> list[ScoreResult]:
    """The results of one submission, one a protocol."""
    return [result] if isinstance(result, ScoreResult) else list(result.results)


@contextmanager
def _client(address: str | None) -> Iterator[Any]:
    if address is None:
        yield False
        return
    try:
        from distributed import Client
    except ImportError:
        raise click.UsageError("--cluster needs dask: pip install 'react-eval[cluster]'.") from None
    try:
        client = Client(address, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError as error:
        raise click.UsageError(f"--cluster {address}: {error}") from None
    with client:
        yield client


def _load(path: Path) -> NDArray[Any]:
    try:
        return open_array(path)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFileError(f"{path} is not a plain .npy array: {error}. Write it with numpy.save.") from None


def _overridden(protocols: Sequence[str], overrides: Sequence[str]) -> list[Protocol]:
    found = [find_protocol(name) for name in protocols]
    for override in overrides:
        target, equals, value = override.partition("=")
        metric, dot, setting = target.rpartition(".")
        if not (equals and dot):
            raise click.UsageError(f"--set {override}: expected METRIC.SETTING=VALUE, such as FRSyn.reactions=all.")
        found = [protocol.override_text(metric, setting, value) for protocol in found]
    return found
