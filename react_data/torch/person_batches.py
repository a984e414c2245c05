"""Batches person by person, for what learns to tell listeners apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Sampler

from react_data.synthetic_conversations import random_generator
from react_data.torch.reaction_data import ReactionData
from react_data.training_windows import TrainingDataError

__all__ = ["AppropriateBatches", "PersonBatches", "person_pairs"]


class PersonBatches(Sampler[list[int]]):
    """Batches of n clips of each of p listeners, drawn by the seed and epoch of the data.

    Listeners that have fewer than n items are left out. An item comes at most once in a batch; `loader` takes these as
    ``batches=``.

    Args:
        data: The items.
        persons: p, at least 1; different listeners a batch.
        clips: n, at least 1; items of each.
        batches: Batches an epoch; as many as hold each item once on average, if not given.

    Raises:
        TrainingDataError: If a setting is below 1, fewer than p listeners have n items, or listeners are not known.
    """

    def __init__(self, data: ReactionData, persons: int = 16, clips: int = 4, *, batches: int | None = None) -> None:
        if min(persons, clips, 1 if batches is None else batches) < 1:
            raise TrainingDataError(
                f"persons is {persons}, clips {clips}, batches {batches}: expected at least 1 each."
            )
        self._data, self._persons, self._clips = data, persons, clips
        self._batches = max(1, len(data) // (persons * clips)) if batches is None else batches
        items: dict[str, list[int]] = defaultdict(list)
        for item, person in enumerate(data.listener_persons):
            items[person].append(item)
        self._items = [each for each in items.values() if len(each) >= clips]
        if len(self._items) < persons:
            raise TrainingDataError(
                f"{len(self._items)} of {len(items)} listeners have at least {clips} items, but a batch takes "
                f"{persons} listeners. Take fewer listeners or fewer clips of each."
            )

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[list[int]]:
        generator = random_generator(self._data.seed, self._data.epoch, "persons")
        for _ in range(self._batches):
            drawn = generator.choice(len(self._items), self._persons, replace=False)
            yield [int(item) for n in drawn for item in generator.choice(self._items[n], self._clips, replace=False)]


class AppropriateBatches(Sampler[list[int]]):
    """Batches of listeners who all react appropriately to one speaker, drawn by the seed and epoch of the data.

    What such listeners differ in is less what they react to than who they are. A batch holds up to p listeners that
    have at least two such items, and up to n of the items of each.

    Args:
        data: The items.
        persons: p, at least 2.
        clips: n, at least 2.
        batches: Batches an epoch; as many as hold each item once on average, if not given.

    Raises:
        TrainingDataError: If a setting is too small, no speaker has two such listeners, or listeners or appropriate
            reactions are not known.
    """

    def __init__(self, data: ReactionData, persons: int = 16, clips: int = 4, *, batches: int | None = None) -> None:
        if min(persons, clips) < 2 or (batches is not None and batches < 1):
            raise TrainingDataError(
                f"persons is {persons}, clips {clips}, batches {batches}: expected at least 2, 2 and 1."
            )
        self._data, self._persons, self._clips = data, persons, clips
        self._batches = max(1, len(data) // (persons * clips)) if batches is None else batches
        self._listeners = data.listener_persons
        found = [self._by_person(items) for items in data.appropriate_items()]
        self._choices = [each for each in found if len(each) > 1]
        if not self._choices:
            raise TrainingDataError(
                "no speaker has two listeners with at least two appropriate reactions each, as these batches need. "
                "Use more clips, or PersonBatches."
            )

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[list[int]]:
        generator = random_generator(self._data.seed, self._data.epoch, "appropriate persons")
        for _ in range(self._batches):
            choice = self._choices[int(generator.integers(len(self._choices)))]
            drawn = generator.choice(len(choice), min(self._persons, len(choice)), replace=False)
            sizes = {n: min(self._clips, len(choice[n])) for n in drawn.tolist()}
            yield [int(item) for n, size in sizes.items() for item in generator.choice(choice[n], size, replace=False)]

    def _by_person(self, items: Sequence[int]) -> list[list[int]]:
        """The items of each listener that has at least two."""
        found: dict[str, list[int]] = defaultdict(list)
        for item in items:
            found[self._listeners[item]].append(item)
        return [each for each in found.values() if len(each) > 1]


def person_pairs(persons: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """The pairs of a batch that a contrastive loss pulls together, and those that it pushes apart.

    Args:
        persons: (B,) listener of each item, as ``batch["listener_person"]``.

    Returns:
        (B, B) bool of two different items of the same person, and (B, B) bool of items of different persons.

    Example:
        >>> same, other = person_pairs(["Anna", "Anna", "Ben"])
        >>> same.int().tolist(), other.int().tolist()
        ([[0, 1, 0], [1, 0, 0], [0, 0, 0]], [[0, 0, 1], [0, 0, 1], [1, 1, 0]])
    """
    numbers = torch.tensor([list(persons).index(person) for person in persons])
    alike = numbers[:, None] == numbers
    return alike & ~torch.eye(len(numbers), dtype=torch.bool), ~alike
