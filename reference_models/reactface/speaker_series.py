"""What a model is given of speakers: checked, in whole windows, and cut into stretches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.blocks.speech_sound import SAMPLES_A_FRAME, scaled_sound
from reference_models.errors import MissingInputError, ModelInputError
from reference_models.reactface.config import SERIES_WIDTHS, TOKENS_A_FRAME, ReactFaceConfig

__all__ = ["SpeakerSeries"]


class SpeakerSeries:
    """The series of speakers by kind.

    Args:
        speakers: ``speaker_K`` (B, T, …) for every kind K of the configuration, sound as (B, samples).
        config: The model's configuration.
        window: Frames that are generated at once.

    Attributes:
        frames: T.
        whole: Frames with those that fill the last window up.
        late: By how many frames the series come later than the speaker.

    Raises:
        MissingInputError: If a kind is not there.
        ModelInputError: If one has another shape, or the clip is shorter than a window that is not filled up.
    """

    def __init__(self, speakers: Mapping[str, Tensor], config: ReactFaceConfig, window: int) -> None:
        missing = [f"speaker_{kind}" for kind in config.speaker if f"speaker_{kind}" not in speakers]
        if missing:
            raise MissingInputError(f"ReactFace needs {' and '.join(missing)}, which the batch lacks.")
        self._series = {kind: speakers[f"speaker_{kind}"] for kind in config.speaker}
        self.frames = self._series[config.faces[0]].shape[1]
        self._statistics = config.sound_statistics
        _check(self._series, self.frames, config)
        if not config.pad_tail and self.frames < window:
            raise ModelInputError(
                f"the clip has {self.frames} frames, expected at least a window of {window}: choose pad_tail=True."
            )
        extra = -self.frames % window if config.pad_tail else 0
        self.whole = self.frames + extra
        self.late = window - 1 if config.look_ahead == "start" else 0
        self._series = {kind: _filled(values, kind, self.whole, self.late) for kind, values in self._series.items()}

    def repeated(self, times: int) -> None:
        """Make B speakers the same speakers one after another, several times over."""
        self._series = {kind: values.repeat(times, *[1] * (values.ndim - 1)) for kind, values in self._series.items()}

    def stretch(self, start: int, stop: int, *, online: bool) -> dict[str, Tensor]:
        """Some of the frames.

        Args:
            start: First frame.
            stop: Frame after the last.
            online: Whether frames from `stop` on are not known yet.

        Returns:
            (B, stop - start, …) by kind; sound as (B, samples), of zero mean and unit variance.
        """
        found = {kind: values[:, start:stop] for kind, values in self._series.items() if kind != "audio"}
        if "audio" in self._series:
            sound = self._series["audio"]
            cut = sound[:, start * SAMPLES_A_FRAME : stop * SAMPLES_A_FRAME]
            known = min(stop, self.frames) if online and self._statistics == "running" else self.frames
            heard = sound[:, : known * SAMPLES_A_FRAME]
            found["audio"] = cut if self._statistics == "given" else scaled_sound(cut, heard)
        return found


def _check(series: Mapping[str, Tensor], frames: int, config: ReactFaceConfig) -> None:
    widths = {**SERIES_WIDTHS, "3dmm": config.coefficients, "wav2vec": TOKENS_A_FRAME * config.voice_width}
    for kind, values in series.items():
        if kind == "audio":
            _check_sound(values, frames)
        elif kind == "video":
            if values.ndim != 5 or values.shape[2] != 3:
                raise ModelInputError(f"speaker_video is {tuple(values.shape)}, expected (B, T, 3, H, W) in [-1, 1].")
        elif values.ndim != 3 or values.shape[1:] != (frames, widths[kind]):
            raise ModelInputError(
                f"speaker_{kind} is {tuple(values.shape)}, expected (B, {frames}, {widths[kind]}) as speaker_"
                f"{config.faces[0]} has {frames} frames."
            )
    if frames < 1:
        raise ModelInputError("the clip has no frames.")


def _check_sound(sound: Tensor, frames: int) -> None:
    if sound.ndim != 2 or abs(sound.shape[1] - SAMPLES_A_FRAME * frames) > SAMPLES_A_FRAME:
        raise ModelInputError(
            f"speaker_audio is {tuple(sound.shape)} for {frames} frames, expected (B, {SAMPLES_A_FRAME * frames}): "
            "mono at 16000 samples a second, and 25 frames a second."
        )


def _filled(values: Tensor, kind: str, frames: int, late: int) -> Tensor:
    """The series so many frames later, in as many frames: end rows are repeated, around sound is silence."""
    if kind == "audio":
        filled = functional.pad(values, (late * SAMPLES_A_FRAME, frames * SAMPLES_A_FRAME - values.shape[1]))
        return filled[:, : frames * SAMPLES_A_FRAME]
    if not late and frames == values.shape[1]:
        return values
    places = torch.arange(-late, frames - late, device=values.device).clamp(0, values.shape[1] - 1)
    return values[:, places]
