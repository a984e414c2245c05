"""Components of the denoiser whose weights a hypernetwork can write.

Conventions: the hypernetwork's branches are in the order of the published denoiser's modules, whatever the order in
which they are named: embedding, mapping, then layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from react_data.clips import suggest
from reference_models.errors import ConfigError

__all__ = ["check_components", "edited_weights", "in_published_order", "is_attention"]

_OUTSIDE = {"embedding": "embedding.weight", "mapping": "mapping.weight"}
_INSIDE = {
    "self": "self_attn.in_proj_weight",
    "cross": "multihead_attn.in_proj_weight",
    "first": "linear1.weight",
    "second": "linear2.weight",
}


def check_components(names: Sequence[str], layers: int) -> None:
    """Refuse what no denoiser of so many layers has.

    Raises:
        ConfigError: If there is no such component, one is named twice, or none is.
    """
    known = _places(layers)
    for name in names:
        if name not in known:
            raise ConfigError(
                f"edited names {name!r}, which a denoiser of {layers} layers lacks. {suggest(name, known)}"
            )
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"edited is {tuple(names)!r}, expected at least one component, each once.")


def in_published_order(names: Sequence[str], layers: int) -> list[str]:
    """Names of components in the order of the hypernetwork's branches.

    Example:
        >>> in_published_order(["layers.4.cross", "mapping"], 7)
        ['mapping', 'layers.4.cross']
    """
    return [name for name in _places(layers) if name in names]


def edited_weights(denoiser: nn.Module, names: Sequence[str], layers: int) -> dict[str, nn.Parameter]:
    """The weights of components, in published order."""
    places = _places(layers)
    return {name: denoiser.get_parameter(places[name]) for name in in_published_order(names, layers)}


def is_attention(name: str) -> bool:
    """Whether the rows of a component's weight are those of queries, keys and values."""
    return name.endswith((".self", ".cross"))


def _places(layers: int) -> dict[str, str]:
    """Where the weight of each component is in the denoiser."""
    inside = {f"layers.{n}.{part}": f"layers.{n}.{place}" for n in range(layers) for part, place in _INSIDE.items()}
    return _OUTSIDE | inside
