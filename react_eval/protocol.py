"""Protocols: named, frozen sets of metric definitions. A score means nothing without the protocol it was made with."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from react_data.clips import suggest
from react_eval.alignment import find_aligner
from react_eval.errors import InputError, UnknownNameError
from react_eval.extensions import load_extensions, why_left_out
from react_eval.registry import Metric, find_metric
from react_eval.setting_values import setting_from_text, setting_value

__all__ = ["MetricUse", "Protocol", "find_protocol", "protocols", "register_protocol"]


@dataclass(frozen=True)
class MetricUse:
    """A metric as a protocol uses it.

    Attributes:
        key: Name in results, such as ``"FRCorr"`` or ``"FRCorr_personal"``.
        metric: Name of the metric.
        settings: Its settings.
    """

    key: str
    metric: str
    settings: Any

    @property
    def record(self) -> Metric:
        """The metric's record."""
        return find_metric(self.metric)

    @property
    def sums_reactions(self) -> bool:
        """Whether the value is a sum over the reactions of a clip, so that it depends on their number."""
        return getattr(self.settings, "combine", "mean") == "sum"

    @property
    def needs(self) -> tuple[str, ...]:
        """The inputs that are needed beside predictions."""
        personal = getattr(self.settings, "neighbours", "all") == "personal"
        return tuple("personal" if need == "neighbours" and personal else need for need in self.record.needs)


@dataclass(frozen=True)
class Protocol:
    """A named, frozen set of definitions. A released revision is never edited; a change is a new revision.

    Attributes:
        name: Such as ``"react2024"``.
        revision: Number of this set of definitions under that name.
        summary: One line: where it comes from, what it is for.
        uses: The metrics and their settings, in the order they are printed.
        channels: Kinds of channels that it takes (``"emotion"``, ``"coefficients"``), the preferred one first.
        frames: Clips are cut to this many frames by `react_eval.score`; None scores all frames, and clips may differ
            in length.
        reactions: Reactions a clip that a submission to a challenge split must have.
        clip_set: ``"all"``, or ``"personalised"`` for every clip but number 1 of each conversation.
        intervals: Whether values come with bootstrap intervals.
        variant: What was changed by `override`; empty for a protocol as released.
    """

    name: str
    revision: int
    summary: str
    uses: tuple[MetricUse, ...]
    channels: tuple[Literal["emotion", "coefficients"], ...] = ("emotion",)
    frames: int | None = 750
    reactions: int = 10
    clip_set: Literal["all", "personalised"] = "all"
    intervals: bool = False
    variant: str = field(default="")

    @property
    def id(self) -> str:
        """Name and revision, and what was changed, if anything."""
        return f"{self.name}@{self.revision}{self.variant}"

    def use(self, name: str) -> MetricUse:
        """The use of a metric.

        Args:
            name: A result key, or a metric's name or alias, in any case.

        Returns:
            The first use that fits.

        Raises:
            UnknownNameError: If the protocol has none.
        """
        asked = str(name).lower()
        keys = {use.key.lower(): use for use in self.uses}
        if asked in keys:
            return keys[asked]
        known = {alias.lower(): use for use in reversed(self.uses) for alias in (use.metric, *use.record.aliases)}
        if asked in known:
            return known[asked]
        raise UnknownNameError(
            f"protocol {self.id!r} has no metric {name!r}. {suggest(str(name), [use.key for use in self.uses])}"
        )

    @property
    def alignment(self) -> str:
        """The aligner of reactions of unequal length; ``"none"`` where no metric uses one."""
        named = (getattr(use.settings, "alignment", "none") for use in self.uses)
        return next((name for name in named if name != "none"), "none")

    def aligned_by(self, aligner: str) -> Protocol:
        """The same protocol with another aligner in every metric that aligns, under an id that says so.

        Args:
            aligner: Its name; see `react_eval.aligners`.

        Returns:
            A protocol whose id tells the aligner for every metric.

        Raises:
            UnknownNameError: If there is no such aligner.
            InputError: If the protocol aligns nothing.
        """
        find_aligner(aligner)
        aligning = [use.key for use in self.uses if getattr(use.settings, "alignment", "none") != "none"]
        if not aligning:
            raise InputError(f"protocol {self.id!r} aligns nothing. Choose react2025, react2026 or corrected+linear.")
        changed = self
        for key in aligning:
            changed = changed.override(key, alignment=aligner)
        return changed

    def override(self, metric: str, **settings: Any) -> Protocol:
        """The same protocol with a changed setting, under an id that says so.

        Args:
            metric: A result key, metric name or alias.
            **settings: Fields of the metric's settings.

        Returns:
            A protocol whose id ends in the change, such as ``react2024@1+FRSyn.reactions=all``.

        Raises:
            UnknownNameError: If there is no such metric or setting.
            InputError: If a value is not one of those that the setting allows.

        Example:
            >>> find_protocol("react2024").override("FRSyn", reactions="all").id
            'react2024@1+FRSyn.reactions=all'
        """
        chosen = self.use(metric)
        for name in settings:
            _check_name(chosen, name)
        typed = {name: setting_value(chosen.settings, name, value, chosen.key) for name, value in settings.items()}
        changed = replace(chosen, settings=replace(chosen.settings, **typed))
        note = "".join(f"+{chosen.key}.{name}={value}" for name, value in typed.items())
        uses = tuple(changed if use is chosen else use for use in self.uses)
        return replace(self, uses=uses, variant=self.variant + note)

    def override_text(self, metric: str, setting: str, value: str) -> Protocol:
        """`override` with a value that is text, as on a command line.

        Args:
            metric: A result key, metric name or alias.
            setting: A field of its settings.
            value: The value, read as the type that the setting has; ``"1,2"`` for a tuple.

        Returns:
            A protocol whose id ends in the change.

        Raises:
            UnknownNameError: If there is no such metric or setting.
            InputError: If the text is no value of the setting.
        """
        chosen = self.use(metric)
        _check_name(chosen, setting)
        return self.override(metric, **{setting: setting_from_text(chosen.settings, setting, value, chosen.key)})


