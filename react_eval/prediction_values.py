"""One pass over all predicted values: what is not finite, out of range, identical, or constant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_data.problems import ProblemKind, ProblemReport, abbreviate
from react_data.progress import track
from react_eval.clip_set import Clips
from react_eval.submissions.layout import VARIABLES

__all__ = ["Place", "ValueSummary", "check_values", "has_identical_reactions", "summarise_values"]

PRECISION = ProblemKind(
    "RE111",
    "Values are stored in half precision, and some channels do not change over time.\n\n"
    "Rounding may have made them constant, and correlation is not defined on constants. Save float32.",
)
NOT_FINITE = ProblemKind("RE114", "Predictions hold NaN or infinite values; no metric is defined on them.")
RANGE = ProblemKind(
    "RE115",
    "Values leave the range of their channel.\n\n"
    "Action units and expressions are in [0, 1], valence and arousal in [-1, 1]. Outside of it is a warning, since "
    "the challenge scores such values; facial attributes beyond [-10, 10] are an error, mostly of scaling.",
)
IDENTICAL = ProblemKind(
    "RE117",
    "Reactions to the same clip are identical.\n\n"
    "That is allowed, but such a generator has no diversity: FRDiv counts identical reactions as 0.",
)

Values = NDArray[np.float32]

_HALF = ("float16", "bfloat16")
_PLACES = 5
_FRAME_STEP = 97  # comparing every 97th frame first tells different reactions apart without reading all of them


@dataclass(frozen=True)
class Place:
    """Where a value is.

    Attributes:
        clip: Position of the clip.
        reaction: Its reaction.
        frame: Its frame.
        channel: Position of the channel.
        value: The value.
    """

    clip: int
    reaction: int
    frame: int
    channel: int
    value: float


@dataclass
class ValueSummary:
    """What the values of one kind of channels are like.

    Attributes:
        low: Smallest finite value of each channel, (C,).
        high: Largest finite value of each channel, (C,).
        count: How many values each channel has.
        outside: How many values of each channel leave its range, (C,).
        beyond: How many values are beyond the schema's hard limit.
        beyond_places: The first of them.
        not_finite: How many values are NaN or infinite.
        not_finite_clips: In which clips.
        not_finite_places: The first of them.
        identical: Clips with at least two identical reactions.
        constant: How many (clip, reaction) series of each channel do not change over time, (C,).
        constant_places: The first of them; their frame is 0.
    """

    low: Values
    high: Values
    outside: NDArray[np.int64]
    constant: NDArray[np.int64]
    count: int = 0
    beyond: int = 0
    beyond_places: list[Place] = field(default_factory=list)
    not_finite: int = 0
    not_finite_clips: list[int] = field(default_factory=list)
    not_finite_places: list[Place] = field(default_factory=list)
    identical: list[int] = field(default_factory=list)
    constant_places: list[Place] = field(default_factory=list)

    @property
    def constant_series(self) -> int:
        """How many (clip, reaction, channel) series do not change over time."""
        return int(self.constant.sum())


def summarise_values(
    clips: Clips, schema: ChannelSchema, *, label: str = "checking", show_progress: bool | None = False
) -> ValueSummary:
    """Look at every value once, clip by clip.

    Args:
        clips: N arrays (α, T, C) float32.
        schema: Ranges of the C channels.
        label: What the progress bar says.
        show_progress: Whether it is shown; None shows it on a terminal.

    Returns:
        The summary.
    """
    channels = len(schema)
    start = np.full(channels, np.inf, np.float32)
    outside, constant = np.zeros((2, channels), np.int64)
    summary = ValueSummary(low=start, high=-start, outside=outside, constant=constant)
    bounds = _bounds(schema)
    for position in track(range(len(clips)), label, show=show_progress):
        _add_clip(summary, np.asarray(clips[position]), position, bounds, schema.hard_limit)
    return summary


def _bounds(schema: ChannelSchema) -> tuple[Values, Values]:
    low, high = np.full(len(schema), -np.inf, np.float32), np.full(len(schema), np.inf, np.float32)
    for group in schema.groups:
        low[group.start : group.stop] = -np.inf if group.low is None else group.low
        high[group.start : group.stop] = np.inf if group.high is None else group.high
    return low, high


def _add_clip(
    summary: ValueSummary, values: Values, position: int, bounds: tuple[Values, Values], hard_limit: float | None
) -> None:
    smallest, largest = values.min(axis=1), values.max(axis=1)  # (α, C); NaN passes through both
    if not (np.isfinite(smallest).all() and np.isfinite(largest).all()):
        values = _without_not_finite(summary, values, position)
        smallest, largest = values.min(axis=1), values.max(axis=1)
    low, high = smallest.min(axis=0), largest.max(axis=0)
    summary.low, summary.high = np.minimum(summary.low, low), np.maximum(summary.high, high)
    summary.count += values.shape[0] * values.shape[1]
    for channel in np.flatnonzero((low < bounds[0]) | (high > bounds[1])):
        series = values[:, :, channel]
        summary.outside[channel] += _count((series < bounds[0][channel]) | (series > bounds[1][channel]))
    if hard_limit is not None and max(-low.min(), high.max()) > hard_limit:
        beyond = np.abs(values) > hard_limit
        summary.beyond += _count(beyond)
        _note_places(summary.beyond_places, beyond, values, position)
    constant = smallest == largest
    if constant.any():
        summary.constant += constant.sum(axis=0)
        _note_places(summary.constant_places, constant[:, None], values, position)
    if has_identical_reactions(values):
        summary.identical.append(position)


def _without_not_finite(summary: ValueSummary, values: Values, position: int) -> Values:
    finite = np.isfinite(values)
    summary.not_finite += values.size - _count(finite)
    summary.not_finite_clips.append(position)
    _note_places(summary.not_finite_places, ~finite, values, position)
    return np.where(finite, values, np.float32(0))


def _count(found: NDArray[np.bool_]) -> int:
    return int(np.count_nonzero(found))


def _note_places(places: list[Place], where: NDArray[np.bool_], values: Values, position: int) -> None:
    if len(places) < _PLACES:
        found = np.argwhere(where)[: _PLACES - len(places)].tolist()
        places += [Place(position, i, t, c, float(values[i, t, c])) for i, t, c in found]


def has_identical_reactions(values: Values) -> bool:
    """Whether two reactions to one clip are the same, value by value.

    Args:
        values: (α, T, C).

    Returns:
        True if any two are.

    Example:
        >>> has_identical_reactions(np.zeros((2, 5, 3), np.float32))
        True
    """
    seen: dict[bytes, list[Values]] = {}
    for reaction in values:
        alike = seen.setdefault(reaction[::_FRAME_STEP].tobytes(), [])
        if any(np.array_equal(reaction, other) for other in alike):
            return True
        alike.append(reaction)
    return False


def check_values(
    clips: Clips,
    names: Sequence[str],
    schema: ChannelSchema,
    report: ProblemReport,
    *,
    kind: str = "emotion",
    stored_dtype: str = "float32",
    show_progress: bool | None = False,
) -> None:
    """Add what is wrong with the values of one kind of channels.

    Args:
        clips: N arrays (α, T, C) float32.
        names: N clip ids, for messages.
        schema: The C channels.
        report: Takes the problems.
        kind: ``"emotion"`` or ``"coefficients"``, for messages.
        stored_dtype: Type of the values before they were read.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
    """
    label = VARIABLES[kind]
    found = summarise_values(clips, schema, label=f"checking {label}", show_progress=show_progress)

    def listed(places: Sequence[Place]) -> str:
        return "; ".join(
            f"clip {names[each.clip]}, reaction {each.reaction}, frame {each.frame}, "
            f"channel {schema.channels[each.channel]}: {each.value:g}"
            for each in places[:3]
        )

    if found.not_finite:
        message = (
            f"{found.not_finite} values in {len(found.not_finite_clips)} clips are NaN or infinite, the first: "
            f"{listed(found.not_finite_places)}."
        )
        report.error(NOT_FINITE, message, label)
    if found.beyond:
        limit = schema.hard_limit
        message = f"{found.beyond} values are beyond [-{limit:g}, {limit:g}], the first: {listed(found.beyond_places)}."
        report.error(RANGE, message, label)
    elif found.outside.any():
        report.warning(RANGE, f"values leave their range in {_ranges(found, schema)}.", label)
    if stored_dtype in _HALF and found.constant_series:
        report.error(
            PRECISION,
            f"the values were stored as {stored_dtype}, and {found.constant_series} channels of a reaction do not "
            f"change over time, the first: {listed(found.constant_places)}. Save float32.",
            label,
        )
    if found.identical:
        clips_listed = abbreviate([names[position] for position in found.identical])
        report.warning(IDENTICAL, f"{len(found.identical)} clips have identical reactions: {clips_listed}.", label)


def _ranges(found: ValueSummary, schema: ChannelSchema) -> str:
    described = []
    for group in schema.groups:
        for channel in range(group.start, group.stop):
            if found.outside[channel]:
                share = 100 * found.outside[channel] / found.count
                described.append(
                    f"{schema.channels[channel]} ({share:.2g} % of values, {found.low[channel]:g} to "
                    f"{found.high[channel]:g}, expected {_range(group.low, group.high)})"
                )
    return abbreviate(described, 25)


def _range(low: float | None, high: float | None) -> str:
    return f"[{-np.inf if low is None else low:g}, {np.inf if high is None else high:g}]"
