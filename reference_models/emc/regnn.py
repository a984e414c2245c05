"""EMC on REGNN."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.emc.config import REGNNEMCConfig
from reference_models.emc.divergences import mean_divergence
from reference_models.emc.model import EMCModel
from reference_models.emc.parts import Branch, Known, Sizes
from reference_models.emc.streams import Presence, Streams
from reference_models.regnn.config import INPUT_WIDTHS, NODES, VOICE_INPUTS
from reference_models.regnn.fusion import Streams as WindowStreams
from reference_models.regnn.model import REGNN
from reference_models.regnn.recipe import RECIPE
from reference_models.regnn.windows import cut, join, window_starts

__all__ = ["REGNNEMC"]


class REGNNEMC(EMCModel, REGNN):
    """REGNN, whose distribution and latents know of the speaker's emotion, with compensation.

    Args:
        config: What it is made of.
    """

    base_stages = tuple(stage.name for stage in RECIPE.stages)
    config: REGNNEMCConfig

    def sizes(self) -> Sizes:
        """See `EMCModel.sizes`."""
        config = self.config
        return Sizes(config.width, config.heads, VOICE_INPUTS[config.voice], NODES, config.sample_width, config.heads)

    def channels(self, name: str) -> int:
        """See `EMCModel.channels`."""
        return INPUT_WIDTHS.get(name.removeprefix("speaker_")) or super().channels(name)

    def sound(self, speaker: Mapping[str, Tensor]) -> Tensor:
        """See `EMCModel.sound`."""
        return speaker[f"speaker_{self.config.voice}"]

    def known(self, windows: Mapping[str, Tensor], presence: Presence) -> Known:
        """What is known of windows (N, T, …) of speakers."""
        face, voice = self.speaker_streams(windows)
        return Known(Streams(face, voice), presence, *self.emotions(windows))

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, 25) to one speaker, which is encoded once; see `ReactionModel.react`."""
        clip = {name: values[None] for name, values in speaker.items()}
        whole = Presence.told(clip, self.sound(clip))
        frames = whole.face.shape[1]
        starts, window = window_starts(frames, self.config), self.config.window
        series = self.held({name: clip[name] for name in self.inputs}, whole)
        windows = {name: cut(values[0], starts, window) for name, values in series.items()}
        shown = (cut(mask[0, :, None], starts, window)[..., 0] for mask in (whole.face, whole.speech))
        # What is in no frame of a window may be in others, and is held.
        known_in = (each.expand(len(starts)) for each in (whole.face_known, whole.speech_known))
        known = self.known(windows, Presence(*shown, *known_in))
        noise = cut(self.emc.noise(frames, known.streams.speech, generator), starts, window)
        completed = self.emc.completed(known.streams, known.presence, noise)
        branch = Branch(completed, self.emc.emotion(known, known.presence))
        mean = self.branch_distribution(branch, known)
        if self.config.noise == "mixture":  # training makes the mixture of a mean that is aware of emotion
            latents = self.sample(self._sampled(mean[None], branch)[0], starts, reactions, generator)
        else:
            latents = self._sampled(self.sample(mean, starts, reactions, generator), branch)
        return {"emotion": join(self.decode(latents, self.edges(mean)), starts, frames)}

    def taught(self, batch: Mapping[str, Tensor]) -> Known:
        """See `EMCModel.taught`."""
        presence = Presence.told(batch, self.sound(batch))
        return self.known(self.held(batch, presence), presence)

    def branch_distribution(self, branch: Branch, known: Known) -> Tensor:  # noqa: ARG002  nothing else is known
        """(N, 25, T): the mean of the distribution of latents."""
        fused = self.fuse(WindowStreams(*self.emc.attended(branch)))
        return self.distribution(self.emc.fused(fused, branch.emotion))

    def divergence(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, 25, T)."""
        return mean_divergence(first, second, self.config.fusion_deviation)

    def branch_losses(
        self,
        distribution: Tensor,
        branch: Branch,
        known: Known,  # noqa: ARG002
        batch: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """REGNN's losses. Its training inverts nothing, so the mean itself is made aware of emotion."""
        aware = self._sampled(distribution[None], branch)[0]
        return self.reaction_losses(aware, self.edges(distribution), batch)

    def _sampled(self, latents: Tensor, branch: Branch) -> Tensor:
        """(R, N, 25, T): latents aware of emotion; a frame of the nodes is a token."""
        if branch.emotion is None:
            return latents
        tokens = latents.mT.flatten(0, 1)
        emotion = branch.emotion.repeat(len(latents), 1, 1)
        return self.emc.sampled(tokens, emotion).view(*latents.shape[:2], -1, NODES).mT
