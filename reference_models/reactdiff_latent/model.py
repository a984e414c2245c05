"""ReactDiff (latent): windows of reactions, made of noise by diffusion of the latents of a multimodal auto-encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import functional

from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.diffusion import Diffusion
from reference_models.blocks.gaussian import standard_noise
from reference_models.errors import MissingInputError, ModelInputError, TrainingError
from reference_models.generator import ReactionModel
from reference_models.reactdiff_latent.conditioner import make_conditioner
from reference_models.reactdiff_latent.config import ReactDiffConfig
from reference_models.reactdiff_latent.decoder import Decoded, ReactionDecoder
from reference_models.reactdiff_latent.denoiser import WindowDenoiser
from reference_models.reactdiff_latent.encoder import BehaviourEncoder
from reference_models.reactdiff_latent.losses import Pairs, clean_estimate, mean_of
from reference_models.reactdiff_latent.recipe import AUTOENCODER, DIFFUSION, LOSS_WEIGHTS
from reference_models.reactdiff_latent.scaling import SequenceScaling
from reference_models.reactdiff_latent.sources import WIDTHS

__all__ = ["ReactDiff"]

_ACTION_UNITS = 15


class ReactDiff(ReactionModel):
    """An auto-encoder of listeners, and a diffusion of its latents that the speaker's latents guide.

    Args:
        config: What it is made of.
    """

    heads = ("emotion", "coefficients")
    stages: Mapping[str, Mapping[str, float]] = LOSS_WEIGHTS
    config: ReactDiffConfig

    def __init__(self, config: ReactDiffConfig) -> None:
        super().__init__(config)
        self.inputs = tuple(f"speaker_{kind}" for kind in config.sources.kinds)
        self.modes = ("offline",) if config.setting == "same" else ("online",)
        self.most_frames = config.clip_frames if config.statistics == "frame" else None
        self.stage = AUTOENCODER
        self.encoder = BehaviourEncoder(config)
        self.decoder = ReactionDecoder(config)
        self.scaling = SequenceScaling(config)
        self.conditioner = make_conditioner(config)
        self.diffusion = Diffusion(config.diffusion_steps, predicts=config.predicts, largest=config.largest or None)
        self.denoiser = WindowDenoiser(config, self.diffusion)

    def encode(self, person: Mapping[str, Tensor], mask: Tensor | None = None) -> Tensor:
        """Latents of a person, not scaled.

        Args:
            person: (B, T, …) by kind.
            mask: (B, T) bool, which frames are there; None for all.

        Returns:
            (B, T, latent_width).
        """
        frames = person[self.config.sources.first].shape[1]
        latents: Tensor = self.encoder(person, self.seen(frames, mask))
        return latents

    def condition(self, speaker: Mapping[str, Tensor], mask: Tensor | None = None) -> Tensor:
        """What the denoiser is told of speakers.

        Args:
            speaker: (B, T, …) by kind, of whole windows.
            mask: (B, T) bool, which frames are there; None for all.

        Returns:
            (B · W, condition_width).
        """
        lag = self.config.window if self.config.setting == "before" else 0
        known = {kind: functional.pad(each, (0, 0, lag, 0))[:, : each.shape[1]] for kind, each in speaker.items()}
        with torch.no_grad():
            latents = self.scaling(self.encode(known, mask))
            if mask is not None:
                latents = latents * mask[..., None]
        further = self.config.context * self.config.window
        padded = functional.pad(latents, (0, 0, further, further if self.config.setting == "same" else 0))
        stretches = padded.unfold(1, self.config.windows_seen * self.config.window, self.config.window).mT
        told: Tensor = self.conditioner(stretches.flatten(0, 1))
        return told

    def sample(self, condition: Tensor, noise: Tensor) -> Tensor:
        """Scaled latents of reactions.

        Args:
            condition: (N, condition_width).
            noise: (N, window, latent_width) draws of N(0, 1).

        Returns:
            (N, window, latent_width).
        """
        return self.diffusion.sample(lambda noisy, step: self.denoiser(noisy, step, condition), noise)

    def windows(self, series: Tensor) -> Tensor:
        """(B · W, window, C): windows of series (B, W · window, C), all of a clip one after another."""
        return series.reshape(-1, self.config.window, series.shape[2])

    def seen(self, frames: int, mask: Tensor | None = None) -> Tensor | None:
        """(B or 1, 1, T, T or 1, T) bool: which frames a frame sees, of those that are there; None if it sees all."""
        there = None if mask is None else mask[:, None, None]
        if self.config.setting == "same" or self.config.attention == "clip":
            return there
        windows = torch.arange(frames, device=self.device) // self.config.window
        past = (windows <= windows[:, None])[None, None]
        return past if there is None else past & there

    def react(
        self,
        speaker: Mapping[str, Tensor],
        reactions: int,
        generator: torch.Generator,
        *,
        online: bool,  # noqa: ARG002  the setting decides
    ) -> dict[str, Tensor]:
        """Reactions (reactions, T, C) to one speaker, which is encoded once; see `ReactionModel.react`."""
        config = self.config
        frames = len(speaker[self.inputs[0]])
        missing = -frames % config.window
        series = {kind: speaker[f"speaker_{kind}"] for kind in config.sources.kinds}
        filled = {kind: torch.cat([each, each[-1:].expand(missing, -1)])[None] for kind, each in series.items()}
        condition = self.condition(filled)
        # Drawn window by window, so that more windows do not change the first ones.
        shape = (len(condition), reactions, config.window, config.latent_width)
        noise = config.noise_scale * standard_noise(shape, condition.float(), generator).transpose(0, 1)
        scaled = self.sample(condition.repeat(reactions, 1), noise.flatten(0, 1))
        latents = self.scaling.undo(scaled.view(reactions, frames + missing, -1))
        with self._dropping(generator):
            coefficients, emotion = self.decode_reactions(latents, speaker)
        return {"emotion": self._rounded(emotion[:, :frames]), "coefficients": coefficients[:, :frames]}

    def decode_reactions(self, latents: Tensor, speaker: Mapping[str, Tensor]) -> Decoded:  # noqa: ARG002
        """Coefficients (R, T, 58) and facial attributes (R, T, 25) of latents (R, T, latent_width).

        Args:
            latents: Of the reactions to one speaker.
            speaker: What is known of it, and for personalised models of the listener.
        """
        decoded: Decoded = self.decoder(latents, self.seen(latents.shape[1]))
        return decoded

    def loss(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Training losses of a batch; see `ReactionModel.loss`.

        Returns:
            ``"loss"``, and in the stage ``"autoencoder"`` ``"emotion"`` and ``"coefficients"``, in the stage
            ``"diffusion"`` ``"latent"``, and the two others and ``"concordance"``, which is ours, if they have weights.

        Raises:
            TrainingError: If there is no such stage.
            MissingInputError: If the batch lacks what the stage learns from.
            ModelInputError: If clips are shorter than a window.
        """
        if self.stage not in self.stages:
            raise TrainingError(f"{type(self).__name__} has no stage {self.stage!r}, only {', '.join(self.stages)}.")
        weights = {**self.stages[self.stage], **self.loss_weights}
        parts = self.stage_losses(batch, weights)
        return {"loss": torch.stack([weights[name] * value for name, value in parts.items()]).sum(), **parts}

    def stage_losses(self, batch: Mapping[str, Tensor], weights: Mapping[str, float]) -> dict[str, Tensor]:
        """The parts of the loss in this stage; those that cost much and weigh nothing are left out."""
        if self.stage == AUTOENCODER:
            return self._reconstruction(batch)
        pairs = self._pairs(batch)
        return self._diffusion(pairs, weights, lambda latents: self.decoder(latents, pairs.seen))

    @torch.no_grad()
    def begin_stage(self, stage: str, batches: Iterable[Mapping[str, Tensor]]) -> None:
        """Before the diffusion, the latents of speakers and listeners are measured."""
        if stage != DIFFUSION:
            return

        def measured() -> Iterator[Tensor]:
            for batch in batches:
                for role in ("speaker", "listener"):
                    latents = self.encode(self._person(batch, role), batch.get("frame_mask"))
                    yield latents if self.scaling.frames or "frame_mask" not in batch else latents[batch["frame_mask"]]

        self.scaling.measure(measured())

    def _reconstruction(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        mask = batch.get("frame_mask")
        latents = self.encode(self._person(batch, "listener"), mask)
        there = torch.ones_like(latents[..., 0], dtype=torch.bool) if mask is None else mask
        return self._errors(self.decoder(latents, self.seen(latents.shape[1], mask)), batch, there)

    def _pairs(self, batch: Mapping[str, Tensor]) -> Pairs:
        """Whole windows of speakers and listeners."""
        window, mask = self.config.window, batch.get("frame_mask")
        speaker = self._person(batch, "speaker")
        frames = next(iter(speaker.values())).shape[1]
        if frames < window:
            raise ModelInputError(f"clips of {frames} frames, but {type(self).__name__} learns from at least {window}.")
        whole = frames - frames % window
        with torch.no_grad():
            latents = self.encode(self._person(batch, "listener"), mask)[:, :whole]
        known = {kind: each[:, :whole] for kind, each in speaker.items()}
        there = torch.ones_like(latents[..., 0], dtype=torch.bool) if mask is None else mask[:, :whole]
        windows = there.reshape(-1, window).all(1)
        return Pairs(self.condition(known, there), latents, windows, self.seen(whole, there), batch)

    def _diffusion(
        self, pairs: Pairs, weights: Mapping[str, float], decode: Callable[[Tensor], Decoded]
    ) -> dict[str, Tensor]:
        """Errors of a step of diffusion.

        Args:
            pairs: What is learned from.
            weights: Of the parts.
            decode: Coefficients and facial attributes of latents.
        """
        clean = self.windows(self.scaling(pairs.latents))
        steps = self.diffusion.draw_steps(len(clean), clean.device)
        noise = standard_noise(clean.shape, clean)
        noisy = self.diffusion.add_noise(clean, noise, steps)
        predicted = self.denoiser(noisy, steps, pairs.condition)
        target = noise if self.config.predicts == "epsilon" else clean
        parts = {"latent": mean_of(self._error(predicted, target).flatten(1), pairs.there)}
        if not any(weights[name] for name in ("emotion", "coefficients", "concordance")):
            return parts
        scaled = clean_estimate(self.diffusion, noisy, predicted, steps, self.config)
        decoded = decode(self.scaling.undo(scaled.reshape(pairs.latents.shape)))
        there = pairs.frames_there()
        parts |= self._errors(decoded, pairs.batch, there)
        if weights["concordance"]:
            real = _required(pairs.batch, "listener_emotion")[:, None, : there.shape[1]]
            parts["concordance"] = concordance_loss(decoded[1].float(), real, there[:, None])
        return parts

    def _errors(self, decoded: Decoded, batch: Mapping[str, Tensor], there: Tensor) -> dict[str, Tensor]:
        coefficients, emotion = decoded
        real = {kind: _required(batch, f"listener_{kind}")[:, : emotion.shape[1]] for kind in ("emotion", "3dmm")}
        return {
            "emotion": mean_of(self._error(emotion, real["emotion"]), there),
            "coefficients": mean_of((coefficients - real["3dmm"]).square(), there),
        }

    def _error(self, made: Tensor, target: Tensor) -> Tensor:
        difference = made.float() - target
        return difference.abs() if self.config.errors == "absolute" else difference.square()

    def _person(self, batch: Mapping[str, Tensor], role: str) -> dict[str, Tensor]:
        return {kind: _required(batch, f"{role}_{kind}") for kind in self.config.sources.kinds}

    def _rounded(self, emotion: Tensor) -> Tensor:
        if self.config.action_units == "real":
            return emotion
        return torch.cat([emotion[..., :_ACTION_UNITS].round(), emotion[..., _ACTION_UNITS:]], -1)

    @contextmanager
    def _dropping(self, generator: torch.Generator) -> Iterator[None]:
        """Let the decoder drop activations, if the configuration says so, by chance that comes from the generator."""
        if not self.config.decoder_dropout_at_inference:
            yield
            return
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed)
            self.decoder.train()
            try:
                yield
            finally:
                self.decoder.eval()

    def _check_clip(self, shapes: Mapping[str, tuple[int, ...]], clip: str) -> None:
        super()._check_clip(shapes, clip)
        for name, shape in shapes.items():
            width = WIDTHS.get(name.removeprefix("speaker_"))
            if width is not None and (len(shape) != 2 or shape[1] != width):
                raise ModelInputError(f"{name} of clip {clip!r} has shape {tuple(shape)}, expected (frames, {width}).")
        frames, window = shapes[self.inputs[0]][0], self.config.window
        if self.config.other_lengths == "refused" and frames % window:
            raise ModelInputError(
                f"clip {clip!r} has {frames} frames, which are not whole windows of {window}, as the published "
                "ReactDiff needs. Cut it, or take other_lengths='filled'."
            )


def _required(batch: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in batch:
        role, _, kind = name.partition("_")
        advice = f"Name {kind!r} in the recipe's outputs" if role == "listener" else "Open the data set with it"
        raise MissingInputError(f"the training batch has no {name}, which ReactDiff learns from. {advice}.")
    return batch[name]
