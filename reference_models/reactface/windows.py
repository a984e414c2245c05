"""Which of the speaker's tokens each window is made of: offline of a whole clip, online of what was there so far.

Conventions: a clip of T frames has ⌈T / w⌉ windows of w frames. Where w does not divide T, the last window is made of
the clip's last w frames, but its frames come after those of the window before; what is over is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from reference_models.reactface.speaker_former import SpeakerTokens

__all__ = ["Window", "offline_windows", "online_windows"]


class Window(NamedTuple):
    """What a window is made of.

    Attributes:
        past: Tokens of the n frames that the past interaction encoder looks back on.
        now: Tokens of the w frames that are answered.
        start: Position of the first of them.
    """

    past: SpeakerTokens
    now: SpeakerTokens
    start: int


def offline_windows(tokens: SpeakerTokens, window: int, history: int, *, counted: bool) -> Iterator[Window]:
    """The windows of a clip that is encoded as a whole.

    Args:
        tokens: Of all frames.
        window: w.
        history: Frames before a window that it looks back on; 0 for all.
        counted: Whether positions are those in the clip; else they begin at 0 in every window.

    Yields:
        Windows; the first one looks at its own frames, as none are before.
    """
    frames = tokens.motion.shape[1]
    for begin in range(0, frames, window):
        start = min(begin + window, frames) - window
        past = tokens.frames(max(begin - history, 0) if history else 0, begin or window)
        yield Window(past, tokens.frames(start, start + window), start if counted else 0)


def online_windows(
    encode: Callable[[int, int], SpeakerTokens], frames: int, window: int, context: int, *, before: bool
) -> Iterator[Window]:
    """The windows of a clip that is encoded anew up to the end of each: positions begin at 0 in every window.

    Args:
        encode: Makes tokens of the frames from the first to before the last given.
        frames: T.
        window: w.
        context: Frames that are encoded for a window; 0 for all so far.
        before: Whether a window looks back on the encoded frames before it, where there are any; else on its own.

    Yields:
        Windows.
    """
    for begin in range(0, frames, window):
        stop = min(begin + window, frames)
        tokens = encode(max(stop - context, 0) if context else 0, stop)
        encoded = tokens.motion.shape[1]
        now = tokens.frames(encoded - window, encoded)
        yield Window(tokens.frames(0, begin - stop + encoded) if before and begin and encoded > window else now, now, 0)
