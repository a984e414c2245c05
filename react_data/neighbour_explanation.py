"""Why clips are neighbours: how near, by which group of channels, and in which channels their speakers are closest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_data.clips import suggest
from react_data.errors import RetrievalError
from react_data.neighbour_table import NeighbourTable
from react_data.retrieval_arguments import Rule, behaviour_hash, prepare_behaviour
from react_data.retrieval_behaviour import Array, Behaviour, Measure
from react_data.retrieval_measures import MEASURES
from react_data.retrieval_warping import Warping

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ExplainedNeighbour", "NeighbourExplanation", "explain_neighbours", "warping_path"]

Indices = NDArray[np.intp]

_CLOSEST = 3
_DOWN, _ALONG = 1, 2  # steps of a path that stay in the column, in the row; 0 is the diagonal one


@dataclass(frozen=True)
class ExplainedNeighbour:
    """One neighbour of a clip.

    Attributes:
        clip: Its id.
        value: Distance or similarity of the two speakers.
        groups: What each group of channels adds to it.
        shares: The same divided by the value; 0 where the value is 0.
        closest: The channels in which the speakers agree most, with their agreement, best first. That is the
            concordance correlation in -1..1 along the alignment that the distance found (frame by frame, for measures
            without warping). Channels in which either does not vary are left out.
    """

    clip: str
    value: float
    groups: dict[str, float]
    shares: dict[str, float]
    closest: dict[str, float]


@dataclass(frozen=True)
class NeighbourExplanation:
    """The nearest neighbours of a clip; prints as a table.

    Attributes:
        clip: Id of the clip.
        measure: How speakers were compared.
        values: ``"distance"`` or ``"similarity"``.
        neighbours: The nearest first, without the clip itself.
        count: How many neighbours the clip has, itself included.
    """

    clip: str
    measure: str
    values: str
    neighbours: tuple[ExplainedNeighbour, ...]
    count: int

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.clip}: {self.count} neighbours, itself included; {self.values} by {self.measure}"]
        if not self.neighbours:
            return lines[0]
        groups = list(self.neighbours[0].groups)
        rows = [("neighbour", self.values, *(f"{name} (share)" for name in groups), "closest channels")]
        for each in self.neighbours:
            parts = [f"{each.groups[name]:.3f} ({each.shares[name]:.0%})" for name in groups]
            closest = ", ".join(f"{name} {agreement:.2f}" for name, agreement in each.closest.items()) or "none varies"
            rows.append((each.clip, f"{each.value:.3f}", *parts, closest))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        return "\n".join(lines + ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows])


def explain_neighbours(
    table: NeighbourTable,
    clip: str,
    speakers: Sequence[NDArray[Any]] | NDArray[Any] | xr.DataArray,
    *,
    k: int = 5,
    features: ChannelSchema | None = None,
) -> NeighbourExplanation:
    """Show which clips are a clip's nearest neighbours, how near they are, and why.

    Neighbours of a matrix of the data set, which says nothing about how they were found, are explained by their
    warping distance.

    Args:
        table: Neighbours.
        clip: Id of the clip.
        speakers: The speakers (T, C) of `table.listeners`, in that order; those that the table was retrieved from, if
            it was.
        k: How many neighbours are shown, at least 1.
        features: Channel groups, as they were given to the retrieval.

    Returns:
        The explanation.

    Raises:
        RetrievalError: If there is no such clip, or the speakers are not those of the retrieval.
    """
    if clip not in table.clips or clip not in table.listeners:
        raise RetrievalError(f"the table has no clip and listener {clip!r}. {suggest(clip, table.clips)}")
    source = table.source
    rule = Rule(source.measure or "dtw", source.normalise or "none", source.per_frame, None, k, "as found")
    behaviour, schema = prepare_behaviour(speakers, table.listeners, features, rule)
    if source.data_hash and behaviour_hash(behaviour) != source.data_hash:
        raise RetrievalError(
            "these are not the speakers and features that the neighbours were retrieved from. Pass the same ones, and "
            "explain a table before it is cut."
        )
    found, own = table.lists()[table.clips.index(clip)], table.listeners.index(clip)
    chosen = [own, *found[found != own].tolist()]
    few = replace(
        behaviour,
        ids=tuple(behaviour.ids[n] for n in chosen),
        series=tuple(behaviour.series[n] for n in chosen),
    )
    measure = MEASURES[rule.measure]
    values = "similarity" if measure.similarity else "distance"
    return NeighbourExplanation(clip, rule.measure, values, _nearest(few, measure, schema, k), len(found))


def _nearest(
    behaviour: Behaviour, measure: type[Measure], schema: ChannelSchema, k: int
) -> tuple[ExplainedNeighbour, ...]:
    """The k clips nearest to the first one, explained."""
    compared = measure(behaviour)
    parts = [compared.parts(0, other) for other in range(1, len(behaviour.ids))]
    costs = np.array([each.sum() for each in parts]) * (-1 if measure.similarity else 1)
    return tuple(
        _explained(behaviour, int(n) + 1, parts[n], measure is Warping, schema)
        for n in np.argsort(costs, kind="stable")[:k]
    )


def _explained(
    behaviour: Behaviour, other: int, parts: Array, warped: bool, schema: ChannelSchema
) -> ExplainedNeighbour:
    names = [name for name, _, _, _ in behaviour.groups]
    value = float(parts.sum())
    shares = parts / value if value else np.zeros(len(parts))
    agreements: list[tuple[float, str]] = []
    for _, start, stop, _ in behaviour.groups:
        mine, theirs = (behaviour.series[n][:, start:stop].astype(np.float64) for n in (0, other))
        places = warping_path(mine, theirs) if warped else (np.arange(len(mine)),) * 2
        agreements += zip(_agreements(mine[places[0]], theirs[places[1]]), schema.channels[start:stop], strict=True)
    best = sorted((each for each in agreements if each[0] == each[0]), reverse=True)[:_CLOSEST]
    return ExplainedNeighbour(
        clip=behaviour.ids[other],
        value=value,
        groups=dict(zip(names, parts.tolist(), strict=True)),
        shares=dict(zip(names, shares.tolist(), strict=True)),
        closest={name: agreement for agreement, name in best},
    )


def _agreements(one: Array, other: Array) -> list[float]:
    """Concordance correlation of each channel of two aligned series; NaN where either does not vary."""
    vary = (np.ptp(one, axis=0) > 0) & (np.ptp(other, axis=0) > 0)
    spread = one.var(axis=0) + other.var(axis=0) + np.square(one.mean(axis=0) - other.mean(axis=0))
    apart = np.square(one - other).mean(axis=0)
    return [float(each) for each in np.where(vary, 1 - apart / np.where(vary, spread, 1), np.nan)]


def warping_path(one: Array, other: Array) -> tuple[Indices, Indices]:
    """The frames that dynamic time warping aligns; of equally short paths the most diagonal one.

    Memory is T1·T2 bytes.

    Args:
        one: (T1, C).
        other: (T2, C).

    Returns:
        Frames of both series along the path.

    Example:
        >>> [frames.tolist() for frames in warping_path(np.array([[0.0], [1.0]]), np.array([[0.0], [0.0], [1.0]]))]
        [[0, 0, 1], [0, 1, 2]]
    """
    steps = _steps_into_cells(one, other)
    row, column = len(one) - 1, len(other) - 1
    path = [(row, column)]
    while row or column:
        step = steps[row, column]
        row, column = row - (step != _ALONG), column - (step != _DOWN)
        path.append((row, column))
    rows, columns = np.array(path[::-1], dtype=np.intp).T
    return rows, columns


def _steps_into_cells(one: Array, other: Array) -> NDArray[np.uint8]:
    """(T1, T2) the last step of the best path to each cell; one anti-diagonal of cells at a time."""
    rows, columns = len(one), len(other)
    steps = np.zeros((rows, columns), dtype=np.uint8)
    # Costs by row, one place later than the row, on the two anti-diagonals before; infinite outside the matrix.
    before, last = np.full(rows + 1, np.inf), np.full(rows + 1, np.inf)
    for diagonal in range(rows + columns - 1):
        row = np.arange(max(0, diagonal - columns + 1), min(rows, diagonal + 1))
        choices = np.stack([before[row], last[row], last[row + 1]])
        steps[row, diagonal - row] = choices.argmin(axis=0)
        reached = np.full(rows + 1, np.inf)
        reached[row + 1] = np.square(one[row] - other[diagonal - row]).sum(axis=1)
        reached[row + 1] += choices.min(axis=0) if diagonal else 0.0
        before, last = last, reached
    return steps
