"""Losses of Trans-VAE."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from reference_models.blocks.appropriate_targets import targets_of
from reference_models.blocks.concordance import concordance_loss
from reference_models.blocks.gaussian import Gaussian
from reference_models.errors import MissingInputError
from reference_models.transvae.decoder import Decoded

__all__ = ["TARGETS", "discordance", "divergence", "diversity", "reconstruction"]

TARGETS = ("listener_emotion", "listener_3dmm")
"""Series of the listener that the losses need."""

_EXPRESSION = slice(0, 52)
_POSE = slice(52, 58)


def reconstruction(decoded: Decoded, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Mean squared errors to the listener: ``"emotion"``, ``"expression"`` and ``"pose"``.

    Args:
        decoded: What the decoder gave.
        batch: ``listener_emotion`` (B, T, 25) and ``listener_3dmm`` (B, T, 58); frames after a clip's end, where
            ``frame_mask`` (B, T) is False, do not count.

    Raises:
        MissingInputError: If the batch has no listener.
    """
    missing = [name for name in TARGETS if name not in batch]
    if missing:
        raise MissingInputError(f"the training batch has no {' and no '.join(missing)}, which Trans-VAE's losses need.")
    coefficients, emotion = decoded
    errors = (coefficients.float() - batch["listener_3dmm"]).square()
    mask = batch.get("frame_mask")
    return {
        "emotion": _mean((emotion.float() - batch["listener_emotion"]).square(), mask),
        "expression": _mean(errors[..., _EXPRESSION], mask),
        "pose": _mean(errors[..., _POSE], mask),
    }


def divergence(gaussians: list[Gaussian]) -> Tensor:
    """KL(N(μ, σ²) ‖ N(0, 1)), the mean over windows, clips and channels."""
    return torch.stack([each.divergence().mean() for each in gaussians]).mean()


def diversity(decoded: Decoded, other: Decoded) -> Tensor:
    """Sum over both outputs of the mean over clips of exp(-‖y - y'‖² / 100), with ‖·‖² over frames and channels.

    Args:
        decoded: What the decoder gave.
        other: What it gave for another latent of the same Gaussian.
    """
    pairs = zip(decoded, other, strict=True)
    distances = [(one.float() - two.float()).square().flatten(1).sum(1) for one, two in pairs]
    return torch.stack([torch.exp(-each / 100).mean() for each in distances]).sum()


def discordance(decoded: Decoded, batch: Mapping[str, Tensor]) -> Tensor:
    """1 - CCC of facial attributes to the listener's, the mean over clips.

    It is ours; see `reference_models.blocks.concordance.concordance_loss`.

    Args:
        decoded: What the decoder gave.
        batch: ``listener_emotion`` (B, T, 25), and perhaps ``frame_mask`` (B, T).
    """
    return concordance_loss(decoded[1].float(), *targets_of(batch, "emotion"))


def _mean(errors: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return errors.mean()
    weights = mask.to(errors.dtype)[..., None]
    return (errors * weights).sum() / (weights.sum() * errors.shape[-1]).clamp_min(1)
