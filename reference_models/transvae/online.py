"""Trans-VAE online: window after window."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.blocks.gaussian import Gaussian
from reference_models.errors import ModelInputError
from reference_models.transvae.config import OnlineTransVAEConfig
from reference_models.transvae.decoder import COEFFICIENTS, EMOTION, ContinuingDecoder, Decoded
from reference_models.transvae.frame_statistics import ClipStatistics
from reference_models.transvae.model import Draw, TransVAE

__all__ = ["OnlineTransVAE"]


class OnlineTransVAE(TransVAE):
    """A latent for every window, from the speaker and the reaction so far.

    Args:
        config: What it is made of.
    """

    modes = ("online",)
    config: OnlineTransVAEConfig
    decoder: ContinuingDecoder

    def views(self, speaker: Mapping[str, Tensor]) -> list[Tensor]:
        """What each window sees of the speaker.

        Args:
            speaker: Series (B, T, …) by name.

        Returns:
            (B, frames seen, width) for every window.
        """
        windows = self._windows(len(next(iter(speaker.values()))[0]))
        ends = [window.stop if self.config.look_ahead == "end" else window.start + 1 for window in windows]
        if self.config.statistics == "running":
            features = self.speaker.stream(speaker)
            return [features[:, :end] for end in ends]
        prepared = self.speaker.prepare(speaker)
        return [self.speaker.encode(prepared, ClipStatistics(), end) for end in ends]

    def decode(self, views: list[Tensor], frames: int, copies: int, draw: Draw) -> tuple[Decoded, list[Gaussian]]:
        """Reactions to speakers, of which every window goes on from the one before; see `TransVAE.decode`."""
        reactions = len(views[0]) * copies
        coefficients = views[0].new_zeros(reactions, 0, COEFFICIENTS)
        emotion = views[0].new_zeros(reactions, 0, EMOTION)
        gaussians, noise = [], draw()
        for number, (window, view) in enumerate(zip(self._windows(frames), views, strict=True)):
            if number and self.config.noise == "window":
                noise = draw()
            gaussian = self.latent(self._joined(view.repeat_interleave(copies, 0), coefficients, emotion))
            gaussians.append(gaussian)
            decoded = self.decoder.window(gaussian.sample(noise), len(window), coefficients)
            coefficients = torch.cat([coefficients, decoded[0]], 1)
            emotion = torch.cat([emotion, decoded[1]], 1)
        return (_lengthened(coefficients, frames), _lengthened(emotion, frames)), gaussians

    def _joined(self, view: Tensor, coefficients: Tensor, emotion: Tensor) -> Tensor:
        """(B, T, width) features of the speaker and of the reaction, which is 0 where it is not there yet."""
        frames = view.shape[1]
        joined: Tensor = self.fusion(
            torch.cat([view, _lengthened(coefficients, frames), _lengthened(emotion, frames)], -1)
        )
        return joined

    def _windows(self, frames: int) -> list[range]:
        size = self._window_size()
        starts = range(0, frames, size)
        windows = [range(start, min(start + size, frames)) for start in starts]
        return [each for each in windows if self.config.tail == "decoded" or len(each) == size]

    def _window_size(self) -> int:
        other = 0 if self.training else self.config.generation_window
        return other or self.config.window

    def _make_decoder(self, config: OnlineTransVAEConfig) -> ContinuingDecoder:  # type: ignore[override]
        return ContinuingDecoder(config)

    def _begin(self) -> None:
        """Every layer is used."""

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        super()._check_clip(shapes, clip)
        frames, size = shapes[self.inputs[0]][0], self.config.generation_window or self.config.window
        if self.config.tail == "zeros" and frames < size:
            raise ModelInputError(
                f"clip {clip!r} has {frames} frames, fewer than a window of {size}, and published code leaves windows "
                "that are cut short at 0. Configure tail='decoded'."
            )


def _lengthened(series: Tensor, frames: int) -> Tensor:
    return functional.pad(series, (0, 0, 0, frames - series.shape[1]))
