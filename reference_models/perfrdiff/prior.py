"""The diffusion prior: guesses the recurrent state of a listener's reaction. Published models are trained with it, and
no reaction ever depends on it.

Conventions: a causal transformer whose last token is the guess. Parts of its layers have their published names.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from reference_models.blocks.layers import feed_forward
from reference_models.perfrdiff.config import PerFRDiffConfig
from reference_models.perfrdiff.denoiser import step_waves

__all__ = ["Prior"]

_BUCKETS, _EXACT, _FARTHEST = 32, 16, 128
_TURNED = 32
_SHARPNESS = 16.0


class Norm(nn.Module):
    """Layer normalisation with a gain and no offset.

    Args:
        width: Channels.
        scaled: Whether channels are divided by the largest of them before, so that squares cannot overflow.
    """

    def __init__(self, width: int, *, scaled: bool = False) -> None:
        super().__init__()
        self.g, self.scaled = nn.Parameter(torch.ones(width)), scaled

    def forward(self, series: Tensor) -> Tensor:
        """(…, width) of (…, width)."""
        if self.scaled:
            series = series / series.amax(-1, keepdim=True).detach()
        return functional.layer_norm(series, self.g.shape, self.g)


class Rotation(nn.Module):
    """Turns the first channels of a head, pair by pair, by an angle that grows with the place in the series.

    Args:
        head_width: Channels of a head.
    """

    freqs: Tensor

    def __init__(self, head_width: int) -> None:
        super().__init__()
        turned = min(_TURNED, head_width)
        self.register_buffer("freqs", 10000.0 ** -(torch.arange(0, turned, 2) / turned))

    def forward(self, heads: Tensor) -> Tensor:
        """(…, T, head_width) of (…, T, head_width)."""
        places = torch.arange(heads.shape[-2], device=heads.device)
        angles = (places[:, None] * self.freqs).to(heads)
        turned, rest = heads.tensor_split([2 * len(self.freqs)], -1)
        even, odd = turned[..., ::2], turned[..., 1::2]
        pairs = (even * angles.cos() - odd * angles.sin(), odd * angles.cos() + even * angles.sin())
        return torch.cat([torch.stack(pairs, -1).flatten(-2), rest], -1)


class CausalAttention(nn.Module):
    """Cosine attention of many heads of queries to one head of keys and values, and to one that is learned.

    Args:
        width: Channels.
        heads: Heads of queries.
        head_width: Channels of a head.
    """

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.null_kv = nn.Parameter(torch.randn(2, head_width))
        self.norm, self.rotary_emb = Norm(width), Rotation(head_width)
        self.to_q = nn.Linear(width, heads * head_width, bias=False)
        self.to_kv = nn.Linear(width, 2 * head_width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(heads * head_width, width, bias=False), Norm(width))

    def forward(self, series: Tensor, bias: Tensor) -> Tensor:
        """(N, T, width) of (N, T, width); bias (heads, T, 1 + T) of a query and a key, -∞ where it is not seen."""
        normed = self.norm(series)
        queries = self.rotary_emb(self.to_q(normed).reshape(*normed.shape[:2], self.heads, -1).transpose(1, 2))
        keys, values = self.to_kv(normed)[:, None].chunk(2, -1)
        null_key, null_value = (each.expand(len(series), 1, 1, -1) for each in self.null_kv)
        keys = torch.cat([null_key, self.rotary_emb(keys)], 2).expand(-1, self.heads, -1, -1)
        values = torch.cat([null_value, values], 2).expand(-1, self.heads, -1, -1)
        asked, known = functional.normalize(queries, dim=-1), functional.normalize(keys, dim=-1)
        found = functional.scaled_dot_product_attention(
            asked, known, values, attn_mask=bias[None].to(asked), scale=_SHARPNESS
        )
        mixed: Tensor = self.to_out(found.transpose(1, 2).flatten(2))
        return mixed


class Gate(nn.Module):
    """One half of the channels, gated by the other."""

    def forward(self, hidden: Tensor) -> Tensor:
        """(…, C) of (…, 2C)."""
        values, gate = hidden.chunk(2, -1)
        return values * functional.silu(gate)


def _gated_feed_forward(width: int, hidden: int) -> nn.Sequential:
    """A gated feed-forward network; its layers have the places that they have in the published one."""
    layers = {
        "0": Norm(width),
        "1": nn.Linear(width, 2 * hidden, bias=False),
        "2": Gate(),
        "5": nn.Linear(hidden, width, bias=False),
    }
    return nn.Sequential(OrderedDict(layers))


class Prior(nn.Module):
    """Tells a listener's clean recurrent state of a noisy one, and of the speaker.

    Args:
        config: What the model is made of.
    """

    def __init__(self, config: PerFRDiffConfig) -> None:
        super().__init__()
        width, frames = config.width, config.context
        self.time_channels = config.time_channels
        self.time = feed_forward((config.time_channels, width, width), nn.SiLU)
        self.audio, self.coefficients = nn.Linear(78, width), nn.Linear(58, width)
        self.query = nn.Parameter(torch.randn(width))
        # Never used, as the published model never hides what the prior is told.
        self.no_audio, self.no_coefficients = (nn.Parameter(torch.randn(frames, width)) for _ in range(2))
        self.no_state = nn.Parameter(torch.randn(width))
        self.distances = nn.Embedding(_BUCKETS, config.prior_heads)
        heads, growth = (config.prior_heads, config.prior_head_width), config.prior_growth
        self.layers = nn.ModuleList(
            nn.ModuleList([CausalAttention(width, *heads), _gated_feed_forward(width, width * growth)])
            for _ in range(config.prior_layers)
        )
        self.norm, self.output = Norm(width, scaled=True), nn.Linear(width, width, bias=False)

    def forward(self, noisy: Tensor, steps: Tensor, audio: Tensor, coefficients: Tensor, state: Tensor) -> Tensor:
        """Denoise.

        Args:
            noisy: (N, width) noisy recurrent states of listeners.
            steps: (N,) steps of diffusion.
            audio: (N, context, 78) of speakers.
            coefficients: (N, context, 58) of speakers.
            state: (N, width) recurrent states of speakers.

        Returns:
            (N, width).
        """
        time = self.time(step_waves(steps, self.time_channels).to(noisy))
        single = (time, noisy, self.query.expand_as(noisy))
        series = torch.cat(
            [self.audio(audio), state[:, None], self.coefficients(coefficients), *(each[:, None] for each in single)], 1
        )
        bias = self._bias(series.shape[1])
        for layer in self.layers:
            attention, fed = layer.children()
            series = series + attention(series, bias)
            series = series + fed(series)
        found: Tensor = self.output(self.norm(series[:, -1]))
        return found

    def _bias(self, tokens: int) -> Tensor:
        """(heads, T, 1 + T): of a query and a key by how far it is before, the learned key counted as the first one."""
        places = torch.arange(1 + tokens, device=self.query.device)
        distance = (places[:-1, None] - places).clamp_min(0)
        far = torch.log(distance.clamp_min(1) / _EXACT) / math.log(_FARTHEST / _EXACT) * (_BUCKETS - _EXACT)
        bucket = torch.where(distance < _EXACT, distance, (_EXACT + far.long()).clamp_max(_BUCKETS - 1))
        unseen = places > places[:-1, None] + 1
        found: Tensor = self.distances(bucket).permute(2, 0, 1).masked_fill(unseen, -torch.inf)
        return found
