"""What metrics provide for a batch of clips is what they find clip by clip, its kernels run on a CPU."""

from functools import partial

import numpy as np
import pytest
import torch  # noqa: F401  without which conftest skips this folder
from oracles.examples import example

from react_eval.gpu_batch import provide_from_gpu
from react_eval.metrics.arguments import clip_set
from react_eval.observing import observe, wanted_of
from react_eval.protocol import find_protocol

PROTOCOLS = ("react2024", "perfrdiff", "corrected")


def clips():
    data = example(5, clips=3, reactions=2, frames=52, constant=(3,))
    given = {name: data[name] for name in ("listener", "speaker", "neighbours")}
    return clip_set(data["predictions"], personal=np.eye(3), **given)


@pytest.fixture
def wanted():
    return wanted_of(use for name in PROTOCOLS for use in find_protocol(name).uses)


def test_every_metric_but_frdvs_is_provided(wanted):
    assert {name for (name, _), metric in wanted.items() if metric.on_gpu is None} == {"FRDvs"}


def test_what_is_provided_is_what_is_found(wanted, kernels_on_cpu):
    given = clips()
    plain = observe(given, wanted)
    prepared = observe(
        given, wanted, prepare=partial(provide_from_gpu, wanted=wanted, device="cpu"), batch=2, threads=1
    )
    for (name, settings), metric in wanted.items():
        expected, found = (each.conclude(metric, settings, given.clips, 2) for each in (plain, prepared))
        assert found.value == pytest.approx(expected.value, rel=1e-6), name
        for key, values in expected.per_clip.items():
            assert found.per_clip[key] == pytest.approx(values, rel=1e-6, abs=1e-12, nan_ok=True), key
