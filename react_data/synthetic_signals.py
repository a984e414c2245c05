"""What people of a synthetic recording do: facial attributes, 3DMM coefficients and voice, 25 frames a second.

Conventions: the leader of a recording follows the smooth prototype of its behaviour class; the other person follows the
leader after a delay and adds the prototype of the responding class. Both do so in a personal style that all clips of a
person share. Facial attributes are those of `react_data.channels.EMOTION_25`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_data.channels import EMOTION_25
from react_data.clips import ClipId
from react_data.official_tree import FRAMES_PER_SECOND, FRAMES_SCORED
from react_data.synthetic_conversations import SyntheticRecording, random_generator

__all__ = ["Performance", "coefficients", "perform", "voice"]

Series = NDArray[np.float64]

DELAYS = (8, 30)
SILENT_SHARE = 0.8

_PROTOTYPE_WIDTH = 15.0
_OWN_WIDTH = 8.0
_UNITS = 15

# Effect of valence, arousal and talking on the log odds of each action unit, and its log odds at rest.
_UNIT_DRIVES = np.array(
    [  # AU1  AU2   AU4   AU6   AU7   AU9  AU10  AU12  AU14  AU15  AU17  AU23  AU24  AU25  AU26
        [0.0, 0.4, -4.0, 4.5, 1.5, -2.0, 1.0, 5.0, 1.0, -3.0, -2.0, -1.0, -1.5, 0.5, 0.0],
        [3.0, 3.0, 1.5, 1.0, 2.0, 1.0, 2.0, 1.0, 0.0, 0.0, 0.0, 1.5, 0.0, 0.5, 0.5],
        [0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.5, 0.0, 0.5, -0.5, -2.0, 5.0, 4.0],
    ]
)
_UNIT_REST = np.array([-2.2, -2.4, -1.2, -0.8, -0.6, -3.2, -1.4, -0.8, -1.6, -2.8, -1.8, -2.6, -2.4, -0.8, -1.6])

# Valence and arousal at which each of the eight expressions is at its most likely.
_EXPRESSION_CENTRES = np.array(
    [[0.0, 0.0], [0.7, 0.3], [-0.6, -0.5], [0.2, 0.8], [-0.4, 0.8], [-0.7, 0.1], [-0.6, 0.5], [-0.4, -0.1]]
)

_FACE_MAP = random_generator(0, "face map").normal(0.0, 1.0, size=(len(EMOTION_25), 52))
_POSE_CENTRE = np.array([3.15, 0.04, 0.0, 0.0, -0.02, 1.84])
_POSE_SCALE = np.array([0.12, 0.20, 0.08, 0.05, 0.03, 0.15])


@dataclass(frozen=True)
class Performance:
    """What a person does in a clip.

    Attributes:
        person: The person's clip.
        emotion: (T, 25) facial attributes.
        activity: (T,) how much the person talks, in 0..1.
    """

    person: ClipId
    emotion: Series
    activity: Series


def perform(recording: SyntheticRecording, seed: int, frames: int, habits: float = 1.0) -> dict[ClipId, Performance]:
    """Facial attributes and talking of both persons of a recording.

    Args:
        recording: The recording.
        seed: Seed of the data set.
        frames: Length T of the clip.
        habits: How far persons differ, as a factor.

    Returns:
        The performance of each person whose files are to be written.
    """
    led, followed = _prototypes(recording, seed, frames)
    moods = (led, followed) if recording.speaker_leads else (followed, led)
    performances = {}
    for person, intensity, mood in zip(recording.persons, recording.intensities, moods, strict=False):
        style, own = _generators(person, seed, "attributes")
        gain = intensity * style.uniform(0.8, 1.2)
        noise = 0.3 * _smooth_noise(own, frames, 2, _OWN_WIDTH)
        feeling = np.tanh(0.8 * gain * mood + style.normal(0.0, 0.08 * habits, size=2) + noise)
        talk = 1.2 * feeling[:, 1] + 0.4 * _smooth_noise(own, frames, 1, _OWN_WIDTH)[:, 0] + style.normal(0.0, 0.2)
        activity = 1 / (1 + np.exp(-3 * talk))
        units = _action_units(np.column_stack([feeling, activity - 0.5]), style, own, habits)
        emotion = np.column_stack([units, feeling, _expressions(feeling, style, habits)])
        performances[person] = Performance(person, emotion, activity)
    return performances


def coefficients(performance: Performance, seed: int) -> NDArray[np.float32]:
    """3DMM coefficients of a performance: a fixed linear map of the smoothed attributes, and a moving head.

    Args:
        performance: The person's performance over T frames.
        seed: Seed of the data set.

    Returns:
        (T, 58): 52 expression coefficients of about 0.1, 3 angles in radians, 3 translations.
    """
    frames = len(performance.emotion)
    style, own = _generators(performance.person, seed, "3dmm")
    mapped = _smooth(np.pad(performance.emotion, ((12, 12), (0, 0)), mode="edge"), 4.0) @ _FACE_MAP
    face = 0.12 + 0.04 * mapped + style.normal(0.0, 0.05, size=52) + 0.005 * _smooth_noise(own, frames, 52, 2.0)
    nod = 0.5 * _smooth(np.pad(performance.activity - 0.5, (12, 12), mode="edge")[:, None], 4.0)
    movement = _smooth_noise(own, frames, 6, 12.0) + nod + style.normal(0.0, 0.5, size=6)
    return np.column_stack([face, _POSE_CENTRE + _POSE_SCALE * movement]).astype(np.float32)


def voice(
    performance: Performance, seed: int, sample_rate: int, frames_per_second: int = FRAMES_PER_SECOND
) -> NDArray[np.int16]:
    """A voice-like sound whose energy follows the person's talking.

    Args:
        performance: The person's performance over T frames.
        seed: Seed of the data set.
        sample_rate: Samples a second.
        frames_per_second: Frames of the performance a second.

    Returns:
        (samples, 2) stereo, 16 bit, as long as the T frames last (rounded to a sample).
    """
    frames = len(performance.activity)
    style, own = _generators(performance.person, seed, "voice")
    instants = np.arange(round(frames * sample_rate / frames_per_second)) * (frames_per_second / sample_rate) - 0.5
    pitch = style.uniform(100.0, 220.0) * np.exp(0.08 * _smooth_noise(own, frames, 1, 6.0)[:, 0])
    phase = 2 * np.pi * np.cumsum(np.interp(instants, np.arange(frames), pitch)) / sample_rate
    voiced = np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)
    breath = own.standard_normal((len(instants), 2), dtype=np.float32)
    loudness = np.interp(instants, np.arange(frames), performance.activity)
    sound = (loudness * voiced)[:, None] + (0.02 + 0.3 * loudness)[:, None] * breath
    return np.asarray(np.clip(sound * np.array([6000.0, 5000.0]), -32767, 32767), dtype=np.int16)


def _generators(person: ClipId, seed: int, purpose: str) -> tuple[np.random.Generator, np.random.Generator]:
    """Draws that all clips of a person share, and draws of this clip."""
    return (
        random_generator(seed, "style", purpose, person.person_path),
        random_generator(seed, "clip", purpose, person),
    )


def _prototypes(recording: SyntheticRecording, seed: int, frames: int) -> tuple[Series, Series]:
    """Valence and arousal of the leader, and of the person who follows, (T, 2) each, of unit variance."""
    shortest, longest = DELAYS
    delay = int(random_generator(seed, "delay", recording.row.speaker.recording).integers(shortest, longest + 1))
    lead, response = (
        _smooth_noise(random_generator(seed, "prototype", behaviour), frames + longest, 2, _PROTOTYPE_WIDTH)
        for behaviour in sorted(recording.classes)
    )
    start = longest - delay
    return lead[longest:], 0.8 * lead[start : start + frames] + 0.6 * response[start : start + frames]


def _action_units(drives: Series, style: np.random.Generator, own: np.random.Generator, habits: float) -> Series:
    """Sticky binary states, (T, 15): a state is drawn anew only now and then, and holds in between."""
    frames = len(drives)
    log_odds = style.uniform(0.9, 1.3) * drives @ _UNIT_DRIVES + _UNIT_REST
    log_odds += style.normal(0.0, 0.5 * habits, size=_UNITS)
    redrawn = own.random((frames, _UNITS)) < 1 / style.uniform(12.0, 25.0)
    redrawn[0] = True
    latest = np.maximum.accumulate(np.where(redrawn, np.arange(frames)[:, None], 0), axis=0)
    wanted = own.random((frames, _UNITS)) < 1 / (1 + np.exp(-log_odds))
    units = np.take_along_axis(wanted, latest, axis=0).astype(np.float64)
    if own.random() < SILENT_SHARE:
        rarest = np.argsort(log_odds.mean(axis=0), kind="stable")
        units[:, rarest[: 1 + own.binomial(3, 0.3)]] = 0.0
    else:
        _make_all_vary(units, log_odds)
    return units


def _make_all_vary(units: Series, log_odds: Series) -> None:
    """Switch every unit that is constant over the scored frames for a while, when that is likeliest."""
    scored = units[:FRAMES_SCORED]
    dwell = max(1, min(20, len(scored) // 3))
    for unit in np.flatnonzero(scored.min(axis=0) == scored.max(axis=0)):
        state = scored[0, unit]
        wish = log_odds[: len(scored) - dwell + 1, unit]
        start = int(np.argmin(wish) if state else np.argmax(wish))
        scored[start : start + dwell, unit] = 1.0 - state


def _expressions(feeling: Series, style: np.random.Generator, habits: float) -> Series:
    """Probabilities of the eight expressions, (T, 8): a softmax of the distance to where each is likeliest."""
    distance = ((feeling[:, None] - _EXPRESSION_CENTRES) ** 2).sum(axis=2)
    weights = np.exp(-4.0 * distance + style.normal(0.0, 0.3 * habits, size=len(_EXPRESSION_CENTRES)))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _smooth_noise(rng: np.random.Generator, frames: int, channels: int, width: float) -> Series:
    """Gaussian noise of unit variance, smoothed by a Gaussian of `width` frames."""
    radius = round(3 * width)
    smooth = _smooth(rng.standard_normal((frames + 2 * radius, channels)), width)
    return np.asarray(smooth / np.sqrt((_kernel(width) ** 2).sum()))


def _smooth(values: Series, width: float) -> Series:
    """Convolve each channel with a Gaussian; the result is shorter by three widths at either end."""
    kernel = _kernel(width)
    return np.column_stack([np.convolve(channel, kernel, mode="valid") for channel in values.T])


def _kernel(width: float) -> Series:
    radius = round(3 * width)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / width) ** 2)
    return np.asarray(kernel / kernel.sum())
