"""The command line ``react-eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from react_data.command_line import CHECK_FAILED, Commands, print_json
from react_eval import __version__

__all__ = ["main"]

_Path = click.Path(path_type=Path)
_data = click.option("--data", type=_Path, help="Folder of the data set; else $REACT_DATA or config.toml.")
_json = click.option("--json", "as_json", is_flag=True, help="Print machine-readable output on stdout.")
_quiet = click.option("--quiet", is_flag=True, help="Show no progress.")
_protocol = click.option("--protocol", "-p", "protocols", multiple=True, help="Protocol name or id; may be repeated.")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="react-eval")
def main() -> None:
    """Score multiple appropriate facial reaction generation."""


@main.command()
@click.argument("preds", type=_Path, nargs=-1)
@click.option("--split", help="train, val or test.")
@_data
@_protocol
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric name or alias; may be repeated.")
@click.option(
    "--set", "overrides", multiple=True, metavar="METRIC.SETTING=VALUE", help="Change a setting of the protocol."
)
@click.option("--method", help="Name of the method in tables.")
@click.option("--predictions", type=_Path, help="Bare array (N, α, T, C) instead of a submission.")
@click.option("--listener", type=_Path, help="Bare array (M, T, C).")
@click.option("--speaker", type=_Path, help="Bare array (N, T, C).")
@click.option("--neighbours", type=_Path, help="Bare array (N, M) of 0 and 1.")
@click.option("--personal", type=_Path, help="Bare array (N, M) of 0 and 1: neighbours of the same listener.")
@click.option("--save", type=_Path, help="Also write the result: .json, .md, .tex or .csv.")
@click.option("--html", type=_Path, help="Also write the report: one self-contained HTML page on why.")
@click.option("--specificity", "listens", is_flag=True, help="Tell whether the method listens: score re-paired, too.")
@click.option("--public", is_flag=True, help="Leave out everything that shows a single clip.")
@click.option("--no-context", is_flag=True, help="Do not score GT and B_Mime beside the predictions.")
@click.option("--with", "beside", type=click.Choice(["published"]), help="Rows to put beside the results.")
@click.option("--draw-seed", type=int, help="Seed of the draw of appropriate reactions (MARS).  [default: the data's]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", type=int, help="How many; one for each processor if not given.")
@click.option("--cluster", metavar="ADDRESS", help="Scheduler of a dask cluster to spread clips over.")
@_json
@_quiet
def score(
    preds: tuple[Path, ...],
    split: str | None,
    data: Path | None,
    protocols: tuple[str, ...],
    metrics: tuple[str, ...],
    overrides: tuple[str, ...],
    method: str | None,
    save: Path | None,
    html: Path | None,
    listens: bool,
    public: bool,
    no_context: bool,
    beside: str | None,
    draw_seed: int | None,
    device: str,
    threads: int | None,
    cluster: str | None,
    as_json: bool,
    quiet: bool,
    **arrays: Path | None,
) -> None:
    """Score submission files for a split, or bare .npy arrays."""
    from react_eval.scoring_commands import Output, score_bare_arrays, score_files

    how: dict[str, Any] = {"metrics": list(metrics) or None, "context": not no_context}
    how |= {"show_progress": False if quiet else None, "device": device, "threads": threads, "cluster": cluster}
    output = Output(save, html, public, as_json, published=beside == "published")
    if arrays["predictions"] is not None:
        if preds or split is not None or data is not None:
            raise click.UsageError("--predictions takes bare arrays: leave out the file, --split and --data.")
        if listens:
            raise click.UsageError("--specificity takes a submission file; specificity_arrays takes arrays in Python.")
        given = {name: path for name, path in arrays.items() if path is not None}
        output.check(protocols or ("react2024",))
        output.one(score_bare_arrays(given, protocols, overrides, method=method, **how))
        return
    if not preds or split is None:
        raise click.UsageError("name a submission file and --split, or give bare arrays with --predictions.")
    for option, value in (("--method", method), ("--html", html), ("--specificity", listens or None)):
        if value is not None and len(preds) > 1:
            raise click.UsageError(f"{option} is about one submission, but there are several files.")
    how |= {"draw_seed": draw_seed}
    score_files(preds, split, data, protocols, overrides, output=output, method=method, listens=listens, **how)


@main.command(name="published")
@click.option("--system", help="Such as PerFRDiff.")
@click.option("--source", help="Key of a paper or README, such as reactdiff.")
@click.option("--protocol", help="Protocol name.")
@click.option("--split", help="val, test or unknown.")
@click.option("--kind", help="system, naive, ablation or reproduction.")
@click.option("--audit", is_flag=True, help="List the contradictions in place of the numbers.")
@click.option("--save", type=_Path, help="Also write it: .json, .txt; numbers also .md, .tex, .html, .csv.")
@_json
def list_published(audit: bool, save: Path | None, as_json: bool, **chosen: str | None) -> None:
    """List published results, or where they contradict each other."""
    from react_eval.published_commands import show_audit, show_published

    if not audit:
        show_published(chosen, save=save, as_json=as_json)
    elif any(chosen.values()):
        raise click.UsageError("--audit is of all published results: leave out --system, --source and the like.")
    else:
        show_audit(save=save, as_json=as_json)


@main.command()
@click.argument("preds", type=_Path, nargs=-1, required=True)
@click.option("--split", required=True, help="train, val or test.")
@_data
@_protocol
@click.option("--against", help="References to generate, such as transvae,perfrdiff+personalised.")
@click.option("--online", is_flag=True, help="Let references generate window by window from the past.")
@click.option("--features", type=_Path, help="Folder of react-data features, for references that need one.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric name or alias; may be repeated.")
@click.option("--resamples", default=1000, show_default=True, help="Resamples of the intervals.")
@click.option("--permutations", default=10_000, show_default=True, help="Patterns of signs that a test looks at.")
@click.option("--seed", default=0, show_default=True, help="Seed of resamples and patterns.")
@click.option("--save", type=_Path, help="Also write it: .json, .md or .tex.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", type=int, help="How many; one for each processor if not given.")
@_json
@_quiet
def compare(
    preds: tuple[Path, ...],
    split: str,
    data: Path | None,
    protocols: tuple[str, ...],
    against: str | None,
    online: bool,
    features: Path | None,
    metrics: tuple[str, ...],
    resamples: int,
    permutations: int,
    seed: int,
    save: Path | None,
    device: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score submission files and test every pair of them for differences, clip by clip."""
    from react_eval.comparing_commands import compare_files

    draws = {"resamples": resamples, "permutations": permutations, "seed": seed}
    how: dict[str, Any] = {"save": save, "as_json": as_json, "device": device, "threads": threads}
    how |= {"metrics": list(metrics) or None, "show_progress": False if quiet else None}
    how |= {"against": [name.strip() for name in (against or "").split(",") if name.strip()]}
    how |= {"generation": {"online": online, "features": features}}
    compare_files(preds, split, data, protocols, draws=draws, **how)


