"""FRDiv, FRDvs and FRVar beside explicit pairs, and beside a copy of the same values in memory.

A copy reads every value once and writes it once; a metric that ran at a quarter of the memory's bandwidth would take
twice as long as the copy, since it only reads.
"""

from functools import partial

import numpy as np
import pytest

from benchmarks import official
from benchmarks.inputs import predict_all, synthetic_dyads
from benchmarks.side_by_side import OURS, processor_time
from react_eval import metrics

CLIPS, REACTIONS = 100, 10
GROUP = "{}: " + f"{CLIPS} clips × {REACTIONS} × 750 × 25"
NAMES = ("FRDiv", "FRDvs", "FRVar")


@pytest.fixture(scope="module")
def predictions():
    """(100, 10, 750, 25) float32, 75 MB."""
    return predict_all("blended", synthetic_dyads(CLIPS, 750, neighbours=10), REACTIONS)


@processor_time()
@pytest.mark.parametrize("name", NAMES)
def test_ours(timed, benchmark, predictions, name):
    benchmark.group = GROUP.format(name)
    timed(OURS, partial(getattr(metrics, name.lower()), predictions), calls=5)


@processor_time()
@pytest.mark.parametrize("name", NAMES)
def test_copy(timed, benchmark, predictions, name):
    benchmark.group = GROUP.format(name)
    timed("a copy in memory", partial(np.copyto, np.empty_like(predictions), predictions), calls=5)


@processor_time()
@pytest.mark.parametrize("name", NAMES)
def test_official(timed, benchmark, predictions, name):
    benchmark.group = GROUP.format(name)
    value = timed("the official way", partial(getattr(official, name.lower()), predictions), calls=1)
    assert getattr(metrics, name.lower())(predictions) == pytest.approx(value, rel=1e-5)
