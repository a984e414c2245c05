"""The encoder of the speaker: a feature of every frame from all that is known of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from reference_models.errors import ModelInputError
from reference_models.transvae.config import SERIES_WIDTHS, TransVAEConfig
from reference_models.transvae.frame_statistics import RunningStatistics, Statistics
from reference_models.transvae.video_encoder import Stem, VideoEncoder

__all__ = ["VIDEO", "Prepared", "SpeakerEncoder"]

VIDEO = "speaker_video"

Prepared = dict[str, "Stem | Tensor"]

_FRAMES_AT_ONCE = 16


class SpeakerEncoder(nn.Module):
    """Maps every input, and what they say together, linearly; video goes through convolutions first.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: TransVAEConfig) -> None:
        super().__init__()
        self.inputs = config.speaker_inputs
        self.video = VideoEncoder(config.stem_channels, config.width) if VIDEO in self.inputs else None
        series = [name for name in self.inputs if name != VIDEO]
        self.series = nn.ModuleDict({name: nn.Linear(SERIES_WIDTHS[name], config.width) for name in series})
        self.fusion = nn.Linear(len(self.inputs) * config.width, config.width)

    def prepare(self, speaker: Mapping[str, Tensor]) -> Prepared:
        """What does not depend on how many frames are seen.

        Args:
            speaker: Series (B, T, …) by name.
        """
        prepared: Prepared = {name: layer(speaker[name]) for name, layer in self.series.items()}
        if self.video is not None:
            prepared[VIDEO] = self.video.stem(speaker[VIDEO])
        return prepared

    def encode(self, prepared: Prepared, statistics: Statistics, frames: int | None = None) -> Tensor:
        """Features of the first frames.

        Args:
            prepared: What `prepare` gave.
            statistics: What norms of the video are computed of.
            frames: How many; all if None.

        Returns:
            (B, frames, width).
        """
        return self.fuse(self.features(prepared, statistics, frames))

    def features(self, prepared: Prepared, statistics: Statistics, frames: int | None = None) -> dict[str, Tensor]:
        """Features (B, frames, width) of each input apart; see `encode`."""
        return {name: self._feature(prepared[name], statistics, frames) for name in self.inputs}

    def fuse(self, features: Mapping[str, Tensor]) -> Tensor:
        """(B, T, width) of the features (B, T, width) of all inputs."""
        found: Tensor = self.fusion(torch.cat([features[name] for name in self.inputs], -1))
        return found

    def stream(self, speaker: Mapping[str, Tensor]) -> Tensor:
        """Features of all frames of which none depends on later ones, as running statistics make them.

        Args:
            speaker: Series (B, T, …) by name.

        Returns:
            (B, T, width).
        """
        statistics = RunningStatistics()
        if torch.is_grad_enabled() or self.video is None:
            return self.encode(self.prepare(speaker), statistics)
        frames = len(speaker[VIDEO][0])
        parts = []
        for start in range(0, frames, _FRAMES_AT_ONCE):
            part = {name: values[:, start : start + _FRAMES_AT_ONCE] for name, values in speaker.items()}
            parts.append(self.encode(self.prepare(part), statistics))
        return torch.cat(parts, 1)

    def _feature(self, prepared: Stem | Tensor, statistics: Statistics, frames: int | None) -> Tensor:
        if isinstance(prepared, Stem):
            if self.video is None:
                raise ModelInputError("this model was made without video.")
            return self.video.features(prepared.until(frames), statistics)
        return prepared[:, :frames]
