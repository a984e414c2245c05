"""The demonstration: synthetic dyads, naive baselines and a trained generator as submissions, their scores, reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import react_data
from react_data.opening import find_layout, open_split
from react_data.optional_libraries import LibraryMissingError
from react_eval.baselines import baseline, generate_predictions, usual_baselines
from react_eval.computing import Resources
from react_eval.errors import UnknownNameError
from react_eval.grid import Grid
from react_eval.references import demonstration
from react_eval.result import ProtocolResults
from react_eval.scoring import score, score_against
from react_eval.submissions import save_submission
from react_eval.tables import table
from react_eval.targets import SplitTargets
from react_eval.validation import validate

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["run_demo", "score_baselines"]

PROTOCOLS = ("react2024", "corrected")


def score_baselines(
    root: Path,
    split: str,
    *,
    names: tuple[str, ...] = (),
    protocols: tuple[str, ...] = (),
    seed: int = 0,
    save_to: Path | None = None,
    show_progress: bool | None = None,
    say: Callable[[str], None] = lambda _message: None,
) -> list[ProtocolResults]:
    """Score naive baselines on a split.

    Args:
        root: Folder of the data set.
        split: ``"train"``, ``"val"`` or ``"test"``.
        names: Which baselines; those that the data set's challenge prints if not given.
        protocols: Names or ids of the protocols; the challenge's and `corrected` if not given.
        seed: Seed of the noise.
        save_to: Folder for the baselines' submission files; they are scored from there. None keeps them in memory.
        show_progress: Whether progress bars are shown; None shows them on a terminal.
        say: Takes a line about each step.

    Returns:
        Results by protocol, one for each baseline.
    """
    dataset = open_split(root, split)
    train = _training_split(root)
    targets, resources = SplitTargets.of(root, split), Resources("auto", None, client=False)
    names = names or usual_baselines(dataset)
    corrected = "corrected+linear" if "speaker_row_size" in dataset else "corrected"
    protocols = protocols or (targets.usual_protocol, corrected)
    results = []
    for number, name in enumerate(names, start=1):
        say(f"[{number}/{len(names)}] {name}")
        preds = generate_predictions(baseline(name, dataset, train), dataset, seed=seed, show_progress=show_progress)
        source: object = preds
        if save_to is not None:
            source = save_to / f"{name}.h5"
            save_submission(
                source, preds.arrays.get("emotion"), coefficients=preds.arrays.get("coefficients"), clips=preds.clips,
                method=name, split=split, run_seed=seed, overwrite=True,
            )  # fmt: skip
            say(str(validate(source, split=split, data=root)).splitlines()[0])
        found = score_against(
            targets, source, protocol=list(protocols), method=name, resources=resources, show_progress=show_progress
        )
        several = found.results if isinstance(found, ProtocolResults) else (found,)
        marked = (replace(each, facts={**each.facts, "baseline": name}) for each in several)
        results.append(ProtocolResults(tuple(marked)))
    return results


def run_demo(
    folder: Path,
    *,
    recordings: int = 24,
    seed: int = 0,
    train: bool = True,
    show_progress: bool | None = None,
    say: Callable[[str], None] = print,
) -> list[Grid]:
    """Write synthetic dyads, score five naive baselines and a trained generator on their test split, write reports.

    Args:
        folder: Where ``data``, its pack ``data.h5``, ``generator``, ``submissions``, ``results``, ``reports`` and
            ``report.md`` go; an earlier demo there is continued.
        recordings: How many recordings are synthesised.
        seed: Seed of the data, of the noise, and of the generator.
        train: Whether a small generator is trained too; it is left out where torch is not installed.
        show_progress: Whether progress bars are shown; None shows them on a terminal.
        say: Takes a line about each step.

    Returns:
        The tables, one a protocol.
    """
    say(f"Writing synthetic dyads into {folder / 'data'} …")
    root = react_data.synthesise(
        folder / "data", recordings=recordings, seed=seed, modalities=("emotion", "3dmm"), show_progress=show_progress
    )
    say(str(react_data.verify(root, show_progress=show_progress)).splitlines()[0])
    packed = folder / "data.h5"
    if not packed.exists():
        say(f"Packing them into {packed} …")
        react_data.pack(root, packed, show_progress=show_progress)
    for name in ("submissions", "results", "reports"):
        (folder / name).mkdir(exist_ok=True)
    say("Scoring the naive baselines on the test split …")
    results = score_baselines(
        packed, "test", seed=seed, save_to=folder / "submissions", show_progress=show_progress, say=say
    )
    named = {str(result.results[0].facts["baseline"]): result for result in results}
    if train:
        named |= _trained(packed, folder, seed, show_progress, say)
    for name, result in named.items():
        result.to_json(folder / "results" / f"{name}.json")
        beside = [each for other in named.values() if other is not result for each in other.results]
        result.to_html(folder / "reports" / f"{name}.html", beside=beside)
    tables = [table([result.protocol(protocol) for result in named.values()]) for protocol in PROTOCOLS]
    (folder / "report.md").write_text(_report(tables), encoding="utf-8")
    (folder / "tables.tex").write_text("\n".join(each.to_latex() for each in tables), encoding="utf-8")
    return tables


def _trained(
    packed: Path, folder: Path, seed: int, show_progress: bool | None, say: Callable[[str], None]
) -> dict[str, ProtocolResults]:
    """The scores of a small generator that is trained here; none where what it takes is not installed."""
    say("Training a small generator, which takes about a minute …")
    try:
        file = demonstration(packed, "test", folder, seed=seed, show_progress=show_progress)
    except (LibraryMissingError, UnknownNameError) as error:
        say(f"Left out: {error.message}")
        return {}
    found = score(file, split="test", data=packed, protocol=list(PROTOCOLS), show_progress=show_progress)
    return {file.stem: found} if isinstance(found, ProtocolResults) else {}


def _training_split(root: Path) -> xr.Dataset | None:
    return open_split(root, "train") if "train" in find_layout(root).splits(root) else None


def _report(tables: list[Grid]) -> str:
    heading = "# Naive baselines and a small generator on synthetic dyads\n\nWritten by `react-eval demo`.\n"
    return "\n".join([heading, *(f"## {each.caption.partition(',')[0]}\n\n{each.to_markdown()}" for each in tables)])
