"""Alignment: how a real reaction of another length is compared with a prediction, frame by frame.

Conventions: an aligner gets a real reaction of another length than the prediction; equal lengths pass untouched. It
returns as many frames as the prediction has, or fewer: then only that many first frames of the prediction are compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_data.clips import suggest
from react_eval.errors import AlignmentError, InputError, UnknownNameError
from react_eval.extensions import load_extensions, why_left_out

__all__ = ["Aligner", "aligned", "aligners", "find_aligner", "register_aligner"]

Series = NDArray[np.float32]

_STEPPED = "action units"  # occurrence is 0 or 1: nothing lies between
_LEAST_FRAMES = 2


@dataclass(frozen=True)
class Aligner:
    """A way to compare reactions of unequal length.

    Attributes:
        name: As protocol ids have it, such as ``"linear"``.
        summary: What it does, in a line.
        align: ``align(reaction, frames, schema)`` turns a (T, C) float32 reaction into (t, C) with 2 <= t <= frames. It
            has to be deterministic, or the score is not.
    """

    name: str
    summary: str
    align: Callable[[Series, int, ChannelSchema], Series]


_GROUP = "react_eval.aligners"
_ALIGNERS: dict[str, Aligner] = {}


def register_aligner(aligner: Aligner) -> Aligner:
    """Add an aligner, which `Protocol.aligned_by` then takes by its name.

    Args:
        aligner: The aligner.

    Returns:
        The same aligner.

    Raises:
        InputError: If another one has its name.
    """
    if _ALIGNERS.setdefault(aligner.name, aligner) != aligner:
        raise InputError(f"there is an aligner {aligner.name!r} already. Choose another name.")
    return aligner


def aligners() -> dict[str, str]:
    """Every aligner: ours, and those of installed packages that extend the group ``react_eval.aligners``.

    Returns:
        One-line descriptions by name.

    Example:
        >>> list(aligners())[:3]
        ['learnt', 'linear', 'crop']
    """
    load_extensions(_GROUP, Aligner, lambda aligner: aligner.name, register_aligner)
    return {name: each.summary for name, each in _ALIGNERS.items()}


def find_aligner(name: str) -> Aligner:
    """The aligner of a name.

    Args:
        name: Such as ``"linear"``.

    Raises:
        UnknownNameError: If there is none; suggests the nearest.
    """
    known = aligners()
    if name not in known:
        raise UnknownNameError(why_left_out(_GROUP, name) or f"there is no aligner {name!r}. {suggest(name, known)}")
    return _ALIGNERS[name]


def aligned(reaction: Series, frames: int, schema: ChannelSchema, name: str) -> Series:
    """A real reaction as it is compared with a prediction of so many frames.

    Args:
        reaction: (T, C) float32.
        frames: Frames of the prediction.
        schema: The channels' names and groups.
        name: The aligner.

    Returns:
        (t, C) float32 with t <= frames; the reaction itself where T is `frames`.

    Raises:
        AlignmentError: If the aligner refuses, or returns what does not fit.
    """
    if len(reaction) == frames:
        return reaction
    found = np.require(find_aligner(name).align(reaction, frames, schema), np.float32, ["C", "W"])
    fits = found.ndim == 2 and found.shape[1] == reaction.shape[1] and _LEAST_FRAMES <= len(found) <= frames
    if not fits or not np.isfinite(found).all():
        raise AlignmentError(
            f"aligner {name!r} made {found.shape} of a reaction {reaction.shape}, expected 2 to {frames} frames of "
            f"{reaction.shape[1]} finite channels. Mend it."
        )
    return found


def _learnt(reaction: Series, frames: int, _schema: ChannelSchema) -> Series:
    raise AlignmentError(
        f"a real reaction has {len(reaction)} frames, the prediction {frames}. The challenge lets a learnt network "
        "make reactions of the prediction's length, whose weights are not public. Plug in your own: "
        "register_aligner(Aligner(name, …)) and find_protocol(…).aligned_by(name); or score with the protocols +linear "
        "or +crop, whose values are others."
    )


def _linear(reaction: Series, frames: int, schema: ChannelSchema) -> Series:
    """Values at evenly spaced times from the first to the last frame: between frames, or for units the nearest one."""
    times = np.linspace(0.0, len(reaction) - 1.0, frames)
    before = np.minimum(times.astype(np.intp), len(reaction) - 2)
    share = (times - before)[:, None]
    found = (1 - share) * reaction[before] + share * reaction[before + 1]
    for group in schema.groups:
        if group.name == _STEPPED:
            found[:, group.start : group.stop] = reaction[
                np.floor(times + 0.5).astype(np.intp), group.start : group.stop
            ]
    interpolated: Series = found.astype(np.float32)
    return interpolated


def _crop(reaction: Series, frames: int, _schema: ChannelSchema) -> Series:
    return reaction[:frames]


register_aligner(Aligner("learnt", "the challenge's network, whose weights are not public: refuses", _learnt))
register_aligner(Aligner("linear", "linear interpolation in time; action units take the nearest frame", _linear))
register_aligner(Aligner("crop", "the first frames that both have", _crop))