@main.command()
@click.argument("preds", type=_Path)
@click.option("--split", required=True, help="train, val or test.")
@_data
@click.option("--protocol", "-p", help="Protocol name or id.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric name or alias; may be repeated.")
@click.option("--draws", default=10, show_default=True, help="Re-pairings.")
@click.option("--seed", default=0, show_default=True, help="Seed of the re-pairings.")
@click.option("--save", type=_Path, help="Also write it: .json, .md or .tex.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", type=int, help="How many; one for each processor if not given.")
@_json
@_quiet
def specificity(
    preds: Path, metrics: tuple[str, ...], save: Path | None, as_json: bool, quiet: bool, **how: Any
) -> None:
    """Tell whether a method listens: score it with other speakers' reactions too."""
    from react_eval.comparing_commands import show_specificity

    how |= {"metrics": list(metrics) or None, "show_progress": False if quiet else None}
    show_specificity(preds, save=save, as_json=as_json, **how)


@main.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--split", required=True, help="train, val or test.")
@_data
@click.option(
    "--conditions", multiple=True, metavar="NAMES", help="Conditions or families, with commas.  [default: standard]"
)
@click.option("--protocol", "-p", default="corrected", show_default=True, help="Protocol name or id.")
@click.option("--metric", "-m", "metrics", multiple=True, help="Metric name or alias; may be repeated.")
@click.option("--out", type=_Path, help="Folder for table, curves, page, values: .md, .tex, .svg, .html, .csv, .json.")
@click.option("--fill", type=click.Choice(["zeros", "hold", "fail"]), help="For models that take no missing data.")
@click.option("--modality", "modalities", multiple=True, metavar="FEATURE=face", help="face, speech or neither.")
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed of the run; repeat for means.  [default: 0]")
@click.option("--loss-seed", default=0, show_default=True, help="Seed by which losses are drawn.")
@click.option("--reactions", type=click.IntRange(min=1), help="Reactions a clip.  [default: the protocol's]")
@click.option("--limit", type=click.IntRange(min=1), help="How many clips, from the first on.")
@click.option("--frames", type=click.IntRange(min=1), help="Cut clips to so many frames.")
@click.option("--online", is_flag=True, help="Generate window by window from the past.")
@click.option("--weights", type=_Path, help="Weights, for one model's name.")
@click.option("--features", type=_Path, help="Folder of react-data features, for models that need one.")
@click.option("--videos", type=_Path, help="Tree in which videos lie, for a pack.")
@click.option("--cache", type=_Path, help="Folder to keep submissions in.  [default: the user's cache folder]")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--threads", type=int, help="How many; one for each processor if not given.")
@_json
@_quiet
def robustness(models: tuple[str, ...], out: Path | None, as_json: bool, **how: Any) -> None:
    """Score MODEL where modalities of the speaker are missing, late or frozen.

    MODEL is a model's name, a checkpoint, or MODULE:CALLABLE. Conditions are standard (complete, without face, without
    speech), segments, bursts, late, frozen, all, or named, such as face:bursts:0.5; `react-eval explain RD041` has all.
    An interrupted run is continued by the same command.
    """
    from react_eval.robustness_commands import show_robustness

    show_robustness(models, out=out, as_json=as_json, **how)


