"""Checks on what is about to be written: what could not be read back is refused before any work is done on it."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval import __version__
from react_eval.errors import InputError, NonFiniteError, ShapeError
from react_eval.metrics.arguments import to_numpy
from react_eval.submissions.limits import ReadingLimits

__all__ = ["check_free", "check_id", "check_ids", "check_kinds", "checked_clip", "file_attributes"]

_TRACKS = ("offline", "online")
_LONGEST_TEXT = ReadingLimits().text_characters


def check_free(target: Path, *, overwrite: bool) -> None:
    """Refuse to write where something is.

    Raises:
        InputError: If `target` is a folder, lies in none, or exists and may not be replaced.
    """
    if target.is_dir():
        raise InputError(f"{target} is a folder, expected the name of a file to write.")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists. Pass overwrite=True to replace it, or choose another name.")
    if not target.absolute().parent.is_dir():
        raise InputError(f"{target} cannot be written: the folder {target.absolute().parent} does not exist.")


def file_attributes(method: str, split: str, track: str, run_seed: int) -> dict[str, str | int]:
    """What a file says of itself.

    Args:
        method: Name of the method.
        split: ``"val"``, ``"test"``, …
        track: ``"offline"`` or ``"online"``.
        run_seed: Seed of the run.

    Returns:
        The attributes by name.

    Raises:
        InputError: If one is of the wrong type, too long or not known.
    """
    for name, text in (("method", method), ("split", split)):
        if not isinstance(text, str):
            raise InputError(f"{name} is {text!r}, expected text.")
        _check_text(text, name, _LONGEST_TEXT)
    if track not in _TRACKS:
        raise InputError(f"track {track!r} is not known, expected 'offline' or 'online'.")
    return {
        "method": method,
        "split": split,
        "track": track,
        "run_seed": _checked_seed(run_seed),
        "created_by": f"react-eval {__version__}",
    }


def _checked_seed(run_seed: Any) -> int:
    try:
        seed = operator.index(run_seed)
    except TypeError:
        raise InputError(f"run_seed is {run_seed!r}, expected an integer.") from None
    if not -(2**63) <= seed < 2**63:
        raise InputError(f"run_seed is {seed}, expected an integer of 64 bits.")
    return seed


def check_id(clip: Any) -> None:
    """Refuse a clip id that could not be read back.

    Raises:
        InputError: If it is no text, empty, too long, or cannot be printed.
    """
    if not isinstance(clip, str) or not clip:
        raise InputError(
            f"clip {clip!r} is of type {type(clip).__name__}, expected its id, such as 'RECOLA/group-2/P41/3'."
        )
    _check_text(clip, "the clip's id", _LONGEST_TEXT // 2)


def check_ids(clips: Sequence[str], number: int) -> None:
    """Refuse clip ids that do not name each prediction once.

    Raises:
        InputError: If so, or if an id could not be read back.
    """
    if not clips:
        raise InputError(
            "a submission names its clips. Pass clips=[…], one id for each; "
            "react_data.open_split(root, split)['clip'].values lists them in the official order."
        )
    if len(clips) != number:
        raise InputError(f"clips names {len(clips)} clips, but there are predictions for {number}.")
    for clip in clips:
        check_id(clip)
    repeated = [clip for clip, count in Counter(clips).items() if count > 1]
    if repeated:
        raise InputError(f"these clips are named more than once: {abbreviate(repeated)}.")


def _check_text(text: str, what: str, longest: int) -> None:
    if len(text) > longest:
        raise InputError(f"{what} has {len(text)} characters; at most {longest} are read.")
    if not text.isprintable():
        raise InputError(f"{what} {text!r} has characters that cannot be printed. Leave them out.")


def checked_clip(values: Any, clip: str, kind: str) -> NDArray[np.float32]:
    """The reactions to one clip as float32.

    Args:
        values: (α, T, C).
        clip: Its id, for messages.
        kind: Kind of its channels, for messages.

    Returns:
        The values.

    Raises:
        ShapeError: If it has not three axes, or an empty one.
        DtypeError: If values are integers or no numbers.
        NonFiniteError: If a value is NaN or infinite.
    """
    array = to_numpy(values, f"{kind} of clip {clip!r}")
    if array.ndim != 3 or 0 in array.shape:
        raise ShapeError(
            f"{kind} of clip {clip!r} has shape {array.shape}, expected (reactions, frames, channels), none empty."
        )
    finite = np.isfinite(array)
    if not finite.all():
        reaction, frame, channel = np.argwhere(~finite)[0]
        raise NonFiniteError(
            f"{kind} of clip {clip!r} has {array.size - finite.sum()} values that are NaN or beyond float32, the first "
            f"at reaction {reaction}, frame {frame}, channel {channel}. Find out why the model gives them."
        )
    return array


def check_kinds(shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
    """Refuse kinds of channels of one clip that differ in more than their channels.

    Args:
        shapes: Shape (α, T, C) by kind.
        clip: The clip's id, for messages.

    Raises:
        ShapeError: If they do.
    """
    if len({shape[:2] for shape in shapes.values()}) > 1:
        raise ShapeError(f"clip {clip!r}: facial attributes and coefficients differ in reactions or frames: {shapes}.")
