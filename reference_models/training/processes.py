"""Training on several GPUs runs the same program in several processes; the first of them writes."""

from __future__ import annotations

from typing import Any

import torch.distributed
from lightning.pytorch.utilities import rank_zero_only

__all__ = ["first_process", "gathered", "process_share"]


def first_process() -> bool:
    """Whether this is the process that writes files and prints."""
    return int(getattr(rank_zero_only, "rank", 0)) == 0


def process_share(items: list[int]) -> list[int]:
    """The part of the items that this process works on."""
    if not _several():
        return items
    return items[torch.distributed.get_rank() :: torch.distributed.get_world_size()]


def gathered(value: Any) -> list[Any]:
    """The values of all processes, in the same order in each of them."""
    if not _several():
        return [value]
    values: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(values, value)
    return values


def _several() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()
