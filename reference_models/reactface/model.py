"""ReactFace: reactions window by window, of a latent that the interaction so far gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reference_models.blocks.appropriate_targets import targets_of
from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.gaussian import Gaussian, standard_noise
from reference_models.blocks.standardisation import Standardisation
from reference_models.generator import ReactionModel
from reference_models.reactface.config import SERIES_WIDTHS, ReactFaceConfig
from reference_models.reactface.interaction import InteractionEncoder, latent_ramp
from reference_models.reactface.listener_decoder import ListenerDecoder
from reference_models.reactface.losses import (
    LOSS_WEIGHTS,
    diversity_loss,
    nearest_target_loss,
    smoothness_loss,
)
from reference_models.reactface.speaker_former import SpeakerFormer, SpeakerHead, SpeakerTokens
from reference_models.reactface.speaker_series import SpeakerSeries
from reference_models.reactface.speech_encoder import FeatureTokens, SpeechEncoder, sized_like_folder
from reference_models.reactface.video_encoder import SeriesEncoder, VideoEncoder
from reference_models.reactface.windows import Window, offline_windows, online_windows

__all__ = ["ReactFace", "Step", "Unrolled"]

_VOCABULARY = 32


class Step(NamedTuple):
    """A window.

    Attributes:
        faces: (B, w, C) coefficients, and facial attributes beside them where the model gives them.
        interaction: Gaussian of the latent, (B, width).
        latent: (B, width) after momentum.
    """

    faces: Tensor
    interaction: Gaussian
    latent: Tensor


class Unrolled(NamedTuple):
    """Windows one after another.

    Attributes:
        faces: (B, T, C) coefficients, and facial attributes beside them where the model gives them.
        interaction: (W, B, width) Gaussians of the latent, by window.
        latents: (W, B, width) after momentum.
        aligned: (B, T, width) speaker's tokens for the speaker head, as far as they were encoded for the windows.
    """

    faces: Tensor
    interaction: Gaussian
    latents: Tensor
    aligned: Tensor


class ReactFace(ReactionModel):
    """ReactFace, for any of the speaker's inputs that its configuration names.

    Args:
        config: What it is made of.

    Raises:
        ConfigError: If the wav2vec 2.0 that it starts from is of another kind.
        SpeechModelError: If that one's folder holds no complete checkpoint.
    """

    config: ReactFaceConfig

    def __init__(self, config: ReactFaceConfig) -> None:
        config = sized_like_folder(config)
        super().__init__(replace(config, wav2vec_folder=""))
        self.inputs = tuple(f"speaker_{kind}" for kind in config.speaker)
        self.training_inputs = ("speaker_3dmm",)
        self.heads = ("coefficients", "emotion") if config.emotion_head else ("coefficients",)
        channels = {**SERIES_WIDTHS, "3dmm": config.coefficients}
        self.face_encoder: nn.Module = (
            VideoEncoder(config.width)
            if "video" in config.speaker
            else SeriesEncoder(
                sum(channels[kind] for kind in config.faces), config.width, standardised=config.standardised
            )
        )
        self.voice_encoder: nn.Module = (
            SpeechEncoder(config) if config.voice == "audio" else FeatureTokens(config.voice, config)
        )
        self.scaling = Standardisation(config.coefficients, kept=config.standardised)
        self.speaker_former = SpeakerFormer(config)
        self.speaker_head = SpeakerHead(config)
        self.interaction_encoder = InteractionEncoder(config)
        self.listener_decoder = ListenerDecoder(config)
        if config.unused_parts:
            self.unused = _unused_parts(config)

    def encode(self, stretch: Mapping[str, Tensor]) -> SpeakerTokens:
        """Tokens of a stretch of speakers.

        Args:
            stretch: Series by kind, as `SpeakerSeries.stretch` gives them.
        """
        faces = [stretch[kind] for kind in self.config.faces]
        face = self.face_encoder(faces[0] if len(faces) == 1 else torch.cat(faces, -1))
        found: SpeakerTokens = self.speaker_former(face, self.voice_encoder(stretch[self.config.voice]))
        return found

    def unroll(
        self,
        speakers: SpeakerSeries,
        noise: Callable[[], Tensor],
        window: int,
        *,
        online: bool,
        repeat: int = 1,
    ) -> Unrolled:
        """Generate window after window.

        Args:
            speakers: B speakers, or one for all reactions.
            noise: Gives draws of N(0, 1), (reactions, width), for a window.
            window: Frames of a window.
            online: Whether frames are encoded as they come, or the whole clip at once.
            repeat: Reactions to each speaker, where there are several speakers.
        """

        def encoded(start: int, stop: int) -> SpeakerTokens:
            tokens = self.encode(speakers.stretch(start, stop, online=online))
            return tokens.repeated(repeat) if repeat > 1 else tokens

        config = self.config
        if online:
            context = max(config.online_context, window) if config.online_context else 0
            windows = online_windows(encoded, speakers.whole, window, context, before=config.online_past == "before")
        else:
            tokens, counted = encoded(0, speakers.whole), config.offline_positions == "clip"
            windows = offline_windows(tokens, window, config.offline_history, counted=counted)
        return self._unrolled(windows, noise, speakers.frames)

    def react(
        self, speaker: Mapping[str, Tensor], reactions: int, generator: torch.Generator, *, online: bool
    ) -> dict[str, Tensor]:
        """Reactions to one speaker; see `ReactionModel.react`."""
        series = SpeakerSeries(
            {name: values[None] for name, values in speaker.items()}, self.config, self.config.window
        )
        like = self.interaction_encoder.past_map.weight

        def noise() -> Tensor:
            return standard_noise((reactions, self.config.width), like, generator)

        with parametrize.cached():  # wav2vec 2.0 would compute its weight norm for every window
            faces = self.unroll(series, noise, self.config.window, online=online).faces
        return dict(zip(self.heads, faces.tensor_split([self.config.coefficients], -1), strict=False))

    def begin_stage(
        self,
        stage: str,  # noqa: ARG002  there is one stage only
        batches: Iterable[Mapping[str, Tensor]],
    ) -> None:
        """Measure the series that are standardised; see `ReactionModel.begin_stage`."""
        if not self.config.standardised:
            return
        rows: dict[str, list[Tensor]] = {"face": [], "voice": [], "reaction": []}
        for batch in batches:
            targets, there = targets_of(batch, "3dmm")
            rows["reaction"].append(targets[there])
            if isinstance(self.face_encoder, SeriesEncoder):
                faces = [batch[f"speaker_{kind}"] for kind in self.config.faces]
                rows["face"].append(torch.cat(faces, -1).flatten(0, 1))
            if isinstance(self.voice_encoder, FeatureTokens):
                rows["voice"].append(batch[f"speaker_{self.config.voice}"].flatten(0, 1))
        self.scaling.measure(rows["reaction"])
        if isinstance(self.face_encoder, SeriesEncoder):
            self.face_encoder.scaling.measure(rows["face"])
        if isinstance(self.voice_encoder, FeatureTokens):
            self.voice_encoder.scaling.measure(rows["voice"])

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch; see `ReactionModel.loss`.

        Args:
            batch: Series of speakers, and either neighbours' reactions (``target_3dmm``) or the listener's own.

        Returns:
            ``"loss"``, and ``"expression"``, ``"pose"``, ``"divergence"``, ``"diversity"``, ``"smoothness"``, with
            ``"emotion"`` where the model has that head, ``"speaker"`` where the speaker's coefficients are known, and
            ``"concordance"``, which is ours, where it has a weight.
        """
        config = self.config
        speakers = SpeakerSeries(batch, config, config.training_window)
        count = len(batch[self.inputs[0]])
        if config.encode_each_sample:
            speakers.repeated(config.samples)
        shape, like = (config.samples * count, config.width), self.interaction_encoder.past_map.weight
        made = self.unroll(
            speakers,
            lambda: standard_noise(shape, like),
            config.training_window,
            online=config.training_loop == "online",
            repeat=1 if config.encode_each_sample else config.samples,
        )
        parts = self._losses(made, batch, count)
        if "speaker_3dmm" in batch and speakers.frames > speakers.late:
            own = self.speaker_head(made.aligned[:count])[:, speakers.late :]
            known = self.scaling(batch["speaker_3dmm"][:, : own.shape[1]])
            parts["speaker"] = nn.functional.smooth_l1_loss(own, known)
        weights = self._weights()
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    def step(self, window: Window, past: Tensor, before: Tensor | None, noise: Tensor) -> Step:
        """Generate a window.

        Args:
            window: What it is made of, of B speakers or one.
            past: (B, n, coefficients) that the model generated in the frames of the window's past; the mean at first.
            before: (B, width) latent of the last window, none in the first.
            noise: (B, width) draws of N(0, 1).
        """
        interaction = self.interaction_encoder(self.scaling(past), window.past)
        latent = interaction.sample(noise)
        if before is not None:
            latent = self.config.momentum * before + (1 - self.config.momentum) * latent
        ramp = latent_ramp(before, latent, window.now.motion.shape[1])
        faces = self.listener_decoder(ramp, window.now, window.start)
        coefficients, others = faces.tensor_split([self.config.coefficients], -1)
        return Step(torch.cat([self.scaling.undone(coefficients), others], -1), interaction, latent)

    def _unrolled(self, windows: Iterator[Window], noise: Callable[[], Tensor], frames: int) -> Unrolled:
        steps: list[Step] = []
        aligned: list[Tensor] = []
        for window in windows:
            drawn, count = noise(), window.past.motion.shape[1]
            if steps:
                past = torch.cat([each.faces for each in steps], 1)[:, -count:, : self.config.coefficients]
            else:
                past = self.scaling.mean.expand(len(drawn), count, -1)
            steps.append(self.step(window, past, steps[-1].latent if steps else None, drawn))
            aligned.append(window.now.aligned)
        faces, interactions, latents = zip(*steps, strict=True)
        interaction = Gaussian(*(torch.stack(part) for part in zip(*interactions, strict=True)))
        joined = torch.cat(faces, 1)[:, :frames]
        return Unrolled(joined, interaction, torch.stack(latents), torch.cat(aligned, 1)[:, :frames])

    def _losses(self, made: Unrolled, batch: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
        config = self.config
        first = made.faces[:count]
        coefficients, emotion = first.tensor_split([config.coefficients], -1)
        targets, there = targets_of(batch, "3dmm")
        groups = zip(
            self.scaling(coefficients).tensor_split([config.expressions], -1),
            self.scaling(targets).tensor_split([config.expressions], -1),
            strict=True,
        )
        expression, pose = (nearest_target_loss(ours, theirs, there) for ours, theirs in groups)
        samples = made.faces[..., : config.coefficients].reshape(config.samples, *coefficients.shape)
        parts = {
            "expression": expression,
            "pose": pose,
            "divergence": made.interaction.divergence()[:, :count].mean(),
            "diversity": diversity_loss(samples, config.diversity_scale),
            "smoothness": smoothness_loss(coefficients, config.expressions),
        }
        if config.emotion_head:
            parts["emotion"] = nearest_target_loss(emotion, *targets_of(batch, "emotion"))
        if self._weights()["concordance"]:
            parts["concordance"] = concordance_loss(self.scaling(coefficients), self.scaling(targets), there)
        return parts

    def _weights(self) -> dict[str, float]:
        return {**LOSS_WEIGHTS, **self.loss_weights}


def _unused_parts(config: ReactFaceConfig) -> nn.ModuleDict:
    """What the published layout has and never uses."""
    sizes = (config.width, config.heads, config.feed_forward, config.dropout)
    parts = nn.ModuleDict({"listener_layers": nn.ModuleList(DecoderLayer(*sizes) for _ in range(2))})
    if config.voice == "audio":
        parts["voice_head"] = nn.Linear(config.voice_width, _VOCABULARY)
    parts.requires_grad_(False)
    return parts
