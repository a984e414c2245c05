"""The tokenizer: a block of frames to a token a frame, and tokens to 3DMM coefficients and facial attributes.

Conventions: frames of a block see each other, whatever their order; blocks do not.
"""

from __future__ import annotations

from torch import Tensor, nn

from reference_models.blocks.quantisation import FiniteScalarQuantiser
from reference_models.faceais.config import FaceAISConfig
from reference_models.faceais.transformer import SelfAttentionLayer, initialise, stack

__all__ = ["COEFFICIENTS", "EMOTION", "FaceTokenizer"]

COEFFICIENTS, EMOTION = 58, 25


class _BlockStack(nn.Module):
    """Layers of attention within a block, and a norm."""

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        width, heads, dropout = config.tokenizer_width, config.tokenizer_heads, config.dropout
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            SelfAttentionLayer(width, heads, dropout, bias=False) for _ in range(config.tokenizer_layers)
        )
        self.norm = nn.LayerNorm(width, bias=False)

    def forward(self, vectors: Tensor) -> Tensor:
        found: Tensor = self.norm(stack(self.layers, self.dropout(vectors)))
        return found


class _Entry(nn.Module):
    """Maps the rows of a block and adds what their place in it is."""

    def __init__(self, channels: int, config: FaceAISConfig) -> None:
        super().__init__()
        self.projection = nn.Linear(channels, config.tokenizer_width)
        self.positions = nn.Embedding(config.block, config.tokenizer_width)

    def forward(self, rows: Tensor) -> Tensor:
        found: Tensor = self.projection(rows) + self.positions.weight
        return found


class FaceTokenizer(nn.Module):
    """Encoder, quantiser and two decoders.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: FaceAISConfig) -> None:
        super().__init__()
        self.block = config.block
        self.entry = _Entry(COEFFICIENTS, config)
        self.encoder = _BlockStack(config)
        self.quantiser = FiniteScalarQuantiser(config.tokenizer_width, config.levels)
        self.code_entry = _Entry(config.tokenizer_width, config)
        self.to_coefficients = _BlockStack(config)
        self.to_emotion = _BlockStack(config)
        self.coefficients_head = nn.Linear(config.tokenizer_width, COEFFICIENTS, bias=False)
        self.emotion_head = nn.Linear(config.tokenizer_width, EMOTION, bias=False)
        initialise(self, config.tokenizer_width, config.tokenizer_layers)

    def encode(self, coefficients: Tensor) -> Tensor:
        """(B, T, width): what is quantised of coefficients (B, T, 58), T whole blocks."""
        found: Tensor = self.encoder(self.entry(self._blocks(coefficients)))
        return found.reshape(*coefficients.shape[:2], -1)

    def tokenise(self, coefficients: Tensor) -> Tensor:
        """(B, T): the token of each frame of coefficients (B, T, 58), T whole blocks; 0 to the number of codes - 1."""
        tokens: Tensor = self.quantiser(self.encode(coefficients))[1]
        return tokens

    def vectors(self, tokens: Tensor) -> Tensor:
        """(B, T, width): what is decoded of tokens (B, T)."""
        found: Tensor = self.quantiser.vectors(tokens)
        return found

    def decode(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (B, T, 58) and facial attributes (B, T, 25) of codes' vectors (B, T, width), T whole blocks."""
        entered = self.code_entry(self._blocks(vectors))
        coefficients = self.coefficients_head(self.to_coefficients(entered))
        emotion = self.emotion_head(self.to_emotion(entered))
        frames = vectors.shape[:2]
        return coefficients.reshape(*frames, -1), emotion.reshape(*frames, -1)

    def forward(self, coefficients: Tensor) -> tuple[Tensor, Tensor]:
        """Coefficients (B, T, 58) and facial attributes (B, T, 25) after coefficients (B, T, 58) became tokens."""
        vectors, _ = self.quantiser(self.encode(coefficients))
        return self.decode(vectors)

    def _blocks(self, series: Tensor) -> Tensor:
        """(B · n, block, C) of (B, n · block, C)."""
        return series.reshape(-1, self.block, series.shape[-1])