@main.command()
@_json
def warm(as_json: bool) -> None:
    """Compile all kernels now, for containers and homes that are read-only later."""
    from react_eval.warming import warm as compile_all

    folder, seconds = compile_all()
    if as_json:
        print_json({"folder": folder, "seconds": round(seconds, 2)})
    elif folder:
        click.echo(f"Kernels are compiled; their machine code is in {folder} ({seconds:.1f} s).")
    else:
        click.echo("No cache folder can be written. Name one in the environment: NUMBA_CACHE_DIR.", err=True)
    if not folder:
        raise click.exceptions.Exit(CHECK_FAILED)


@main.command()
@click.argument("preds", type=_Path)
@click.option("--split", required=True, help="train, val or test.")
@_data
@_protocol
@click.option("--reactions", type=int, help="Reactions a clip that are expected, whatever the protocol says.")
@_json
@_quiet
def validate(
    preds: Path,
    split: str,
    data: Path | None,
    protocols: tuple[str, ...],
    reactions: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check a submission: every problem at once. Exit code 1 if it has errors."""
    from react_eval.validation import validate as validate_file

    options: dict[str, Any] = {"protocol": protocols, "reactions": reactions}
    report = validate_file(preds, split=split, data=data, **options, show_progress=False if quiet else None)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(str(report))
    if not report.ok:
        raise click.exceptions.Exit(CHECK_FAILED)


@main.command(name="protocols")
@_json
def list_protocols(as_json: bool) -> None:
    """List the protocols."""
    from react_eval.protocol import protocols

    if as_json:
        print_json(protocols())
        return
    for id_, summary in protocols().items():
        click.echo(f"{id_:<14} {summary}")


@main.command()
@click.argument("name")
def explain(name: str) -> None:
    """Explain a metric, a protocol or an error code."""
    from react_eval.explaining import explain as explain_name

    click.echo(explain_name(name))


@main.command()
@click.option("--split", default="val", show_default=True, help="train, val or test.")
@_data
@_protocol
@click.option("--only", "names", multiple=True, help="Baseline; repeatable.  [default: the challenge's]")
@click.option("--seed", default=0, show_default=True, help="Seed of B_Random.")
@click.option("--save-to", type=_Path, help="Folder to write the baselines into as submissions.")
@_json
@_quiet
def baselines(
    split: str,
    data: Path | None,
    protocols: tuple[str, ...],
    names: tuple[str, ...],
    seed: int,
    save_to: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Score the naive baselines on a split."""
    from react_data.location import find_data_root
    from react_eval.demo import score_baselines
    from react_eval.tables import table

    if save_to is not None:
        save_to.mkdir(parents=True, exist_ok=True)
    results = score_baselines(
        find_data_root(data), split, names=names, protocols=protocols, seed=seed, save_to=save_to,
        show_progress=False if quiet else None, say=lambda message: None if quiet else click.echo(message, err=True),
    )  # fmt: skip
    if as_json:
        print_json({str(each.results[0].facts["baseline"]): each.to_dict() for each in results})
        return
    for number in range(len(results[0].results)):
        click.echo(table([each.results[number] for each in results]).to_text() + "\n")


@main.command()
@click.argument("folder", type=_Path, default=Path("react-demo"))
@click.option("--recordings", default=24, show_default=True, help="Recordings to synthesise.")
@click.option("--seed", default=0, show_default=True, help="Seed of the data, of B_Random and of the generator.")
@click.option("--train/--no-train", default=True, help="Whether a small generator is trained, which takes a minute.")
@_quiet
def demo(folder: Path, recordings: int, seed: int, train: bool, quiet: bool) -> None:
    """Write synthetic dyads into FOLDER, score naive baselines and a small generator on them, and write reports."""
    from react_eval.demo import run_demo

    def say(message: str) -> None:
        if not quiet:
            click.echo(message, err=True)

    shown = False if quiet else None
    tables = run_demo(folder, recordings=recordings, seed=seed, train=train, show_progress=shown, say=say)
    for each in tables:
        click.echo(each.to_text() + "\n")
    click.echo(f"Look at {folder / 'reports'} in a browser; tables: {folder / 'report.md'}, {folder / 'tables.tex'};")
    click.echo(f"results: {folder / 'results'}")
