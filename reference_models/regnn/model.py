"""REGNN: windows of reactions, made by an invertible graph network from what a speaker does in the same frames.

Conventions: windows of series are (N, T, C), of graphs (N, 25, T).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import chain

import torch
from torch import Tensor

from reference_models.blocks.standardisation import Standardisation
from reference_models.errors import MissingInputError, ModelInputError
from reference_models.generator import ReactionModel
from reference_models.regnn.cognition import Cognition
from reference_models.regnn.config import INPUT_WIDTHS, REGNNConfig
from reference_models.regnn.fusion import Fusion, Streams
from reference_models.regnn.losses import (
    LOSS_WEIGHTS,
    EasyWindows,
    discordance,
    group_spread,
    least_by_group,
    per_number,
    targets_of,
)
from reference_models.regnn.motor import Motor
from reference_models.regnn.sampling import limited_noise, noise_field, sample_mixture
from reference_models.regnn.windows import cut, join, window_starts

__all__ = ["REGNN"]


class REGNN(ReactionModel):
    """A multimodal transformer, a distribution of latents for each window, and an invertible graph network.

    A reaction is made in steps, each a method, between which other models may put theirs: `speaker_streams`, `fuse`,
    `distribution`, `edges`, `sample`, `decode`; training follows with `reaction_losses`.

    Args:
        config: What it is made of.
    """

    heads = ("emotion",)
    modes = ("offline",)
    config: REGNNConfig

    def __init__(self, config: REGNNConfig) -> None:
        super().__init__(config)
        self.inputs = tuple(f"speaker_{kind}" for kind in config.speaker)
        self.scaling = Standardisation(config.face_width + config.voice_width, kept=config.standardised)
        self.fusion = Fusion(config)
        self.cognition = Cognition(config)
        self.motor = Motor(config)
        self.easy = EasyWindows(config.easy_share, config.easy_steps)

    def speaker_streams(self, speaker: Mapping[str, Tensor]) -> Streams:
        """What is seen and heard of speakers, each (N, T, width), of windows of series (N, T, C) by name."""
        face, voice = self.scaling(self._series(speaker)).tensor_split([self.config.face_width], -1)
        return self.fusion.streams(face, voice if self.config.voice else None)

    def fuse(self, streams: Streams) -> Tensor:
        """(N, T, width): both as one."""
        found: Tensor = self.fusion(streams)
        return found

    def distribution(self, fused: Tensor) -> Tensor:
        """(N, 25, T): the mean of the distribution of latents of reactions, of what is fused (N, T, width)."""
        found: Tensor = self.cognition(self.fusion.head(fused))
        return found

    def edges(self, mean: Tensor) -> Tensor:
        """(N, channels, 25, 25): the edges that go with a mean (N, 25, T)."""
        found: Tensor = self.cognition.edges(mean)
        return found

    def sample(self, mean: Tensor, starts: list[int], reactions: int, generator: torch.Generator) -> Tensor:
        """Latents of reactions to a clip.

        Args:
            mean: (W, 25, T) of its windows.
            starts: First frames of the windows.
            reactions: R.
            generator: Where chance comes from.

        Returns:
            (R, W, 25, T).
        """
        config = self.config
        if config.noise == "largest":
            drawn = torch.randn(reactions, *mean.shape, generator=generator).to(mean)
            return mean + limited_noise(drawn, config.noise_limit)
        field = noise_field(reactions, starts, mean, generator)
        if config.noise == "mixture":
            return sample_mixture(self.cognition.mixture, mean, field, config, generator)
        largest = math.sqrt(config.noise_limit)
        return mean + (config.noise_deviation * field).clamp(-largest, largest)

    def decode(self, latents: Tensor, edges: Tensor) -> Tensor:
        """Windows of reactions.

        Args:
            latents: (…, N, 25, T).
            edges: (N, channels, 25, 25).

        Returns:
            (…, N, T, 25).
        """
        repeated = edges.expand(*latents.shape[:-3], *edges.shape).flatten(0, -4)
        made = self.motor.inverse(latents.flatten(0, -3), repeated)
        return made.view_as(latents).transpose(-2, -1)

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002  it is offline only
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, 25) to one speaker, which is encoded once; see `ReactionModel.react`."""
        frames = len(speaker[self.inputs[0]])
        starts = window_starts(frames, self.config)
        windows = {name: cut(speaker[name], starts, self.config.window) for name in self.inputs}
        mean = self.distribution(self.fuse(self.speaker_streams(windows)))
        made = self.decode(self.sample(mean, starts, reactions, generator), self.edges(mean))
        return {"emotion": join(made, starts, frames)}

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch of windows; see `ReactionModel.loss` and `reaction_losses`.

        Raises:
            MissingInputError: If the batch lacks what the model learns from.
            ModelInputError: If it has other than `window` frames.
        """
        mean = self.distribution(self.fuse(self.speaker_streams(batch)))
        return self.reaction_losses(mean, self.edges(mean), batch)

    def reaction_losses(self, mean: Tensor, edges: Tensor, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of the distribution of reactions to B windows of speakers.

        Args:
            mean: (B, 25, T) of the distribution.
            edges: (B, channels, 25, 25).
            batch: Of training.

        Returns:
            ``"loss"`` and its parts, means over frames and nodes: ``"nearest"``, the squared distance to the nearest
            reaction; ``"spread"``, that of reactions to the mean of theirs; as far as the configuration has them
            ``"volume"`` and ``"likelihood"``, which are negative logarithms; and ``"concordance"``, which is ours,
            where it has a weight.
        """
        targets = targets_of(batch)
        groups, own_edges, reactions = targets.groups, edges[targets.groups], targets.windows
        if self.config.log_determinant:
            reactions = reactions + self.config.target_noise * torch.randn_like(reactions)
        latents = self.motor(reactions, own_edges)
        distances = (latents - mean.float()[groups]).square().flatten(1).mean(1)
        parts = {
            "nearest": self.easy(least_by_group(distances, groups, len(mean))),
            "spread": group_spread(latents, groups, len(mean)),
        }
        if self.config.log_determinant:
            # Of as many reactions as there are speakers, since it takes longer than all else.
            some = torch.randperm(len(groups), device=groups.device)[: len(mean)]
            parts["volume"] = -per_number(self.motor.volume(reactions[some], own_edges[some]), latents)
        if self.config.noise == "mixture":
            mixture = self.cognition.mixture
            parts["likelihood"] = -per_number(mixture.log_likelihood(mixture(mean)[:, groups], latents), latents)
        weights = {**LOSS_WEIGHTS, **self.loss_weights}
        if weights["concordance"]:
            parts["concordance"] = discordance(self._one_of(mean.float()), latents, targets)
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    @torch.no_grad()
    def begin_stage(
        self,
        stage: str,  # noqa: ARG002  there is one only
        batches: Iterable[Mapping[str, Tensor]],
    ) -> None:
        """Measure what is standardised, then scale the nodes by the first batch of reactions."""
        batches = iter(batches)
        first = next(batches, None)
        if first is None or not self.training:
            return
        if self.config.standardised:
            self.scaling.measure(self._series(batch).flatten(0, 1) for batch in chain([first], batches))
        self.eval()  # without dropout, the same in all processes of a run
        edges, targets = self.edges(self.distribution(self.fuse(self.speaker_streams(first)))), targets_of(first)
        self.train()
        self.motor(targets.windows, edges[targets.groups])

    def _one_of(self, mean: Tensor) -> Tensor:
        """(B, 25, T): the mean of one Gaussian of the mixture, whichever, where it is sampled; else the mean itself."""
        if self.config.noise != "mixture":
            return mean
        means: Tensor = self.cognition.mixture(mean)
        return means[int(torch.randint(len(means), ()))]

    def _series(self, speaker: Mapping[str, Tensor]) -> Tensor:
        """(N, T, C): what is seen and then what is heard."""
        missing = [name for name in self.inputs if name not in speaker]
        if missing:
            raise MissingInputError(f"the batch has no {' and '.join(missing)}, which REGNN needs.")
        kinds = [*self.config.faces, *([self.config.voice] if self.config.voice else [])]
        series = torch.cat([speaker[f"speaker_{kind}"] for kind in kinds], -1)
        frames, window = series.shape[1], self.config.window
        if frames != window:
            raise ModelInputError(
                f"the batch has {frames} frames, but REGNN learns from windows of {window}. Set window={window} in the "
                "stage of the recipe."
            )
        return series

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        for series, shape in shapes.items():
            width = INPUT_WIDTHS[series.partition("_")[2]]
            if len(shape) != 2 or shape[1] != width:
                raise ModelInputError(f"{series} of clip {clip!r} has shape {shape}, expected (frames, {width}).")
        super()._check_clip(shapes, clip)
        try:
            window_starts(shapes[self.inputs[0]][0], self.config)
        except ModelInputError as error:
            raise ModelInputError(f"clip {clip!r}: {error.message}") from None
