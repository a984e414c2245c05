"""The encoder: what a person does, known by several modalities, fused by attention to a latent a frame."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from reference_models.blocks.decoder_layer import Attention
from reference_models.reactdiff_latent.config import ReactDiffConfig
from reference_models.reactdiff_latent.sources import WIDTHS

__all__ = ["BehaviourEncoder", "ModalAttention", "normed_map"]


def normed_map(entering: int, hidden: int, leaving: int) -> nn.Sequential:
    """Two linear layers, with a norm and an activation between them."""
    return nn.Sequential(nn.Linear(entering, hidden), nn.LayerNorm(hidden), nn.SiLU(), nn.Linear(hidden, leaving))


class ModalAttention(nn.Module):
    """One modality attends to another over all frames; what it finds is added to it, and normed.

    Args:
        width: Channels of the result.
        heads: Heads of attention.
        asking: Channels of the modality that asks.
        asked: Channels of the one that is asked.
    """

    def __init__(self, width: int, heads: int, asking: int, asked: int) -> None:
        super().__init__()
        self.queries, self.keys, self.values = (_mapped(each, width) for each in (asking, asked, asked))
        self.attention = Attention(width, heads, 0.0)
        self.norm = nn.LayerNorm(width)
        # Published checkpoints hold a second norm, which nothing uses.
        self.unused = nn.LayerNorm(width).requires_grad_(False)

    def forward(self, asking: Tensor, asked: Tensor, seen: Tensor | None = None) -> Tensor:
        """Attend.

        Args:
            asking: (B, T, …).
            asked: (B, T, …).
            seen: (B or 1, 1, T, T) bool, True where a frame sees another one; None where all are seen.

        Returns:
            (B, T, width).
        """
        queries = self.queries(asking)
        found: Tensor = self.norm(queries + self.attention(queries, self.keys(asked), seen, values=self.values(asked)))
        return found


class BehaviourEncoder(nn.Module):
    """Fuses modalities of the face, then what is heard, frame by frame and by attention over frames.

    Attention knows no order of frames: without `seen` a clip in another order has the same latents in that order.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: ReactDiffConfig) -> None:
        super().__init__()
        width, sources = config.fusion_width, config.sources

        def attention(asking: int, asked: int) -> ModalAttention:
            return ModalAttention(width, config.heads, asking, asked)

        self.sources, first = sources, WIDTHS[sources.first]
        self.first = attention(first, first)
        self.cycles = nn.ModuleList(
            nn.ModuleDict({kind: attention(width, WIDTHS[kind]) for kind in sources.others})
            for _ in range(config.depth)
        )
        if sources.sound:
            self.sound = attention(*(WIDTHS[kind] for kind in sources.sound))
            self.joint = nn.ModuleList(attention(width, width) for _ in range(config.depth))
        self.fused = normed_map(width, 2 * width, config.latent_width)
        self.latent = normed_map(config.latent_width, 2 * config.latent_width, config.latent_width)

    def forward(self, series: Mapping[str, Tensor], seen: Tensor | None = None) -> Tensor:
        """Encode.

        Args:
            series: (B, T, …) by kind.
            seen: (B or 1, 1, T, T) bool, True where a frame sees another one; None where all are seen.

        Returns:
            (B, T, latent_width).
        """
        sources = self.sources
        found = self.first(series[sources.first], series[sources.first], seen)
        for cycle in self.cycles:
            for kind, attention in cycle.named_children():
                found = attention(found, series[kind], seen)
        if sources.sound:
            heard = self.sound(*(series[kind] for kind in sources.sound), seen)
            for attention in self.joint:
                found = attention(found, heard, seen)
        latent: Tensor = self.latent(self.fused(found))
        return latent


def _mapped(entering: int, leaving: int) -> nn.Module:
    """A published layer is left out where there is nothing to change."""
    return nn.Identity() if entering == leaving else nn.Linear(entering, leaving)
