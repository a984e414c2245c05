"""Protocols: named, frozen sets of metric definitions. A score means nothing without the protocol it was made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import entry_points
from typing import Any, Literal, get_args, get_origin, get_type_hints

from react_data.clips import suggest
from react_eval.errors import InputError, UnknownNameError
from react_eval.metrics import (
    FRCorrSettings,
    FRDistSettings,
    FRDivSettings,
    FRDvsSettings,
    FRSynSettings,
    FRVarSettings,
)
from react_eval.registry import Metric, find_metric

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
        frames: Clips are cut to this many frames by `react_eval.score`.
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
    frames: int = 750
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
        keys = {use.key.lower(): use for use in self.uses}
        if name.lower() in keys:
            return keys[name.lower()]
        known = {alias.lower(): use for use in reversed(self.uses) for alias in (use.metric, *use.record.aliases)}
        if name.lower() in known:
            return known[name.lower()]
        raise UnknownNameError(
            f"protocol {self.id!r} has no metric {name!r}. {suggest(name, [use.key for use in self.uses])}"
        )

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
        known = [each.name for each in fields(chosen.settings)]
        for name, value in settings.items():
            if name not in known:
                raise UnknownNameError(f"{chosen.key} has no setting {name!r}. {suggest(name, known)}")
            _check_setting(chosen, name, value)
        changed = replace(chosen, settings=replace(chosen.settings, **settings))
        note = "".join(f"+{chosen.key}.{name}={value}" for name, value in settings.items())
        uses = tuple(changed if use is chosen else use for use in self.uses)
        return replace(self, uses=uses, variant=self.variant + note)

    def override_text(self, metric: str, setting: str, value: str) -> Protocol:
        """`override` with a value that is text, as on a command line.

        Args:
            metric: A result key, metric name or alias.
            setting: A field of its settings.
            value: The value, read as the type that the setting has.

        Returns:
            A protocol whose id ends in the change.

        Raises:
            UnknownNameError: If there is no such metric or setting.
            InputError: If the text is no value of the setting.
        """
        current = getattr(self.use(metric).settings, setting, None)
        kind = str if current is None else type(current)
        try:
            typed: Any = {"True": True, "False": False}[value] if isinstance(current, bool) else kind(value)
        except (KeyError, ValueError):
            raise InputError(f"{metric}.{setting}={value} is not of type {type(current).__name__}.") from None
        return self.override(metric, **{setting: typed})


def _check_setting(use: MetricUse, name: str, value: object) -> None:
    kind = get_type_hints(type(use.settings))[name]
    current = getattr(use.settings, name)
    if get_origin(kind) is Literal:
        allowed = [str(choice) for choice in get_args(kind)]
        if value not in get_args(kind):
            raise InputError(f"{use.key}.{name} = {value!r} is not known. {suggest(str(value), allowed)}")
    elif not isinstance(value, type(current)) or (isinstance(value, bool) and not isinstance(current, bool)):
        raise InputError(f"{use.key}.{name} = {value!r} is not of type {type(current).__name__}.")


def _uses(settings: Mapping[str, Any]) -> tuple[MetricUse, ...]:
    return tuple(MetricUse(key, key.partition("_")[0], value) for key, value in settings.items())


_DIVERSITY = {"FRDiv": FRDivSettings(), "FRVar": FRVarSettings(), "FRDvs": FRDvsSettings()}
_OFFICIAL = {"FRCorr": FRCorrSettings(), "FRDist": FRDistSettings(), **_DIVERSITY, "FRSyn": FRSynSettings()}

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
    if _PROTOCOLS.setdefault(protocol.id, protocol) != protocol:
        raise InputError(f"protocol {protocol.id!r} is registered with other definitions. Raise its revision.")
    return protocol


register_protocol(
    Protocol("react2024", 1, "The official scorer of the REACT 2024 challenge, quirks included.", _uses(_OFFICIAL))
)
register_protocol(
    Protocol(
        "react2023", 1, "The official scorer of the REACT 2023 challenge; the same as react2024.", _uses(_OFFICIAL)
    )
)
register_protocol(
    Protocol(
        "reactface",
        1,
        "ReactFace's own scorer on 58 3DMM coefficients: unweighted DTW, FRCorr and FRDist times 10.",
        _uses(
            {
                "FRCorr": FRCorrSettings(epsilon=1e-50, scale=10.0),
                "FRDist": FRDistSettings(groups="whole", scale=10.0),
                **_DIVERSITY,
                "FRSyn": FRSynSettings(),
            }
        ),
        channels=("coefficients", "emotion"),
    )
)
register_protocol(
    Protocol(
        "perfrdiff",
        1,
        "PerFRDiff: react2024 on the personalised clip set, generic (MAFRG) and for the same listener (PMAFRG).",
        _uses(
            {
                "FRCorr": FRCorrSettings(),
                "FRCorr_personal": FRCorrSettings(neighbours="personal"),
                "FRDist": FRDistSettings(),
                "FRDist_personal": FRDistSettings(neighbours="personal"),
                **_DIVERSITY,
                "FRSyn": FRSynSettings(),
            }
        ),
        clip_set="personalised",
    )
)
register_protocol(
    Protocol(
        "corrected",
        1,
        "The same quantities without the quirks: means per reaction, undefined channels handled. For new work.",
        _uses(
            {
                "FRCorr": FRCorrSettings(epsilon=0.0, combine="mean", constant_listener="leave out"),
                "FRDist": FRDistSettings(combine="mean", per_frame=True),
                **_DIVERSITY,
                "FRSyn": FRSynSettings(reactions="all", undefined="leave out"),
            }
        ),
        channels=("emotion", "coefficients"),
        intervals=True,
    )
)


def protocols() -> dict[str, str]:
    """Every protocol: ours, and those of installed packages that extend the group ``react_eval.protocols``.

    Returns:
        One-line descriptions by id.

    Example:
        >>> list(protocols())[0]
        'react2024@1'
    """
    for extension in entry_points(group="react_eval.protocols"):
        register_protocol(extension.load())
    return {protocol.id: protocol.summary for protocol in _PROTOCOLS.values()}


def find_protocol(name: str | Protocol) -> Protocol:
    """The protocol of a name or id.

    Args:
        name: ``"react2024"`` (the newest revision), ``"react2024@1"``, or a protocol, which is returned as it is.

    Returns:
        The protocol.

    Raises:
        UnknownNameError: If there is none; suggests the nearest.
    """
    if isinstance(name, Protocol):
        return name
    ids = protocols()
    revisions = [protocol for protocol in _PROTOCOLS.values() if protocol.name == name or protocol.id == name]
    if not revisions:
        raise UnknownNameError(f"there is no protocol {name!r}. {suggest(name, ids)}")
    return max(revisions, key=lambda protocol: protocol.revision)
