"""FRCorr: one pair of series, measured over whole clips."""

from functools import partial

import pytest

from benchmarks import official
from benchmarks.inputs import predict_all, synthetic_dyads
from benchmarks.side_by_side import OURS, processor_time
from react_eval.metrics import frcorr

GROUP = "FRCorr: one pair, 750 × 25"
CLIPS, REACTIONS, NEIGHBOURS = 8, 10, 40


@pytest.fixture(scope="module")
def inputs():
    """Predictions, listeners and neighbours."""
    dyads = synthetic_dyads(CLIPS, 750, NEIGHBOURS)
    return predict_all("blended", dyads, REACTIONS), dyads.listener, dyads.neighbours


@processor_time(group=GROUP)
def test_ours(timed, inputs):
    timed(OURS, partial(frcorr, *inputs), units=CLIPS * REACTIONS * NEIGHBOURS)


@processor_time(group=GROUP)
def test_official(timed, inputs):
    predictions, listener, neighbours = inputs
    sample = predictions[:1, :2], listener, neighbours[:1]
    value = timed("the official way", partial(official.frcorr, *sample), units=2 * NEIGHBOURS, calls=3)
    assert frcorr(*sample) == pytest.approx(value, rel=1e-6)
