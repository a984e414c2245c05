"""Mel-frequency cepstral coefficients of the sound of every video frame, as the challenge's models take them.

Kaldi's arithmetic through kaldi-native-fbank, without dither. Each window has its mean removed, is pre-emphasised by
x_i - 0.97 x_{i-1}, weighted by Povey's window and filled with zeros to a power of two; the power spectrum goes through
triangular mel filters from 20 Hz to half the sample rate, the logarithm through an orthonormal cosine transform and a
lifter of 22. Coefficient 0 is the logarithm of the window's energy, before pre-emphasis, and never below 0: quiet
windows have exactly 0 there. Values are not normalised.

Conventions: the windows of a frame begin with the frame and lie in the 40 ms from there on. At 25 frames a second these
40 ms are the frame's own, as in the challenge's code; at 30 they reach into the next frame, since the frame's own 33 ms
do not hold two windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from react_data.audio import Sound, frame_blocks
from react_data.errors import RecordingFormatError
from react_data.optional_libraries import optional_library

__all__ = ["mfcc"]

_BLOCK_MS = 40
_LOWEST_RATE, _HIGHEST_RATE = 8000, 384_000
_FRAMES_AT_ONCE = 750


@dataclass(frozen=True)
class _Windows:
    """Windows within the 40 ms of a frame, and what is taken from each."""

    length_ms: int
    shift_ms: int
    number: int
    cepstra: int
    mel_filters: int


_OF_SIZE = {78: _Windows(25, 10, 2, 13, 23), 26: _Windows(40, 40, 1, 26, 26)}


def mfcc(
    sound: Sound, frames: int, *, coefficients: Literal[78, 26] = 78, frames_per_second: float = 25
) -> NDArray[np.float32]:
    """Cepstral coefficients of the sound of each video frame.

    78 (Trans-VAE, PerFRDiff): 13 cepstra of 23 mel filters in two windows of 25 ms, 10 ms apart, with their first and
    second differences over the two windows, c'_t = Σ_{n=1,2} n (c_{t+n} - c_{t-n}) / 10, the ends repeated. Coefficient
    s · 26 + c · 2 + t is that of difference s, cepstrum c and window t; the last 26 are always about 0.
    26 (ReactDiff): 26 cepstra of 26 mel filters in one window of 40 ms.

    Args:
        sound: The clip's sound at its own rate, 8000 to 384000 samples a second.
        frames: Frames of the clip, at least 1; sound is cut, or filled with zeros, to as many.
        coefficients: 78 or 26.
        frames_per_second: Frames a second of the clip.

    Returns:
        (frames, coefficients) float32.

    Raises:
        RecordingFormatError: If an argument is out of range.
        LibraryMissingError: If kaldi-native-fbank is not installed.
    """
    if coefficients not in _OF_SIZE:
        raise RecordingFormatError(f"{coefficients} coefficients are asked for, expected 78 or 26.")
    if not _LOWEST_RATE <= sound.sample_rate <= _HIGHEST_RATE:
        raise RecordingFormatError(
            f"the sound has {sound.sample_rate} samples a second, expected {_LOWEST_RATE} to {_HIGHEST_RATE}. "
            "Resample it first."
        )
    library = optional_library("kaldi_native_fbank", extra="audio", purpose="Computing MFCC")
    layout = _OF_SIZE[coefficients]
    blocks = frame_blocks(sound, frames, frames_per_second, block_samples=_samples(_BLOCK_MS, sound.sample_rate))
    parts = np.split(blocks, range(_FRAMES_AT_ONCE, frames, _FRAMES_AT_ONCE))
    static = np.concatenate([_cepstra(part, sound.sample_rate, layout, library) for part in parts]).transpose(0, 2, 1)
    if layout.number == 1:
        return static[..., 0]
    first = _differences(static)
    return np.stack([static, first, _differences(first)], axis=1).reshape(frames, coefficients)


def _cepstra(blocks: NDArray[np.float32], sample_rate: int, layout: _Windows, library: Any) -> NDArray[np.float32]:
    """Cepstra of the windows of every block, (blocks, windows, cepstra)."""
    length = _samples(layout.length_ms, sample_rate)
    starts = [window * _samples(layout.shift_ms, sample_rate) for window in range(layout.number)]
    windows = np.stack([blocks[:, start : start + length] for start in starts], axis=1)
    # The library sees the windows end to end, with a shift of one window, so that all blocks are one call.
    extractor = library.OnlineMfcc(_options(sample_rate, length, layout, library))
    extractor.accept_waveform(sample_rate, windows.ravel())
    extractor.input_finished()
    found = np.stack([extractor.get_frame(window) for window in range(extractor.num_frames_ready)])
    return found.reshape(len(blocks), layout.number, layout.cepstra)


def _options(sample_rate: int, length: int, layout: _Windows, library: Any) -> Any:
    options = library.MfccOptions()
    # A quarter of a sample more, so that rounding down gives the length whatever the last bit says.
    length_ms = (length + 0.25) * 1000 / sample_rate
    for name, value in {
        "samp_freq": sample_rate,
        "frame_length_ms": length_ms,
        "frame_shift_ms": length_ms,
        "dither": 0.0,
        "preemph_coeff": 0.97,
        "remove_dc_offset": True,
        "window_type": "povey",
        "round_to_power_of_two": True,
        "snip_edges": True,
    }.items():
        setattr(options.frame_opts, name, value)
    options.mel_opts.num_bins = layout.mel_filters
    options.mel_opts.low_freq = 20.0
    options.mel_opts.high_freq = 0.0
    options.num_ceps = layout.cepstra
    options.use_energy = True
    options.raw_energy = True
    options.energy_floor = 1.0
    options.cepstral_lifter = 22.0
    return options


def _differences(series: NDArray[np.float32]) -> NDArray[np.float32]:
    """Differences over the last axis by a regression over five windows."""
    padded = np.pad(series, ((0, 0), (0, 0), (2, 2)), mode="edge")
    number = series.shape[-1]
    steps = sum(n * (padded[..., 2 + n : 2 + n + number] - padded[..., 2 - n : 2 - n + number]) for n in (1, 2))
    return np.asarray(steps / 10, dtype=np.float32)


def _samples(milliseconds: int, sample_rate: int) -> int:
    return milliseconds * sample_rate // 1000
