"""What the report shows of one clip: its series as charts, and the numbers that move the faces."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from react_data.channels import ChannelGroup, ChannelSchema
from react_eval.examples import Example
from react_eval.report.charts import bands, lines, raster

__all__ = ["Chart", "Story", "tell"]

Values = NDArray[np.float32]

FRAMES_A_SECOND = 25
_ACTION_UNIT = re.compile(r"AU0*(\d+)(_r)?$")
_LINES = 4  # channels of a group that is neither action units nor expressions


@dataclass(frozen=True)
class Chart:
    """A chart with what is to be read beside it.

    Attributes:
        title: What it shows.
        rows: For each row its name and its picture; a picture is SVG, or the address of an image.
        legend: Name by css class.
        labels: Names of the rows within a picture, from top to bottom.
    """

    title: str
    rows: Sequence[tuple[str, Markup | str]]
    legend: dict[str, str]
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Story:
    """One clip of the report.

    Attributes:
        example: The clip.
        headline: Why it is shown.
        charts: Its series.
        cards: For each reaction its name, what it scored, and a small chart.
        card_legend: Name by css class of what the small charts show.
        faces: What the script draws: numbers of action units, frames, and series in base64, a byte a value; nothing
            where there are no action units.
    """

    example: Example
    headline: str
    charts: list[Chart]
    cards: list[tuple[str, str, Markup]]
    card_legend: dict[str, str]
    faces: dict[str, Any]

    @property
    def seconds(self) -> float:
        """How long the clip is."""
        frames: int = self.example.reactions.shape[1]
        return frames / FRAMES_A_SECOND


def tell(example: Example) -> Story:
    """Prepare a clip for the report.

    Args:
        example: The clip.
    """
    groups = {group.name: group for group in example.schema.groups}
    return Story(
        example=example,
        headline=_headline(example),
        charts=[chart for name, group in groups.items() if (chart := _chart(example, name, group)) is not None],
        cards=[_card(example, number) for number in range(len(example.reactions))],
        card_legend={css: example.schema.channels[column] for css, column in _small_columns(example).items()},
        faces=_faces(example),
    )


def _headline(example: Example) -> str:
    if not len(example.by_reaction):
        return "One clip of the middle of the list; no metric that was computed ranks clips."
    mean = float(np.mean(example.by_reaction))
    what = "its first reaction" if len(example.by_reaction) < len(example.reactions) else "mean over its reactions"
    own = example.neighbour == example.clip
    whose = "the real reaction to this clip" if own else f"the real reaction to {example.neighbour}"
    matched = f" Nearest to an appropriate one came reaction {example.shown + 1}, to {whose}."
    return f"{example.ranked_by} {mean:.3g} ({what}).{matched if example.neighbour else ''}"


def _shown(example: Example) -> dict[str, tuple[str, Values]]:
    """What is compared, by css class: the shown reaction, and the appropriate one that it came nearest to."""
    series = {"method": (f"reaction {example.shown + 1}", example.reactions[example.shown])}
    if example.nearest is not None:
        series["gt"] = ("nearest appropriate reaction", example.nearest)
    elif example.speaker is not None:
        series["mime"] = ("speaker", example.speaker)
    return series


def _chart(example: Example, name: str, group: ChannelGroup) -> Chart | None:
    shown = _shown(example)
    part = slice(group.start, group.stop)
    names = example.schema.channels[part]
    legend = {css: label for css, (label, _) in shown.items()}
    if all(map(_ACTION_UNIT.match, names)):
        low, high = group.low or 0.0, group.high or 1.0
        rasters = [(label, raster(values[:, part], low, high)) for label, values in shown.values()]
        return Chart(name, rasters, {}, [each.removesuffix("_r") for each in names])
    if name == "expressions":
        classes = [f"band{number}" for number in range(len(names))]
        stacked = [(label, bands(values[:, part], classes)) for label, values in shown.values()]
        return Chart(name, stacked, dict(zip(classes, names, strict=True)))
    rows = []
    for column in range(group.start, min(group.stop, group.start + _LINES)):
        series = {css: values[:, column] for css, (_, values) in shown.items()}
        rows.append((example.schema.channels[column], lines(series, *_limits(example, column, group))))
    more = f", the first {_LINES} of {len(names)}" if len(names) > _LINES else ""
    return Chart(name + more, rows, legend)


def _limits(example: Example, column: int, group: ChannelGroup) -> tuple[float, float]:
    """The group's range where it has one, else that of the values shown."""
    if group.low is not None and group.high is not None:
        return group.low, group.high
    values = [series[:, column] for _, series in _shown(example).values()]
    low, high = min(map(np.min, values)), max(map(np.max, values))
    return float(low), float(high if high > low else low + 1)


def _card(example: Example, number: int) -> tuple[str, str, Markup]:
    """A reaction beside its siblings: its valence and arousal, or its first channels."""
    columns = _small_columns(example)
    limits = [_limits(example, column, _small_group(example)) for column in columns.values()]
    series = {css: example.reactions[number][:, column] for css, column in columns.items()}
    picture = lines(series, min(low for low, _ in limits), max(high for _, high in limits))
    scored = example.by_reaction
    told = f"{example.ranked_by} {scored[number]:.3g}" if number < len(scored) else ""
    return f"reaction {number + 1}", told, picture


def _small_group(example: Example) -> ChannelGroup:
    return example.schema.group("valence and arousal") or example.schema.groups[0]


def _small_columns(example: Example) -> dict[str, int]:
    group = _small_group(example)
    return dict(zip(("first", "second"), range(group.start, group.stop), strict=False))


def _faces(example: Example) -> dict[str, Any]:
    """What the faces need; nothing where there are no action units."""
    units = _units(example.schema)
    if not units:
        return {}
    series = {"method": example.reactions[example.shown], "gt": example.nearest, "mime": example.speaker}
    series |= {f"reaction{number}": each for number, each in enumerate(example.reactions)}
    frames = min(len(each) for each in series.values() if each is not None)
    return {
        "units": [unit for _, unit, _ in units],
        "frames": frames,
        "rate": FRAMES_A_SECOND,
        "series": {name: _packed(each[:frames], units) for name, each in series.items() if each is not None},
    }


def _units(schema: ChannelSchema) -> list[tuple[int, str, float]]:
    """Column, number and largest value of each action unit."""
    found = []
    for group in schema.groups:
        for column in range(group.start, group.stop):
            unit = _ACTION_UNIT.match(schema.channels[column])
            if unit:
                found.append((column, unit[1], group.high or 1.0))
    return found


def _packed(values: Values, units: Sequence[tuple[int, str, float]]) -> str:
    strengths = [np.clip(255 * values[:, column] / high, 0, 255) for column, _, high in units]
    return base64.b64encode(np.stack(strengths, axis=1).astype(np.uint8).tobytes()).decode()
