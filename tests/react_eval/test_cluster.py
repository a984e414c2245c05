"""A dask cluster gives the bits of one process; where it cannot be used, that is said or it is left alone."""

import asyncio
import threading
import time
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from react_eval import Scorer, cluster, score_arrays
from react_eval.clip_set import ClipSet
from react_eval.errors import InputError, LengthError, NonFiniteError
from react_eval.metrics.arguments import clip_set
from react_eval.metrics.frvar import FRVAR, FRVarSettings
from tests.oracles.examples import example

distributed = pytest.importorskip("distributed")
da = pytest.importorskip("dask.array")

DATA = example(2, clips=20, reactions=2, frames=60)
TARGETS = {name: DATA[name] for name in ("listener", "speaker", "neighbours")}
PREDICTIONS = DATA["predictions"]
METRICS = ["FRCorr", "FRVar", "FRDvs"]

score = partial(score_arrays, **TARGETS, metrics=METRICS, context=False)


def expected():
    return dict(score(PREDICTIONS, client=False))


@contextmanager
def a_cluster(workers=1, **options):
    """A cluster in this process, without its status page, and a client of it."""
    options = {"n_workers": workers, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"} | options
    with distributed.LocalCluster(**options) as made, distributed.Client(made) as client:
        yield client


@pytest.fixture(scope="module")
def client():
    with a_cluster() as made:
        yield made


def scored_in_a_task(predictions, with_client):
    client = distributed.get_client() if with_client else None
    result = score(predictions, client=client, context=True)
    return dict(result), result.run["device"]


@pytest.mark.parametrize("with_client", [False, True])
def test_a_task_on_the_only_thread_may_score(client, with_client):
    future = client.submit(scored_in_a_task, PREDICTIONS, with_client, pure=False)
    assert future.result(timeout=60) == (expected(), "cluster" if with_client else "cpu")


@pytest.mark.parametrize("chunks", [(5, 2, 60, 25), (20, 1, 30, 13)])
def test_lazy_predictions_are_scored_on_workers(client, chunks):
    assert dict(score(da.from_array(PREDICTIONS.astype(np.float64), chunks=chunks), client=client)) == expected()


def test_what_is_wrong_with_a_clip_is_said_from_a_worker(client):
    listener = [each[:50] if number == 3 else each for number, each in enumerate(TARGETS["listener"])]
    with pytest.raises(LengthError, match="its neighbour 3 has 50"):
        score_arrays(PREDICTIONS, **TARGETS | {"listener": listener}, client=client)
    wrong = PREDICTIONS.copy()
    wrong[7, 1, 44, 20] = np.nan
    with pytest.raises(NonFiniteError, match=r"predictions\[7\] holds 1 values .* = \(1, 44, 20\)"):
        score(da.from_array(wrong, chunks=(5, 1, 20, 10)), client=client)


def test_an_asynchronous_client_is_left_alone_unless_it_is_passed(client):
    async def scored():
        async with distributed.Client(client.scheduler.address, asynchronous=True) as waiting:
            by_default = dict(score(PREDICTIONS))
            beside = dict(await asyncio.to_thread(score, PREDICTIONS, client=waiting))
            with pytest.raises(InputError, match=r"the client is asynchronous .* client=False"):
                score(PREDICTIONS, client=waiting)
            return by_default, beside

    assert asyncio.run(scored()) == (expected(), expected())


def test_a_gpu_and_a_cluster_are_not_asked_for_at_once(client):
    with pytest.raises(InputError, match=r"device 'cuda' is the GPU of this process.* Pass one of the two"):
        score(PREDICTIONS, client=client, device="cuda")


def test_an_active_client_does_not_take_a_gpus_place(client, monkeypatch):
    from react_eval import computing

    monkeypatch.setattr(computing, "_cuda_problem", lambda: None)
    assert computing.Resources("cuda").device_for(clip_set(PREDICTIONS)) == "cuda"
    assert computing.Resources("cpu", client=client).device_for(clip_set(PREDICTIONS)) == "cluster"


def test_a_scorer_stays_in_its_process(client):
    made = Scorer(**TARGETS, metrics=METRICS, context=False)
    made.update([str(number) for number in range(20)], PREDICTIONS)
    assert dict(made.compute()) == expected()
    assert made.compute().run["device"] == "cpu"


def test_a_closed_client_is_refused_and_no_default():
    with a_cluster() as closed:
        pass
    with pytest.raises(InputError, match="the client of the cluster is closed"):
        score(PREDICTIONS, client=closed)
    assert dict(score(PREDICTIONS)) == expected()


def test_a_client_that_is_closed_meanwhile_is_said():
    inputs = clip_set(PREDICTIONS)
    with a_cluster() as closing:
        look = partial(slowly, seconds=0.2)
        threading.Timer(0.5, closing.close).start()
        with pytest.raises(InputError, match=r"client of the cluster is closed\. It has to stay open"):
            cluster.observe_on_cluster(inputs, {("FRVar", FRVarSettings()): FRVAR}, closing, look=look)


def slowly(view, seconds):
    time.sleep(seconds)
    return view.id


def test_a_cluster_without_workers_is_waited_for_and_then_refused(monkeypatch):
    monkeypatch.setattr(cluster, "_SECONDS_FOR_A_WORKER", 0.2)
    message = r"has no workers, and none came within 0\.2 s"
    with a_cluster(workers=0) as idle, pytest.raises(InputError, match=message):
        score(PREDICTIONS, client=idle)


def test_an_adaptive_cluster_starts_workers_for_it():
    with a_cluster(workers=0) as adaptive:
        adaptive.cluster.adapt(minimum=0, maximum=1, interval="100ms")
        assert dict(score(PREDICTIONS, client=adaptive)) == expected()


class Losing:
    """What `_given_out` gives where workers are lost: of every round's blocks, all but the first few."""

    def __init__(self, finished_by_round):
        self.finished_by_round = iter(finished_by_round)

    def __call__(self, clips: ClipSet, _bare, _wanted, _client, _look, blocks):
        finished = next(self.finished_by_round)
        for number, block in enumerate(blocks):
            told = cluster.Observations({clips.clips[index]: index for index in block})
            yield block, told if number < finished else ConnectionError(f"worker of block {number}")


def test_losses_are_forgiven_while_blocks_are_finished(client, monkeypatch):
    monkeypatch.setattr(cluster, "_CLIPS_A_TASK", 1)
    monkeypatch.setattr(cluster, "_given_out", Losing([0, 0, 0, 0, 1] * 20))
    assert len(cluster.observe_on_cluster(clip_set(PREDICTIONS), {}, client).clips) == 20


def test_losses_without_end_are_said_with_the_last_cause(client, monkeypatch):
    monkeypatch.setattr(cluster, "_given_out", Losing([1, 0, 0, 0, 0, 0]))
    with pytest.raises(InputError, match="2 blocks of clips were lost 5 times") as found:
        cluster.observe_on_cluster(clip_set(PREDICTIONS), {}, client)
    assert str(found.value.__cause__) == "worker of block 1"
