"""Pairs of clips that a retrieval found, on their way to a table of neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from react_data.neighbour_source import NeighbourSource
from react_data.neighbour_table import NeighbourTable

__all__ = ["RetrievedPairs"]

Indices = NDArray[np.intp]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class RetrievedPairs:
    """Directed pairs in any order.

    Attributes:
        count: N clips.
        rows: (K,) the clip whose neighbour is meant.
        columns: (K,) the neighbour.
        costs: (K,) less is nearer.
    """

    count: int
    rows: Indices
    columns: Indices
    costs: Array

    def nearest(self, top_k: int) -> RetrievedPairs:
        """The pairs of the nearest neighbours of each clip; of equally near ones the first count."""
        order = np.lexsort((self.columns, self.costs, self.rows))
        starts = np.searchsorted(self.rows[order], np.arange(self.count))
        ranks = np.arange(len(order)) - starts[self.rows[order]]
        return self._chosen(order[ranks < top_k])

    def made_symmetric(self, how: str) -> RetrievedPairs:
        """The pairs ``"as found"``, with the reverse of each (``"either"``), or those that have it (``"both"``)."""
        if how == "as found":
            return self
        there, back = self.rows * self.count + self.columns, self.columns * self.count + self.rows
        mutual = np.isin(back, there)
        if how == "both":
            return self._chosen(np.flatnonzero(mutual))
        single = self._chosen(np.flatnonzero(~mutual))
        return self._with(single.columns, single.rows, single.costs)

    def with_own(self, costs: Array) -> RetrievedPairs:
        """The pairs, and every clip with itself.

        Args:
            costs: (N,) the cost of each clip with itself.
        """
        every = np.arange(self.count)
        return self._with(every, every, costs)

    def table(self, ids: tuple[str, ...], source: NeighbourSource) -> NeighbourTable:
        """The table of these pairs.

        Args:
            ids: N clip ids.
            source: Where they come from, which says what the values are.
        """
        order = np.lexsort((self.columns, self.rows))
        starts = np.searchsorted(self.rows[order], np.arange(self.count + 1))
        # Subtracting from 0 rather than negating gives no negative zeros.
        values = 0.0 - self.costs[order] if source.values == "similarity" else self.costs[order]
        return NeighbourTable(ids, ids, starts, self.columns[order], values, source)

    def _with(self, rows: Indices, columns: Indices, costs: Array) -> RetrievedPairs:
        return RetrievedPairs(
            self.count, np.append(self.rows, rows), np.append(self.columns, columns), np.append(self.costs, costs)
        )

    def _chosen(self, which: Indices) -> RetrievedPairs:
        return RetrievedPairs(self.count, self.rows[which], self.columns[which], self.costs[which])
