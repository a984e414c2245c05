"""How a published checkpoint's keys and ours correspond, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from reference_models.errors import CheckpointError

__all__ = ["KeyMap", "KeyRule", "PublishedPart"]

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class KeyRule:
    """A prefix of published keys and ours.

    Attributes:
        published: Where a published key begins so, …
        ours: … ours begins so instead.
        to_ours: How a published value becomes ours; the same if None.
        to_published: The reverse.
    """

    published: str
    ours: str
    to_ours: Change | None = None
    to_published: Change | None = None


@dataclass(frozen=True)
class PublishedPart:
    """A file of several in which a model is published, and how it is known, since its keys do not say.

    Attributes:
        name: What stands before its keys, with a dot; a published key here is ``name.key in the file``.
        key: A key that it has.
        columns: Length of the last axis of that key's value, where another file has that key too.
    """

    name: str
    key: str
    columns: int | None = None

    def is_in(self, state: Mapping[str, Tensor]) -> bool:
        """Whether a file's state is this part's."""
        value = state.get(self.key)
        return value is not None and self.columns in (None, value.shape[-1] if value.ndim else 0)


@dataclass(frozen=True)
class KeyMap:
    """Rules, of which the one with the longest fitting prefix counts; keys that no rule fits stay as they are.

    Attributes:
        rules: The rules.
        ignored: Prefixes of published keys that hold nothing of the model, such as buffers that are computed.
        exported: Makes the ignored keys of a published checkpoint from our values, for an export that is complete.
        parts: The files of a model that is published in several whose keys may be the same.
    """

    rules: tuple[KeyRule, ...] = ()
    ignored: tuple[str, ...] = ()
    exported: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = field(default=None)
    parts: tuple[PublishedPart, ...] = ()

    def with_part(self, state: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
        """A file's state with the name of its part before every key, if parts are known by their keys.

        Args:
            state: Tensors by key of the file.
            where: The file, for messages.

        Raises:
            CheckpointError: If it is none of the parts.
        """
        if not self.parts:
            return dict(state)
        found = next((part.name for part in self.parts if part.is_in(state)), None)
        if found is None:
            known = ", ".join(f"{part.name} (with {part.key})" for part in self.parts)
            raise CheckpointError(f"{where} is none of the files of this model: {known}. Leave it out.")
        return {f"{found}.{key}": value for key, value in state.items()}

    def by_part(self, published: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """A published state as the states of its files, by part; that of ``""`` where there is one file."""
        if not self.parts:
            return {"": dict(published)}
        names = [part.name for part in self.parts if any(key.startswith(f"{part.name}.") for key in published)]
        return {
            name: {
                key.removeprefix(f"{name}."): value for key, value in published.items() if key.startswith(f"{name}.")
            }
            for name in names
        }

    def is_ignored(self, published: str) -> bool:
        """Whether a published key holds nothing of the model."""
        return published.startswith(self.ignored) if self.ignored else False

    def import_state(self, published: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our state of a published one; ignored keys are left out."""
        kept = {key: value for key, value in published.items() if not self.is_ignored(key)}
        return dict(self._renamed(kept.items(), lambda rule: (rule.published, rule.ours, rule.to_ours)))

    def export_state(self, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The published state of ours, with the ignored keys that can be made."""
        made = dict(self._renamed(ours.items(), lambda rule: (rule.ours, rule.published, rule.to_published)))
        return made | dict(self.exported(ours) if self.exported is not None else {})

    def _renamed(
        self,
        items: Iterable[tuple[str, Tensor]],
        ends: Callable[[KeyRule], tuple[str, str, Change | None]],
    ) -> Iterable[tuple[str, Tensor]]:
        ways = sorted(map(ends, self.rules), key=lambda way: -len(way[0]))
        for key, value in items:
            way = next((each for each in ways if key.startswith(each[0])), None)
            if way is None:
                yield key, value
            else:
                source, target, change = way
                yield target + key.removeprefix(source), value if change is None else change(value)
