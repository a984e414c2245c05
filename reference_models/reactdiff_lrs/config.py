"""The configuration of ReactDiff (LRS)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from reference_models.errors import ConfigError
from reference_models.reactdiff_latent.config import ReactDiffConfig

__all__ = ["ReactDiffLRSConfig"]


@dataclass(frozen=True)
class ReactDiffLRSConfig(ReactDiffConfig):
    """ReactDiff (LRS), an interpretation: all of this beyond ReactDiff (latent) is ours, as no code was published.

    Its latents are standardised and not limited, which is how we read the paper's "latent space standardization".

    Attributes:
        style_width: Channels of the style vector, and of the network that makes it of another clip of the listener.
        style_heads: Heads of attention of that network.
        style_feed_forward: Width of its feed-forward networks.
        style_layers: Its layers.
        style_dropout: Share of its activations that training drops.
        shift_width: Channels between the style vector and the shifts.
        shift_rank: Rank of the change of each weight.
    """

    latent_scaling: str = "deviation"
    largest: float = 0.0
    style_width: int = 512
    style_heads: int = 4
    style_feed_forward: int = 1024
    style_layers: int = 4
    style_dropout: float = 0.1
    shift_width: int = 256
    shift_rank: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in _FROM_ONE:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, expected at least 1.")
        if self.style_width % (2 * self.style_heads):
            raise ConfigError(f"style_width is {self.style_width}, expected a multiple of {2 * self.style_heads}.")
        if not 0 <= self.style_dropout < 1:
            raise ConfigError(f"style_dropout is {self.style_dropout}, expected 0 to below 1.")

    @classmethod
    def published(cls) -> Self:
        """The same as the clean one: there is no published code whose answers to traps could be taken."""
        return cls()

    @classmethod
    def tiny(cls) -> Self:
        """That of ReactDiff (latent), with small networks of style and shifts."""
        return replace(
            super().tiny(),
            style_width=64,
            style_feed_forward=128,
            style_layers=1,
            style_dropout=0.0,
            shift_width=64,
            shift_rank=4,
        )


_FROM_ONE = ("style_width", "style_heads", "style_feed_forward", "style_layers", "shift_width", "shift_rank")
