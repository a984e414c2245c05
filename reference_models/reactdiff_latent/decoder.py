"""The decoder: latents of a clip to facial attributes and 3DMM coefficients."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from reference_models.blocks.decoder_layer import DecoderLayer
from reference_models.blocks.weight_shifts import WeightShift, shifted_linear
from reference_models.reactdiff_latent.config import ReactDiffConfig
from reference_models.reactdiff_latent.encoder import normed_map

__all__ = ["COEFFICIENTS", "EMOTION", "Decoded", "ReactionDecoder"]

COEFFICIENTS, EMOTION = 58, 25

Decoded = tuple[Tensor, Tensor]
"""Coefficients (B, T, 58) and facial attributes (B, T, 25)."""

_LAYERS = 2


class ReactionDecoder(nn.Module):
    """Two stacks of decoder layers, each with its own input for a memory, and a head for each output.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: ReactDiffConfig) -> None:
        super().__init__()
        width = config.latent_width
        self.first, self.second = (
            nn.ModuleList(DecoderLayer(width, config.heads, 2 * width, config.dropout) for _ in range(_LAYERS))
            for _ in range(2)
        )
        self.coefficients = normed_map(width, 2 * width, COEFFICIENTS)
        self.emotion = normed_map(width, 2 * width, EMOTION)
        # Published checkpoints hold a second copy of the encoder's last layers here, which nothing uses.
        self.unused = normed_map(width, 2 * width, width).requires_grad_(False)

    def forward(
        self, latents: Tensor, seen: Tensor | None = None, shifts: Mapping[str, WeightShift] | None = None
    ) -> Decoded:
        """Decode.

        Args:
            latents: (B, T, latent_width).
            seen: (B or 1, 1, T, T) bool, True where a frame sees another one; None where all are seen.
            shifts: Changes of weights by listener, by the names of `shifted_weights`; none if None.

        Returns:
            Coefficients and facial attributes.
        """
        changes = shifts or {}
        found = latents
        for name, stack in (("first", self.first), ("second", self.second)):
            memory = found
            for number, layer in enumerate(stack):
                found = layer(found, memory, seen, seen, memory_shift=changes.get(f"{name}.{number}"))
        return (
            _head(self.coefficients, found, changes.get("coefficients")),
            _head(self.emotion, found, changes.get("emotion")),
        )

    def shifted_weights(self) -> dict[str, Tensor]:
        """Weights that can differ by listener: the second stack's attention to its memory, and the heads' last maps."""
        names = {f"second.{number}": f"second.{number}.multihead_attn.in_proj_weight" for number in range(_LAYERS)}
        names |= {head: f"{head}.3.weight" for head in ("coefficients", "emotion")}
        return {name: self.get_parameter(key) for name, key in names.items()}


def _head(head: nn.Sequential, latents: Tensor, shift: WeightShift | None) -> Tensor:
    weight, bias = head.get_parameter("3.weight"), head.get_parameter("3.bias")
    return shifted_linear(head[:-1](latents), weight, bias, shift)
