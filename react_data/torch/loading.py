"""Batches of items: their order, how items of unequal length become one batch, and good settings of a loader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler, default_collate

from react_data.synthetic_conversations import random_generator
from react_data.torch.reaction_data import Item, ReactionData

__all__ = ["EpochOrder", "collate", "loader"]


class EpochOrder(Sampler[int]):
    """Every item once, in an order that depends on the seed and epoch of the data only.

    Args:
        data: The items.
    """

    def __init__(self, data: ReactionData) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[int]:
        order = random_generator(self._data.seed, self._data.epoch, "order").permutation(len(self._data))
        return iter(order.tolist())


def collate(items: Sequence[Item]) -> Item:
    """Make a batch of items.

    Args:
        items: B items of one `ReactionData`.

    Returns:
        The same names: tensors (B, …), filled up at their ends with 0 or False where items differ in length, so that
        ``frame_mask`` tells which frames are there; texts as lists.

    Example:
        >>> collate([{"frame_mask": torch.ones(2)}, {"frame_mask": torch.ones(1)}])["frame_mask"].tolist()
        [[1.0, 1.0], [1.0, 0.0]]
    """
    return {name: _batch([item[name] for item in items]) for name in items[0]}


def loader(
    data: ReactionData,
    batch_size: int = 16,
    *,
    workers: int = 0,
    shuffle: bool = True,
    batches: Iterable[list[int]] | None = None,
    **options: Any,
) -> DataLoader[Item]:
    """A loader whose batches do not depend on the number of workers; ``data.set_epoch(e)`` begins an epoch.

    Args:
        data: The items.
        batch_size: Items a batch.
        workers: Processes that read; 0 for the process itself.
        shuffle: Whether the order is drawn anew in each epoch.
        batches: Which items make up each batch, such as `PersonBatches`, in place of `batch_size` and `shuffle`.
        **options: What `torch.utils.data.DataLoader` takes, such as the ``sampler=`` of a distributed run.

    Returns:
        The loader. Workers are kept from epoch to epoch, and batches are pinned where there is a GPU.

    Example:
        >>> import numpy, xarray
        >>> face = (("clip", "frame", "emotion"), numpy.zeros((3, 9, 25), dtype=numpy.float32))
        >>> data = ReactionData(xarray.Dataset({"speaker_emotion": face}, {"clip": list("abc")}), targets="none")
        >>> [batch["clip"] for batch in loader(data, 2, shuffle=False)]
        [['a', 'b'], ['c']]
    """
    settings: dict[str, Any] = {
        "num_workers": workers,
        "persistent_workers": workers > 0,
        "pin_memory": torch.cuda.is_available(),
        "collate_fn": collate,
    }
    if batches is not None:
        return DataLoader(data, batch_sampler=batches, **(settings | options))
    settings |= {"batch_size": batch_size, "sampler": EpochOrder(data) if shuffle else None}
    return DataLoader(data, **(settings | options))


def _batch(values: list[Any]) -> Any:
    if not isinstance(values[0], torch.Tensor):
        return default_collate(values)
    if len({value.shape for value in values}) == 1:
        return torch.stack(values)
    longest = [max(sizes) for sizes in zip(*(value.shape for value in values), strict=True)]
    batch = values[0].new_zeros((len(values), *longest))
    for row, value in zip(batch, values, strict=True):
        row[tuple(slice(size) for size in value.shape)] = value
    return batch
