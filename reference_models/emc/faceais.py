"""EMC on FaceAIS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor

from reference_models.emc.config import FaceAISEMCConfig
from reference_models.emc.divergences import categorical_divergence
from reference_models.emc.model import EMCModel
from reference_models.emc.parts import Branch, Known, Sizes
from reference_models.emc.recipe import EMC_STAGE, LOSS_WEIGHTS
from reference_models.emc.streams import Presence
from reference_models.emc.streams import Streams as Features
from reference_models.errors import ConfigError
from reference_models.faceais.losses import masked_absolute_error
from reference_models.faceais.model import FaceAIS
from reference_models.faceais.predictor import SPECIAL_TOKENS, Fused, Streams
from reference_models.faceais.recipe import RECIPE
from reference_models.faceais.windows import Lesson, filled
from reference_models.generator import WIDTHS

__all__ = ["FaceAISEMC"]

_FACE = "speaker_3dmm"


class FaceAISEMC(EMCModel, FaceAIS):
    """FaceAIS, whose predictor and codes know of the speaker's emotion, with compensation.

    Args:
        config: What it is made of.
    """

    base_stages = tuple(stage.name for stage in RECIPE.stages)
    sees_ahead = False
    config: FaceAISEMCConfig

    def sizes(self) -> Sizes:
        """See `EMCModel.sizes`."""
        config, code = self.config, self.config.tokenizer_width
        sound = WIDTHS["mfcc78"] if config.second_input == "speaker_mfcc78" else config.speech_channels
        return Sizes(config.width, config.heads, sound, code, code, config.tokenizer_heads)

    def train(self, mode: bool = True) -> Self:
        """Set training mode; the tokenizer drops nothing while its tokens are learned."""
        super().train(mode)
        if self.stage == EMC_STAGE:
            self.tokenizer.eval()
        return self

    def sound(self, speaker: Mapping[str, Tensor]) -> Tensor:
        """See `EMCModel.sound`; vectors of the same frame are averaged."""
        frames = speaker[_FACE].shape[1]
        whole = frames + -frames % self.config.block
        vectors = _there(self._second(speaker, whole))
        return vectors.reshape(len(vectors), whole, -1, vectors.shape[-1]).mean(2)[:, :frames]

    def more_known(self, speaker: Mapping[str, Tensor], frames: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Emotions, where modalities are missing, and chance, for `fuse`."""
        clip = {name: values[None] for name, values in speaker.items()}
        presence = Presence.told(clip, clip[_FACE])
        face, speech = self.emc.noise(frames, clip[_FACE], generator)
        more = self._more(clip, presence)
        longer = {name: _lengthened(values, frames) for name, values in more.items()}
        return {**longer, "face_noise": face[None], "speech_noise": speech[None]}

    def react(
        self, speaker: Mapping[str, Tensor], reactions: int, generator: torch.Generator, *, online: bool
    ) -> dict[str, Tensor]:
        """As FaceAIS does, of what is held where it is missing; see `ReactionModel.react`."""
        clip = {name: values[None] for name, values in speaker.items()}
        shown = self.held(clip, Presence.told(clip, clip[_FACE]))
        return super().react({name: values[0] for name, values in shown.items()}, reactions, generator, online=online)

    def fuse(self, streams: Streams) -> Fused:
        """What the listener attends to; complete and aware of emotion where `streams` tells more than FaceAIS knows."""
        if not streams.more:
            return super().fuse(streams)
        known = self._known(Features(streams.face, _there(streams.second)), streams.more, streams.face_known)
        noise = torch.stack([streams.more["face_noise"], streams.more["speech_noise"]])
        completed = self.emc.completed(known.streams, known.presence, noise)
        return self._fused(Branch(completed, self.emc.emotion(known, known.presence)), streams)

    def refined(self, vectors: Tensor, more: Mapping[str, Tensor]) -> Tensor:
        """Codes' vectors of a reaction, each block aware of the emotion that is known before it."""
        if not self.config.uses_emotion or "sample" not in self.config.attention:
            return vectors
        blocks = []
        for begin in range(0, vectors.shape[1], self.config.block):
            frames = self.known_before(begin)
            shown = {name: filled(values[:, frames], self.config.block) for name, values in more.items()}
            known = self._known(None, shown, None)
            emotion = self.emc.emotion(known, known.presence)
            lag = begin + self.config.block - frames.stop
            blocks.append(self.emc.sampled(vectors[:, begin : begin + self.config.block], emotion, lag=lag))
        return torch.cat(blocks, 1)

    def taught(self, batch: Mapping[str, Tensor]) -> Known:
        """See `EMCModel.taught`."""
        presence = Presence.told(batch, batch[_FACE])
        lesson = self.lesson(self.held(batch, presence))
        streams = self.speaker_streams(lesson.speaker, lesson.second, lesson.known, lesson.known)
        more = {name: lesson.before(values) for name, values in self._more(batch, presence).items()}
        known = self._known(Features(streams.face, _there(streams.second)), more, lesson.known)
        return known._replace(lesson=(lesson, streams))

    def branch_distribution(self, branch: Branch, known: Known) -> Tensor:
        """(N, rows, vocabulary + 2): logits of tokens."""
        lesson, streams = known.lesson
        fused = self._fused(branch, streams)
        rows, ends = lesson.targets.shape[1], lesson.starts
        return self.distribution(fused, lesson.past, lesson.past_known, rows=rows, ends=ends)

    def divergence(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, rows)."""
        return categorical_divergence(first, second)

    def branch_losses(
        self, distribution: Tensor, branch: Branch, known: Known, batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """FaceAIS's losses of tokens, and how well real faces are decoded of codes that are aware of emotion."""
        lesson, _ = known.lesson
        parts = self.lesson_losses(distribution, lesson, batch)
        if branch.emotion is not None and "sample" in self.config.attention:
            parts["sample"] = self._decoding_error(lesson, branch.emotion, batch)
        weights = {**LOSS_WEIGHTS, **self._weights}
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    def _decoding_error(self, lesson: Lesson, emotion: Tensor, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean absolute error of what is decoded of the last block's true tokens, of both outputs."""
        block = self.config.block
        tokens, rows = lesson.targets[:, -block:], lesson.frames[:, -block:]
        vectors = self.vectors(tokens.clamp_min(SPECIAL_TOKENS))
        made = self.tokenizer.decode(self.emc.sampled(vectors, emotion, lesson.known, lag=block))
        real = (self.scaling(batch["listener_3dmm"]), batch["listener_emotion"])
        wanted = (each[lesson.items[:, None], rows] for each in real)
        errors = [masked_absolute_error(ours, theirs, tokens >= 0) for ours, theirs in zip(made, wanted, strict=True)]
        return torch.stack(errors).sum()

    def _more(self, speaker: Mapping[str, Tensor], presence: Presence) -> dict[str, Tensor]:
        """What EMC knows of speakers by frame; what is lost, not what is there, so that padding counts as there."""
        face, heard = self.emotions(self.held(speaker, presence))
        found = {"face_lost": ~presence.face, "speech_lost": ~presence.speech}
        return found if face is None or heard is None else {**found, "face_emotion": face, "heard": heard}

    def _known(self, streams: Features | None, more: Mapping[str, Tensor], there: Tensor | None) -> Known:
        face, speech = ~more["face_lost"], ~more["speech_lost"]
        counted = torch.ones_like(face) if there is None else there
        presence = Presence(face, speech, (face & counted).any(1), (speech & counted).any(1))
        nothing = presence.face[..., None].float()
        return Known(
            Features(nothing, nothing) if streams is None else streams,
            presence, more.get("face_emotion"), more.get("heard"), there,
        )  # fmt: skip

    def _fused(self, branch: Branch, streams: Streams) -> Fused:
        attended = self.emc.attended(branch, streams.face_known)
        fused = super().fuse(streams._replace(face=attended.face, second=attended.speech))
        return fused._replace(series=self.emc.fused(fused.series, branch.emotion, streams.face_known))


def _there(second: Tensor | None) -> Tensor:
    """What is heard, which the configuration makes sure of."""
    if second is None:
        raise ConfigError("EMC on FaceAIS needs speaker_audio or speaker_mfcc78.")
    return second


def _lengthened(series: Tensor, frames: int) -> Tensor:
    """(B, frames, …): series (B, T, …) whose last row is repeated."""
    return torch.cat([series, series[:, -1:].expand(-1, frames - series.shape[1], *series.shape[2:])], 1)
