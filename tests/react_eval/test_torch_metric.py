"""The Scorer as a torchmetrics metric, in one process and in two."""

import copy
import multiprocessing
import pickle

import numpy as np
import pytest

from react_eval import Scorer, score_arrays
from react_eval.errors import InputError
from tests.oracles.examples import example

torch = pytest.importorskip("torch")
torchmetrics = pytest.importorskip("torchmetrics")

CLIPS = [f"clip {number}" for number in range(6)]


def targets():
    data = example(3, clips=6)
    return {name: data[name] for name in ("listener", "speaker", "neighbours")} | {"clips": CLIPS}


def predictions():
    return example(3, clips=6)["predictions"]


def expected():
    return dict(score_arrays(predictions(), protocol="corrected", **targets()))


def metric(**options):
    from react_eval.torch_metric import ScorerMetric

    return ScorerMetric(Scorer("corrected", **targets()), **options)


def as_floats(values):
    return {key: float(value) for key, value in values.items()}


def test_it_scores_as_one_call_does():
    scored = metric()
    for begin in range(0, 6, 4):
        scored(CLIPS[begin : begin + 4], torch.from_numpy(predictions()[begin : begin + 4]))
    assert as_floats(scored.compute()) == expected()


def test_reset_forgets():
    scored = metric()
    scored.update(CLIPS, predictions() + np.float32(0.5))
    scored.reset()
    scored.update(CLIPS, predictions())
    assert as_floats(scored.compute()) == expected()


def test_missing_clips_need_partial():
    scored = metric()
    scored.update(CLIPS[:2], predictions()[:2])
    with pytest.raises(InputError, match="4 of 6 clips are missing"):
        scored.compute()
    scored.partial = True
    assert scored.compute()["FRVar"] > 0


@pytest.mark.parametrize("copied", [lambda made: made.clone(), copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_goes_on_alone(copied):
    scored = metric()
    scored.update(CLIPS[:2], predictions()[:2])
    other = copied(scored)
    other.update(CLIPS[2:], predictions()[2:])
    assert as_floats(other.compute()) == expected()
    assert scored.scorer.clips == CLIPS[:2]


def test_collections_clone_it_under_a_prefix():
    train = torchmetrics.MetricCollection({"react": metric()}, prefix="train_")
    validation = train.clone(prefix="val_")
    validation.update(CLIPS, predictions())
    assert as_floats(validation.compute()) == {f"val_{key}": value for key, value in expected().items()}
    assert len(train["react"].scorer) == 0


def one_rank(rank, folder, results):
    from torch import distributed

    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    scored = metric()
    mine = ([0, 2, 4], [1, 3, 5, 0])[rank]  # the sampler of rank 1 repeats the first clip
    scored.update([CLIPS[clip] for clip in mine], predictions()[mine])
    results.put(as_floats(scored.compute()))
    distributed.destroy_process_group()


def test_two_processes_merge(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    ranks = [context.Process(target=one_rank, args=(rank, tmp_path, results)) for rank in range(2)]
    for each in ranks:
        each.start()
    found = [results.get(timeout=100) for _ in ranks]
    for each in ranks:
        each.join()
    assert found == [expected(), expected()]