def _check_name(use: MetricUse, name: str) -> None:
    known = [each.name for each in fields(use.settings)]
    if name not in known:
        raise UnknownNameError(f"{use.key} has no setting {name!r}. {suggest(name, known)}")


_GROUP = "react_eval.protocols"
_PROTOCOLS: dict[str, Protocol] = {}


def register_protocol(protocol: Protocol) -> Protocol:
    """Add a protocol to the registry.

    Args:
        protocol: The protocol.

    Returns:
        The same protocol.

    Raises:
        InputError: If another protocol has its id.
    """
    import react_eval.official_protocols  # noqa: F401  registers ours, which come first

    if _PROTOCOLS.setdefault(protocol.id, protocol) != protocol:
        raise InputError(f"protocol {protocol.id!r} is registered with other definitions. Raise its revision.")
    return protocol


def protocols() -> dict[str, str]:
    """Every protocol: ours, and those of installed packages that extend the group ``react_eval.protocols``.

    Returns:
        One-line descriptions by id.

    Example:
        >>> list(protocols())[0]
        'react2024@1'
    """
    import react_eval.official_protocols  # noqa: F401  registers ours

    load_extensions(_GROUP, Protocol, lambda protocol: protocol.id, register_protocol)
    return {protocol.id: protocol.summary for protocol in _PROTOCOLS.values()}


def find_protocol(name: str | Protocol) -> Protocol:
    """The protocol of a name or id.

    Args:
        name: ``"react2024"`` (the newest revision), ``"react2024@1"``, or a protocol, which is returned as it is.

    Returns:
        The protocol.

    Raises:
        UnknownNameError: If there is none; suggests the nearest.
        InputError: If it has the id of a registered protocol and is another.
    """
    ids = protocols()
    if isinstance(name, Protocol):
        _check_released(name)
        return name
    revisions = [protocol for protocol in _PROTOCOLS.values() if protocol.name == name or protocol.id == name]
    if not revisions:
        reason = why_left_out(_GROUP, name)
        raise UnknownNameError(reason or f"there is no protocol {name!r}. {suggest(name, ids)}")
    return max(revisions, key=lambda protocol: protocol.revision)


def _check_released(protocol: Protocol) -> None:
    """Refuse a protocol that goes by a registered id and differs in more than that id says."""
    released = _PROTOCOLS.get(f"{protocol.name}@{protocol.revision}")
    if released is None:
        return
    same = replace(protocol, uses=released.uses, variant="") == released
    same = same and [(use.key, use.metric) for use in protocol.uses] == [(use.key, use.metric) for use in released.uses]
    if not same or not all(map(_is_told, protocol.uses, released.uses, [protocol.variant] * len(released.uses))):
        raise InputError(
            f"protocol {protocol.id!r} is not what {released.id!r} is released as. Change settings with override, "
            "which tells it in the id, or give the protocol a name of its own: dataclasses.replace(…, name=…)."
        )


def _is_told(use: MetricUse, released: MetricUse, variant: str) -> bool:
    """Whether the variant's text says of every setting what it is, where that is not as released."""
    if type(use.settings) is not type(released.settings):
        return False
    for setting in fields(use.settings):
        value = getattr(use.settings, setting.name)
        _, mentioned, rest = variant.rpartition(f"+{use.key}.{setting.name}=")
        said = rest.startswith(str(value)) and rest.removeprefix(str(value))[:1] in ("", "+")
        if not (said if mentioned else value == getattr(released.settings, setting.name)):
            return False
    return True
