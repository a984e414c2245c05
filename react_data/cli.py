"""The command line ``react-data``."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from react_data.command_line import CHECK_FAILED, Commands, print_json

__all__ = ["main"]

_Path = click.Path(path_type=Path)
_root = click.argument("root", type=_Path, required=False)
_json = click.option("--json", "as_json", is_flag=True, help="Print machine-readable output on stdout.")
_quiet = click.option("--quiet", is_flag=True, help="Show no progress.")
_layout = click.option("--layout", help="Name of the layout; recognised if not given.")
_draw_seed = click.option("--draw-seed", type=int, help="Seed of the drawn appropriate reactions (MARS).  [default: 0]")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("react-eval"), prog_name="react-data")
def main() -> None:
    """Make, verify and describe data sets of dyadic interaction.

    ROOT is the folder of the data set, or a packed file; where it is left out, $REACT_DATA or config.toml names it.
    """


@main.command()
@click.argument("path", type=_Path)
@click.option("--layout", default="react2024", show_default=True, help="react2023, …, react2026, or a plain one.")
@click.option("--recordings", default=24, show_default=True, help="Recordings in all splits together.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything random.")
@click.option("--split", "splits", multiple=True, help="Split to write; may be repeated.  [default: all]")
@click.option("--frames", default=751, show_default=True, help="Frames a clip; in MARS the mean.")
@click.option("--corpus", "corpora", multiple=True, help="Corpus to imitate; repeatable.  [default: of the layout]")
@click.option("--modality", "modalities", multiple=True, help="emotion, 3dmm, audio, eeg; repeatable.  [default: all]")
@click.option("--sample-rate", default=44100, show_default=True, help="Sound samples a second.")
@click.option("--behaviours", type=int, help="Pairs of behaviour classes.  [default: 1 for 12 recordings]")
@click.option("--habits", default=1.0, show_default=True, help="How far persons differ, as a factor.")
@click.option("--video", help="png (a folder of images a clip) or mp4.  [default: no video]")
@click.option("--frame-size", default=64, show_default=True, help="Pixels a side of the video.")
@click.option("--hide", "hidden", multiple=True, help="Split to write with speakers only; may be repeated.")
@_json
@_quiet
def synthesise(path: Path, as_json: bool, quiet: bool, **settings: Any) -> None:
    """Write a synthetic data set in the layout of a challenge, or arrays, openface or motion-energy, into PATH."""
    from react_data.contents import describe  # imports take time that --help should not
    from react_data.synthesis import synthesise as write

    given = {name: value for name, value in settings.items() if value not in ((), None)}
    _show(describe(write(path, **given, show_progress=False if quiet else None)), as_json)


@main.command()
@_root
@_layout
@click.option("--split", "splits", multiple=True, help="Split that has to be there; repeatable.  [default: any]")
@_json
@_quiet
def verify(root: Path | None, layout: str | None, splits: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Find every problem of a data set; exit code 1 if there are errors."""
    from react_data.verification import verify as find_problems

    report = find_problems(root, splits or None, layout=layout, show_progress=False if quiet else None)
    if as_json:
        print_json(report.to_dict())
    else:
        click.echo(str(report))
    if not report.ok:
        click.get_current_context().exit(CHECK_FAILED)


@main.command()
@click.argument("root", type=_Path)
@click.argument("out", type=_Path)
@_layout
@click.option("--split", "splits", multiple=True, help="Split to pack; may be repeated.  [default: all]")
@click.option("--modality", "modalities", multiple=True, help="emotion, 3dmm, audio, …; repeatable.  [default: all]")
@click.option("--coefficients", help="raw, zero-centred or standardised 3DMM coefficients.  [default: raw]")
@click.option("--mean-face", type=_Path, help="mean_face.npy, where --coefficients needs it.")
@click.option("--std-face", type=_Path, help="std_face.npy, where --coefficients needs it.")
@_draw_seed
@click.option("--features", type=_Path, help="Folder of `react-data features`, to be packed too.")
@click.option("--neighbours", type=_Path, multiple=True, help="File of `react-data neighbours --out`; repeatable.")
@click.option("--uncompressed", is_flag=True, help="A larger file that is read faster.")
@_json
@_quiet
def pack(root: Path, out: Path, as_json: bool, quiet: bool, uncompressed: bool, **settings: Any) -> None:
    """Pack the data set ROOT, all but video, into the file OUT; a run that was interrupted is continued."""
    from react_data.contents import describe
    from react_data.packing import pack as write

    given = {name: value for name, value in settings.items() if value not in ((), None)}
    written = write(root, out, **given, compressed=not uncompressed, show_progress=False if quiet else None)
    _show(describe(written), as_json)


