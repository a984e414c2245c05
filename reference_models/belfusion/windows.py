"""Windows of clips: those that training learns from, those that reactions are made from, and how they become one clip.

Conventions: windows are (N, window, C). Those of a clip follow one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.belfusion.config import BeLFusionConfig
from reference_models.blocks.windows import Spans, clip_lengths, cut, draw_starts, join
from reference_models.errors import MissingInputError, ModelInputError

__all__ = ["Series", "Spans", "conditions", "drawn_pairs", "drawn_windows", "join", "spans", "whole_windows"]

Series = dict[str, Tensor]
"""Windows by name."""


def whole_windows(batch: Mapping[str, Tensor], name: str, window: int) -> tuple[Tensor, Tensor]:
    """Every window of every clip, one after another.

    Args:
        batch: A series (B, T, C) by that name, and perhaps ``frame_mask`` (B, T).
        name: Which.
        window: Frames of a window.

    Returns:
        (B · W, window, C), and (B · W,) which of them are wholly within their clip.
    """
    series = _series(batch, name, window)
    starts = _grid(series, window)
    return cut(series, starts, window), _are_there(starts, batch, series, window)


def drawn_windows(batch: Mapping[str, Tensor], names: Sequence[str], config: BeLFusionConfig) -> tuple[Series, Tensor]:
    """Windows that the auto-encoder learns from: as many of each clip as it has whole ones.

    Args:
        batch: Series (B, T, C) by name, and perhaps ``frame_mask`` (B, T).
        names: Which.
        config: What the model is made of.

    Returns:
        (B · W, window, C) of the same frames by name, and (B · W,) which of them are wholly within their clip.
    """
    window = config.window
    series = {name: _series(batch, name, window) for name in names}
    first = series[names[0]]
    starts = _grid(first, window)
    if config.training_starts == "anywhere":
        starts = draw_starts(starts.shape, clip_lengths(batch, first), window)
    windows = {name: cut(each, starts, window) for name, each in series.items()}
    return windows, _are_there(starts, batch, first, window)


def drawn_pairs(batch: Mapping[str, Tensor], config: BeLFusionConfig) -> tuple[Tensor, Tensor]:
    """Windows of listeners and those of their speakers that the diffusion learns them from.

    Args:
        batch: ``speaker_emotion`` and ``listener_emotion`` (B, T, 25), and perhaps ``frame_mask`` (B, T).
        config: What the model is made of.

    Returns:
        (B · windows_a_clip, windows seen · window, 25) of speakers, and (B · windows_a_clip, window, 25) of listeners.
    """
    window = config.window
    lag = window if config.setting == "before" else 0
    speaker = _series(batch, "speaker_emotion", window)
    listener = _series(batch, "listener_emotion", window)
    shape = (len(listener), config.windows_a_clip)
    if config.training_starts == "early":
        _check_frames(listener, "listener_emotion", window + lag)
        latest = min(window - 1, listener.shape[1] - window - lag)
        starts = torch.randint(latest + 1, shape[1:], device=listener.device).expand(shape) + lag
    else:
        starts = draw_starts(shape, clip_lengths(batch, listener), window)
        starts = torch.where(starts < lag, 0, starts)  # the speaker before is known wholly, or not at all
    return cut(_padded(speaker, config), starts, config.windows_seen * window), cut(listener, starts, window)


def spans(frames: int, config: BeLFusionConfig) -> Spans:
    """Windows that make up a clip.

    Args:
        frames: Frames of the clip, at least 1.
        config: What the model is made of.

    Raises:
        ModelInputError: If the clip is not whole windows, and the configuration refuses that.

    Example:
        >>> spans(120, BeLFusionConfig())
        [(0, 0), (50, 50), (70, 100)]
    """
    window = config.window
    whole = [(start, start) for start in range(0, frames - window + 1, window)]
    left = frames - window * len(whole)
    if not left:
        return whole
    if config.other_lengths == "refused":
        raise ModelInputError(
            f"a clip of {frames} frames is not whole windows of {window}, which the published BeLFusion needs. Cut it, "
            "or take other_lengths='overlapping'."
        )
    # Online a window looks back on the whole window before, so it need not begin earlier to see one.
    first = frames - left if config.setting == "before" else max(0, frames - window)
    return [*whole, (first, frames - left)]


def conditions(speaker: Tensor, found: Spans, config: BeLFusionConfig) -> Tensor:
    """The windows of a speaker that the windows of a reaction are made from.

    Args:
        speaker: (T, 25).
        found: The windows of the reaction.
        config: What the model is made of.

    Returns:
        (W, windows seen · window, 25); what is before the first frame is 0, so is what is after the last one, but for a
        clip that is shorter than a window: there it is like the last frame.
    """
    window = config.window
    lag = window if config.setting == "before" else 0
    missing = max(0, found[-1][0] - lag + window - len(speaker))
    padded = _padded(torch.cat([speaker, speaker[-1:].expand(missing, -1)]), config)
    return torch.stack([padded[start : start + config.windows_seen * window] for start, _ in found])


def _padded(speaker: Tensor, config: BeLFusionConfig) -> Tensor:
    """A series (…, T, 25) in which the frames that a window is made from begin where the window does in its clip."""
    further = config.context * config.window
    before, after = (further + config.window, 0) if config.setting == "before" else (further, further)
    return functional.pad(speaker, (0, 0, before, after))


def _grid(series: Tensor, window: int) -> Tensor:
    """(B, W): where windows begin that follow one another."""
    return torch.arange(0, series.shape[1] - window + 1, window, device=series.device).expand(len(series), -1)


def _are_there(starts: Tensor, batch: Mapping[str, Tensor], series: Tensor, window: int) -> Tensor:
    """(B · W,) which windows end within their clip."""
    return (starts + window <= clip_lengths(batch, series)[:, None]).flatten()


def _series(batch: Mapping[str, Tensor], name: str, least: int) -> Tensor:
    if name not in batch:
        raise MissingInputError(f"the training batch has no {name}, which BeLFusion learns from.")
    _check_frames(batch[name], name, least)
    return batch[name]


def _check_frames(series: Tensor, name: str, least: int) -> None:
    if series.shape[1] < least:
        raise ModelInputError(f"{name} has {series.shape[1]} frames, but BeLFusion learns from at least {least}.")
