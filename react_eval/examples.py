"""Clips that show what a score is made of: where a method did best, in the middle and worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_eval.clip_set import ClipSet
from react_eval.registry import Measurement

__all__ = ["Example", "choose_examples"]

Values = NDArray[np.float32]

# The metrics that can rank clips, the first that is there does; the sign makes larger values better.
_RANKED_BY = {"FRCorr": 1.0, "FRDist": -1.0, "FRSyn": -1.0}


@dataclass(frozen=True, eq=False)
class Example:
    """One clip as a reader looks at it.

    Attributes:
        role: ``"best"``, ``"median"`` or ``"worst"``.
        clip: Its id.
        ranked_by: Result key by which it was chosen; empty where no metric tells clips apart.
        by_reaction: (α,) what each reaction scored there, or what the only one scored that the metric looks at; empty
            where nothing ranks.
        reactions: (α, T, C) predictions.
        shown: Which reaction came nearest to an appropriate one.
        speaker: (T, C), or None.
        nearest: (T, C) of the appropriate listener that the shown reaction was matched with, or None.
        neighbour: Id of that listener; empty if there is none.
        schema: The channels' names and groups.
    """

    role: str
    clip: str
    ranked_by: str
    by_reaction: NDArray[np.float64]
    reactions: Values
    shown: int
    speaker: Values | None
    nearest: Values | None
    neighbour: str
    schema: ChannelSchema


def choose_examples(
    clips: ClipSet, measurements: Mapping[str, Measurement], listeners: Sequence[str]
) -> tuple[Example, ...]:
    """The best, the median and the worst clip by the first of FRCorr, FRDist and FRSyn that was computed.

    Args:
        clips: What was scored.
        measurements: What was found, by result key.
        listeners: Names of the listeners.

    Returns:
        Up to three examples, of different clips; none where the predictions were not kept.
    """
    if not len(clips.predictions):
        return ()
    key = next((key for key in _RANKED_BY if key in measurements and measurements[key].defined), None)
    if key is None:
        return (_example("median", len(clips) // 2, clips, _Choice("", np.empty(0), 0, None), listeners),)
    found = measurements[key].per_clip
    by_reaction = found[key].reshape(len(clips), -1)
    goodness = _RANKED_BY[key] * by_reaction
    neighbours = found.get(f"{key}_neighbour")
    means = goodness.mean(axis=1)
    order = [int(clip) for clip in np.argsort(-means, kind="stable") if not np.isnan(means[clip])]
    roles = {order[-1]: "worst", order[len(order) // 2]: "median", order[0]: "best"}
    examples = []
    for clip in sorted(roles, key=order.index):
        shown = int(goodness[clip].argmax())
        nearest = None if neighbours is None else int(neighbours[clip, shown])
        choice = _Choice(key, by_reaction[clip].copy(), shown, nearest)
        examples.append(_example(roles[clip], clip, clips, choice, listeners))
    return tuple(examples)


@dataclass(frozen=True)
class _Choice:
    """Why a clip is shown, which of its reactions, and the number of the listener that it came nearest to."""

    ranked_by: str
    by_reaction: NDArray[np.float64]
    shown: int
    nearest: int | None


def _example(role: str, clip: int, clips: ClipSet, choice: _Choice, listeners: Sequence[str]) -> Example:
    nearest, neighbour = None, ""
    if choice.nearest is not None and choice.nearest >= 0 and clips.listeners is not None:
        nearest, neighbour = _copied(clips.listeners[choice.nearest]), listeners[choice.nearest]
    return Example(
        role=role,
        clip=clips.clips[clip],
        ranked_by=choice.ranked_by,
        by_reaction=choice.by_reaction,
        reactions=_copied(clips.predictions[clip]),
        shown=choice.shown,
        speaker=None if clips.speakers is None else _copied(clips.speakers[clip]),
        nearest=nearest,
        neighbour=neighbour,
        schema=clips.schema,
    )


def _copied(values: Values) -> Values:
    """A copy, so that no example keeps the arrays of all clips in memory."""
    return np.array(values, dtype=np.float32)
