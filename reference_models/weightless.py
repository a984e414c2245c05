"""Models that take their weights as a file keeps them: mapped into memory, neither drawn before nor copied."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from reference_models.generator import ReactionModel
from reference_models.model_config import ModelConfig

__all__ = ["weightless", "with_weights"]

# Where kernels find memory as torch allocates it, they give the same bits for mapped weights as for others.
_ALIGNMENT = 64


class _NothingAllocated(TorchFunctionMode):
    """`torch.empty`, of which layers make their weights, gives tensors that have a shape only."""

    def __torch_function__(
        self, func: Callable[..., Any], _types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.empty:
            given["device"] = "meta"
        return func(*args, **given)


def weightless(kind: type[ReactionModel], config: ModelConfig) -> ReactionModel:
    """A model whose weights have names and shapes, but mostly no memory.

    Args:
        kind: Its class.
        config: Its configuration.
    """
    with warnings.catch_warnings(), _NothingAllocated():
        # Weights that a part of a model reads from a file of its own are replaced here all the same.
        warnings.filterwarnings("ignore", message=".*copying from a non-meta parameter")
        return kind(config)


def with_weights(made: ReactionModel, state: Mapping[str, Tensor]) -> ReactionModel:
    """A model with weights, which stay where they are.

    Args:
        made: What `weightless` gave.
        state: All of its weights, of the right shapes.
    """
    own = made.state_dict()
    made.load_state_dict({key: _placed(value, own[key]) for key, value in state.items()}, assign=True)
    if any(value.is_meta for module in made.modules() for value in _tensors(module)):
        made = type(made)(made.config)  # something is computed of weights, so it needs them
        made.load_state_dict(dict(state))
    return made


def _placed(value: Tensor, own: Tensor) -> Tensor:
    found = value.detach().to(own.dtype)
    fits = found.is_contiguous() and found.data_ptr() % _ALIGNMENT == 0
    return found if fits else found.clone(memory_format=torch.contiguous_format)


def _tensors(module: nn.Module) -> list[Tensor]:
    """A module's own parameters, buffers and other tensors."""
    held = [*module._parameters.values(), *module._buffers.values(), *vars(module).values()]
    return [each for each in held if isinstance(each, Tensor)]
