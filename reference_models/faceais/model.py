"""FaceAIS: the tokens of a reaction, block after block, from the speaker's face and speech and the reaction so far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional

from react_data.channels import EMOTION_25
from reference_models.blocks.appropriate_targets import targets_of
from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.speech_sound import SAMPLES_A_FRAME
from reference_models.blocks.standardisation import Standardisation
from reference_models.errors import MissingInputError, ModelInputError, TrainingError
from reference_models.faceais.config import FaceAISConfig
from reference_models.faceais.losses import face_loss, masked_absolute_error
from reference_models.faceais.predictor import SPECIAL_TOKENS, Fused, ReactionPredictor, Streams
from reference_models.faceais.recipe import EMOTION_DECODER, LOSS_WEIGHTS, PREDICTOR, TOKENIZER
from reference_models.faceais.sampling import block_noise, sampled_tokens, token_chances
from reference_models.faceais.speech import SpeechFeatures
from reference_models.faceais.tokenizer import COEFFICIENTS, FaceTokenizer
from reference_models.faceais.windows import Lesson, filled, next_block_lesson, published_lesson, value_known
from reference_models.generator import WIDTHS, ReactionModel

__all__ = ["FaceAIS"]

_AUDIO, _CEPSTRA, _FACE = "speaker_audio", "speaker_mfcc78", "speaker_3dmm"


class FaceAIS(ReactionModel):
    """FaceAIS: a tokenizer of faces, and a predictor of tokens.

    A reaction is made in steps that others can build on: `speaker_streams` embeds a stretch of the speaker, `fuse`
    joins face and speech, `distribution` says of which tokens the next block is made, `vectors` gives what tokens
    stand for, and `decode` makes faces of that. A model that is built on this one may know more of the speaker
    (`more_known`), which `fuse` is given as well, and may refine the vectors of a reaction (`refined`).

    Args:
        config: What it is made of.

    Raises:
        ConfigError: If the wav2vec 2.0 that it starts from is of another kind.
        SpeechModelError: If that one's folder holds no complete checkpoint.
    """

    heads = ("coefficients", "emotion")
    modes = ("online",)
    config: FaceAISConfig

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__(config.without_folder())
        self.inputs = config.speaker_inputs
        self.stage = TOKENIZER
        self.scaling = Standardisation(COEFFICIENTS, kept=config.standardised)
        self.tokenizer = FaceTokenizer(config)
        self.predictor = ReactionPredictor(config)
        if config.second_input == _AUDIO:
            self.speech = SpeechFeatures(config)
        if config.second_input == _CEPSTRA:
            self.cepstra_scaling = Standardisation(WIDTHS["mfcc78"], kept=True)

    def train(self, mode: bool = True) -> Self:
        """Set training mode; the tokenizer drops nothing while the predictor learns its tokens."""
        super().train(mode)
        if self.stage == PREDICTOR:
            self.tokenizer.eval()
        return self

    def tokens(self, coefficients: Tensor) -> Tensor:
        """(B, T): tokens of coefficients (B, T, 58), T whole blocks, shifted by 2 as the predictor takes them."""
        return self.tokenizer.tokenise(self.scaling(coefficients)) + SPECIAL_TOKENS

    def speaker_streams(
        self,
        tokens: Tensor,
        second: Tensor | None = None,
        known: Tensor | None = None,
        second_known: Tensor | None = None,
    ) -> Streams:
        """Embed a stretch of speakers.

        Args:
            tokens: (B, n) of their faces.
            second: (B, k · n, C) what is known beside the face.
            known: (B, n) bool, which frames of the face are known; all if None.
            second_known: (B, n) bool, the same of `second`.
        """
        speaker = self.predictor.speaker
        return Streams(speaker.face(tokens), None if second is None else speaker.second(second), known, second_known)

    def fuse(self, streams: Streams) -> Fused:
        """(B, n, width): what the listener attends to."""
        found: Fused = self.predictor.speaker(streams)
        return found

    def distribution(
        self,
        fused: Fused,
        past: Tensor,
        known: Tensor | None = None,
        *,
        rows: int | None = None,
        ends: Tensor | None = None,
    ) -> Tensor:
        """Logits of the tokens a block after the last rows of listeners' pasts.

        Args:
            fused: n frames of the speakers; one speaker serves all reactions.
            past: (R, m) tokens, m ≤ n; at least a block, of padding where there is none.
            known: (R, m) bool, which of them are known; all if None.
            rows: How many of the last rows are wanted; all if None.
            ends: (R,) or (1,) frames of the clip up to the end of the past.

        Returns:
            (R, rows, vocabulary + 2).
        """
        found: Tensor = self.predictor.listener(fused, past, known, rows, ends)
        return found

    def vectors(self, tokens: Tensor) -> Tensor:
        """(R, T, tokenizer width): what tokens (R, T), shifted by 2, stand for."""
        return self.tokenizer.vectors(tokens - SPECIAL_TOKENS)

    def decode(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (R, T, 58) and facial attributes (R, T, 25) of vectors (R, T, tokenizer width)."""
        coefficients, emotion = self.tokenizer.decode(vectors)
        if self.config.emotion_range == "limited":
            emotion = emotion.clamp(emotion.new_tensor(_LOWEST), emotion.new_tensor(_HIGHEST))
        return self.scaling.undone(coefficients), emotion

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002  there is no other way
    ) -> dict[str, Tensor]:
        """Reactions to one speaker, all of them at once; see `ReactionModel.react`."""
        frames, block = len(speaker[_FACE]), self.config.block
        whole = frames + -frames % block
        tokens = self.tokens(_lengthened(speaker[_FACE], whole)[None])
        second = self._second({name: values[None] for name, values in speaker.items()}, whole)
        more = self.more_known(speaker, whole, generator)
        noise = block_noise(reactions, whole // block, self.config, generator)
        made, vectors = tokens.new_zeros(reactions, 0), []
        for number, drawn in enumerate(noise):
            chances = token_chances(self._next(tokens, second, made, number * block, more), self.config)
            made = torch.cat([made, sampled_tokens(chances, drawn)], 1)
            vectors.append(self._vectors(made[:, -block:], chances))
        coefficients, emotion = self.decode(self.refined(torch.cat(vectors, 1), more))
        return {"coefficients": coefficients[:, :frames], "emotion": emotion[:, :frames]}

    def more_known(
        self,
        speaker: Mapping[str, Tensor],  # noqa: ARG002  here nothing more is known
        frames: int,  # noqa: ARG002
        generator: torch.Generator,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Other series (1, T, …) of a speaker, T whole blocks, that `fuse` is given a stretch of."""
        return {}

    def refined(self, vectors: Tensor, more: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002
        """(R, T, tokenizer width): what is decoded, of vectors of the sampled tokens and what `more_known` gave."""
        return vectors

    def known_before(self, begin: int) -> slice:
        """The frames of the speaker that the block from a frame on is made of."""
        seen = begin + (self.config.look_ahead == "block")
        return slice(max(0, seen - self.config.context), seen)

    @torch.no_grad()
    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Before the first stage, the listeners' coefficients are measured, and the speakers' cepstra."""
        scalings = []
        if self.config.standardised:
            scalings.append((self.scaling, "listener_3dmm"))
        if self.config.second_input == _CEPSTRA:
            scalings.append((self.cepstra_scaling, _CEPSTRA))
        if stage == TOKENIZER and scalings:
            rows = [[batch[name][_there(batch)] for _, name in scalings] for batch in batches]
            for (scaling, _), of_batches in zip(scalings, zip(*rows, strict=True), strict=False):
                scaling.measure(of_batches)

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch; see `ReactionModel.loss`.

        Returns:
            ``"loss"``; in the stages ``"tokenizer"`` and ``"emotion"`` ``"face"`` and ``"emotion"``, in the stage
            ``"predictor"`` ``"tokens"``; and in all of them ``"concordance"``, which is ours, where it has a weight.

        Raises:
            TrainingError: If there is no such stage.
            MissingInputError: If the batch lacks what the stage learns from.
            ModelInputError: If clips are shorter than the stage needs.
        """
        if self.stage not in LOSS_WEIGHTS:
            raise TrainingError(f"FaceAIS has no stage {self.stage!r}, only {', '.join(LOSS_WEIGHTS)}.")
        parts = self._token_loss(batch) if self.stage == PREDICTOR else self._reconstruction(batch)
        return {"loss": torch.stack([self._weights[name] * value for name, value in parts.items()]).sum(), **parts}

    @property
    def _weights(self) -> Mapping[str, float]:
        """Of the parts of the loss in this stage; those of stages that others add are the predictor's."""
        return {**LOSS_WEIGHTS.get(self.stage, LOSS_WEIGHTS[PREDICTOR]), **self.loss_weights}

    def _next(
        self, tokens: Tensor, second: Tensor | None, made: Tensor, begin: int, more: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """(R, block, vocabulary + 2): logits of the block that begins at a frame."""
        config, each, frames = self.config, self.config.vectors_a_frame, self.known_before(begin)
        face, past = tokens[:, frames], made[:, max(0, begin - min(config.own_past, config.context)) :]
        other = None if second is None else second[:, each * frames.start : each * frames.stop]
        by_value = config.padding == "value"
        if not past.shape[1]:
            past = filled(past, config.context if by_value else config.block)
        face = filled(face, past.shape[1])
        other = None if other is None else filled(other, each * past.shape[1])
        shown = {name: filled(values[:, frames], face.shape[1]) for name, values in (more or {}).items()}
        streams = self.speaker_streams(face, other)._replace(more=shown)
        if by_value:
            heard = value_known(other, each) if other is not None and config.second_input == _AUDIO else None
            streams = streams._replace(face_known=value_known(face), second_known=heard)
        past_known, ends = value_known(past) if by_value else None, torch.tensor([begin], device=past.device)
        return self.distribution(self.fuse(streams), past, past_known, rows=config.block, ends=ends)

    def _vectors(self, tokens: Tensor, chances: Tensor) -> Tensor:
        """(R, block, tokenizer width): what is decoded of tokens (R, block) that were sampled by chances."""
        sampled, spread = self.vectors(tokens), self.config.spread
        if spread == 1:
            return sampled
        expected = chances @ self.vectors(torch.arange(chances.shape[-1], device=chances.device))
        return expected + spread * (sampled - expected)

    def _second(self, speaker: Mapping[str, Tensor], frames: int) -> Tensor | None:
        """(B, k · frames, C): what is known of speakers beside the face; end rows are repeated, after sound is silence.

        Args:
            speaker: Series (B, T, …) by name.
            frames: Whole blocks.
        """
        if not self.config.second_input:
            return None
        series = speaker[self.config.second_input]
        if self.config.second_input != _AUDIO:
            whole = torch.stack([_lengthened(each, frames) for each in series])
            return self.cepstra_scaling(whole) if self.config.second_input == _CEPSTRA else whole
        samples = SAMPLES_A_FRAME * frames
        found: Tensor = self.speech(functional.pad(series, (0, max(0, samples - series.shape[1])))[:, :samples])
        return found

    def _reconstruction(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        targets, emotion, there = self._whole_blocks(batch, "listener_3dmm", "listener_emotion", least=1)
        targets = self.scaling(targets)
        coefficients, made = self.tokenizer(targets)
        parts = {} if self.stage == EMOTION_DECODER else {"face": face_loss(coefficients, targets, there)}
        parts["emotion"] = masked_absolute_error(made, emotion, there)
        if self._weights["concordance"]:
            parts["concordance"] = concordance_loss(made.float(), emotion[:, None], there[:, None])
        return parts

    def lesson(self, batch: Mapping[str, Tensor]) -> Lesson:
        """What the predictor learns of a batch, and from what."""
        published = self.config.objective == "all"
        listener, speaker, there = self._whole_blocks(batch, "listener_3dmm", _FACE, least=1 + published)
        with torch.no_grad():
            listener, speaker = self.tokens(listener), self.tokens(speaker)
            second = self._second(batch, listener.shape[1])
        teach = published_lesson if published else next_block_lesson
        return teach(speaker, second, listener, there, self.config)

    def _token_loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        lesson = self.lesson(batch)
        streams = self.speaker_streams(lesson.speaker, lesson.second, lesson.known, lesson.known)
        rows, ends = lesson.targets.shape[1], lesson.starts
        logits = self.distribution(self.fuse(streams), lesson.past, lesson.past_known, rows=rows, ends=ends)
        return self.lesson_losses(logits, lesson, batch)

    def lesson_losses(self, logits: Tensor, lesson: Lesson, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Losses of what a lesson predicts, by name.

        Args:
            logits: (N, rows, vocabulary + 2).
            lesson: Of the batch.
            batch: Of training.
        """
        targets, weights = lesson.targets, self._weights
        parts = {"tokens": functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-1)}
        ours = logits[..., SPECIAL_TOKENS : SPECIAL_TOKENS + self.config.codes].float()
        if weights["concordance"]:
            parts["concordance"] = self._discordance(ours, lesson, batch)
        return parts

    def _discordance(self, logits: Tensor, lesson: Lesson, batch: Mapping[str, Tensor]) -> Tensor:
        """1 - CCC to the listener of the facial attributes that distributions of codes (N, rows, K) expect."""
        expected = torch.softmax(logits, -1) @ self.tokenizer.vectors(torch.arange(logits.shape[-1]).to(logits.device))
        made, (targets, there) = self.tokenizer.decode(expected)[1], targets_of(batch, "emotion")
        clips, _, _, channels = targets.shape
        frames = lesson.frames.reshape(clips, 1, -1)
        shown = targets.gather(2, frames[..., None].expand(-1, -1, -1, channels))
        return concordance_loss(made.reshape(clips, -1, channels), shown, there.gather(2, frames))

    def _whole_blocks(
        self, batch: Mapping[str, Tensor], one: str, other: str, *, least: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Two series, and which of their frames are there, as far as they are whole blocks."""
        missing = [name for name in (one, other, *self.inputs[1:]) if name not in batch]
        if missing:
            raise MissingInputError(f"the training batch has no {' and no '.join(missing)}, which FaceAIS learns from.")
        frames, block = batch[one].shape[1], self.config.block
        if frames < least * block:
            raise ModelInputError(f"{one} has {frames} frames, but FaceAIS learns from at least {least * block}.")
        whole = frames - frames % block
        return batch[one][:, :whole], batch[other][:, :whole], _there(batch)[:, :whole]

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        super()._check_clip(shapes, clip)
        frames = shapes[_FACE][0]
        if self.config.other_lengths == "refused" and frames % self.config.block:
            raise ModelInputError(
                f"clip {clip!r} has {frames} frames, which are no whole blocks of {self.config.block}, as the "
                f"published FaceAIS needs. Cut it to {frames - frames % self.config.block}, or take "
                "other_lengths='filled'."
            )
        samples = shapes.get(_AUDIO, (SAMPLES_A_FRAME * frames,))
        if len(samples) != 1 or abs(samples[0] - SAMPLES_A_FRAME * frames) > SAMPLES_A_FRAME:
            raise ModelInputError(
                f"speaker_audio of clip {clip!r} has shape {tuple(samples)} for {frames} frames, expected "
                f"({SAMPLES_A_FRAME * frames},): mono at 16000 samples a second."
            )


def _there(batch: Mapping[str, Tensor]) -> Tensor:
    """(B, T) bool: frames of listeners before the clip's end."""
    frames = batch["listener_3dmm"].shape[:2]
    return batch.get("frame_mask", torch.ones(frames, dtype=torch.bool, device=batch["listener_3dmm"].device))


def _lengthened(series: Tensor, frames: int) -> Tensor:
    """(frames, C): a series (T, C) whose last row is repeated, or that is cut."""
    return torch.cat([series, series[-1:].expand(max(0, frames - len(series)), -1)])[:frames]


_LOWEST, _HIGHEST = (
    [getattr(group, end) for group in EMOTION_25.groups for _ in range(group.start, group.stop)]
    for end in ("low", "high")
)
