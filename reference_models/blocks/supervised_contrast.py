"""The supervised contrastive loss: vectors of one person are drawn together, those of others pushed apart."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["supervised_contrast"]


def supervised_contrast(vectors: Tensor, persons: Tensor, temperature: float = 0.07, base: float = 0.07) -> Tensor:
    """The loss of a batch (Khosla et al. 2020).

    L = -(τ / base) · 1/B · Σ_i 1/|P(i)| · Σ_{p ∈ P(i)} log(exp(v_i · v_p / τ) / Σ_{a ≠ i} exp(v_i · v_a / τ)), where
    P(i) are the other items of person i. Items of whom nobody else is there count 0.

    Args:
        vectors: (B, C) v of length 1.
        persons: (B,) whole numbers, equal for items of the same person.
        temperature: τ > 0.
        base: The temperature at which the loss has weight 1.

    Returns:
        A number.

    Example:
        >>> apart = torch.eye(2).repeat_interleave(2, 0)
        >>> bool(supervised_contrast(apart, torch.tensor([0, 0, 1, 1])) < 1e-4)
        True
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    alike = (persons[:, None] == persons) & ~itself
    with torch.autocast(vectors.device.type, enabled=False):  # it would multiply in half precision
        full = vectors.float()
        scores = (full @ full.T / temperature).masked_fill(itself, -torch.inf)
    likelihood = scores - scores.logsumexp(1, keepdim=True)
    total = likelihood.masked_fill(~alike, 0).sum(1) / alike.sum(1).clamp_min(1)
    return -(temperature / base) * total.mean()
