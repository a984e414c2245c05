"""Trans-AE: one reaction, which the speaker's tokens determine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.positions import sinusoidal_positions
from reference_models.blocks.standardisation import Standardisation
from reference_models.blocks.temporal_bias import periodic_bias
from reference_models.errors import MissingInputError
from reference_models.generator import ReactionModel
from reference_models.reactface.config import SERIES_WIDTHS
from reference_models.reactface.losses import smoothness_loss
from reference_models.reactface.speaker_former import SpeakerFormer
from reference_models.reactface.speaker_series import SpeakerSeries
from reference_models.reactface.speech_encoder import FeatureTokens, SpeechEncoder
from reference_models.reactface.video_encoder import SeriesEncoder, VideoEncoder
from reference_models.transae.config import TransAEConfig
from reference_models.transae.recipe import LOSS_WEIGHTS

__all__ = ["TransAE"]

_COEFFICIENTS, _EXPRESSIONS = 58, 52


class TransAE(ReactionModel):
    """ReactFace's encoder of the speaker, and a decoder without any chance.

    Args:
        config: What it is made of.
    """

    heads = ("coefficients",)
    modes = ("offline",)
    config: TransAEConfig

    def __init__(self, config: TransAEConfig) -> None:
        super().__init__(config)
        encoder = config.encoder()
        self.inputs = tuple(f"speaker_{kind}" for kind in config.speaker)
        channels = sum(SERIES_WIDTHS[kind] for kind in encoder.faces if kind != "video")
        self.face_encoder: nn.Module = (
            SeriesEncoder(channels, config.width, standardised=config.standardised)
            if channels
            else VideoEncoder(config.width)
        )
        self.voice_encoder: nn.Module = (
            SpeechEncoder(encoder) if encoder.voice == "audio" else FeatureTokens(encoder.voice, encoder)
        )
        self.speaker_former = SpeakerFormer(encoder)
        sizes = config.width, config.heads, config.feed_forward, config.dropout
        self.layers = nn.ModuleList(DecoderLayer(*sizes) for _ in range(config.layers))
        self.coefficients = nn.Linear(config.width, _COEFFICIENTS)
        self.scaling = Standardisation(_COEFFICIENTS, kept=config.standardised)
        self._encoder = encoder

    def forward(self, speakers: Mapping[str, Tensor]) -> Tensor:
        """Reactions to speakers.

        Args:
            speakers: Series (B, T, …) by name.

        Returns:
            (B, T, 58).
        """
        series = SpeakerSeries(speakers, self._encoder, window=1)
        stretch = series.stretch(0, series.frames, online=False)
        faces = [stretch[kind] for kind in self._encoder.faces]
        tokens = self.speaker_former(
            self.face_encoder(torch.cat(faces, -1) if len(faces) > 1 else faces[0]),
            self.voice_encoder(stretch[self._encoder.voice]),
        )
        frames, width = tokens.motion.shape[1:]
        bias = periodic_bias(frames, frames, self.config.heads, self.config.period, device=tokens.motion.device)
        places = sinusoidal_positions(torch.arange(frames, device=bias.device), width).to(tokens.motion.dtype)
        x = places.expand_as(tokens.motion)
        for layer in self.layers:
            x = layer(x, tokens.motion, bias, bias)
        return self.scaling.undone(self.coefficients(x))

    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:  # noqa: ARG002  there is one
        """Measure the series that are standardised.

        Args:
            stage: Name of the stage that begins.
            batches: A pass over the training items.
        """
        if not self.config.standardised:
            return
        rows: dict[Standardisation, list[Tensor]] = {}
        for batch in batches:
            for scaling, names in self._scalings():
                joined = torch.cat([batch[name] for name in names], -1)
                rows.setdefault(scaling, []).append(joined.flatten(0, 1))
        for scaling, found in rows.items():
            scaling.measure(found)

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,  # noqa: ARG002  nothing is left to chance
        *,
        online: bool,  # noqa: ARG002  a model has one mode
    ) -> dict[str, Tensor]:
        """The same reaction, `reactions` times."""
        made = self({name: speaker[name][None] for name in self.inputs})
        return {"coefficients": made.expand(reactions, -1, -1)}

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Errors to the listener, and how much speeds change from frame to frame.

        Args:
            batch: Series of speakers, and ``listener_3dmm`` (B, T, 58).
        """
        if "listener_3dmm" not in batch:
            raise MissingInputError("the training batch has no listener_3dmm, which Trans-AE's losses need.")
        made = self({name: batch[name] for name in self.inputs})
        ours, theirs = self.scaling(made.float()), self.scaling(batch["listener_3dmm"])
        errors = nn.functional.smooth_l1_loss(ours, theirs, reduction="none")
        mask = batch.get("frame_mask", torch.ones_like(errors[..., 0], dtype=torch.bool))
        expression, pose = (each[mask].mean() for each in errors.tensor_split([_EXPRESSIONS], -1))
        parts = {"expression": expression, "pose": pose, "smoothness": smoothness_loss(ours, _EXPRESSIONS)}
        weights = {**LOSS_WEIGHTS, **self.loss_weights}
        if weights["concordance"]:
            parts["concordance"] = concordance_loss(ours, theirs[:, None], mask[:, None])
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    def _scalings(self) -> list[tuple[Standardisation, list[str]]]:
        """What is standardised, and the series that it is measured of."""
        found = [(self.scaling, ["listener_3dmm"])]
        if isinstance(self.face_encoder, SeriesEncoder):
            found.append((self.face_encoder.scaling, [f"speaker_{kind}" for kind in self._encoder.faces]))
        if isinstance(self.voice_encoder, FeatureTokens):
            found.append((self.voice_encoder.scaling, [f"speaker_{self._encoder.voice}"]))
        return found
