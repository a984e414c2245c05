"""Appropriateness neighbours retrieved from behaviour: clips are neighbours if their speakers behaved similarly.

Conventions: every choice is an argument and is recorded in the result. Each pair of clips is looked at once: pair
(k, k + d) modulo N belongs to row k for d up to N/2, so that all rows have the same work. A search for the nearest of
each clip first finds for each how far its k-th best of a few promising clips is, and then is a search for all pairs
within the limit of either clip. Results are those of measuring all pairs, to the last bit, whatever the threads.
"""

from __future__ import annotations

import hashlib
import heapq
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from react_data.channels import ChannelSchema
from react_data.errors import RetrievalError
from react_data.neighbour_files import load_neighbours, save_neighbours
from react_data.neighbour_source import RETRIEVAL_SOURCE, NeighbourSource
from react_data.neighbour_table import NeighbourTable
from react_data.progress import track
from react_data.retrieval_arguments import Rule, behaviour_hash, label_numbers, prepare_behaviour
from react_data.retrieval_behaviour import Behaviour, Measure
from react_data.retrieval_blocks import BlockStore
from react_data.retrieval_measures import MEASURES
from react_data.retrieved_pairs import RetrievedPairs

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["retrieve_neighbours"]

Indices = NDArray[np.intp]
Array = NDArray[np.float64]


