"""Spread the pass over clips over the workers of a dask cluster; the bits are those of one process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from react_data.progress import track
from react_eval.clip_set import ClipSet, ClipView
from react_eval.errors import InputError
from react_eval.observing import Observations, Wanted, observe

__all__ = ["active_client", "observe_on_cluster"]

_CLIPS_A_TASK = 8
_ATTEMPTS = 5


def active_client(client: Any = None) -> Any:
    """The dask client to use.

    Args:
        client: A `dask.distributed.Client`; None for the active one, False for none.

    Returns:
        A client, or None where there is none.

    Raises:
        InputError: If it is no client.
    """
    if client is False:
        return None
    distributed = sys.modules.get("distributed")
    if client is None:
        try:
            return None if distributed is None else distributed.default_client()
        except ValueError:
            return None
    if not (hasattr(client, "submit") and hasattr(client, "scatter")):
        raise InputError(f"client is a {type(client).__name__}, expected a dask.distributed.Client.")
    return client


def observe_on_cluster(
    clips: ClipSet,
    wanted: Wanted,
    client: Any,
    *,
    look: Callable[[ClipView], Any] | None = None,
    label: str = "scoring",
    show_progress: bool | None = False,
) -> Observations:
    """Look at every clip once, on the workers of a cluster.

    Blocks of clips that a lost worker took with it are given out again.

    Args:
        clips: The clips.
        wanted: Metrics with their settings.
        client: A `dask.distributed.Client`.
        look: Also called with every clip.
        label: What is being done, for the progress bar.
        show_progress: Whether it is shown; None shows it on a terminal.

    Returns:
        What they told.

    Raises:
        InputError: If blocks were lost again and again.
    """
    observations = Observations()
    open_blocks = _blocks(clips)
    bare = clips.without_computed()
    with_progress = iter(track(range(len(clips)), label, show=show_progress))
    for _ in range(_ATTEMPTS):
        lost = []
        for block, told in _given_out(clips, bare, wanted, client, look, open_blocks):
            if told is None:
                lost.append(block)
                continue
            observations.add(told)
            for _ in block:
                next(with_progress, None)
        open_blocks = lost
        if not open_blocks:
            next(with_progress, None)
            return observations
    raise InputError(f"{len(open_blocks)} blocks of clips were lost {_ATTEMPTS} times with the workers that had them.")


def _blocks(clips: ClipSet) -> list[list[int]]:
    """Clips that one task looks at; those of one chunk of a dask array stay together."""
    chunk_of = getattr(clips.predictions, "block_of", lambda _index: 0)
    blocks: list[list[int]] = []
    for index in range(len(clips)):
        joined = blocks and len(blocks[-1]) < _CLIPS_A_TASK and chunk_of(blocks[-1][-1]) == chunk_of(index)
        if joined:
            blocks[-1].append(index)
        else:
            blocks.append([index])
    return blocks


def _given_out(
    clips: ClipSet, bare: ClipSet, wanted: Wanted, client: Any, look: Any, blocks: Sequence[list[int]]
) -> Iterator[tuple[list[int], Observations | None]]:
    """Each block with what its clips told, or with None where it was lost; few predictions are under way at once."""
    from distributed import as_completed

    data = client.scatter(bare, broadcast=True, hash=False)
    waiting = iter(blocks)
    limit = 2 * max(1, sum(client.nthreads().values()))
    under_way: dict[Any, list[int]] = {}
    done = as_completed()  # type: ignore[no-untyped-call]

    def give_out() -> None:
        block = next(waiting, None)
        if block is not None:
            future = client.submit(
                _observe_block, data, block, _predictions(clips, block, client), wanted, look, pure=False
            )
            under_way[future] = block
            done.add(future)  # type: ignore[no-untyped-call]

    for _ in range(limit):
        give_out()
    for future in done:
        block = under_way.pop(future)
        give_out()
        yield block, _result(future)


def _predictions(clips: ClipSet, block: Sequence[int], client: Any) -> Any:
    lazily = getattr(clips.predictions, "lazily", None)
    lazy = lazily(block) if lazily is not None else None
    return [np.asarray(clips.predictions[index]) for index in block] if lazy is None else client.compute(lazy)


def _result(future: Any) -> Observations | None:
    from distributed import CancelledError, KilledWorker

    try:
        found: Observations = future.result()
    except (CancelledError, KilledWorker):
        return None
    return found


def _observe_block(bare: ClipSet, block: Sequence[int], predictions: Any, wanted: Wanted, look: Any) -> Observations:
    part = bare.part(block, predictions)
    return observe(part, wanted, look=look, threads=1)
