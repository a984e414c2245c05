"""One pass over clips: what each tells every metric, from which results are concluded, wherever it was observed.

What one clip tells depends on no other clip, and pools do not depend on order, so the number of threads or workers, the
batching and the chunking cannot change a bit of a result.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import numpy as np

from react_data.progress import track
from react_eval.clip_set import ClipSet, ClipView
from react_eval.errors import InputError
from react_eval.kernels.compiling import announcing_compilation
from react_eval.registry import Measurement, Metric, Observed, Pool

__all__ = ["Observation", "Observations", "Wanted", "digest_of", "measured", "observe", "wanted_of"]

# Which metric under which settings; protocols that agree on both share what was found.
Wanted = Mapping[tuple[str, Any], Metric]
Look = Callable[[ClipView], Any]


@dataclass(frozen=True)
class Observation:
    """What one clip told.

    Attributes:
        digest: SHA-256 of its predictions.
        shape: (α, T, C).
        facts: What `look` found; facts about its values, for the diagnostics.
        found: By metric name and settings.
    """

    digest: str
    shape: tuple[int, ...]
    facts: Any
    found: Mapping[tuple[str, Any], Any]


@dataclass
class Observations:
    """What several clips told.

    Attributes:
        clips: By clip id.
        pools: By metric name and settings, for metrics that need one.
    """

    clips: dict[str, Observation] = field(default_factory=dict)
    pools: dict[tuple[str, Any], Pool] = field(default_factory=dict)

    def add(self, other: Observations) -> None:
        """Add what other clips told; no clip may be in both."""
        self.clips |= other.clips
        for key, pool in other.pools.items():
            if key in self.pools:
                self.pools[key].merge(pool)
            else:
                self.pools[key] = deepcopy(pool)  # which goes on growing here, and not there

    def joined(self, other: Observations) -> Observations:
        """What these and other clips told; both stay as they are, and no clip may be in both."""
        together = Observations()
        together.add(self)
        together.add(other)
        return together

    def conclude(self, metric: Metric, settings: Any, clips: Sequence[str], reactions: int) -> Measurement:
        """What a metric concludes.

        Args:
            metric: Its record.
            settings: Its settings.
            clips: Ids of all clips observed, in the order of the split.
            reactions: Reactions a clip that a sum counts.
        """
        key = (metric.name, settings)
        found = [self.clips[clip].found[key] for clip in clips]
        return metric.conclude(Observed(found, reactions, self.pools.get(key)), settings)


def wanted_of(uses: Iterable[Any]) -> dict[tuple[str, Any], Metric]:
    """What has to be observed for metric uses of one or several protocols.

    Raises:
        InputError: If settings cannot be told apart, since they hold lists or dicts.
    """
    wanted = {}
    for use in uses:
        try:
            wanted[use.record.name, use.settings] = use.record
        except TypeError as error:
            raise InputError(
                f"the settings of {use.record.name} cannot be compared: {error}. Make them a frozen dataclass of plain "
                "values and tuples."
            ) from None
    return wanted


def observe(
    clips: ClipSet,
    wanted: Wanted,
    *,
    look: Look | None = None,
    prepare: Callable[[Sequence[ClipView]], None] | None = None,
    batch: int = 1,
    threads: int | None = None,
    digests: bool = True,
    label: str = "scoring",
    show_progress: bool | None = False,
) -> Observations:
    """Look at every clip once, on several threads.

    Args:
        clips: The clips.
        wanted: Metrics with their settings.
        look: Also called with every clip.
        prepare: Called with each batch of clips first, to provide what is computed for many at once.
        batch: Clips a batch.
        threads: How many; one for each processor if not given.
        digests: Whether digests of the predictions are taken.
        label: What is being done, for the progress bar.
        show_progress: Whether it is shown; None shows it on a terminal.

    Returns:
        What they told.
    """
    observations = Observations(pools={key: metric.pool() for key, metric in wanted.items() if metric.pool})
    locks = {key: Lock() for key in observations.pools}

    def one(view: ClipView) -> tuple[str, Observation]:
        found = {key: metric.observe(view, key[1]) for key, metric in wanted.items()}
        for key, pool in observations.pools.items():
            with locks[key]:
                pool.add(view)
        facts = None if look is None else look(view)
        digest = digest_of(view.reactions) if digests else ""
        return view.id, Observation(digest, view.reactions.shape, facts, found)

    def several(indices: range) -> list[tuple[str, Observation]]:
        views = [ClipView(clips, index) for index in indices]  # made here, so that what they hold goes with them
        if prepare is not None:
            prepare(views)
        return [one(view) for view in views]

    batches = [range(begin, min(begin + batch, len(clips))) for begin in range(0, len(clips), batch)]
    workers = max(1, min(threads or _processors(), len(batches)))
    shown = show_progress or (show_progress is None and sys.stderr.isatty())
    with announcing_compilation(_say_compiling) if shown else nullcontext():
        for found in track(_in_threads(several, batches, workers), label, total=len(batches), show=show_progress):
            observations.clips |= dict(found)
    return observations


def _say_compiling() -> None:
    text = "compiling kernels for this machine: up to half a minute, once (react-eval warm does it beforehand)"
    print(text, file=sys.stderr)  # noqa: T201  beside the progress bar, which is on stderr too


def _in_threads(function: Callable[[Any], Any], items: Sequence[Any], workers: int) -> Iterator[Any]:
    """Results in the order of the items; those not begun are dropped where one fails or the caller is interrupted."""
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(function, items)


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest_of(reactions: Any) -> str:
    """SHA-256 of the predictions of a clip.

    Args:
        reactions: (α, T, C) float32.
    """
    digest = hashlib.sha256(f"{reactions.shape}".encode())
    digest.update(np.ascontiguousarray(reactions, dtype="<f4").data)
    return digest.hexdigest()


def measured(metric: Metric, clips: ClipSet, settings: Any) -> Measurement:
    """One metric on one clip set.

    Args:
        metric: Its record.
        clips: The inputs.
        settings: Its settings.
    """
    observations = observe(clips, {(metric.name, settings): metric}, digests=False)
    return observations.conclude(metric, settings, clips.clips, clips.reactions)
