"""Wav files of every common encoding: what the header says, and stretches of samples as one channel of float32.

Conventions: whole numbers are scaled to [-1, 1), the channels are averaged. The standard library's reader is not used
because it knows neither floats nor the extensible header that files with more than 16 bits have.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from react_data.errors import RecordingFormatError

__all__ = ["WaveFile", "one_channel", "open_wave"]

_WHOLE_NUMBERS, _FLOATS, _EXTENSIBLE = 1, 3, 0xFFFE
_ENCODINGS = {
    (_WHOLE_NUMBERS, 8): "u1",
    (_WHOLE_NUMBERS, 16): "<i2",
    (_WHOLE_NUMBERS, 24): "i3",
    (_WHOLE_NUMBERS, 32): "<i4",
    (_FLOATS, 32): "<f4",
    (_FLOATS, 64): "<f8",
}
_LONGEST_FORMAT = 64
_SIZE_NOT_KNOWN = 0xFFFFFFFF
_SAMPLES_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class WaveFile:
    """A wav file whose header was read; its samples are read when they are asked for.

    Attributes:
        path: The file.
        sample_rate: Samples a second, at least 1.
        channels: Channels, at least 1.
        samples: Samples of each channel, at least 1.
        bits: Bits of a sample.
        encoding: How a sample is stored: ``"u1"``, ``"<i2"``, ``"i3"``, ``"<i4"``, ``"<f4"`` or ``"<f8"``.
        start: Byte at which the samples begin.
    """

    path: Path
    sample_rate: int
    channels: int
    samples: int
    bits: int
    encoding: str
    start: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.samples / self.sample_rate

    def read(self, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """The samples from `first` up to, not including, `last`, averaged over the channels.

        Args:
            first: Index of the first sample, at least 0.
            last: One past the index of the last sample, at most `samples`; None for the end.

        Returns:
            (last - first,) float32; in [-1, 1) where whole numbers are stored.

        Raises:
            RecordingFormatError: If the range is not inside the file, the file has become shorter, or a value is not
                finite.
        """
        last = self.samples if last is None else last
        if not 0 <= first <= last <= self.samples:
            raise RecordingFormatError(
                f"samples {first} to {last} of {self.path} are asked for, but it holds {self.samples}."
            )
        mono = np.empty(last - first, dtype=np.float32)
        for start in range(first, last, _SAMPLES_AT_ONCE):
            stop = min(start + _SAMPLES_AT_ONCE, last)
            with np.errstate(over="ignore", invalid="ignore"):  # reported below
                mono[start - first : stop - first] = one_channel(self._stored(start, stop))
        wrong = np.flatnonzero(~np.isfinite(mono))
        if wrong.size:
            raise RecordingFormatError(
                f"{self.path} holds {wrong.size} samples that are not finite, the first at {first + wrong[0]}. "
                "Extract the sound again."
            )
        return mono

    def _stored(self, first: int, last: int) -> NDArray[Any]:
        """The stored values of a stretch, (samples, channels); those of 24 bits as multiples of 256."""
        width = self.bits // 8
        offset = self.start + first * self.channels * width
        count = (last - first) * self.channels
        stored = np.dtype("u1" if self.encoding == "i3" else self.encoding)
        values = np.fromfile(self.path, stored, count * width // stored.itemsize, offset=offset)
        if values.nbytes != count * width:
            raise RecordingFormatError(f"{self.path} has become shorter since it was opened. Read it again.")
        if self.encoding == "i3":
            # The missing low byte makes it a multiple of 256, with the sign where a 32-bit number has it.
            values = np.insert(values.reshape(-1, 3), 0, 0, axis=1).reshape(-1).view("<i4")
        return values.reshape(-1, self.channels)


def open_wave(path: Path) -> WaveFile:
    """Read the header of a wav file, and check that the file is as long as the header says.

    Args:
        path: A wav file of 8, 16, 24 or 32-bit whole numbers or 32 or 64-bit floats.

    Returns:
        What the header says.

    Raises:
        RecordingFormatError: If the file is missing, no such file, truncated, empty, or has a sample rate of 0.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            return _header(path, file, size)
    except FileNotFoundError:
        raise RecordingFormatError(f"{path} does not exist. Copy the clip's sound there.") from None
    except OSError as error:
        raise RecordingFormatError(f"{path} cannot be read: {error}.") from None


def one_channel(values: NDArray[Any]) -> NDArray[np.float32]:
    """The mean of the channels of samples as a wav file stores them.

    Args:
        values: (samples, channels), whole numbers or floats.

    Returns:
        (samples,) float32; in [-1, 1) for whole numbers.

    Example:
        >>> one_channel(np.array([[16384, 0]], dtype=np.int16))
        array([0.25], dtype=float32)
    """
    middle = np.float32(128 if values.dtype.kind == "u" else 0)
    whole = 1.0 if values.dtype.kind == "f" else 2.0 ** (8 * values.dtype.itemsize - 1)
    # Channel by channel is many times faster than a mean over an axis of two.
    total = values[:, 0].astype(np.float32) - middle
    for channel in range(1, values.shape[1]):
        total += values[:, channel].astype(np.float32) - middle
    mono: NDArray[np.float32] = total / np.float32(values.shape[1]) / np.float32(whole)
    return mono


def _header(path: Path, file: BinaryIO, size: int) -> WaveFile:
    riff, _, kind = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if (riff, kind) != (b"RIFF", b"WAVE"):
        raise RecordingFormatError(
            f"{path} is not a wav file: it begins with {riff!r}, expected b'RIFF' and b'WAVE'. Convert it to wav."
        )
    form = b""
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        if name == b"data":
            if length == _SIZE_NOT_KNOWN:  # the mark of a program that wrote into a pipe
                length = size - file.tell()
            return _described(path, form, file.tell(), length, size)
        if name == b"fmt ":
            form = file.read(min(length, _LONGEST_FORMAT))
            length -= len(form)
        file.seek(length + length % 2, 1)
    raise RecordingFormatError(f"{path} has a wav header, but ends before any sound. Copy or extract it again.")


def _described(path: Path, form: bytes, start: int, length: int, size: int) -> WaveFile:
    if len(form) < 16:
        raise RecordingFormatError(f"{path} does not say how its sound is stored. Extract it again.")
    kind, channels, sample_rate, _, block, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == _EXTENSIBLE and len(form) >= 26:
        kind = struct.unpack("<H", form[24:26])[0]
    if (kind, bits) not in _ENCODINGS:
        raise RecordingFormatError(
            f"{path} stores sound of kind {kind} with {bits} bits, expected whole numbers of 8, 16, 24 or 32 bits or "
            "floats of 32 or 64. Convert it to 16-bit wav."
        )
    if sample_rate == 0 or channels == 0 or block != channels * bits // 8:
        raise RecordingFormatError(
            f"{path} says {sample_rate} samples a second, {channels} channels and {block} bytes for each sample of "
            f"{bits} bits, which cannot be. Extract it again."
        )
    samples = length // block
    held = (size - start) // block
    if held < samples:
        raise RecordingFormatError(
            f"{path} ends after {held} of the {samples} samples that its header promises. Copy or extract it again."
        )
    if samples == 0:
        raise RecordingFormatError(f"{path} holds no samples. Extract it again.")
    return WaveFile(path, sample_rate, channels, samples, bits, _ENCODINGS[kind, bits], start)
