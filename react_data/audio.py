"""The sound of a clip: read as one channel, resampled, and cut into the stretches that belong to the video's frames.

Conventions: frame t of a video with F frames a second begins at sample ⌊t · rate / F⌋. Sound that ends before its
video is filled with zeros, sound that lasts longer is cut. Where the rate is a multiple of F, as at 25 frames a second
with every usual sample rate, these are the blocks of the challenge's code; elsewhere the blocks do not drift away from
the frames.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.errors import RecordingFormatError
from react_data.optional_libraries import optional_library
from react_data.wave_files import open_wave

__all__ = ["LONGEST_READ_S", "Sound", "fit_to_frames", "frame_blocks", "read_sound", "resample"]

LONGEST_READ_S = 3600.0


@dataclass(frozen=True)
class Sound:
    """Sound of one channel.

    Attributes:
        samples: (samples,) float32, nominally in [-1, 1].
        sample_rate: Samples a second.
    """

    samples: NDArray[np.float32]
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype != np.float32:
            raise RecordingFormatError(
                f"sound of shape {self.samples.shape} and type {self.samples.dtype} was given, expected (samples,) of "
                "float32. Average the channels first."
            )
        if self.sample_rate < 1:
            raise RecordingFormatError(f"the sample rate is {self.sample_rate}, expected at least 1.")

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.samples) / self.sample_rate


def read_sound(path: str | os.PathLike[str], *, start_s: float = 0.0, stop_s: float | None = None) -> Sound:
    """Read a wav file, or a stretch of it, as one channel; only what is asked for is read.

    Args:
        path: A wav file of 8, 16, 24 or 32-bit whole numbers or 32 or 64-bit floats. Channels are averaged.
        start_s: Second at which to begin, at least 0.
        stop_s: Second at which to stop; the end of the file if not given or if the file ends earlier.

    Returns:
        The sound; in [-1, 1) where the file stores whole numbers.

    Raises:
        RecordingFormatError: If the file is missing, not a wav, truncated or empty, holds a value that is not finite,
            has a sample rate of 0, or if the stretch is empty or lasts longer than `LONGEST_READ_S`.
    """
    file = open_wave(Path(path))
    stop_s = file.seconds if stop_s is None else min(stop_s, file.seconds)
    if not 0 <= start_s < stop_s:
        raise RecordingFormatError(
            f"seconds {start_s:g} to {stop_s:g} of {path} are asked for, but it lasts {file.seconds:g} s."
        )
    if stop_s - start_s > LONGEST_READ_S:
        raise RecordingFormatError(
            f"{path} would be read for {stop_s - start_s:g} s, at most {LONGEST_READ_S:g} s are read at once. Is it a "
            "clip? Pass start_s and stop_s to read a stretch."
        )
    first, last = (min(round(second * file.sample_rate), file.samples) for second in (start_s, stop_s))
    return Sound(file.read(first, last), file.sample_rate)


def resample(sound: Sound, sample_rate: int) -> Sound:
    """The same sound at another sample rate, by SoX's high-quality resampler, which librosa uses too.

    Args:
        sound: The sound.
        sample_rate: Samples a second to have, at least 1.

    Returns:
        The sound with ⌈samples · new rate / old rate⌉ samples; `sound` itself where it has the rate already.

    Raises:
        RecordingFormatError: If `sample_rate` is below 1.
        LibraryMissingError: If soxr is not installed.
    """
    if sample_rate < 1:
        raise RecordingFormatError(f"the sample rate to have is {sample_rate}, expected at least 1.")
    if sample_rate == sound.sample_rate:
        return sound
    soxr = optional_library("soxr", extra="audio", purpose="Resampling sound")
    samples = soxr.resample(sound.samples, sound.sample_rate, sample_rate, quality="HQ")
    return Sound(_of_length(samples, -(-len(sound.samples) * sample_rate // sound.sample_rate)), sample_rate)


def fit_to_frames(sound: Sound, frames: int, frames_per_second: float = 25) -> Sound:
    """Cut the sound, or fill it with zeros, so that it lasts as long as a video.

    Args:
        sound: The sound.
        frames: Frames of the video, at least 1.
        frames_per_second: Frames a second of the video, at most the sample rate.

    Returns:
        The sound with ⌊frames · rate / frames a second⌋ samples.

    Raises:
        RecordingFormatError: If `frames` or `frames_per_second` is out of range.

    Example:
        >>> fit_to_frames(Sound(np.ones(3, np.float32), 50), frames=2).samples
        array([1., 1., 1., 0.], dtype=float32)
    """
    _check_frames(sound, frames, frames_per_second)
    return Sound(
        _of_length(sound.samples, _first_sample(frames, sound.sample_rate, frames_per_second)), sound.sample_rate
    )


def frame_blocks(
    sound: Sound, frames: int, frames_per_second: float = 25, *, block_samples: int | None = None
) -> NDArray[np.float32]:
    """The stretches of sound that belong to the frames of a video.

    Args:
        sound: The sound.
        frames: Frames of the video, at least 1.
        frames_per_second: Frames a second of the video, at most the sample rate.
        block_samples: Samples of a stretch, at least 1, each from the beginning of its frame on; those of one frame if
            not given.

    Returns:
        (frames, block_samples) float32; zeros where the sound has ended.

    Raises:
        RecordingFormatError: If an argument is out of range.

    Example:
        >>> frame_blocks(Sound(np.arange(5, dtype=np.float32), 50), frames=3)
        array([[0., 1.],
               [2., 3.],
               [4., 0.]], dtype=float32)
    """
    _check_frames(sound, frames, frames_per_second)
    if block_samples is None:
        block_samples = _first_sample(1, sound.sample_rate, frames_per_second)
    elif block_samples < 1:
        raise RecordingFormatError(f"block_samples is {block_samples}, expected at least 1.")
    starts = [_first_sample(frame, sound.sample_rate, frames_per_second) for frame in range(frames)]
    samples = _of_length(sound.samples, starts[-1] + block_samples)
    return np.lib.stride_tricks.sliding_window_view(samples, block_samples)[starts]


def _first_sample(frame: int, sample_rate: int, frames_per_second: float) -> int:
    return math.floor(frame * sample_rate / frames_per_second)


def _of_length(samples: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    return np.pad(samples[:length], (0, max(length - len(samples), 0)))


def _check_frames(sound: Sound, frames: int, frames_per_second: float) -> None:
    if frames < 1:
        raise RecordingFormatError(f"frames is {frames}, expected at least 1.")
    if not 0 < frames_per_second <= sound.sample_rate:
        raise RecordingFormatError(
            f"frames_per_second is {frames_per_second:g}, expected above 0 and at most the sound's "
            f"{sound.sample_rate} samples a second."
        )
