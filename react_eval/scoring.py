"""`score` a submission for a split, and `score_arrays` without any disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema, schema_for
from react_data.clips import ClipId
from react_data.errors import LabelsMissingError
from react_data.location import find_data_root
from react_data.official_tree import OfficialTree, open_split
from react_data.problems import ProblemReport
from react_eval.clip_set import Clips, ClipSet
from react_eval.errors import ChannelError, InputError, SubmissionError
from react_eval.inputs import Predictions, as_predictions
from react_eval.measuring import chosen_protocols, gather, measure
from react_eval.metrics.arguments import clip_set, neighbour_indices
from react_eval.protocol import Protocol
from react_eval.result import ProtocolResults, ScoreResult
from react_eval.submissions.layout import ORDER_ON_TRUST
from react_eval.validation import CLAIM, FRAMES, ORDER, check_submission

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["score", "score_arrays"]

Protocols = str | Protocol | Sequence[str | Protocol]

# Warnings that a reader of the score needs; the others are counted in the diagnostics.
_NOTED = (FRAMES.code, CLAIM.code, ORDER.code)
_VARIABLES = {"emotion": "emotion", "coefficients": "3dmm"}


def score_arrays(
    predictions: Any,
    *,
    listener: Any = None,
    speaker: Any = None,
    neighbours: Any = None,
    personal: Any = None,
    persons: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
    clips: Sequence[str] | None = None,
    channels: ChannelSchema | Sequence[str] | None = None,
    protocol: Protocols = "react2024",
    metrics: Sequence[str] | None = None,
    context: bool = True,
    show_progress: bool | None = False,
) -> ScoreResult | ProtocolResults:
    """Score predictions against listeners and speakers that are in memory, without a data set.

    Args:
        predictions: Any form that `score` takes: (N, α, T, C) float32, N arrays (α, T, C), a file, …
        listener: Real listeners, (M, T, C) or M arrays (T, C); listener n belongs to clip n.
        speaker: Speakers, (N, T, C) or N arrays (T, C).
        neighbours: (N, M) array of 0 and 1: whether listener m is appropriate for clip n; or for each clip a list of
            indices. Nested lists are indices: make an array of a matrix.
        personal: The same for neighbours that are the same listener person.
        persons: The listener person of each clip, from which `personal` follows if it is not given.
        sessions: The conversation of each clip, over which intervals are made.
        clips: Ids of the clips; their numbers if not given.
        channels: A schema or channel names; told from the number of channels if not given.
        protocol: Names, ids or protocols; several share what they can.
        metrics: Result keys, names or aliases; every metric whose inputs are there if not given.
        context: Whether to score GT and B_Mime on the same data too.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        A mapping of result keys to floats; for several protocols of ``"protocol/key"`` to floats.

    Raises:
        InputError: If shapes, types or values do not fit, or a metric that was asked for lacks an input.
        UnknownNameError: If a protocol or metric is not known.

    Example:
        >>> noise = np.random.default_rng(0).random((4, 10, 60, 25), dtype=np.float32)
        >>> round(score_arrays(noise)["FRVar"], 2)
        0.08
    """
    given = as_predictions(predictions, show_progress=show_progress)
    kind = _kind_beside(given, listener if listener is not None else speaker)
    schema = channels if isinstance(channels, ChannelSchema) else schema_for(channels) if channels is not None else None
    ids = [str(clip) for clip in clips] if clips is not None else list(given.clips or ()) or None
    if given.clips is not None and ids != list(given.clips):
        raise InputError("clips=… differs from the clips that the predictions name, or from their order. Pass one.")
    inputs = clip_set(
        given.arrays[kind],
        listener=listener,
        speaker=speaker,
        neighbours=neighbours,
        personal=_personal(personal, persons, neighbours, listener),
        clips=ids,
        schema=schema,
    )
    if sessions is not None and len(sessions) != len(inputs):
        raise InputError(f"sessions names {len(sessions)} conversations, expected one for each of {len(inputs)} clips.")
    inputs = replace(inputs, sessions=sessions, show_progress=show_progress)
    facts = {"neighbours": "given" if neighbours is not None else "none"}
    results = [
        measure(inputs, each, metrics=metrics, facts=facts, context=context, notes=given.notes)
        for each in chosen_protocols(protocol)
    ]
    return gather(results)


def _kind_beside(given: Predictions, others: Any) -> str:
    """The kind of predictions with as many channels as the listeners or speakers have; the first if none has."""
    channels = None if others is None else np.shape(others[0])[-1]
    if len(given.arrays) == 1:
        return next(iter(given.arrays))
    fitting = [kind for kind, values in given.arrays.items() if values[0].shape[-1] == channels]
    return next(iter([*fitting, *given.arrays]))


def _personal(personal: Any, persons: Sequence[str] | None, neighbours: Any, listener: Any) -> Any:
    if personal is not None or persons is None or neighbours is None:
        return personal
    if listener is None or len(persons) != len(listener):
        raise InputError(f"persons names {len(persons)} people, expected one for each listener.")
    names = np.asarray(persons)
    lists = neighbour_indices(neighbours, [str(n) for n in range(len(neighbours))], len(names))
    if len(lists) != len(names):
        raise InputError("persons needs one listener for each clip. Pass personal=… instead.")
    return [indices[names[indices] == names[clip]] for clip, indices in enumerate(lists)]


def score(
    preds: Any,
    *,
    split: str,
    data: str | os.PathLike[str] | None = None,
    protocol: Protocols | None = None,
    metrics: Sequence[str] | None = None,
    method: str | None = None,
    context: bool = True,
    device: str = "auto",
    show_progress: bool | None = None,
) -> ScoreResult | ProtocolResults:
    """Score predictions for a split of a data set, exactly as the challenge would.

    Args:
        preds: A path (HDF5, ``.npy``, ``.npz``, torch ``.pt``), an array (N, α, T, C) of numpy or torch in the split's
            clip order, an xarray object, a data frame, or arrays (α, T, C) by clip id.
        split: ``"train"``, ``"val"`` or ``"test"``.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if not given.
        protocol: Names, ids or protocols; follows from the data set if not given. Several share what they can.
        metrics: Result keys, names or aliases; all of the protocol if not given.
        method: Name of the row in tables; what the file says if not given.
        context: Whether to score GT and B_Mime on the same data too, which the table shows beside the values.
        device: ``"auto"`` or ``"cpu"``.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        A mapping of result keys to floats; for several protocols of ``"protocol/key"`` to floats.

    Raises:
        SubmissionError: If the predictions have problems; lists all of them.
        UnreadableFileError: If the file cannot be read safely.
        DataRootError: If no data set is found.
        LabelsMissingError: If the split holds speakers only.
        UnknownNameError: If a protocol or metric is not known.
    """
    if device not in ("auto", "cpu"):
        raise InputError(f"device {device!r} is not known. This version scores on the CPU: use 'auto' or 'cpu'.")
    tree = OfficialTree(find_data_root(data), split)
    if not tree.labelled:
        raise LabelsMissingError(
            f"split {split!r} of {tree.root} holds speakers only: it can be validated, not scored. "
            "Check the submission with `react-eval validate`, and score on val."
        )
    chosen = chosen_protocols(protocol or _usual_protocol(tree))
    with ExitStack() as opened:
        given = as_predictions(preds, show_progress=show_progress)
        if given.submission is not None and given is not preds:
            opened.enter_context(given.submission)
        report, order = check_submission(given, tree, reactions=chosen[0].reactions, show_progress=show_progress)
        if not report.ok:
            raise SubmissionError(report)
        scored = _Scored(given, order, open_split(tree.root, split), show_progress)
        options: dict[str, Any] = {
            "metrics": metrics,
            "context": context,
            "facts": _facts(given, tree, method),
            "notes": _notes(given, report),
            "run": {"file_sha256": given.submission.sha256} if given.submission is not None else {},
        }
        return gather([measure(scored.clip_set(each), each, **options) for each in chosen])


def _notes(given: Predictions, report: ProblemReport) -> tuple[str, ...]:
    warnings = [problem.message for problem in report.warnings if problem.code in _NOTED]
    return (*(note for note in given.notes if note != ORDER_ON_TRUST), *warnings)


def _facts(given: Predictions, tree: OfficialTree, method: str | None) -> dict[str, Any]:
    return {
        "split": tree.split,
        "neighbours": "matrix",
        "synthetic": tree.synthetic,
        "method": method or given.attributes.get("method", ""),
        "run_seed": given.attributes.get("run_seed", ""),
        "track": given.attributes.get("track", ""),
    }


def _usual_protocol(tree: OfficialTree) -> str:
    return "react2023" if any(clip.speaker.site == "UDIVA" for clip in tree.clips) else "react2024"


class _Reordered:
    """Clips of predictions in the split's order, cut to a number of frames; each is read when it is used."""

    def __init__(self, clips: Clips, order: Sequence[int], frames: int) -> None:
        self._clips, self._order, self._frames = clips, order, frames

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: int, /) -> NDArray[np.float32]:
        return np.asarray(self._clips[self._order[index]][:, : self._frames])

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        return (self[index] for index in range(len(self)))


