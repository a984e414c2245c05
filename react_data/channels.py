"""Channel schemas: what the channels of a data set are called, how they group, and which values they may take.

Conventions: the schema belongs to the data, not to a metric. FRDist warps each group on its own and adds the distances
with the group's weight; validation takes its ranges from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "COEFFICIENTS_58",
    "EMOTION_25",
    "MOTION_ENERGY",
    "OPENFACE",
    "ChannelGroup",
    "ChannelSchema",
    "schema_for",
    "schema_of",
]


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that belong together.

    Attributes:
        name: Such as ``"action units"``.
        start: Index of the group's first channel.
        stop: One past the group's last channel.
        weight: Factor of the group's DTW distance in FRDist.
        low: Smallest valid value, or None where there is no range.
        high: Largest valid value, or None where there is no range.
    """

    name: str
    start: int
    stop: int
    weight: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class ChannelSchema:
    """Names, groups, weights and ranges of the channels of one kind of data.

    Attributes:
        name: Such as ``"emotion-25"``.
        channels: Channel names in stored order.
        groups: Consecutive groups that cover all channels.
        hard_limit: Magnitude beyond which a value is an error rather than a warning; None for no limit.
    """

    name: str
    channels: tuple[str, ...]
    groups: tuple[ChannelGroup, ...]
    hard_limit: float | None = None

    def __len__(self) -> int:
        return len(self.channels)

    def group(self, name: str) -> ChannelGroup | None:
        """The group called `name`, or None."""
        return next((group for group in self.groups if group.name == name), None)


_ACTION_UNITS = tuple(f"AU{n}" for n in (1, 2, 4, 6, 7, 9, 10, 12, 14, 15, 17, 23, 24, 25, 26))
_EXPRESSIONS = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt")

EMOTION_25 = ChannelSchema(
    name="emotion-25",
    channels=(*_ACTION_UNITS, "valence", "arousal", *_EXPRESSIONS),
    groups=(
        ChannelGroup("action units", 0, 15, 1 / 15, 0.0, 1.0),
        ChannelGroup("valence and arousal", 15, 17, 1.0, -1.0, 1.0),
        ChannelGroup("expressions", 17, 25, 1 / 8, 0.0, 1.0),
    ),
    hard_limit=10.0,
)

_EXPRESSION_COEFFICIENTS = tuple(f"expression{n}" for n in range(52))
COEFFICIENTS_58 = ChannelSchema(
    name="faceverse-58",
    channels=(*_EXPRESSION_COEFFICIENTS, *(f"{kind}_{axis}" for kind in ("angle", "translation") for axis in "xyz")),
    groups=(
        ChannelGroup("expression coefficients", 0, 52, 1 / 52),
        ChannelGroup("head angles", 52, 55, 1 / 3),
        ChannelGroup("head translation", 55, 58, 1 / 3),
    ),
)

MOTION_ENERGY = ChannelSchema("motion-energy", ("motion energy",), (ChannelGroup("motion energy", 0, 1, 1.0, 0.0),))

_OPENFACE_UNITS = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23", "25", "26", "45")
OPENFACE = ChannelSchema(
    name="openface",
    channels=(
        *("gaze_angle_x", "gaze_angle_y", "pose_Rx", "pose_Ry", "pose_Rz"),
        *(f"AU{unit}_r" for unit in _OPENFACE_UNITS),
    ),
    groups=(
        ChannelGroup("gaze", 0, 2, 1 / 2),
        ChannelGroup("head rotation", 2, 5, 1 / 3),
        ChannelGroup("action units", 5, 22, 1 / 17, 0.0, 5.0),
    ),
)

_KNOWN = {schema.channels: schema for schema in (EMOTION_25, COEFFICIENTS_58, MOTION_ENERGY, OPENFACE)}


def schema_for(channels: Sequence[str] | int) -> ChannelSchema:
    """The schema of channels that are known by name or, where only their number is known, by that.

    Args:
        channels: Channel names in order, or the number of channels.

    Returns:
        A known schema (25 unnamed channels are the challenge's emotion channels, 58 FaceVerse coefficients), else one
        group of weight 1/C without a range.

    Example:
        >>> schema_for(25).name, schema_for(3).groups[0].weight
        ('emotion-25', 0.3333333333333333)
    """
    if isinstance(channels, int):
        by_count = {25: EMOTION_25, 58: COEFFICIENTS_58}
        if channels in by_count:
            return by_count[channels]
        channels = [f"channel{n}" for n in range(channels)]
    names = tuple(str(name) for name in channels)
    whole = ChannelGroup("channels", 0, len(names), 1 / max(len(names), 1))
    return _KNOWN.get(names) or ChannelSchema(f"unknown-{len(names)}", names, (whole,))


def schema_of(dataset: xr.Dataset, kind: str) -> ChannelSchema:
    """The schema of a kind of channels of a data set.

    Args:
        dataset: What `react_data.open_split` returned.
        kind: ``"emotion"`` or ``"coefficients"``.

    Returns:
        That of the names in the data set, or of their number; the challenge's, where it has no such channels.
    """
    dim, usual = {"emotion": ("emotion", EMOTION_25), "coefficients": ("coefficient", COEFFICIENTS_58)}[kind]
    if dim in dataset.coords:
        return schema_for([str(name) for name in dataset[dim].values])
    return schema_for(dataset.sizes[dim]) if dim in dataset.sizes else usual
