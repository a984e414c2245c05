"""Tokens of a block, sampled all at once."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from reference_models.faceais.config import FaceAISConfig
from reference_models.faceais.predictor import SPECIAL_TOKENS

__all__ = ["block_noise", "sampled_tokens", "token_chances"]


def block_noise(reactions: int, blocks: int, config: FaceAISConfig, generator: torch.Generator) -> Tensor:
    """(blocks, reactions, block): draws between 0 and 1, block by block, so that more blocks do not change the first.

    Args:
        reactions: R.
        blocks: Blocks of the clip.
        config: What the model is made of.
        generator: On the CPU.
    """
    each = config.block if config.noise == "token" else 1
    count = 1 if config.noise == "reaction" else blocks
    drawn = torch.rand(count, reactions, each, generator=generator)
    return drawn.expand(blocks, reactions, config.block)


def token_chances(logits: Tensor, config: FaceAISConfig) -> Tensor:
    """How likely each token is sampled: the softmax of the k best logits, divided by the temperature.

    Args:
        logits: (R, block, V).
        config: What the model is made of.

    Returns:
        (R, block, V), which sum to 1.
    """
    scores = logits.float()
    if config.unused_tokens == "never":
        codes = torch.arange(scores.shape[-1], device=scores.device) - SPECIAL_TOKENS
        scores = scores.masked_fill((codes < 0) | (codes >= config.codes), -torch.inf)
    if not config.temperature:
        return one_hot(scores.argmax(-1), scores.shape[-1]).to(scores)
    if config.top_k:
        best = scores.topk(min(config.top_k, scores.shape[-1])).values[..., -1:]
        least = best.amin(0) if config.top_k_threshold == "batch" else best
        scores = scores.masked_fill(scores < least, -torch.inf)
    return torch.softmax(scores / config.temperature, -1)


def sampled_tokens(chances: Tensor, noise: Tensor) -> Tensor:
    """Sample each token by itself: the first whose cumulative chance is above the noise.

    Args:
        chances: (R, block, V).
        noise: (R, block) between 0 and 1.

    Returns:
        (R, block) tokens, shifted by 2.
    """
    cumulative = chances.cumsum(-1)
    # Rounding may leave the last sum below 1; scaled, the noise is below it all the same.
    reached = cumulative <= (noise.to(chances) * cumulative[..., -1])[..., None]
    return reached.sum(-1).clamp(max=chances.shape[-1] - 1)
