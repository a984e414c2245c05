"""ReactDiff (LRS): ReactDiff (latent) whose reactions are shifted towards the style of a listener."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from reference_models.blocks.style_encoder import StyleEncoder
from reference_models.errors import MissingInputError
from reference_models.reactdiff_latent.decoder import COEFFICIENTS, Decoded
from reference_models.reactdiff_latent.model import ReactDiff
from reference_models.reactdiff_lrs.config import ReactDiffLRSConfig
from reference_models.reactdiff_lrs.recipe import LOSS_WEIGHTS, PERSONAL
from reference_models.reactdiff_lrs.shifts import ListenerShifts, Shifts

__all__ = ["ReactDiffLRS"]

_HISTORY = "history_3dmm"


class ReactDiffLRS(ReactDiff):
    """An interpretation: with another clip of the listener, its style shifts latents and some weights of the decoder.

    Without such a clip it is ReactDiff (latent), to the bit.

    Args:
        config: What it is made of.
    """

    history = (_HISTORY,)
    stages = LOSS_WEIGHTS
    config: ReactDiffLRSConfig

    def __init__(self, config: ReactDiffLRSConfig) -> None:
        super().__init__(config)
        self.style = StyleEncoder(
            COEFFICIENTS,
            config.style_width,
            config.style_heads,
            config.style_feed_forward,
            config.style_layers,
            config.style_dropout,
        )
        self.shifts = ListenerShifts(
            config.style_width,
            config.shift_width,
            config.shift_rank,
            config.latent_width,
            self.decoder.shifted_weights(),
        )

    def listener_shifts(self, history: Tensor, mask: Tensor | None = None) -> Shifts:
        """Shifts of listeners.

        Args:
            history: (N, H, 58) 3DMM of another clip of each.
            mask: (N, H) bool, which frames are there; None for all.
        """
        shifts: Shifts = self.shifts(self.style(history, mask))
        return shifts

    def decode_shifted(self, latents: Tensor, shifts: Shifts, seen: Tensor | None) -> Decoded:
        """Reactions of listeners; a batch may mix them.

        Args:
            latents: (B, T, latent_width), equally many of each of the N listeners, one listener after another.
            shifts: Of N listeners.
            seen: See `ReactDiff.seen`.
        """
        own = shifts.latent.repeat_interleave(len(latents) // len(shifts.latent), 0)
        decoded: Decoded = self.decoder(latents + own[:, None], seen, shifts.weights)
        return decoded

    def decode_reactions(self, latents: Tensor, speaker: Mapping[str, Tensor]) -> Decoded:
        """As ReactDiff (latent), shifted where another clip of the listener is known."""
        if _HISTORY not in speaker:
            return super().decode_reactions(latents, speaker)
        shifts = self.listener_shifts(speaker[_HISTORY][None])
        return self.decode_shifted(latents, shifts, self.seen(latents.shape[1]))

    def stage_losses(self, batch: Mapping[str, Tensor], weights: Mapping[str, float]) -> dict[str, Tensor]:
        """As ReactDiff (latent); the stage ``"personal"`` learns shifts alone."""
        if self.stage != PERSONAL:
            return super().stage_losses(batch, weights)
        if not self.config.decoder_dropout_at_inference:
            self.decoder.eval()  # which is frozen, and drops nothing in generation either
        if _HISTORY not in batch:
            raise MissingInputError(f"the training batch has no {_HISTORY}: set the stage's history to 'other'.")
        shifts = self.listener_shifts(batch[_HISTORY], batch.get("history_frame_mask"))
        pairs = self._pairs(batch)
        # What is made is shifted afterwards, so what is to be made is the listener without its shift.
        made = replace(pairs, latents=pairs.latents - shifts.latent[:, None])
        return self._diffusion(made, weights, lambda latents: self.decode_shifted(latents, shifts, pairs.seen))
