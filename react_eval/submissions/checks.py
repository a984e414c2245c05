"""Checks on types and shapes that all formats share (in the reading process)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING

from react_eval.errors import UnreadableFileError
from react_eval.submissions.layout import ORDER_ON_TRUST, ArrayLayout, human_bytes
from react_eval.submissions.limits import ReadingLimits

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "check_not_empty",
    "check_same_clips",
    "check_shape",
    "check_size",
    "check_texts",
    "check_type",
    "trusted_order",
]

_AXES = "(clip, reaction, frame, channel)"


def check_type(dtype: np.dtype, where: str) -> None:
    """Refuse everything but half, single and double precision.

    Raises:
        UnreadableFileError: If values are objects, records, integers, text, …
    """
    if dtype.hasobject:
        raise UnreadableFileError(
            f"{where} holds Python objects, which are stored as a pickle and therefore never read. "
            f"Stack the clips into one float32 array {_AXES}."
        )
    if dtype.names is not None or dtype.subdtype is not None:
        raise UnreadableFileError(
            f"{where} holds records with the fields {', '.join(dtype.names or ())}, expected plain float32 values."
        )
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        hint = " Integers are nearly always a mistake here." if dtype.kind in "iub" else ""
        raise UnreadableFileError(f"{where} holds values of type {dtype.name}, expected float32.{hint}")


def check_shape(shape: Sequence[int], where: str) -> None:
    """Refuse arrays that are not (clip, reaction, frame, channel), or are empty.

    Raises:
        UnreadableFileError: If an axis is missing, too many, or of size 0.
    """
    if len(shape) != 4:
        missing = " For one reaction a clip add an axis: preds[:, None]." if len(shape) == 3 else ""
        raise UnreadableFileError(f"{where} has shape {tuple(shape)}, expected four axes {_AXES}.{missing}")
    check_not_empty(shape, where)


def check_not_empty(shape: Sequence[int], where: str) -> None:
    """Refuse an axis of size 0 (or less, which a broken header can say)."""
    if min(shape) < 1:
        raise UnreadableFileError(f"{where} has shape {tuple(shape)}: an axis is empty, so nothing is predicted.")


def check_size(shape: Sequence[int], clips: int, where: str, limits: ReadingLimits) -> None:
    """Refuse what is larger than any submission.

    Raises:
        UnreadableFileError: If values or clips are beyond the limits.
    """
    size = prod(shape) * 4
    if size > limits.decoded_bytes:
        raise UnreadableFileError(
            f"{where} claims to have shape {tuple(shape)}, which is {human_bytes(size)} as float32; at most "
            f"{human_bytes(limits.decoded_bytes)} are read. A submission of 1612 clips has 1.2 GB."
        )
    if clips > limits.clips:
        raise UnreadableFileError(f"{where} claims to have {clips} clips; at most {limits.clips} are read.")


def check_same_clips(arrays: Sequence[ArrayLayout]) -> None:
    """Refuse a file whose two arrays differ in clips.

    Raises:
        UnreadableFileError: If they do.
    """
    if len({array.shape[0] for array in arrays}) > 1:
        raise UnreadableFileError(
            f"prediction and prediction_3dmm differ in clips: their shapes are {arrays[0].shape} and {arrays[1].shape}."
        )


def check_texts(texts: Iterable[object], expected: int, what: str, limits: ReadingLimits) -> tuple[str, ...]:
    """Take ids or names that were read from a file.

    Returns:
        The texts.

    Raises:
        UnreadableFileError: If their number is wrong, one is no text, not UTF-8, or too long.
    """
    found: list[str] = []
    longest = limits.text_characters // 2
    for number, text in enumerate(texts):
        if isinstance(text, bytes):
            try:
                text = text.rstrip(b"\0").decode("utf-8")
            except UnicodeDecodeError:
                raise UnreadableFileError(
                    f"{what}[{number}] is not UTF-8 text: it begins with the bytes {text[:12]!r}."
                ) from None
        if not isinstance(text, str):
            raise UnreadableFileError(f"{what}[{number}] is of type {type(text).__name__}, expected text.")
        if len(text) > longest:
            raise UnreadableFileError(f"{what}[{number}] has {len(text)} characters; at most {longest} are read.")
        if not text.isprintable():
            raise UnreadableFileError(f"{what}[{number}] has characters that cannot be printed: {ascii(text)[:100]}.")
        found.append(text)
    if len(found) != expected:
        raise UnreadableFileError(f"{what} has {len(found)} entries, expected one for each of {expected}.")
    return tuple(found)


def trusted_order(clips: tuple[str, ...] | None) -> tuple[str, ...]:
    """The note on a file without clip ids; none where there are some."""
    return () if clips else (ORDER_ON_TRUST,)
