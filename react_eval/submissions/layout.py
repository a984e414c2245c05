"""What a submission file holds, as the reading process tells it to the process that asked.

Conventions: values are decoded to little-endian float32 files, one a kind of channels. Clips of one length lie as
(clip, reaction, frame, channel); clips of unequal lengths follow each other, each as (reaction, frame, channel).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from react_eval.errors import UnreadableFileError
from react_eval.submissions.limits import ReadingLimits

__all__ = ["KINDS", "ORDER_ON_TRUST", "VARIABLES", "ArrayLayout", "Layout", "human_bytes", "kind_of"]

VARIABLES = {"emotion": "prediction", "coefficients": "prediction_3dmm"}
KINDS = {variable: kind for kind, variable in VARIABLES.items()}
ORDER_ON_TRUST = "no clips are named: they are taken, on trust, to be in the order of the challenge's list"
_COEFFICIENTS = 58


def kind_of(channels: int) -> str:
    """The kind of channels that so many are, where a file does not say: 58 are 3DMM coefficients."""
    return "coefficients" if channels == _COEFFICIENTS else "emotion"


def human_bytes(count: int) -> str:
    """A number of bytes for people.

    Example:
        >>> human_bytes(1_209_000_000)
        '1.2 GB'
    """
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.3g} PB"


@dataclass(frozen=True)
class ArrayLayout:
    """One array of a file.

    Attributes:
        kind: ``"emotion"`` or ``"coefficients"``.
        shape: (clips, reactions, frames, channels), or (rows, reactions, channels) where lengths are unequal.
        stored_dtype: Type in the file, such as ``"float64"``.
        channels: Channel names, if the file has them.
    """

    kind: str
    shape: tuple[int, ...]
    stored_dtype: str
    channels: tuple[str, ...] | None = None

    @property
    def decoded_bytes(self) -> int:
        """Size as float32."""
        return prod(self.shape) * 4

    @property
    def file_name(self) -> str:
        """Name of the decoded file."""
        return f"{self.kind}.float32"


@dataclass(frozen=True)
class Layout:
    """All that is known of a file before its values are read.

    Attributes:
        format: ``"HDF5"``, ``"npy"``, ``"npz"`` or ``"torch"``.
        arrays: What is predicted, one or two kinds.
        clips: Ids, or None where only the order tells.
        row_sizes: Frames of each clip where lengths are unequal, else None.
        attributes: What the file says of itself.
        notes: What a person should know.
    """

    format: str
    arrays: tuple[ArrayLayout, ...]
    clips: tuple[str, ...] | None = None
    row_sizes: tuple[int, ...] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def decoded_bytes(self) -> int:
        """Size of all arrays as float32."""
        return sum(array.decoded_bytes for array in self.arrays)

    @property
    def number_of_clips(self) -> int:
        """How many clips the file holds."""
        return len(self.row_sizes) if self.row_sizes is not None else self.arrays[0].shape[0]

    @classmethod
    def from_plain(cls, plain: Any, limits: ReadingLimits) -> Layout:
        """Take what another process sent, trusting nothing of it.

        Args:
            plain: Parsed JSON.
            limits: Bounds that it must keep.

        Returns:
            The layout.

        Raises:
            UnreadableFileError: If it is not a layout within the limits.
        """
        try:
            layout = cls(
                format=_text(plain["format"], limits),
                arrays=tuple(_array(each, limits) for each in plain["arrays"]),
                clips=_texts(plain["clips"], limits),
                row_sizes=None if plain["row_sizes"] is None else _numbers(plain["row_sizes"]),
                attributes={_text(key, limits): _text(value, limits) for key, value in plain["attributes"].items()},
                notes=_texts(plain["notes"], limits) or (),
            )
            layout._check(limits)
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise UnreadableFileError(f"the process that reads the file gave a damaged answer ({error!r}).") from None
        return layout

    def _check(self, limits: ReadingLimits) -> None:
        kinds = [array.kind for array in self.arrays]
        sound = (
            0 < len(kinds) == len(set(kinds)) <= len(VARIABLES)
            and set(kinds) <= set(VARIABLES)
            and self.decoded_bytes <= limits.decoded_bytes
            and 0 < self.number_of_clips <= limits.clips
            and len(self.attributes) <= limits.attributes
            and (self.clips is None or len(self.clips) == self.number_of_clips)
        )
        axes = 4 if self.row_sizes is None else 3
        first = self.number_of_clips if self.row_sizes is None else sum(self.row_sizes)
        sound = sound and all(len(array.shape) == axes and array.shape[0] == first for array in self.arrays)
        if not sound:
            raise ValueError("its parts contradict each other")


def _array(plain: Any, limits: ReadingLimits) -> ArrayLayout:
    channels = _texts(plain["channels"], limits)
    return ArrayLayout(str(plain["kind"]), _numbers(plain["shape"]), _text(plain["stored_dtype"], limits), channels)


def _numbers(plain: Any) -> tuple[int, ...]:
    if not all(type(number) is int and number > 0 for number in plain):
        raise ValueError("a size is not a positive integer")
    return tuple(plain)


def _text(plain: Any, limits: ReadingLimits) -> str:
    if not isinstance(plain, str) or len(plain) > limits.text_characters:
        raise ValueError("a text is missing or too long")
    return plain


def _texts(plain: Any, limits: ReadingLimits) -> tuple[str, ...] | None:
    return None if plain is None else tuple(_text(each, limits) for each in plain)
