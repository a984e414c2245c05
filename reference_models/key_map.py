"""How a published checkpoint's keys and ours correspond, both ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

__all__ = ["KeyMap", "KeyRule"]

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
class KeyMap:
    """Rules, of which the one with the longest fitting prefix counts; keys that no rule fits stay as they are.

    Attributes:
        rules: The rules.
        ignored: Prefixes of published keys that hold nothing of the model, such as buffers that are computed.
        exported: Makes the ignored keys of a published checkpoint from our values, for an export that is complete.
    """

    rules: tuple[KeyRule, ...] = ()
    ignored: tuple[str, ...] = ()
    exported: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = field(default=None)

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
