"""EMC on Trans-VAE."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from react_data.missing_modalities import MissingModalities
from reference_models.blocks.gaussian import Gaussian
from reference_models.emc.config import TransVAEEMCConfig
from reference_models.emc.divergences import gaussian_divergence
from reference_models.emc.model import EMCModel
from reference_models.emc.parts import Branch, Known, Sizes
from reference_models.emc.streams import Presence, Streams, held
from reference_models.errors import ConfigError
from reference_models.generator import WIDTHS
from reference_models.transvae.decoder import Decoded
from reference_models.transvae.frame_statistics import ClipStatistics
from reference_models.transvae.model import TransVAE
from reference_models.transvae.recipe import RECIPE
from reference_models.transvae.speaker_encoder import VIDEO

__all__ = ["TransVAEEMC"]

_SPEECH = "speaker_mfcc78"


class TransVAEEMC(EMCModel, TransVAE):
    """Trans-VAE, whose latent and decoder know of the speaker's emotion, with compensation.

    Args:
        config: What it is made of.
    """

    base_stages = tuple(stage.name for stage in RECIPE.stages)
    config: TransVAEEMCConfig

    def sizes(self) -> Sizes:
        """See `EMCModel.sizes`."""
        width, heads = self.config.width, self.config.heads
        return Sizes(width, heads, WIDTHS["mfcc78"], width, width, heads, len(self._faces))

    def sound(self, speaker: Mapping[str, Tensor]) -> Tensor:
        """See `EMCModel.sound`."""
        return speaker[_SPEECH]

    def known(self, speaker: Mapping[str, Tensor], presence: Presence, there: Tensor | None = None) -> Known:
        """What is known of speakers (B, T, …); `there` (B, T) bool says what is no padding."""
        speaker = self.held(speaker, presence)
        series = {name: speaker[name] for name in (*self._faces, _SPEECH) if name != VIDEO}
        features = {name: self.speaker.series[name](values) for name, values in series.items()}
        if VIDEO in self._faces:
            features[VIDEO] = self._video(speaker[VIDEO], presence.face)
        streams = Streams(torch.cat([features[name] for name in self._faces], -1), features[_SPEECH])
        return Known(streams, presence, *self.emotions(speaker), there)

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, C) to one speaker, which is encoded once; see `ReactionModel.react`."""
        clip = {name: values[None] for name, values in speaker.items()}
        presence = Presence.told(clip, clip[_SPEECH])
        known = self.known(clip, presence)
        frames = presence.face.shape[1]
        noise = self.emc.noise(frames, known.streams.speech, generator)
        branch = Branch(self.emc.completed(known.streams, presence, noise), self.emc.emotion(known, presence))
        gaussian = self.branch_distribution(branch, known)
        repeated = Gaussian(*(each.repeat_interleave(reactions, 0) for each in gaussian))
        latent = repeated.sample(self._draw(reactions, generator)())
        coefficients, emotion = self._decoded(latent, branch, frames)
        return {"emotion": emotion, "coefficients": coefficients}

    def taught(self, batch: Mapping[str, Tensor]) -> Known:
        """See `EMCModel.taught`."""
        return self.known(batch, Presence.told(batch, batch[_SPEECH]), batch.get("frame_mask"))

    def branch_distribution(self, branch: Branch, known: Known) -> Gaussian:
        """The Gaussian (B, width) of latents."""
        streams = self.emc.attended(branch, known.there)
        faces = streams.face.chunk(len(self._faces), -1)
        features = dict(zip(self._faces, faces, strict=True)) | {_SPEECH: streams.speech}
        return self.distribution(self.emc.fused(self.fuse(features), branch.emotion, known.there))

    def divergence(self, first: Gaussian, second: Gaussian) -> Tensor:
        """(B, width)."""
        return gaussian_divergence(first, second)

    def branch_losses(
        self, distribution: Gaussian, branch: Branch, known: Known, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Trans-VAE's losses; see `EMCModel.branch_losses`."""
        frames = known.presence.face.shape[1]
        draw = self._draw(len(known.streams.face), None)

        def decode() -> Decoded:
            return self._decoded(distribution.sample(draw()), branch, frames, known.there)

        return self.reaction_losses(decode(), [distribution], batch, decode)

    @property
    def _faces(self) -> tuple[str, ...]:
        """The series of a face."""
        modality = MissingModalities().modality
        named = self.config.speaker_inputs
        return tuple(name for name in named if modality(name.removeprefix("speaker_")) == "face")

    def _decoded(self, latent: Tensor, branch: Branch, frames: int, there: Tensor | None = None) -> Decoded:
        """Reactions (R, T, …) of latents (R, width), each held over the clip and then aware of emotion.

        Args:
            latent: Of each reaction.
            branch: What emotion is known.
            frames: T.
            there: (B, T) bool, which frames are no padding; all if None.
        """
        memory = latent[:, None]
        if branch.emotion is not None and "sample" in self.config.attention:
            memory = self.emc.sampled(memory.expand(-1, frames, -1), branch.emotion, there)
        decoded: Decoded = self.decoder(memory, frames)
        return decoded

    def _video(self, video: Tensor, present: Tensor) -> Tensor:
        """(B, T, width): features of the frames that are there, whose norms are over those frames only."""
        encoder = self.speaker.video
        if encoder is None:
            raise ConfigError("this model was made without video.")
        if bool(present.all()):
            return encoder.features(encoder.stem(video), ClipStatistics())
        found = torch.zeros(*present.shape, self.config.width, device=video.device)
        for number, there in enumerate(present):
            if bool(there.any()):
                rows = encoder.features(encoder.stem(video[number, there][None]), ClipStatistics())[0]
                found[number] = found[number].index_put((there,), rows.to(found.dtype))
        return held(found, present, ahead=True)
