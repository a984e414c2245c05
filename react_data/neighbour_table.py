"""Appropriateness neighbours stored sparsely: which listeners are appropriate for which clips, how near, and why so.

Conventions: rows are clips, columns listeners; both have ids, and listener n is the real listener of the clip with the
same id. Pairs are kept row by row with ascending columns (compressed sparse rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.errors import NeighbourMatrixError
from react_data.neighbour_source import NeighbourSource
from react_data.neighbours import matrix_problems
from react_data.problems import abbreviate

__all__ = ["NeighbourTable"]

Matrix = NDArray[np.bool_]
Indices = NDArray[np.intp]
Values = NDArray[np.float64]

_THE_MATRIX = NeighbourSource()


@dataclass(frozen=True, eq=False)
class NeighbourTable:
    """Sparse neighbours with ids on both axes.

    Attributes:
        clips: (N,) ids of the clips.
        listeners: (M,) ids of the clips whose listeners are meant.
        starts: (N + 1,) where each clip's pairs begin, and the number of pairs K.
        positions: (K,) position of each pair's listener among `listeners`, ascending within a clip.
        values: (K,) similarity or distance of each pair, or None where only the pairs are known.
        source: Where the neighbours come from.

    Raises:
        NeighbourMatrixError: If ids are not unique, or the arrays do not fit together.

    Example:
        >>> table = NeighbourTable.from_matrix(np.eye(2, dtype=bool), ["a", "b"])
        >>> table.lists()
        [array([0]), array([1])]
    """

    clips: tuple[str, ...]
    listeners: tuple[str, ...]
    starts: Indices
    positions: Indices
    values: Values | None = None
    source: NeighbourSource = _THE_MATRIX

    def __post_init__(self) -> None:
        problems = [*_id_problems("clip", self.clips), *_id_problems("listener", self.listeners)]
        problems += _array_problems(self)
        if problems:
            raise NeighbourMatrixError(f"this is no table of neighbours: {'; '.join(problems)}.")

    @classmethod
    def from_matrix(
        cls,
        matrix: NDArray[np.generic],
        clips: Sequence[str],
        listeners: Sequence[str] | None = None,
        *,
        values: NDArray[np.floating[Any]] | None = None,
        source: NeighbourSource = _THE_MATRIX,
    ) -> NeighbourTable:
        """Make a table of an appropriateness matrix.

        Args:
            matrix: (N, M) of 0 and 1, of any numeric type.
            clips: N ids.
            listeners: M ids; those of the clips if not given, and then the diagonal has to be set.
            values: (N, M) similarity or distance, of which those of neighbours are kept.
            source: Where the matrix comes from.

        Returns:
            The table.

        Raises:
            NeighbourMatrixError: If the shape does not fit, other values occur, or a clip is not its own neighbour.
        """
        array = np.asarray(matrix)
        if listeners is None:
            problems = matrix_problems(array, clips)
        elif array.shape != (len(clips), len(listeners)):
            problems = [f"its shape is {array.shape}, expected ({len(clips)}, {len(listeners)})"]
        else:
            odd = ~np.isin(array, (0, 1))
            problems = (
                [f"it holds the values {abbreviate(np.unique(array[odd]), 5)}, not only 0 and 1"] if odd.any() else []
            )
        if problems:
            raise NeighbourMatrixError(f"the appropriateness matrix does not fit: {'; '.join(problems)}.")
        rows, positions = np.nonzero(array)
        starts = np.searchsorted(rows, np.arange(len(array) + 1))
        kept = None if values is None else np.asarray(values, dtype=np.float64)[rows, positions]
        return cls(tuple(clips), tuple(clips if listeners is None else listeners), starts, positions, kept, source)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def rows(self) -> Indices:
        """(K,) position of each pair's clip among `clips`."""
        return np.repeat(np.arange(len(self.clips)), self.counts)

    @property
    def counts(self) -> Indices:
        """(N,) neighbours of each clip."""
        return np.diff(self.starts)

    @property
    def own(self) -> Indices:
        """(N,) position of each clip's own listener among `listeners`; -1 where it is not there."""
        places = {listener: position for position, listener in enumerate(self.listeners)}
        return np.array([places.get(clip, -1) for clip in self.clips], dtype=np.intp)

    def to_matrix(self) -> Matrix:
        """(N, M) bool."""
        matrix = np.zeros((len(self.clips), len(self.listeners)), dtype=bool)
        matrix[self.rows, self.positions] = True
        return matrix

    def lists(self) -> list[Indices]:
        """For each clip the positions of its neighbours among `listeners`."""
        return np.split(self.positions, self.starts[1:-1]) if self.clips else []

    def problems(self) -> list[str]:
        """What keeps the table from being used for scoring.

        Returns:
            One sentence a problem: clips whose own listener is not among their neighbours, clips without neighbours.
        """
        own = self.own
        found = np.zeros(len(self.clips), dtype=bool)
        found[self.rows[self.positions == own[self.rows]]] = True
        groups = {
            "clips are not their own neighbours": (own >= 0) & ~found,
            "clips have no listener of their own in the table": own < 0,
            "clips have no neighbour": self.counts == 0,
        }
        return [
            f"{which.sum()} {what}: {abbreviate((self.clips[n] for n in np.flatnonzero(which)), 5)}"
            for what, which in groups.items()
            if which.any()
        ]

    def summary(self) -> dict[str, float]:
        """Counts that papers print.

        Returns:
            ``clips``, ``listeners``, ``pairs``, ``density`` (share of all pairs), ``fewest``, ``median`` and ``most``
            neighbours a clip, and ``share_alone`` (clips with no neighbour but their own listener).
        """
        counts = self.counts if self.clips else np.zeros(1, dtype=np.intp)
        cells = len(self.clips) * len(self.listeners)
        alone = [set(found) <= {own} for found, own in zip(self.lists(), self.own.tolist(), strict=True)]
        return {
            "clips": len(self.clips),
            "listeners": len(self.listeners),
            "pairs": len(self),
            "density": len(self) / cells if cells else 0.0,
            "fewest": int(counts.min()),
            "median": float(np.median(counts)),
            "most": int(counts.max()),
            "share_alone": float(np.mean(alone)) if alone else 0.0,
        }

    def cut(self, clips: Sequence[str], listeners: Sequence[str] | None = None) -> NeighbourTable:
        """The table of some clips, in their order.

        Args:
            clips: Ids among `self.clips`.
            listeners: Ids among `self.listeners`; those of `clips` if not given.

        Returns:
            The pairs of both.

        Raises:
            NeighbourMatrixError: If an id is not in the table.
        """
        rows = _places(clips, self.clips, "clip")
        columns = _places(clips if listeners is None else listeners, self.listeners, "listener")
        renumbered = np.full(len(self.listeners), -1, dtype=np.intp)
        renumbered[columns] = np.arange(len(columns))
        new_row = np.full(len(self.clips), -1, dtype=np.intp)
        new_row[rows] = np.arange(len(rows))
        kept = np.flatnonzero((new_row[self.rows] >= 0) & (renumbered[self.positions] >= 0))
        return replace(
            self,
            clips=tuple(clips),
            listeners=tuple(clips if listeners is None else listeners),
            **_sparse(new_row[self.rows[kept]], renumbered[self.positions[kept]], self._values(kept), len(rows)),
        )

    def personal(self, persons: Sequence[str]) -> NeighbourTable:
        """Mask the neighbours to those that are the same listener person as the clip's own listener.

        Args:
            persons: (M,) the person of each listener, such as ``NoXI/065_2016-04-14_Nottingham/Novice_video``.

        Returns:
            The masked table; its `summary` tells how many clips are left with only their own listener.

        Raises:
            NeighbourMatrixError: If there is not one person a listener, or a clip's own listener is not in the table.
        """
        if len(persons) != len(self.listeners):
            raise NeighbourMatrixError(f"{len(persons)} persons were given for {len(self.listeners)} listeners.")
        own = self.own
        if (own < 0).any():
            missing = abbreviate((self.clips[n] for n in np.flatnonzero(own < 0)), 5)
            raise NeighbourMatrixError(f"the own listener of these clips is not in the table: {missing}.")
        numbers = np.unique(np.asarray(persons, dtype=str), return_inverse=True)[1]
        same = numbers[self.positions] == numbers[own[self.rows]]
        return self._keep(np.flatnonzero(same), replace(self.source, masked="listener person"))

    def at(self, threshold: float) -> NeighbourTable:
        """The neighbours within a stricter threshold; what a search with that threshold would have found.

        Args:
            threshold: The largest distance or least similarity, inclusive.

        Returns:
            The pairs within it; a clip stays its own neighbour.

        Raises:
            NeighbourMatrixError: If the table was not found by a threshold, or by a stricter one.
        """
        found, similarity = self.source.threshold, self.source.values == "similarity"
        if found is None or self.values is None:
            raise NeighbourMatrixError(f"only neighbours found by a threshold have others, these are: {self.source}.")
        if (threshold < found) if similarity else (threshold > found):
            raise NeighbourMatrixError(
                f"the table was found with the threshold {found:g}, so pairs within {threshold:g} are not all in it."
            )
        near = self.values >= threshold if similarity else self.values <= threshold
        near |= self.positions == self.own[self.rows]
        return self._keep(np.flatnonzero(near), replace(self.source, threshold=float(threshold)))

    def _values(self, kept: Indices) -> Values | None:
        return None if self.values is None else self.values[kept]

    def _keep(self, kept: Indices, source: NeighbourSource) -> NeighbourTable:
        arrays = _sparse(self.rows[kept], self.positions[kept], self._values(kept), len(self.clips))
        return replace(self, source=source, **arrays)


