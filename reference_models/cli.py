"""The command line ``react-models``."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from react_data.command_line import Commands, print_json

__all__ = ["main"]

_Path = click.Path(path_type=Path)
_data = click.option("--data", type=_Path, help="Folder of the data set; else $REACT_DATA or config.toml.")
_features = click.option("--features", type=_Path, help="Folder of `react-data features`.")
_videos = click.option("--videos", type=_Path, help="Tree in which videos lie, for a pack.")
_device = click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
_json = click.option("--json", "as_json", is_flag=True, help="Print machine-readable output on stdout.")
_quiet = click.option("--quiet", is_flag=True, help="Show no progress.")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("react-eval"), prog_name="react-models")
def main() -> None:
    """List, train, convert and run generators of facial reactions."""


@main.command(name="list")
@click.argument("name", required=False)
@_json
def list_models(name: str | None, as_json: bool) -> None:
    """List the models, or say all about the model NAME."""
    from reference_models.listing import describe, overview, text_of

    if name is None:
        found = overview()
        if as_json:
            print_json(found)
        else:
            click.echo(text_of(found))
        return
    details = describe(name)
    if as_json:
        print_json(details.to_dict())
    else:
        click.echo(str(details))


@main.command()
@click.argument("generator")
@_data
@click.option("--split", required=True, help="train, val or test.")
@click.option("--out", type=_Path, help="Submission to write.  [default: GENERATOR-SPLIT-TRACK-seedN.h5]")
@click.option("--weights", type=_Path, help="Checkpoint of ours or of the official layout, for a model's name.")
@click.option("--preset", type=click.Choice(["published", "clean", "tiny"]), help="Configuration of a model's name.")
@click.option("--reactions", default=10, show_default=True, help="Reactions a clip.")
@click.option("--online", is_flag=True, help="Generate window by window from the past.")
@click.option("--seed", default=0, show_default=True, help="Seed of the run.")
@click.option("--limit", type=click.IntRange(min=1), help="How many clips, from the first on.")
@click.option("--frames", type=click.IntRange(min=1), help="Cut speakers to so many frames.")
@click.option("--personalise", is_flag=True, help="Show the model another clip of each listener.")
@click.option(
    "--history",
    default="first",
    show_default=True,
    type=click.Choice(["first", "other", "elsewhere", "stranger"]),
    help="Clip 1 of the conversation, any other of the listener, one of another conversation, or somebody else's.",
)
@click.option("--history-frames", type=click.IntRange(min=1), help="Cut that clip to so many frames.")
@click.option("--method", help="Name of the method in tables.")
@click.option("--precision", default="32", show_default=True, help="32, bf16 or 16.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@_features
@_videos
@_device
@_quiet
def generate(
    generator: str,
    data: Path | None,
    split: str,
    out: Path | None,
    weights: Path | None,
    preset: str | None,
    device: str,
    quiet: bool,
    **how: Any,
) -> None:
    """Let GENERATOR react to the speakers of a split, and write a submission.

    GENERATOR is a model's name, a checkpoint, or MODULE:CALLABLE, a function generate(batch, reactions, seed, online)
    or something that gives an object with such a method. An interrupted run is continued by the same command.
    """
    from react_data.location import find_data_root
    from reference_models.generation import generate_submission, method_name
    from reference_models.generator_names import find_generator

    root = find_data_root(data)
    found = find_generator(generator, weights, config=preset, device=device, seed=how["seed"])
    if not found.trained:
        click.echo(f"{found.title} has no weights here: these are random ones. Name some with --weights.", err=True)
    track = "online" if how["online"] else "offline"
    kind = f"{track}-personalised-{how['history']}" if how["personalise"] else track
    target = out or Path(f"{Path(generator.replace(':', '-')).stem}-{split}-{kind}-seed{how['seed']}.h5")
    how["method"] = how["method"] or method_name(found.title, personalise=how["personalise"])
    written = generate_submission(
        found.generator, root, target, split=split, **how, show_progress=False if quiet else None
    )
    click.echo(str(written))


@main.command()
@click.argument("generator")
@_data
@click.option("--split", required=True, help="train, val or test.")
@click.option("--out", type=_Path, required=True, help="JSON file of the study; an interrupted one is continued.")
@click.option("--lengths", default="50,150,300,750", show_default=True, help="Frames of clip 1 of the conversation.")
@click.option(
    "--contents",
    default="first,other,stranger,none",
    show_default=True,
    help="What histories are, whole: first, other, elsewhere, stranger, none.",
)
@click.option("--weights", type=_Path, help="Checkpoint of ours or of the official layout, for a model's name.")
@click.option("--protocol", default="perfrdiff", show_default=True, help="Protocol name or id.")
@click.option("--online", is_flag=True, help="Generate window by window from the past.")
@click.option("--seed", default=0, show_default=True, help="Seed of generations and of drawn histories.")
@_features
@_device
@_json
@_quiet
def history(
    generator: str,
    data: Path | None,
    out: Path,
    lengths: str,
    contents: str,
    weights: Path | None,
    device: str,
    as_json: bool,
    quiet: bool,
    **how: Any,
) -> None:
    """Score GENERATOR personalised by histories of different length and content."""
    from react_data.location import find_data_root
    from reference_models.generator_names import find_generator
    from reference_models.history_study import history_study

    chosen = [each.strip() for each in lengths.split(",") if each.strip()]
    if not all(each.isdecimal() for each in chosen):
        raise click.BadParameter(f"{lengths!r} are no frames, expected numbers such as 50,150.", param_hint="--lengths")
    found = find_generator(generator, weights, device=device, seed=how["seed"])
    study = history_study(
        found.generator, find_data_root(data), out=out, lengths=[int(each) for each in chosen],
        contents=[each.strip() for each in contents.split(",") if each.strip()],
        show_progress=False if quiet else None, **how,
    )  # fmt: skip
    if as_json:
        print_json(study.to_dict())
    else:
        click.echo(str(study))


@main.command()
@click.argument("checkpoints", metavar="CHECKPOINT...", nargs=-1, required=True, type=_Path)
@click.argument("out", type=_Path)
@click.option("--model", help="Name of the model; needed unless --export.")
@click.option("--config", type=_Path, help="YAML file of configuration fields.  [default: the published ones]")
@click.option("--export", is_flag=True, help="The reverse: from a checkpoint of ours to the official layout.")
@_json
def convert(
    checkpoints: tuple[Path, ...], out: Path, model: str | None, config: Path | None, export: bool, as_json: bool
) -> None:
    """Convert the published CHECKPOINT to ours, OUT; lists every key that is missing, unexpected or ignored.

    Where the official code keeps a model in several files, name all of them, or the folder that holds them.
    """
    from reference_models.conversion import convert_checkpoint, export_checkpoint
    from reference_models.records import find_model
    from reference_models.training.settings import read_settings_file

    if export:
        if len(checkpoints) > 1:
            raise click.UsageError("--export takes one checkpoint of ours, and OUT.")
        found = export_checkpoint(checkpoints[0], out)
    elif model is None:
        raise click.UsageError("name the model of the published file: --model NAME.")
    else:
        kind = find_model(model).config_class()
        fields = kind.published().to_dict() | (read_settings_file(config)["config"] if config is not None else {})
        found = convert_checkpoint(checkpoints, out, model=model, config=kind.from_dict(fields))
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))


@main.command()
@click.argument("name", required=False)
@_data
@click.option("--out", type=_Path, required=True, help="Folder of the run; an earlier run there is continued.")
@click.option("--config", "file", type=_Path, help="YAML file: model, preset, config, recipe, training.")
@click.option("--preset", type=click.Choice(["published", "clean", "tiny"]), help="Configuration.  [default: clean]")
@click.option(
    "--base", type=_Path, help="Checkpoint of the model that NAME adds something to; its stages are left out."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="config.…, recipe.… or of training.")
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs of every stage.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random.")
@click.option("--devices", type=click.IntRange(min=1), help="How many GPUs.")
@click.option("--precision", type=click.Choice(["32", "bf16", "16"]), help="bf16 or 16 for mixed precision.")
@_features
@_videos
@_json
@_quiet
def train(
    name: str | None,
    data: Path | None,
    out: Path,
    file: Path | None,
    preset: str | None,
    base: Path | None,
    overrides: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> None:
    """Train the model NAME; an interrupted run is continued by the same command."""
    from react_data.location import find_data_root
    from reference_models.training.commands import train_by_settings
    from reference_models.training.processes import first_process

    root = find_data_root(data)
    found = train_by_settings(
        name, root, out, file=file, preset=preset, base=base, overrides=overrides, given=given,
        show_progress=False if quiet else None,
    )  # fmt: skip
    if not first_process():
        return
    if as_json:
        print_json({"path": str(found.path), "best_epoch": found.best_epoch, "scores": found.scores})
    else:
        best = "" if found.best_epoch is None else f", best of epoch {found.best_epoch}"
        click.echo(f"{found.path}{best}")


@main.command()
@click.argument("generator")
@_data
@click.option("--split", default="val", show_default=True, help="train, val or test.")
@click.option("--weights", type=_Path, help="Checkpoint, for a model's name.")
@click.option("--preset", type=click.Choice(["published", "clean", "tiny"]), help="Configuration of a model's name.")
@click.option("--online/--offline", default=True, show_default=True, help="The mode.")
@click.option("--clips", default=3, show_default=True, help="Clips to try.")
@click.option("--seed", default=0, show_default=True, help="Seed of generations and changes.")
@_features
@_device
@_json
def causality(
    generator: str,
    data: Path | None,
    split: str,
    weights: Path | None,
    preset: str | None,
    online: bool,
    clips: int,
    seed: int,
    features: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Find out how far into the speaker's future GENERATOR looks; exit code 1 if it does so online."""
    from react_data.command_line import CHECK_FAILED
    from react_data.location import find_data_root
    from reference_models.causality import check_causality
    from reference_models.generator_names import find_generator
    from reference_models.speaker_inputs import open_for

    found = find_generator(generator, weights, config=preset, device=device, seed=seed)
    dataset = open_for(found.generator, find_data_root(data), split, features=features)
    report = check_causality(found.generator, dataset, online=online, clips=clips, seed=seed)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(str(report))
    if online and not report.causal:
        raise click.exceptions.Exit(CHECK_FAILED)
