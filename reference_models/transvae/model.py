"""Trans-VAE offline, and what the online model shares with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from reference_models.blocks.gaussian import Gaussian, GaussianTokens, standard_noise
from reference_models.errors import ModelInputError
from reference_models.generator import ReactionModel
from reference_models.transvae.config import TransVAEConfig
from reference_models.transvae.decoder import COEFFICIENTS, EMOTION, Decoded, ReactionDecoder
from reference_models.transvae.frame_statistics import ClipStatistics
from reference_models.transvae.losses import TARGETS, discordance, divergence, diversity, reconstruction
from reference_models.transvae.recipe import LOSS_WEIGHTS
from reference_models.transvae.speaker_encoder import VIDEO, SpeakerEncoder

__all__ = ["Draw", "TransVAE"]

Draw = Callable[[], Tensor]
"""Gives noise of N(0, 1) for the next latent of every reaction."""

_SMALLEST_IMAGE = 16


class TransVAE(ReactionModel):
    """One latent for a whole clip, drawn from a Gaussian that the speaker determines, and decoded to a reaction.

    Offline, a reaction is made in steps, between which other models may put theirs: `speaker_streams`, `fuse`,
    `distribution`, a sample of it, and `decoder`; training follows with `reaction_losses`.

    Args:
        config: What it is made of.
    """

    heads = ("emotion", "coefficients")
    modes = ("offline",)
    config: TransVAEConfig

    def __init__(self, config: TransVAEConfig) -> None:
        super().__init__(config)
        self.inputs, self.most_frames = config.speaker_inputs, config.longest_clip or None
        self.speaker = SpeakerEncoder(config)
        self.latent = GaussianTokens(
            config.width,
            config.heads,
            config.feed_forward,
            dropout=config.dropout,
            ordered=config.frame_order,
            deviation=config.deviation,
        )
        self.decoder = self._make_decoder(config)
        self.fusion = nn.Linear(config.width + COEFFICIENTS + EMOTION, config.width)
        self._begin()

    def speaker_streams(self, speaker: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Features (B, T, width) of each of the series (B, T, …) of speakers, by name."""
        return self.speaker.features(self.speaker.prepare(speaker), ClipStatistics())

    def fuse(self, streams: Mapping[str, Tensor]) -> Tensor:
        """(B, T, width): all features of speakers as one."""
        return self.speaker.fuse(streams)

    def distribution(self, fused: Tensor) -> Gaussian:
        """The Gaussian (B, width) of the latents of reactions to what is fused (B, T, width)."""
        found: Gaussian = self.latent(fused)
        return found

    def views(self, speaker: Mapping[str, Tensor]) -> list[Tensor]:
        """What each window sees of the speaker; offline there is one, the clip.

        Args:
            speaker: Series (B, T, …) by name.

        Returns:
            (B, frames seen, width) for every window.
        """
        return [self.fuse(self.speaker_streams(speaker))]

    def decode(self, views: list[Tensor], frames: int, copies: int, draw: Draw) -> tuple[Decoded, list[Gaussian]]:
        """Reactions to speakers.

        Args:
            views: What `views` gave for B clips.
            frames: T frames of the clips.
            copies: Reactions a clip.
            draw: Gives noise (B · copies, width).

        Returns:
            Coefficients and facial attributes of B · copies reactions, all of a clip one after another, and the
            Gaussian of every window.
        """
        gaussian = self.distribution(views[0])
        repeated = Gaussian(*(each.repeat_interleave(copies, 0) for each in gaussian))
        return self.decoder(repeated.sample(draw()), frames), [gaussian]

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002  a model has one mode
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, C) to one speaker, which is encoded once."""
        clip = {name: speaker[name][None] for name in self.inputs}
        draw = self._draw(reactions, generator)
        (coefficients, emotion), _ = self.decode(self.views(clip), _frames(clip), reactions, draw)
        return {"emotion": emotion, "coefficients": coefficients}

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Errors to the listener, the divergence of the latent, and how alike two reactions to a speaker are."""
        clips = {name: batch[name] for name in self.inputs}
        frames = _frames(clips)
        draw = self._draw(len(clips[self.inputs[0]]), None)
        views = self.views(clips)
        decoded, gaussians = self.decode(views, frames, 1, draw)
        return self.reaction_losses(decoded, gaussians, batch, lambda: self.decode(views, frames, 1, draw)[0])

    def reaction_losses(
        self,
        decoded: Decoded,
        gaussians: list[Gaussian],
        batch: Mapping[str, Tensor],
        decode_another: Callable[[], Decoded],
    ) -> dict[str, Tensor]:
        """Losses of reactions.

        Args:
            decoded: One to each speaker.
            gaussians: Of every window.
            batch: Of training.
            decode_another: Gives another reaction to each speaker.
        """
        parts = reconstruction(decoded, batch) | {"divergence": divergence(gaussians)}
        weights = {**LOSS_WEIGHTS, **self.loss_weights}
        if weights["diversity"]:
            with torch.no_grad():
                other = decode_another()
            parts["diversity"] = diversity(decoded, other)
        if weights["concordance"]:
            parts["concordance"] = discordance(decoded, batch)
        total = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
        return {"loss": total, **parts}

    @torch.no_grad()
    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:  # noqa: ARG002  there is one
        """Let training start at the mean reaction, if the configuration says so.

        Args:
            stage: Name of the stage that begins.
            batches: A pass over the training items.
        """
        if not self.config.start_at_mean:
            return
        sums, count = torch.zeros(EMOTION + COEFFICIENTS, device=self.device), 0
        for batch in batches:
            faces = torch.cat([batch[name] for name in TARGETS], -1)
            there = faces[batch["frame_mask"]] if "frame_mask" in batch else faces.flatten(0, 1)
            sums, count = sums + there.sum(0), count + len(there)
        self.decoder.start_at(sums / max(count, 1))

    def _make_decoder(self, config: TransVAEConfig) -> ReactionDecoder:
        return ReactionDecoder(config)

    def _begin(self) -> None:
        # Published checkpoints hold this layer, which nothing uses offline.
        self.fusion.requires_grad_(False)

    def _draw(self, reactions: int, generator: torch.Generator | None) -> Draw:
        like = self.latent.mean_token
        return lambda: standard_noise((reactions, self.config.width), like, generator)

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        super()._check_clip(shapes, clip)
        video = shapes.get(VIDEO)
        if video is not None and (len(video) != 4 or video[1] != 3 or min(video[2:]) < _SMALLEST_IMAGE):
            raise ModelInputError(
                f"{VIDEO} of clip {clip!r} has shape {tuple(video)}, expected (frames, 3, height, width) of at least "
                f"{_SMALLEST_IMAGE} pixels a side."
            )


def _frames(clips: Mapping[str, Tensor]) -> int:
    return next(iter(clips.values())).shape[1]
