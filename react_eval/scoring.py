"""`score` a submission for a split, and `score_arrays` without any disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from react_data.channels import ChannelSchema, schema_for
from react_eval.clip_set import ClipSet
from react_eval.computing import Resources
from react_eval.errors import InputError, SubmissionError
from react_eval.inputs import Predictions, as_predictions
from react_eval.measuring import Plan, chosen_protocols, gather, measure, plan
from react_eval.metrics.arguments import clip_set, neighbour_indices
from react_eval.protocol import Protocol
from react_eval.result import ProtocolResults, ScoreResult
from react_eval.submissions.layout import ORDER_ON_TRUST
from react_eval.targets import Cut, SplitTargets
from react_eval.validation import CLAIM, FRAMES, ORDER, check_submission

__all__ = ["score", "score_against", "score_arrays"]

Protocols = str | Protocol | Sequence[str | Protocol]

# Warnings that a reader of the score needs; the others are counted in the diagnostics.
_NOTED = (FRAMES.code, CLAIM.code, ORDER.code)


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
    method: str | None = None,
    context: bool = True,
    device: str = "auto",
    threads: int | None = None,
    client: Any = None,
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
        method: Name of the row in tables.
        context: Whether to score GT and B_Mime on the same data too.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if not given. No number changes a bit of a score.
        client: A `dask.distributed.Client` over whose workers clips are spread; the active one if there is one, False
            for none.
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
    inputs = replace(inputs, sessions=sessions)
    facts = {"neighbours": "given" if neighbours is not None else "none", **_claims(given, method)}
    plans = [plan(inputs, each, metrics) for each in chosen_protocols(protocol)]
    resources = Resources(device, threads, client)
    options: dict[str, Any] = {"facts": facts, "context": context, "run": _run(given)}
    return gather(measure(inputs, plans, resources=resources, show_progress=show_progress, **options))


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
    draw_seed: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    client: Any = None,
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
        draw_seed: Seed by which appropriate reactions are drawn where the data set has no matrix (MARS); that of the
            data set if not given. It is part of the signature.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if not given. No number changes a bit of a score.
        client: A `dask.distributed.Client` over whose workers clips are spread; the active one if there is one, False
            for none.
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
    targets = SplitTargets.of(data, split, draw_seed)
    return score_against(
        targets,
        preds,
        protocol=protocol,
        metrics=metrics,
        method=method,
        context=context,
        resources=Resources(device, threads, client),
        show_progress=show_progress,
    )


def score_against(
    targets: SplitTargets,
    preds: Any,
    *,
    protocol: Protocols | None = None,
    metrics: Sequence[str] | None = None,
    method: str | None = None,
    context: bool = True,
    resources: Resources,
    show_progress: bool | None = None,
) -> ScoreResult | ProtocolResults:
    """`score` against targets that are read already, for several predictions on one split.

    Args:
        targets: The split.
        preds: What `score` takes.
        protocol: Names, ids or protocols; follows from the data set if not given.
        metrics: Result keys, names or aliases; all of the protocol if not given.
        method: Name of the row in tables; what the file says if not given.
        context: Whether to score GT and B_Mime too; equal for all predictions, so computed once.
        resources: Where to compute.
        show_progress: Whether progress bars are shown; None shows them on a terminal.

    Returns:
        What `score` returns.

    Raises:
        SubmissionError: If the predictions have problems; lists all of them.
        UnreadableFileError: If the file cannot be read safely.
        UnknownNameError: If a protocol or metric is not known.
    """
    chosen = chosen_protocols(protocol or targets.usual_protocol)
    with ExitStack() as opened:
        given = as_predictions(preds, largest=targets.largest_submission(chosen), show_progress=show_progress)
        if given.submission is not None and given is not preds:
            opened.enter_context(given.submission)
        report, order = check_submission(given, targets.dataset, protocols=chosen, show_progress=show_progress)
        if not report.ok:
            raise SubmissionError(report)
        options: dict[str, Any] = {
            "context": context,
            "facts": targets.facts | _claims(given, method),
            "notes": tuple(problem.message for problem in report.warnings if problem.code in _NOTED),
            "run": _run(given),
        }
        plans = _plans(given, order, targets, chosen, metrics)
        return gather(_measured(plans, resources=resources, show_progress=show_progress, **options))


def _plans(
    given: Predictions,
    order: Sequence[int],
    targets: SplitTargets,
    protocols: Sequence[Protocol],
    metrics: Sequence[str] | None,
) -> list[tuple[ClipSet, Plan]]:
    """What is computed under each protocol, and on which clips; protocols on the same clips get the same set."""
    sets: dict[int, ClipSet] = {}
    plans = []
    for protocol in protocols:
        kind = targets.kind(protocol, given.arrays)
        bare = targets.clip_set(protocol, kind)
        if id(bare) not in sets:
            clips = given.arrays[kind]
            cut = Cut(clips, [order[row] for row in targets.rows(protocol)], targets.frames(protocol).tolist())
            sets[id(bare)] = bare.part(range(len(bare)), cut, clips[0].shape[0])
        plans.append((sets[id(bare)], plan(sets[id(bare)], protocol, metrics)))
    return plans


def _measured(plans: Sequence[tuple[ClipSet, Plan]], **options: Any) -> list[ScoreResult]:
    """A result for each plan, in their order; those on one clip set share a pass over it."""
    found: dict[str, ScoreResult] = {}
    for clips in {id(clips): clips for clips, _ in plans}.values():
        alike = [each for mine, each in plans if mine is clips]
        found |= {each.protocol.id: each for each in measure(clips, alike, **options)}
    return [found[each.protocol.id] for _, each in plans]


def _run(given: Predictions) -> dict[str, Any]:
    """Facts about the file or form that predictions came in, which change nothing in the scores."""
    notes = [note for note in given.notes if note != ORDER_ON_TRUST]
    return {"file_notes": notes} | ({"file_sha256": given.submission.sha256} if given.submission is not None else {})


def _claims(given: Predictions, method: str | None) -> dict[str, Any]:
    """What predictions say of themselves."""
    claimed = {name: given.attributes.get(name, "") for name in ("method", "run_seed", "track")}
    return claimed | ({"method": method} if method else {})
