"""Find every problem of a submission at once; works without labels, and says nothing about them."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np

from react_data.channels import ChannelSchema, schema_for, schema_of
from react_data.clips import match_clip_ids
from react_data.location import find_data_root
from react_data.opening import open_split
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_eval.clip_set import Clips
from react_eval.inputs import Predictions, as_predictions
from react_eval.metrics.arguments import shapes_of
from react_eval.prediction_values import check_values
from react_eval.protocol import Protocol, find_protocol
from react_eval.submissions.layout import ORDER_ON_TRUST, VARIABLES
from react_eval.targets import frames_scored, rows_scored

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_submission", "validate"]

FRAMES = ProblemKind(
    "RE110",
    "Predictions are too short, too long, or of the wrong shape.\n\n"
    "They are (clip, reaction, frame, channel) with at least as many frames as are scored, 750 in the REACT "
    "challenges; more are cut, with a warning.",
)
CLIPS = ProblemKind(
    "RE112",
    "Clips are missing, unknown, or given twice.\n\n"
    "A submission has each clip of the split exactly once, in any order, under the speaker's path in the challenge's "
    "list; the emotion folder's P1 and P2 are understood.",
)
NUMBER = ProblemKind(
    "RE113",
    "The number of clips is wrong, where no clips are named.\n\n"
    "The challenge lists every recording twice: first all rows of the list, then all rows with the roles swapped.",
)
REACTIONS = ProblemKind("RE116", "The number of reactions a clip is not the challenge's: it asks for 10.")
ORDER = ProblemKind(
    "RE118",
    "No clips are named, so their order is taken on trust.\n\n"
    "Nothing can tell whether it is right. Save clip ids with the predictions: react_eval.save_submission(clips=…).",
)
CLAIM = ProblemKind("RE119", "The predictions say that they are for another split than they are used for.")
CHANNELS = ProblemKind(
    "RE120",
    "Predictions have other channels than the data set.\n\n"
    "Facial attributes have 25 channels and 3DMM coefficients 58, in the data set's order.",
)

_MODALITIES = {"emotion": "emotion", "coefficients": "3dmm"}
_REACTIONS = 10
_SUGGESTED = 3


def validate(
    preds: Any,
    *,
    split: str,
    data: str | os.PathLike[str] | None = None,
    protocol: str | Protocol | Sequence[str | Protocol] | None = None,
    reactions: int | None = None,
    show_progress: bool | None = None,
) -> ProblemReport:
    """Find every problem of predictions for a split, without scoring them.

    Args:
        preds: A path, or anything else that `react_eval.score` takes.
        split: ``"train"``, ``"val"`` or ``"test"``.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if not given. It needs no labels.
        protocol: Names, ids or protocols, which say how many frames and reactions are expected; those of the REACT
            challenges, 750 and 10, if not given.
        reactions: Reactions a clip that are expected, whatever the protocol says.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        Errors, warnings and what was checked; ``report.ok`` if nothing forbids scoring.

    Raises:
        UnreadableFileError: If the file cannot be read safely.
        InputError: If `preds` is of no known form.
        DataRootError: If no data set is found.
        UnknownNameError: If a protocol is not known.
    """
    names = [protocol] if isinstance(protocol, (str, Protocol)) else protocol or ()
    protocols = [find_protocol(name) for name in names]
    dataset = open_split(find_data_root(data), split)
    given = as_predictions(preds, show_progress=show_progress)
    with ExitStack() as stack:
        if given.submission is not None and given is not preds:
            stack.enter_context(given.submission)
        options: dict[str, Any] = {"protocols": protocols, "reactions": reactions, "show_progress": show_progress}
        return check_submission(given, dataset, **options)[0]


def check_submission(
    given: Predictions,
    dataset: xr.Dataset,
    *,
    protocols: Sequence[Protocol] = (),
    reactions: int | None = None,
    show_progress: bool | None = False,
) -> tuple[ProblemReport, list[int]]:
    """Find every problem, and where each clip of the split is.

    Args:
        given: The predictions.
        dataset: The split they are for, from `react_data.open_split`.
        protocols: What they are scored under, which says how many frames and reactions are expected; those of the REACT
            challenges if empty.
        reactions: Reactions a clip that are expected, whatever the protocols say.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        The report, and for each clip of the split its position in the predictions, −1 for one that is not there and
        that no protocol scores; empty if clips are missing.
    """
    report = ProblemReport(str(given.submission.path) if given.submission is not None else "predictions")
    known, split = [str(clip) for clip in dataset["clip"].values], dataset.attrs["split"]
    order = _check_clips(given, known, protocols, report)
    claimed = given.attributes.get("split", "")
    if claimed not in ("", split):
        message = f"the predictions say that they are for split {claimed!r}, but they are used for {split!r}."
        report.warning(CLAIM, message)
    schemas = {kind: schema_of(dataset, kind) for kind in VARIABLES}
    _check_kinds(given, dataset, schemas, report)
    names = given.clips or tuple(f"number {position}" for position in range(len(given)))
    frames = _frames_scored(dataset, protocols, order, len(given))
    for kind, clips in given.arrays.items():
        report.checked[VARIABLES[kind]] = _check_shapes(clips, names, kind, frames, report)
        _check_reactions(clips[0].shape[0], VARIABLES[kind], protocols, reactions, report)
        schema = schemas[kind] if len(schemas[kind]) == clips[0].shape[2] else schema_for(clips[0].shape[2])
        stored = given.submission.stored_dtype[kind] if given.submission is not None else "float32"
        check_values(clips, names, schema, report, kind=kind, stored_dtype=stored, show_progress=show_progress)
    report.checked |= {"split": f"{split}, {len(known)} clips"}
    if given.notes:
        report.checked["notes"] = "; ".join(given.notes)
    return report, order


def _check_clips(
    given: Predictions, known: Sequence[str], protocols: Sequence[Protocol], report: ProblemReport
) -> list[int]:
    if given.clips is None:
        report.warning(ORDER, f"{ORDER_ON_TRUST}. Save clip ids with the predictions.")
        if len(given) == len(known):
            return list(range(len(known)))
        halves = " Every recording counts twice, once for each person as the speaker." * (2 * len(given) == len(known))
        report.error(NUMBER, f"there are {len(given)} clips, expected the {len(known)} of the split.{halves}")
        return []
    matched = match_clip_ids(given.clips, known)
    unknown = [clip for clip, match in zip(given.clips, matched, strict=True) if match is None]
    counts = Counter(match for match in matched if match is not None)
    rows = [rows_scored(known, protocol) for protocol in protocols] or [np.arange(len(known))]
    missing = [known[row] for row in np.unique(np.concatenate(rows)) if known[row] not in counts]
    repeated = [clip for clip, count in counts.items() if count > 1]
    if missing:
        report.error(CLIPS, f"{len(missing)} of {len(known)} clips are missing: {abbreviate(missing)}.")
    if unknown:
        listed = abbreviate(_with_suggestions(unknown, known))
        report.error(CLIPS, f"{len(unknown)} clips are not in the split: {listed}. Remove them, or correct their ids.")
    if repeated:
        report.error(CLIPS, f"{len(repeated)} clips are given more than once: {abbreviate(repeated)}.")
    position = {match: number for number, match in enumerate(matched)}
    return [] if missing else [position.get(clip, -1) for clip in known]


def _with_suggestions(unknown: Sequence[str], known: Sequence[str]) -> list[str]:
    described = [repr(clip) for clip in unknown]
    for number, clip in enumerate(unknown[:_SUGGESTED]):
        close = difflib.get_close_matches(clip, known, n=1, cutoff=0.8)
        described[number] += f" (did you mean {close[0]!r}?)" if close else ""
    return described


def _check_kinds(
    given: Predictions, dataset: xr.Dataset, schemas: Mapping[str, ChannelSchema], report: ProblemReport
) -> None:
    there = [kind for kind, modality in _MODALITIES.items() if f"speaker_{modality}" in dataset]
    if there and not set(there) & set(given.arrays):
        wanted = " or ".join(f"{VARIABLES[kind]} ({len(schemas[kind])} channels)" for kind in there)
        report.error(CHANNELS, f"there is only {', '.join(VARIABLES[kind] for kind in given.arrays)}; pass {wanted}.")
    for kind, clips in given.arrays.items():
        channels = clips[0].shape[2]
        if channels != len(schemas[kind]):
            report.error(CHANNELS, f"{VARIABLES[kind]} has {channels} channels, expected {len(schemas[kind])}.")
        else:
            _check_names(given.channels.get(kind), schemas[kind], kind, report)


def _check_names(names: Sequence[str] | None, schema: ChannelSchema, kind: str, report: ProblemReport) -> None:
    expected = schema.channels
    wrong = [n for n, pair in enumerate(zip(names or expected, expected, strict=True)) if pair[0] != pair[1]]
    if names is None or not wrong:
        return
    first = f"channel {wrong[0]} is {names[wrong[0]]!r}, expected {expected[wrong[0]]!r}"
    message = f"{VARIABLES[kind]} names its channels differently: {first} ({len(wrong)} differ)."
    if sorted(names) == sorted(expected):
        report.error(CHANNELS, f"{message} They are in another order; put them in the data set's.")
    else:
        report.warning(CHANNELS, f"{message} The data set's names are used.")


def _frames_scored(
    dataset: xr.Dataset, protocols: Sequence[Protocol], order: Sequence[int], given: int
) -> dict[int, int]:
    """How many frames are scored of each clip of the predictions, as far as that is known."""
    ragged = "speaker_row_size" in dataset
    if not ragged and "frame" not in dataset.sizes:
        return {}
    usual = find_protocol("react2025+linear" if ragged else "react2024")
    wanted = np.max([frames_scored(dataset, each) for each in protocols or [usual]], axis=0)
    if not ragged:
        return dict.fromkeys(range(given), int(wanted[0]))
    return {position: int(wanted[row]) for row, position in enumerate(order) if position >= 0}


def _check_reactions(
    found: int, label: str, protocols: Sequence[Protocol], wanted: int | None, report: ProblemReport
) -> None:
    expected = {f" ({each.id})" if len(protocols) > 1 else "": each.reactions for each in protocols}
    expected = expected or {"": _REACTIONS}
    for protocol, number in (expected if wanted is None else {"": wanted}).items():
        if found != number:
            report.error(REACTIONS, f"there are {found} reactions a clip, expected {number}{protocol}.", label)


def _check_shapes(
    clips: Clips, names: Sequence[str], kind: str, frames: Mapping[int, int], report: ProblemReport
) -> str:
    """Check the numbers of frames; returns the sizes for people."""
    shapes = shapes_of(clips)
    lengths = [shape[1] for shape in shapes]
    label = VARIABLES[kind]
    scored = set(frames.values())
    one = next(iter(scored)) if len(scored) == 1 else None
    short = [
        f"{names[n]} ({length}{'' if one else f' of {frames[n]}'})"
        for n, length in enumerate(lengths)
        if length < frames.get(n, 0)
    ]
    if short:
        wanted = f"the {one} frames that are scored" if one else "their speakers"
        report.error(FRAMES, f"{len(short)} clips are shorter than {wanted}: {abbreviate(short)}.", label)
    long = [length for n, length in enumerate(lengths) if length > frames.get(n, length)]
    if long:
        first = f"the first {one}" if one else "as many as the speakers have"
        report.warning(FRAMES, f"{len(long)} clips have up to {max(long)} frames; {first} are scored.", label)
    span = f"{min(lengths)} to {max(lengths)}" if min(lengths) < max(lengths) else f"{lengths[0]}"
    return f"{len(shapes)} clips × {shapes[0][0]} reactions × {span} frames × {shapes[0][2]} channels"
