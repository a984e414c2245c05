"""How well retrieved neighbours agree with known ones, as the threshold or the number of neighbours grows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from react_data.errors import RetrievalError
from react_data.neighbour_table import NeighbourTable
from react_data.retrieval_behaviour import Array

__all__ = ["RetrievalQuality", "evaluate_retrieval"]

_PRINTED = 12


@dataclass(frozen=True, eq=False)
class RetrievalQuality:
    """Precision and recall of neighbours, without each clip's own listener.

    Attributes:
        by: What the cutoffs are: ``"threshold"``, the largest distance or least similarity, or ``"rank"``, the number
            of nearest others.
        cutoffs: (M,) cutoffs, from few neighbours to many.
        pairs: (M,) pairs that are neighbours with each cutoff, at least 1.
        precision: (M,) share of these pairs that are true, in 0..1.
        recall: (M,) share of the true pairs that are among them, in 0..1.
        chance: Share of all pairs that are true, which is the precision of guessing.
    """

    by: str
    cutoffs: Array
    pairs: NDArray[np.intp]
    precision: Array
    recall: Array
    chance: float

    @property
    def f1(self) -> Array:
        """(M,) harmonic mean of precision and recall, in 0..1."""
        total = self.precision + self.recall
        return np.asarray(2 * self.precision * self.recall / np.where(total > 0, total, 1))

    @property
    def best(self) -> int:
        """Position of the cutoff with the greatest F1; the first of equals."""
        return int(self.f1.argmax())

    @property
    def average_precision(self) -> float:
        """Mean of the precision over the recall that is reached, in 0..1; what is not found counts 0."""
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        arrays = {
            name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(self).items()
        }
        return {**arrays, "f1": self.f1.tolist(), "average_precision": self.average_precision}

    def __str__(self) -> str:
        shown = np.unique([*np.linspace(0, len(self.cutoffs) - 1, _PRINTED).astype(int), self.best])
        lines = [f"{self.by:>10}    pairs  precision  recall     F1"]
        lines += [
            f"{self.cutoffs[n]:10.4g}  {self.pairs[n]:7d}  {self.precision[n]:9.3f}  {self.recall[n]:6.3f}  "
            f"{self.f1[n]:5.3f}{'  best' if n == self.best else ''}"
            for n in shown
        ]
        return "\n".join([*lines, f"average precision {self.average_precision:.3f}, of guessing {self.chance:.3f}"])


def evaluate_retrieval(
    table: NeighbourTable, truth: NeighbourTable, *, by: Literal["threshold", "rank"] = "threshold"
) -> RetrievalQuality:
    """Compare retrieved neighbours with known ones, for every threshold or rank within the table.

    Args:
        table: Retrieved neighbours with their values; the wider the search was, the more cutoffs there are.
        truth: Known neighbours; it has at least the clips and listeners of `table`.
        by: Whether pairs are taken by their values, all clips together, or the nearest of each clip first.

    Returns:
        Precision and recall for each cutoff. A clip's own listener is left out, as it is always right.

    Raises:
        RetrievalError: If the table has no values or only own listeners, or there are no true pairs.
        NeighbourMatrixError: If the truth lacks a clip or listener.
    """
    if by not in ("threshold", "rank"):
        raise RetrievalError(f"by is {by!r}, expected 'threshold' or 'rank'.")
    if table.values is None:
        raise RetrievalError(f"the table has no values that could be cut off; its source is: {table.source}.")
    known, own = truth.cut(table.clips, table.listeners).to_matrix(), table.own
    others = own[:, None] != np.arange(len(table.listeners))
    true_pairs, all_pairs = int((known & others).sum()), int(others.sum())
    kept = np.flatnonzero(table.positions != own[table.rows])
    if not true_pairs or not len(kept):
        raise RetrievalError("there is nothing to compare: neighbours are only the clips' own listeners.")
    rows, columns = table.rows[kept], table.positions[kept]
    costs = table.values[kept] * (-1 if table.source.values == "similarity" else 1)
    keys = costs if by == "threshold" else _ranks(rows, columns, costs).astype(np.float64)
    order = np.argsort(keys, kind="stable")
    last = np.append(np.flatnonzero(np.diff(keys[order])), len(order) - 1)
    hits = np.cumsum(known[rows, columns][order])[last]
    cutoffs = keys[order][last] * (-1 if by == "threshold" and table.source.values == "similarity" else 1)
    return RetrievalQuality(by, cutoffs, last + 1, hits / (last + 1), hits / true_pairs, true_pairs / all_pairs)


def _ranks(rows: NDArray[np.intp], columns: NDArray[np.intp], costs: Array) -> NDArray[np.intp]:
    """(K,) the rank of each pair among those of its clip, from 1; equally near ones in order."""
    order = np.lexsort((columns, costs, rows))
    ranks = np.empty(len(order), dtype=np.intp)
    ranks[order] = np.arange(len(order)) - np.searchsorted(rows[order], rows[order]) + 1
    return ranks