def retrieve_neighbours(
    speakers: Sequence[NDArray[Any]] | NDArray[Any] | xr.DataArray,
    *,
    ids: Sequence[str] | None = None,
    measure: str = "dtw",
    features: ChannelSchema | None = None,
    normalise: str = "none",
    per_frame: bool = False,
    threshold: float | None = None,
    top_k: int | None = None,
    symmetric: Literal["as found", "either", "both"] = "as found",
    within: Mapping[str, Sequence[str]] | None = None,
    threads: int | None = None,
    block_rows: int = 64,
    out: str | os.PathLike[str] | None = None,
    resume: bool = True,
    show_progress: bool | None = None,
) -> NeighbourTable:
    r"""Find for every clip the clips whose speakers behaved similarly; their listeners react appropriately to it.

    Measures of series x, y with channel groups g of weights w: ``"dtw"`` :math:`\sum_g w_g \mathrm{DTW}(x_g, y_g)` as
    FRDist has it; ``"euclidean"`` :math:`\sum_g w_g \lVert x_g - y_g \rVert`, the same without warping; ``"cosine"``
    of all values weighted by group; ``"ccc"``, the mean of the channels' concordance correlations as FRCorr has it,
    where weights play no part. A clip is always its own neighbour. Of equally near clips the first counts.

    Args:
        speakers: (N, T, C), or N series (T, C), which may differ in length for ``"dtw"``; or an xarray variable with
            the dim ``clip`` first. Taken as float32.
        ids: N clip ids; those of an xarray variable are taken from its coordinate ``clip``.
        measure: ``"dtw"``, ``"euclidean"``, ``"ccc"`` or ``"cosine"``.
        features: Channel groups with their weights; `react_data.schema_for` the number of channels, if not given.
        normalise: ``"none"``, ``"z-score by channel"`` (over all frames of all clips) or ``"z-score by clip"`` (each
            channel of each clip on its own). Channels that do not vary become 0.
        per_frame: Divide warping distances by the root of the mean of both lengths, so that long clips are not far
            from each other for their length.
        threshold: Neighbours have at most this distance, or at least this similarity.
        top_k: Neighbours are this many nearest other clips, or all where there are fewer. Exactly one of `threshold`
            and `top_k` is given.
        symmetric: What is done where clip k has neighbour n but not the reverse, as the nearest may be:
            ``"as found"``, or both are neighbours if ``"either"`` is or only if ``"both"`` are.
        within: Labels by name, one a clip, such as ``{"split": [...]}``: only clips of equal labels are neighbours.
        threads: How many; one for each processor, if not given.
        block_rows: Clips whose pairs are one block, the unit of progress and of what is kept on disk.
        out: HDF5 file to write the table to. Meanwhile finished blocks are kept in a folder beside it.
        resume: Whether to go on with the blocks of a search that was killed; else they are deleted.
        show_progress: Whether to show progress on stderr; only on a terminal, if not given.

    Returns:
        The neighbours, with the distance or similarity of each pair. If `out` holds the result of the same search
        already, that is read.

    Raises:
        RetrievalError: If an argument is out of range, arguments contradict each other, `out` holds something else, or
            another run is making it.

    Example:
        >>> speakers = np.array([0.0, 0.1, 1.0]).reshape(3, 1, 1) * np.ones((3, 20, 1))
        >>> table = retrieve_neighbours(speakers, ids=["a", "b", "c"], measure="euclidean", threshold=0.5)
        >>> table.to_matrix().astype(int).tolist()
        [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    rule = Rule(measure, normalise, per_frame, threshold, top_k, symmetric)
    behaviour, schema = prepare_behaviour(speakers, ids, features, rule)
    labels = label_numbers(within or {}, len(behaviour.ids))
    source = _source(rule, behaviour, schema, within or {}, labels)
    place = None if out is None else Path(out)
    if place is not None and place.exists():
        return _finished(place, source)
    workers = _positive("threads", (os.cpu_count() or 1) if threads is None else threads)
    search = _Search(MEASURES[measure](behaviour), labels, _positive("block_rows", block_rows), rule)
    with BlockStore.beside(place, {**source.to_dict(), "block_rows": block_rows}, resume=resume) as blocks:
        table = search.run(blocks, workers, show_progress).table(behaviour.ids, source)
        if place is not None:
            save_neighbours(table, place)
            blocks.clear()
    return table


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise RetrievalError(f"{name} is {value}, expected at least 1.")
    return value


def _source(
    rule: Rule, behaviour: Behaviour, schema: ChannelSchema, within: Mapping[str, object], labels: Indices
) -> NeighbourSource:
    return NeighbourSource(
        source=RETRIEVAL_SOURCE,
        values="similarity" if MEASURES[rule.measure].similarity else "distance",
        measure=rule.measure,
        features=schema.name,
        groups=behaviour.groups,
        normalise=rule.normalise,
        per_frame=rule.per_frame,
        threshold=rule.threshold,
        top_k=rule.top_k,
        symmetric=rule.symmetric,
        within=tuple(within),
        within_hash=hashlib.sha256(labels.astype("<i8").tobytes()).hexdigest() if within else "",
        version=version("react-eval"),
        data_hash=behaviour_hash(behaviour),
    )


def _finished(place: Path, source: NeighbourSource) -> NeighbourTable:
    table = load_neighbours(place)
    if table.source != source:
        raise RetrievalError(
            f"{place} holds other neighbours ({table.source}) than are asked for ({source}), or of other clips or "
            "another version. Delete it, or choose another file."
        )
    return table


@dataclass(frozen=True)
class _Search:
    """A search with everything that decides its result."""

    measure: Measure
    labels: Indices
    block_rows: int
    rule: Rule

    @property
    def count(self) -> int:
        return len(self.labels)

    def run(self, blocks: BlockStore, threads: int, show: bool | None) -> RetrievedPairs:
        limits = np.full(self.count, self.rule.largest_cost)
        if self.rule.top_k is not None:
            found = self._each_block("looking for near clips", "limits", self._limits, blocks, threads, show)
            limits = np.concatenate([each for (each,) in found])

        def compare(rows: slice) -> tuple[Indices, Indices, Array]:
            return self._within(rows, limits)

        parts = list(self._each_block("comparing clips", "pairs", compare, blocks, threads, show))
        one, other, costs = (np.concatenate([part[column] for part in parts]) for column in range(3))
        pairs = RetrievedPairs(self.count, np.append(one, other), np.append(other, one), np.append(costs, costs))
        if self.rule.top_k is not None:
            pairs = pairs.nearest(self.rule.top_k)
        own = np.array([self.measure.from_clip(clip)(clip, np.inf) for clip in range(self.count)])
        return pairs.made_symmetric(self.rule.symmetric).with_own(own)

    def _each_block(
        self,
        label: str,
        name: str,
        compute: Callable[[slice], tuple[NDArray[Any], ...]],
        blocks: BlockStore,
        threads: int,
        show: bool | None,
    ) -> Iterator[tuple[NDArray[Any], ...]]:
        slices = [slice(n, min(n + self.block_rows, self.count)) for n in range(0, self.count, self.block_rows)]
        pool = ThreadPoolExecutor(threads)
        try:
            waiting = [
                pool.submit(blocks.result, f"{name}-{rows.start:06d}", partial(compute, rows)) for rows in slices
            ]
            for future in track(waiting, label, unit="block", show=show):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _limits(self, rows: slice) -> tuple[Array]:
        """For each clip a cost within which its k nearest lie: the k-th best of a few that look near."""
        estimates = self.measure.estimates(rows)
        return (np.array([self._limit(rows.start + n, each) for n, each in enumerate(estimates)]),)

    def _limit(self, clip: int, estimates: Array) -> float:
        wanted = self.rule.top_k or 0
        others = np.flatnonzero(self.labels == self.labels[clip])
        others = others[others != clip]
        promising = others[np.argsort(estimates[others], kind="stable")][: 3 * wanted + 5]
        cost = self.measure.from_clip(clip)
        best: list[float] = []  # negated costs, the worst first
        for other in promising.tolist():
            value = cost(other, -best[0] if len(best) == wanted else np.inf)
            if len(best) < wanted:
                heapq.heappush(best, -value)
            elif value < np.inf:
                heapq.heapreplace(best, -value)
        return -best[0] if len(best) == wanted else np.inf

    def _within(self, rows: slice, limits: Array) -> tuple[Indices, Indices, Array]:
        """The pairs that belong to some rows and lie within the limit of either clip."""
        bounds = self.measure.bounds(rows)
        found: list[tuple[int, int, float]] = []
        for clip in range(rows.start, rows.stop):
            others = self._partners(clip)
            allowed = np.maximum(limits[clip], limits[others])
            chosen = bounds[clip - rows.start, others] <= allowed
            cost = self.measure.from_clip(clip)
            for other, limit in zip(others[chosen].tolist(), allowed[chosen].tolist(), strict=True):
                value = cost(other, limit)
                if value < np.inf:
                    found.append((clip, other, value))
        one, other_clips, costs = zip(*found, strict=True) if found else ((), (), ())
        return np.array(one, dtype=np.intp), np.array(other_clips, dtype=np.intp), np.array(costs, dtype=np.float64)

    def _partners(self, clip: int) -> Indices:
        """The clips whose pairs with this one belong to its row."""
        reach = self.count // 2 if self.count % 2 or clip < self.count // 2 else self.count // 2 - 1
        others = (clip + 1 + np.arange(reach)) % self.count
        return np.asarray(others[self.labels[others] == self.labels[clip]])
