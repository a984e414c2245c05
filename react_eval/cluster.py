"""Spread the pass over clips over the workers of a dask cluster; the bits are those of one process."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from react_data.progress import track
from react_eval.clip_set import ClipSet, ClipView
from react_eval.errors import InputError, ReactError
from react_eval.observing import Observations, Wanted, observe

__all__ = ["active_client", "observe_on_cluster"]

_CLIPS_A_TASK = 8
_LOOK_AGAIN_S = 0.01
_ATTEMPTS = 5  # rounds in which not one block is finished
_SECONDS_FOR_A_WORKER = 120


def active_client(client: Any = None) -> Any:
    """The dask client to use.

    Args:
        client: A `dask.distributed.Client`; None for the active one, False for none. In a task of a cluster and in an
            event loop of its own, the active one is left alone: waiting for it would be waiting for oneself.

    Returns:
        A client, or None where there is none.

    Raises:
        InputError: If it is no client, or cannot be used.
    """
    if client is False:
        return None
    if client is None:
        found = _default_client()
        return found if found is not None and not _why_unusable(found) else None
    if not (hasattr(client, "submit") and hasattr(client, "scatter")):
        raise InputError(f"client is a {type(client).__name__}, expected a dask.distributed.Client.")
    problem = _why_unusable(client)
    if problem:
        raise InputError(f"{problem} Pass another one, or client=False to score in this process.")
    return client


def _default_client() -> Any:
    distributed = sys.modules.get("distributed")
    if distributed is None or _in_a_task():
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _in_a_task() -> bool:
    from distributed import get_worker

    try:
        get_worker()
    except ValueError:
        return False
    return True


def _why_unusable(client: Any) -> str:
    """What is wrong with a client; empty if nothing."""
    if getattr(client, "status", "") in ("closing", "closed"):
        return "the client of the cluster is closed."
    if getattr(client, "asynchronous", False):
        return "the client is asynchronous and runs in this event loop, which scoring would block."
    return ""


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
        InputError: If there is no worker, the client is closed meanwhile, or blocks are lost again and again.
    """
    observations = Observations()
    with_progress = iter(track(range(len(clips)), label, show=show_progress))
    for told in _blocks_told(clips, wanted, client, look):
        observations.add(told)
        for _ in told.clips:
            next(with_progress, None)
    next(with_progress, None)
    return observations


def _blocks_told(clips: ClipSet, wanted: Wanted, client: Any, look: Any) -> Iterator[Observations]:
    """What the clips of each block told; blocks that were lost are given out again as long as others are finished."""
    bare = clips.without_computed()
    open_blocks, fruitless, cause = _blocks(clips), 0, None
    with _beside_the_own_task(), _closing_told(client):
        while open_blocks and fruitless < _ATTEMPTS:
            lost = []
            for block, told in _given_out(clips, bare, wanted, client, look, open_blocks):
                if isinstance(told, Observations):
                    yield told
                else:
                    lost.append(block)
                    cause = told
            fruitless = 0 if len(lost) < len(open_blocks) else fruitless + 1
            open_blocks = lost
    if open_blocks:
        message = f"{len(open_blocks)} blocks of clips were lost {_ATTEMPTS} times with the workers that had them."
        raise InputError(f"{message} Look into the workers' logs: mostly their memory is too small.") from cause


@contextmanager
def _beside_the_own_task() -> Iterator[None]:
    """In a task, leave the worker's thread to the tasks that this one waits for."""
    from distributed import rejoin, secede

    left = False
    if _in_a_task():
        with suppress(KeyError):  # it has left its thread before
            secede()  # type: ignore[no-untyped-call]
            left = True
    try:
        yield
    finally:
        if left:
            rejoin()  # type: ignore[no-untyped-call]


@contextmanager
def _closing_told(client: Any) -> Iterator[None]:
    """Whatever a client raises that somebody closes meanwhile, say that it was closed."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, ReactError):
            _check_open(client, error)
        raise


def _check_open(client: Any, cause: BaseException | None = None) -> None:
    problem = _why_unusable(client)
    if problem:
        raise InputError(f"{problem} It has to stay open until all clips are scored.") from cause


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
) -> Iterator[tuple[list[int], Observations | BaseException]]:
    """Each block with what its clips told, or with why it was lost; few predictions are under way at once."""
    from distributed import as_completed

    data = _scattered(bare, client)
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
    while under_way:
        finished = done.next_batch(block=False)  # type: ignore[no-untyped-call]
        if not finished:
            _check_open(client)  # nothing wakes who waits for the tasks of a client that was closed
            time.sleep(_LOOK_AGAIN_S)
        for future in finished:
            block = under_way.pop(future)
            give_out()
            yield block, _result(future)


def _scattered(bare: ClipSet, client: Any) -> Any:
    from distributed import wait

    try:
        if not client.nthreads():
            # Only a task that waits for a worker makes an adaptive cluster start one.
            wait(client.submit(_nothing, pure=False), timeout=_SECONDS_FOR_A_WORKER)  # type: ignore[no-untyped-call]
        return client.scatter(bare, broadcast=True, hash=False)
    except TimeoutError as error:
        raise InputError(
            f"the cluster {client.cluster or client.scheduler.address} has no workers, and none came within "
            f"{_SECONDS_FOR_A_WORKER} s. Start some, or pass client=False to score in this process."
        ) from error


def _nothing() -> None:
    """A task that only needs a worker."""


def _predictions(clips: ClipSet, block: Sequence[int], client: Any) -> Any:
    lazily = getattr(clips.predictions, "lazily", None)
    lazy = lazily(block) if lazily is not None else None
    return [np.asarray(clips.predictions[index]) for index in block] if lazy is None else client.compute(lazy)


def _result(future: Any) -> Observations | BaseException:
    """What a block told, or what it was lost by."""
    from distributed import CancelledError, KilledWorker

    try:
        found: Observations = future.result()
    except (CancelledError, KilledWorker) as lost:
        return lost
    return found


def _observe_block(bare: ClipSet, block: Sequence[int], predictions: Any, wanted: Wanted, look: Any) -> Observations:
    part = bare.part(block, predictions)
    return observe(part, wanted, look=look, threads=1)
