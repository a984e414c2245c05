"""Checks of the values of series: finite, and in the range of their channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from react_data.channels import EMOTION_25, ChannelSchema
from react_data.problems import ProblemKind, ProblemReport

__all__ = ["UNREADABLE", "check_finite", "check_ranges", "check_values"]

UNREADABLE = ProblemKind(
    "RD112",
    "A file cannot be read, has the wrong number of columns, or holds values that are not finite. Copy or extract it "
    "again.",
)
OUT_OF_RANGE = ProblemKind(
    "RD113",
    "Values lie outside the range of their channel: action units and expressions 0..1, valence and arousal -1..1, "
    "OpenFace's action units 0..5.",
)
NOT_BINARY = ProblemKind(
    "RD114", "Action units are neither 0 nor 1. The challenge's are binary; scores of other ones do not compare."
)
NOT_A_DISTRIBUTION = ProblemKind("RD115", "The eight expression probabilities of a frame do not sum to 1.")

_SUM_TOLERANCE = 1e-2
_RANGE_TOLERANCE = 1e-4

Series = NDArray[np.float32]
Place = Callable[[int], str]


def check_finite(values: Series, schema: ChannelSchema, where: str, place: Place, report: ProblemReport) -> bool:
    """Check that no value is NaN or infinite.

    Args:
        values: (T, C) series.
        schema: Its channels.
        where: The file.
        place: What a frame is called there, from its index.
        report: Receives the problem.

    Returns:
        Whether all values are finite.
    """
    wrong = np.argwhere(~np.isfinite(values))
    if wrong.size:
        frame, channel = wrong[0]
        report.error(
            UNREADABLE,
            f"holds {len(wrong)} values that are not finite, the first {values[frame, channel]:g} in {place(frame)}, "
            f"{schema.channels[channel]}. Extract it again.",
            where,
        )
    return not wrong.size


def check_ranges(values: Series, schema: ChannelSchema, where: str, place: Place, report: ProblemReport) -> None:
    """Check that values lie in the range of their group of channels, where it has one.

    Args:
        values: (T, C) series.
        schema: Its channels.
        where: The file.
        place: What a frame is called there, from its index.
        report: Receives the problems.
    """
    for group in schema.groups:
        low = -np.inf if group.low is None else group.low
        high = np.inf if group.high is None else group.high
        part = values[:, group.start : group.stop]
        outside = np.argwhere((part < low - _RANGE_TOLERANCE) | (part > high + _RANGE_TOLERANCE))
        if outside.size:
            frame, channel = outside[0]
            report.error(
                OUT_OF_RANGE,
                f"{len(outside)} values of {group.name} are outside {low:g}..{high:g}, the first "
                f"{part[frame, channel]:g} in {place(frame)}, {schema.channels[group.start + channel]}. Extract them "
                "again.",
                where,
            )


def check_values(values: Series, where: str, place: Place, report: ProblemReport) -> None:
    """Check facial attributes: ranges, binary action units, expressions that sum to 1.

    Args:
        values: (T, 25) attributes.
        where: The file.
        place: What a frame is called there, from its index.
        report: Receives the problems.
    """
    check_ranges(values, EMOTION_25, where, place, report)
    units = values[:, :15]
    between = np.argwhere((units > 0) & (units < 1))
    if between.size:
        frame, channel = between[0]
        report.warning(
            NOT_BINARY,
            f"{len(between)} action units are neither 0 nor 1, the first {units[frame, channel]:g} in {place(frame)}, "
            f"{EMOTION_25.channels[channel]}. Threshold them as the challenge does.",
            where,
        )
    sums = values[:, 17:].sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > _SUM_TOLERANCE)
    if off.size:
        report.warning(
            NOT_A_DISTRIBUTION,
            f"the expressions of {off.size} frames do not sum to 1, the first to {sums[off[0]]:.3f} in "
            f"{place(int(off[0]))}. Extract them again.",
            where,
        )
