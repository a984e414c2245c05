"""What EMC adds to a base, all of it under ``emc.`` in checkpoints."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from reference_models.blocks.gaussian import Gaussian, standard_noise
from reference_models.blocks.standardisation import Standardisation
from reference_models.emc.attention import EmotionAttention
from reference_models.emc.compensation import Compensation
from reference_models.emc.config import EMCFields
from reference_models.emc.divergences import reduced
from reference_models.emc.emotion import EmotionVectors, SpeechEmotion
from reference_models.emc.streams import Presence, Streams

__all__ = ["EMC", "Branch", "Known", "Sizes"]

# Chance of EMC is apart from the base's, which draws the same whether or not anything is missing.
_APART = 0x45D9F3B


class Sizes(NamedTuple):
    """What EMC has to know of its base.

    Attributes:
        width: Channels of a feature.
        heads: Heads of the base's attention.
        sound: Channels of the features of sound that emotion is heard in.
        sample: Channels of what is sampled.
        sample_width: Channels of attention to it.
        sample_heads: Heads of that attention.
        faces: Features of the face, each of so many channels.
    """

    width: int
    heads: int
    sound: int
    sample: int
    sample_width: int
    sample_heads: int
    faces: int = 1


class Known(NamedTuple):
    """What is known of B speakers.

    Attributes:
        streams: Their features; where a modality is missing, those of when it was last present.
        presence: Where modalities are present.
        face: (B, T, 25) facial attributes, if emotion is used.
        heard: (B, T, 10) emotion in speech, if emotion is used.
        there: (B, T) bool, which frames are no padding; None if all are.
        lesson: What else the base learns from, where there is anything.
    """

    streams: Streams
    presence: Presence
    face: Tensor | None = None
    heard: Tensor | None = None
    there: Tensor | None = None
    lesson: Any = None


class Branch(NamedTuple):
    """What one kind of known modalities leads to.

    Attributes:
        streams: Features, of which those that are missing are compensated.
        emotion: (B, T, width) vectors of emotion; None where it is not used.
    """

    streams: Streams
    emotion: Tensor | None


class EMC(nn.Module):
    """Compensation of what is missing, and attention to emotion.

    Args:
        config: What it is made of.
        sizes: Of the base.
    """

    def __init__(self, config: EMCFields, sizes: Sizes) -> None:
        super().__init__()
        self.config, self.sizes = config, sizes
        width, heads = sizes.width, config.attention_heads or sizes.heads
        if config.uses_emotion:
            self.e_mlp = EmotionVectors(width, mean_of_both=config.both_present == "mean")
            if config.speech_emotion == "learnt":
                self.speech_emotion = SpeechEmotion(sizes.sound, config.speech_emotion_width)
        if "unimodal" in config.attention:
            self.u_ea_f, self.u_ea_s = (EmotionAttention(config, heads, width, width, width) for _ in range(2))
        if "fused" in config.attention:
            self.m_ea = EmotionAttention(config, heads, width, width, width)
        if "sample" in config.attention:
            own = config.attention_heads or sizes.sample_heads
            self.s_ea = EmotionAttention(config, own, sizes.sample, sizes.sample_width, width)
        if config.emotion_input:
            self.input = nn.Linear(width, width)
            nn.init.zeros_(self.input.weight)
            nn.init.zeros_(self.input.bias)
        if config.compensation:
            self.cma_s = Compensation(config, width, sizes.faces * width, width)
            self.cma_f = Compensation(config, sizes.faces * width, width, width)
        self.scaling = Standardisation(width, kept=config.scaled_speech)

    def noise(self, frames: int, like: Tensor, generator: torch.Generator) -> Tensor:
        """(2, T, latent): what compensation of a face, and of speech, draws for a clip.

        Args:
            frames: T.
            like: What gives it device and type of numbers.
            generator: Of the clip; nothing is drawn from it.
        """
        if not self.config.compensation:
            return like.new_zeros(2, frames, 1)
        own = torch.Generator().manual_seed(generator.initial_seed() ^ _APART)
        rows = frames if self.config.z_scope == "frame" else 1
        drawn = standard_noise((rows, 2, self.cma_s.latent), like, own) * self.config.prior_scale
        return drawn.transpose(0, 1).expand(2, frames, -1)

    def completed(self, streams: Streams, presence: Presence, noise: Tensor) -> Streams:
        """Features as they are where they are present, and compensated where they are not.

        Args:
            streams: (B, T, C).
            presence: Where they are present.
            noise: (2, …), each of a shape that broadcasts to (B, T, latent).
        """
        if presence.complete:
            return streams
        made = self._made(streams, noise)
        # A modality that is nowhere in a clip says nothing of the other one; what was made of it does.
        seen = torch.where(presence.face_known[:, None, None], streams.face, made.face)
        heard = torch.where(presence.speech_known[:, None, None], streams.speech, made.speech)
        made = self._made(Streams(seen, heard), noise)
        return Streams(
            torch.where(presence.face[..., None], streams.face, made.face),
            torch.where(presence.speech[..., None], streams.speech, made.speech),
        )

    def emotion(self, known: Known, presence: Presence) -> Tensor | None:
        """(B, T, width): vectors of emotion; None where it is not used."""
        if known.face is None or known.heard is None:
            return None
        found: Tensor = self.e_mlp(known.face, known.heard, presence)
        return found

    def hear(self, sound: Tensor) -> Tensor:
        """(B, T, 10): the emotion in features of sound (B, T, C), by a model that is learnt before all else."""
        with torch.no_grad():
            found: Tensor = self.speech_emotion(sound)
        return found

    def attended(self, branch: Branch, known: Tensor | None = None) -> Streams:
        """Features of each modality, aware of emotion; `known` (B, T) bool says what is no padding."""
        if branch.emotion is None or "unimodal" not in self.config.attention:
            return branch.streams
        (face, speech), emotion, count = branch.streams, branch.emotion, self.sizes.faces
        apart = face.reshape(*face.shape[:2], count, -1).transpose(1, 2).flatten(0, 1)
        own_known = None if known is None else known.repeat_interleave(count, 0)
        seen = self.u_ea_f(apart, emotion.repeat_interleave(count, 0), own_known)
        scaled = self.scaling(speech)
        heard = speech + (self.u_ea_s(scaled, emotion, known) - scaled) * self.scaling.deviation
        return Streams(seen.reshape(-1, count, *seen.shape[1:]).transpose(1, 2).flatten(2), heard)

    def fused(self, series: Tensor, emotion: Tensor | None, known: Tensor | None = None) -> Tensor:
        """Features (B, T, width) of both modalities together, aware of emotion."""
        if emotion is None:
            return series
        if self.config.emotion_input:
            series = series + self.input(emotion)
        return self.m_ea(series, emotion, known) if "fused" in self.config.attention else series

    def sampled(self, series: Tensor, emotion: Tensor | None, known: Tensor | None = None, lag: int = 0) -> Tensor:
        """What is sampled (R, T, C), aware of emotion (R, S, width) or (1, S, width); see `EmotionAttention`."""
        if emotion is None or "sample" not in self.config.attention:
            return series
        return self.s_ea(series, emotion, known, lag)  # type: ignore[no-any-return]

    def branches(self, known: Known) -> tuple[list[Branch], dict[str, Tensor]]:
        """What training learns from: all is known, speech is compensated, the face is.

        Args:
            known: Of the batch.

        Returns:
            A branch for each, the first alone without compensation; and the loss of that.
        """
        presence = known.presence
        kinds = [presence]
        if self.config.compensation:
            kinds += [presence.without_speech(), presence.without_face()]
        posteriors = self._posteriors(known.streams) if self.config.compensation else None
        noise = self._training_noise(posteriors, known.streams.face)
        branches = [Branch(self.completed(known.streams, kind, noise), self.emotion(known, kind)) for kind in kinds]
        if posteriors is None:
            return branches, {}
        return branches, {"compensation": self._compensation_loss(known, posteriors)}

    def _made(self, streams: Streams, noise: Tensor) -> Streams:
        """What each modality would be like, given the other one."""
        if not self.config.compensation:
            return Streams(*(torch.zeros_like(each) for each in streams))
        scaled = self.scaling(streams.speech)
        return Streams(
            self.cma_f.decode(noise[0], scaled),
            self.scaling.undone(self.cma_s.decode(noise[1], streams.face)),
        )

    def _posteriors(self, streams: Streams) -> tuple[Gaussian, Gaussian]:
        scaled = self.scaling(streams.speech)
        return self.cma_f.posterior(streams.face, scaled), self.cma_s.posterior(scaled, streams.face)

    def _training_noise(self, posteriors: tuple[Gaussian, Gaussian] | None, like: Tensor) -> Tensor:
        """(2, B, T, latent) latents of what training replaces."""
        if posteriors is None:
            return like.new_zeros(2, 1, 1, 1)
        if self.config.branch_noise == "posterior":
            return self._posterior_latents(posteriors)
        return torch.stack([self._draw(each.mean) for each in posteriors])

    def _posterior_latents(self, posteriors: tuple[Gaussian, Gaussian]) -> Tensor:
        return torch.stack([each.sample(self._draw(each.mean)) for each in posteriors])

    def _draw(self, like: Tensor) -> Tensor:
        """(B, T, C) of N(0, 1), the same in all frames of a clip if latents are."""
        rows = like.shape[1] if self.config.z_scope == "frame" else 1
        return standard_noise((len(like), rows, like.shape[2]), like).expand_as(like)

    def _compensation_loss(self, known: Known, posteriors: tuple[Gaussian, Gaussian]) -> Tensor:
        """‖u - û‖² + KL(N(μ, σ²) ‖ N(0, 1)) of both modalities, in frames where both are present."""
        presence, how = known.presence, self.config.reduction
        both = presence.face & presence.speech
        weights = (both if known.there is None else both & known.there).to(known.streams.face.dtype)
        made = self._made(known.streams, self._posterior_latents(posteriors))
        found = [reduced(each.divergence(), how, weights) for each in posteriors]
        wanted = Streams(*(each.detach() if self.config.detached_targets else each for each in known.streams))
        found.append(reduced((made.face - wanted.face).square(), how, weights))
        found.append(reduced(((made.speech - wanted.speech) / self.scaling.deviation).square(), how, weights))
        return torch.stack(found).sum()