def _sparse(rows: Indices, columns: Indices, values: Values | None, count: int) -> dict[str, Any]:
    order = np.lexsort((columns, rows))
    starts = np.searchsorted(rows[order], np.arange(count + 1))
    return {
        "starts": starts,
        "positions": columns[order],
        "values": None if values is None else values[order],
    }


def _places(wanted: Sequence[str], known: Sequence[str], axis: str) -> Indices:
    places = {name: position for position, name in enumerate(known)}
    missing = [name for name in wanted if name not in places]
    if missing:
        raise NeighbourMatrixError(f"the table has no {axis} {abbreviate(missing, 5)}.")
    return np.array([places[name] for name in wanted], dtype=np.intp)


def _id_problems(axis: str, ids: Sequence[str]) -> list[str]:
    names, counts = np.unique(np.asarray(ids, dtype=str), return_counts=True)
    return [f"{axis} ids occur more than once: {abbreviate(names[counts > 1], 5)}"] if (counts > 1).any() else []


def _array_problems(table: NeighbourTable) -> list[str]:
    starts, positions, values = table.starts, table.positions, table.values
    pairs = len(positions)
    if len(starts) != len(table.clips) + 1 or starts[0] != 0 or starts[-1] != pairs or (np.diff(starts) < 0).any():
        return [f"starts do not divide {pairs} pairs among {len(table.clips)} clips"]
    problems = []
    if values is not None and values.shape != positions.shape:
        problems.append(f"there are {len(values)} values for {pairs} pairs")
    if ((positions < 0) | (positions >= len(table.listeners))).any():
        problems.append(f"positions are outside 0..{len(table.listeners) - 1}")
    inner = np.ones(max(pairs - 1, 0), dtype=bool)
    boundaries = starts[1:-1]
    inner[boundaries[(boundaries > 0) & (boundaries < pairs)] - 1] = False
    if (np.diff(positions)[inner] <= 0).any():
        problems.append("positions do not ascend within a clip")
    return problems
