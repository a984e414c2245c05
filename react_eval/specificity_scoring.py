"""Specificity: do reactions fit their own speaker better than other speakers? It tells whether a model listens."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.clips import match_clip_ids
from react_data.progress import track
from react_eval.clip_set import Clips
from react_eval.computing import Resources
from react_eval.errors import InputError
from react_eval.inputs import Predictions, as_predictions
from react_eval.lazy_clips import LazyClips
from react_eval.measuring import plan
from react_eval.protocol import Protocol, find_protocol
from react_eval.result import ScoreResult
from react_eval.scoring import score_against, score_arrays
from react_eval.specificity_result import Specificity, SpecificValue
from react_eval.targets import Cut, SplitTargets

__all__ = ["repaired_order", "specificity", "specificity_arrays"]

Score = Callable[[Predictions], Any]

_FEWEST_GROUPS, _TRIES = 4, 1000


def specificity(
    preds: Any,
    *,
    split: str,
    data: str | os.PathLike[str] | None = None,
    protocol: str | Protocol | None = None,
    metrics: Sequence[str] | None = None,
    draws: int = 10,
    seed: int = 0,
    method: str | None = None,
    draw_seed: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    client: Any = None,
    show_progress: bool | None = None,
) -> Specificity:
    """A score less the score of the same predictions re-paired with other conversations' clips.

    In every draw the clips of a conversation get the reactions made for those of one other conversation (of another
    recording or clip, where conversations are not known). Only clips of one length are exchanged. A method that ignores
    the speaker scores the same either way.

    Args:
        preds: What `react_eval.score` takes.
        split: ``"train"``, ``"val"`` or ``"test"``.
        data: Folder of the data set; ``$REACT_DATA`` or config.toml name it if not given.
        protocol: Name, id or protocol; follows from the data set if not given.
        metrics: Result keys, names or aliases; every metric that compares with listeners or speakers if not given. The
            others cannot change.
        draws: Re-pairings, at least 2, each of which takes as long as scoring; more of them find smaller differences.
        seed: Seed of the re-pairings.
        method: Name of the method; what the file says if not given.
        draw_seed: Seed of the draw of appropriate reactions, where the data set has no matrix (MARS).
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.
        threads: How many; one for each processor if not given.
        client: A `dask.distributed.Client`; the active one if there is one, False for none.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        For each metric the score, the mean and spread over re-pairings, the difference, what chance makes of it, and
        what that says.

    Raises:
        SubmissionError: If the predictions have problems; lists all of them.
        InputError: If a metric cannot change, or there are fewer than four conversations.
        DataRootError: If no data set is found.
        UnknownNameError: If a protocol or metric is not known.
    """
    targets = SplitTargets.of(data, split, draw_seed)
    chosen = find_protocol(protocol or targets.usual_protocol)
    with ExitStack() as opened:
        given = as_predictions(preds, largest=targets.largest_submission([chosen]), show_progress=show_progress)
        if given.submission is not None and given is not preds:
            opened.enter_context(given.submission)
        bare = targets.clip_set(chosen, targets.kind(chosen, given.arrays))
        keys = _keys(chosen, [use.key for use in plan(bare, chosen, metrics).uses], metrics)
        how: dict[str, Any] = {"resources": Resources(device, threads, client), "method": method}
        score = partial(score_against, targets, protocol=chosen, metrics=keys, context=False, **how)
        ids = targets.clip_ids
        return _specificity(score, given, ids, draws, seed, show_progress)


def specificity_arrays(
    predictions: Any,
    *,
    protocol: str | Protocol = "react2024",
    metrics: Sequence[str] | None = None,
    draws: int = 10,
    seed: int = 0,
    show_progress: bool | None = False,
    **targets: Any,
) -> Specificity:
    """`specificity` against listeners and speakers that are in memory.

    Args:
        predictions: Any form that `react_eval.score_arrays` takes.
        protocol: Name, id or protocol.
        metrics: Result keys, names or aliases; every metric that compares with what was given if not given.
        draws: Re-pairings.
        seed: Their seed.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
        **targets: What `react_eval.score_arrays` takes beside: ``listener``, ``speaker``, ``neighbours``, ``sessions``…

    Returns:
        What `specificity` returns.

    Raises:
        InputError: If shapes, types or values do not fit, a metric cannot change, or there are fewer than four
            conversations.
        UnknownNameError: If a protocol or metric is not known.

    Example:
        >>> faces = np.random.default_rng(0).random((8, 60, 25), dtype=np.float32)
        >>> mimicry = specificity_arrays(faces[:, None], speaker=faces, sessions=list("aabbccdd"))
        >>> mimicry["FRSyn"].value, mimicry["FRSyn"].listens
        (0.0, True)
    """
    chosen = find_protocol(protocol)
    sources = {"listeners": "listener", "speakers": "speaker", "neighbours": "neighbours", "personal": "personal"}
    there = {need for need, name in sources.items() if targets.get(name) is not None}
    there |= {"personal"} if targets.get("persons") is not None and "neighbours" in there else set()
    keys = _keys(chosen, [use.key for use in chosen.uses if there.issuperset(use.needs)], metrics)
    given = as_predictions(predictions, show_progress=show_progress)
    score = partial(score_arrays, **targets, protocol=chosen, metrics=keys, context=False)
    ids = targets.get("clips")
    names = [str(clip) for clip in (range(len(given)) if ids is None else ids)]
    return _specificity(score, given, names, draws, seed, show_progress)


def _keys(protocol: Protocol, available: Sequence[str], metrics: Sequence[str] | None) -> list[str]:
    """The metrics that re-pairing can change, of those asked for."""
    names = list(available) if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
    uses = [protocol.use(name) for name in names]
    fixed = [use.key for use in uses if not use.needs]
    if metrics is not None and fixed:
        raise InputError(
            f"re-pairing cannot change {' and '.join(fixed)}: reactions are compared with nothing. Ask for metrics "
            f"that compare: {', '.join(use.key for use in protocol.uses if use.needs)}."
        )
    keys = [use.key for use in uses if use.needs]
    if not keys:
        raise InputError(
            f"no metric of {protocol.id!r} that compares reactions with listeners or speakers can be computed: pass "
            "speaker=…, or listener=… and neighbours=…."
        )
    return keys


def _specificity(
    score: Score, given: Predictions, ids: Sequence[str], draws: int, seed: int, show_progress: bool | None
) -> Specificity:
    """Score predictions as they are, and re-paired.

    `ids` are those of the clips in the order that predictions without ids of their own are in.
    """
    if draws < 2:
        raise InputError(f"draws is {draws}, expected at least 2: one re-pairing says nothing of the others.")
    own: ScoreResult = score(given)
    named = given.clips or tuple(ids)
    matched = match_clip_ids(named, own.clips) if given.clips and set(named) != set(own.clips) else named
    position = {clip: number for number, clip in enumerate(matched)}
    scored = [position[clip] for clip in own.clips]
    lengths = [next(iter(given.arrays.values()))[number].shape[1] for number in scored]
    generator = np.random.default_rng(seed)
    others = []
    for _ in track(range(draws), "re-pairing", unit="draw", show=show_progress):
        order = np.arange(len(given))
        order[scored] = np.array(scored)[repaired_order(own.groups, lengths, generator)]
        arrays = {kind: _reordered(clips, order.tolist()) for kind, clips in given.arrays.items()}
        others.append(score(replace(given, arrays=arrays, submission=None)))
    return _gathered(own, others, seed)


def _reordered(clips: Clips, order: Sequence[int]) -> Clips:
    """The same clips in another order, without copying or computing them."""
    return Cut(clips, order) if isinstance(clips, LazyClips) else [clips[number] for number in order]


def repaired_order(groups: Sequence[int], lengths: Sequence[int], generator: np.random.Generator) -> NDArray[np.intp]:
    """Whose reactions each clip gets: those to the clips of one other group, drawn for each group as a whole.

    Clips of a conversation resemble each other, and so do reactions to them: if single clips were exchanged, scores
    would vary less from draw to draw than by chance from one pairing of conversations to another.

    Args:
        groups: (N,) group of each clip.
        lengths: (N,) frames of each clip.
        generator: Where chance comes from.

    Returns:
        (N,) clip k gets what belongs to clip `order[k]`, of another group and of its length. Every group gives to one
        other; of groups of unequal size some clips are taken twice or not at all.

    Raises:
        InputError: If there are fewer than four groups, or no exchange was found in which lengths agree.

    Example:
        >>> repaired_order([0, 0, 1, 1, 2, 3], [750] * 6, np.random.default_rng(0)).tolist()
        [5, 5, 4, 4, 2, 0]
    """
    numbers, frames = np.asarray(groups), np.asarray(lengths)
    names = np.unique(numbers)
    if len(names) < _FEWEST_GROUPS:
        raise InputError(
            f"there are {len(names)} conversations, expected at least {_FEWEST_GROUPS}: with fewer, chance cannot be "
            "told from listening. Use a split with more of them."
        )
    for _ in range(_TRIES):
        givers = generator.permutation(len(names))
        if (givers == np.arange(len(names))).any():
            continue
        order = np.full(len(numbers), -1, dtype=np.intp)
        for taker, giver in enumerate(givers):
            _take(order, numbers == names[taker], numbers == names[giver], frames, generator)
        if (order >= 0).all():
            return order
    raise InputError(
        "no exchange of conversations was found in which every clip gets reactions of its own length. Cut clips to one "
        "length."
    )


def _take(
    order: NDArray[np.intp],
    takers: NDArray[np.bool_],
    givers: NDArray[np.bool_],
    frames: NDArray[np.intp],
    generator: np.random.Generator,
) -> None:
    """Let the clips of one group take those of another in turn, beginning anywhere; lengths have to agree."""
    for length in np.unique(frames[takers]):
        mine, theirs = (np.flatnonzero(side & (frames == length)) for side in (takers, givers))
        if len(theirs):
            start = generator.integers(len(theirs))
            order[mine] = theirs[(start + np.arange(len(mine))) % len(theirs)]


def _gathered(own: ScoreResult, others: Sequence[ScoreResult], seed: int) -> Specificity:
    better = {"higher": 1, "lower": -1}
    return Specificity(
        found={
            key: SpecificValue(
                metric=key,
                better=better.get(own.use(key).record.better, 0),
                value=own[key],
                repaired=tuple(each[key] for each in others),
                groups=len(set(own.groups)),
            )
            for key in own
        },
        method=str(own.facts.get("method") or ""),
        protocol=own.protocol.id,
        split=str(own.facts.get("split") or ""),
        synthetic=bool(own.facts.get("synthetic")),
        signature=own.signature,
        clips=len(own.clips),
        groups=len(set(own.groups)),
        group_kind=own.group_kind,
        seed=seed,
    )
