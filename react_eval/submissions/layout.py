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

__all__ = ["KINDS", "ORDER_ON_TRUST", "VARIABLES", "ArrayLayout", "Layout", "human_bytes", "kind_of", "printable"]

VARIABLES = {"emotion": "prediction", "coefficients": "prediction_3dmm"}
KINDS = {variable: kind for kind, variable in VARIABLES.items()}
ORDER_ON_TRUST = "no clips are named: they are taken, on trust, to be in the order of the challenge's list"
_COEFFICIENTS = 58
_FORMATS = ("HDF5", "npy", "npz", "torch")
_STORED_DTYPES = ("float16", "bfloat16", "float32", "float64")


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


def printable(text: str) -> str:
    r"""A stranger's text as it can be shown: what would steer a terminal, or is no character at all, is escaped.

    Example:
        >>> printable("ours\x1b[2J")
        'ours\\x1b[2J'
    """
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


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

    def fits(self, axes: int, first: int) -> bool:
        """Whether it has so many axes, the first of this size, a name for each channel if for any, and a known type."""
        return (
            len(self.shape) == axes
            and self.shape[0] == first
            and (self.channels is None or len(self.channels) == self.shape[-1])
            and self.stored_dtype in _STORED_DTYPES
        )


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
            and 0 < self.number_of_clips <= limits.clips
            and len(self.attributes) <= limits.attributes
            and len(self.notes) <= limits.members
            and (self.clips is None or len(self.clips) == self.number_of_clips)
            and self.format in _FORMATS
        )
        axes = 4 if self.row_sizes is None else 3
        first = self.number_of_clips if self.row_sizes is None else sum(self.row_sizes)
        sound = sound and all(array.fits(axes, first) for array in self.arrays)
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
    return printable(plain)


def _texts(plain: Any, limits: ReadingLimits) -> tuple[str, ...] | None:
    return None if plain is None else tuple(_text(each, limits) for each in plain)