@main.command()
@click.argument("root", type=_Path)
@click.argument("folder", type=_Path)
@click.option("--feature", "features", multiple=True, required=True, help="mfcc78, mfcc26 or wav2vec; repeatable.")
@_layout
@click.option("--split", "splits", multiple=True, help="Split whose sound is used; repeatable.  [default: all]")
@click.option("--model", type=_Path, help="Folder of the wav2vec 2.0 checkpoint; nothing is downloaded.")
@click.option("--device", default="cpu", show_default=True, help="Where the model computes, as torch names it.")
@_json
@_quiet
def features(root: Path, folder: Path, as_json: bool, quiet: bool, splits: tuple[str, ...], **settings: Any) -> None:
    """Compute features of the sound of the data set ROOT into FOLDER; a run that was interrupted is continued."""
    from react_data.feature_writing import write_features

    written = write_features(root, folder, splits=splits or None, **settings, show_progress=False if quiet else None)
    told = {"features": str(written), "made": list(settings["features"])}
    if as_json:
        print_json(told)
    else:
        click.echo(f"{written}: {', '.join(told['made'])}")


@main.command()
@_root
@_layout
@click.option("--split", required=True, help="Split whose clips are compared.")
@click.option("--out", type=_Path, help="HDF5 file to write; a run that was interrupted is continued.")
@click.option("--measure", default="dtw", show_default=True, help="dtw, euclidean, ccc or cosine.")
@click.option("--series", default="speaker_emotion", show_default=True, help="Which series say what speakers do.")
@click.option("--features", type=_Path, help="Folder of `react-data features`, of which --series may name one.")
@click.option("--normalise", default="none", show_default=True, help="none, z-score by channel, or z-score by clip.")
@click.option("--per-frame", is_flag=True, help="Divide dtw by the lengths of the clips.")
@click.option("--threshold", type=float, help="Largest distance, or least similarity, of a neighbour.")
@click.option("--top-k", type=int, help="How many nearest clips are neighbours.")
@click.option("--symmetric", default="as found", show_default=True, help="as found, either or both.")
@click.option("--threads", type=int, help="How many; one for each processor if not given.")
@click.option("--explain", metavar="CLIP", help="Show which clips are neighbours of CLIP, how similar, and why.")
@click.option("--count", default=5, show_default=True, help="How many neighbours --explain shows.")
@_draw_seed
@_json
@_quiet
def neighbours(
    root: Path | None, split: str, out: Path | None, series: str, explain: str | None, count: int, as_json: bool,
    quiet: bool, layout: str | None, features: Path | None, draw_seed: int | None, **rule: Any,
) -> None:  # fmt: skip
    """Find the clips whose speakers behave alike: reactions to one are appropriate for the other.

    With --explain and neither --threshold nor --top-k, the data set's own neighbours are explained.
    """
    from react_data.location import find_data_root
    from react_data.neighbour_commands import describe_retrieval, explain_clip

    place, shown = find_data_root(root), False if quiet else None
    given = {"layout": layout, "features": features, "draw_seed": draw_seed}
    options = {name: value for name, value in given.items() if value is not None}
    if explain is not None:
        explained = explain_clip(place, split, series, explain, rule, options=options, count=count, show_progress=shown)
        if as_json:
            print_json(explained.to_dict())
        else:
            click.echo(str(explained))
        return
    found = describe_retrieval(place, split, series, out, rule, options=options, show_progress=shown)
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(f"{name}: {value}" for name, value in found.items()))


@main.command()
@_root
@click.option("--out", type=_Path, help="Folder to write into.  [default: ROOT]")
@click.option("--split", "splits", multiple=True, help="Split to write for; repeatable.  [default: all with listeners]")
@_json
def personal(root: Path | None, out: Path | None, splits: tuple[str, ...], as_json: bool) -> None:
    """Write the lists and matrices of personalised generation, for a tree of REACT 2023 or 2024."""
    from react_data.location import find_data_root
    from react_data.personal_clips import write_person_specific

    written = [str(path) for path in write_person_specific(find_data_root(root), out, splits=splits or None)]
    if as_json:
        print_json({"written": written})
    else:
        click.echo("\n".join(written))


@main.command()
@_root
@_layout
@_json
def info(root: Path | None, layout: str | None, as_json: bool) -> None:
    """Say what a data set holds."""
    from react_data.contents import describe

    _show(describe(root, layout=layout), as_json)


def _show(contents: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(contents)
    else:
        click.echo(_described(contents))


def _described(contents: dict[str, Any]) -> str:
    lines = [f"{contents['root']}: {contents['layout']}, {'synthetic' if contents['synthetic'] else 'recorded'} data"]
    for split, counts in contents["splits"].items():
        spread = counts["neighbours"]
        lines += [
            f"{split}: {counts['recordings']} recordings, {counts['clips']} clips of {counts['frames']} frames",
            f"  {counts['sessions']} sessions, {counts['persons']} persons; {', '.join(counts['modalities'])}",
            "  with listeners" if counts["labels"] else "  speakers only: can be validated, not scored",
        ]
        if spread is not None:
            lines.append(f"  neighbours a clip: {spread['min']} to {spread['max']}, median {spread['median']:g}")
    return "\n".join(lines)