@dataclass
class _Scored:
    """Predictions beside the split that they are for; makes the clip set of each protocol, once for equal ones."""

    given: Predictions
    order: Sequence[int]
    dataset: xr.Dataset
    show_progress: bool | None

    def __post_init__(self) -> None:
        self._made: dict[tuple[str, str, int], ClipSet] = {}

    def clip_set(self, protocol: Protocol) -> ClipSet:
        kind = self._kind(protocol)
        frames = min(protocol.frames, self.dataset.sizes["frame"])
        key = (kind, protocol.clip_set, frames)
        if key not in self._made:
            self._made[key] = self._make(kind, self._rows(protocol), frames)
        return self._made[key]

    def _kind(self, protocol: Protocol) -> str:
        there = [kind for kind, variable in _VARIABLES.items() if f"listener_{variable}" in self.dataset]
        both = [kind for kind in there if kind in self.given.arrays]
        wanted = [kind for kind in protocol.channels if kind in both]
        if not wanted:
            raise ChannelError(
                f"protocol {protocol.id!r} needs {' or '.join(protocol.channels)} channels; the predictions have "
                f"{' and '.join(self.given.arrays)}, the data set has {' and '.join(there) or 'none'}."
            )
        return wanted[0]

    def _rows(self, protocol: Protocol) -> NDArray[np.intp]:
        clips = [ClipId.parse(str(clip)) for clip in self.dataset["clip"].values]
        if protocol.clip_set == "all":
            return np.arange(len(clips))
        return np.flatnonzero([clip.clip != "1" for clip in clips])

    def _make(self, kind: str, rows: NDArray[np.intp], frames: int) -> ClipSet:
        part = self.dataset.isel(clip=rows, frame=slice(frames))
        ids = [str(clip) for clip in part["clip"].values]
        lists = personal = None
        if "neighbours" in part:
            matrix = part["neighbours"].values[:, rows]
            persons = part["listener_person"].values
            lists = neighbour_indices(matrix, ids, len(ids))
            personal = [indices[persons[indices] == persons[clip]] for clip, indices in enumerate(lists)]
        variable = _VARIABLES[kind]
        predictions = self.given.arrays[kind]
        return ClipSet(
            predictions=_Reordered(predictions, [self.order[row] for row in rows], frames),
            schema=schema_for([str(name) for name in part["emotion" if kind == "emotion" else "coefficient"].values]),
            clips=ids,
            listeners=part[f"listener_{variable}"].values,
            speakers=part[f"speaker_{variable}"].values,
            neighbours=lists,
            personal=personal,
            sessions=[str(session) for session in part["session"].values],
            recordings=[str(recording) for recording in part["recording"].values],
            reactions=predictions[0].shape[0],
            show_progress=self.show_progress,
        )
