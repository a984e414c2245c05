"""FRSyn: one reaction at all 99 lags, measured over whole clips."""

from functools import partial

import pytest

from benchmarks import official
from benchmarks.inputs import predict_all, synthetic_dyads
from benchmarks.side_by_side import OURS, processor_time
from react_eval.metrics import FRSynSettings, frsyn

GROUP = "FRSyn: one reaction, 99 lags, 750 × 25"
CLIPS, REACTIONS = 8, 10
ALL = FRSynSettings(reactions="all")


@pytest.fixture(scope="module")
def inputs():
    """Predictions and speakers."""
    dyads = synthetic_dyads(CLIPS, 750, neighbours=4)
    return predict_all("blended", dyads, REACTIONS), dyads.speaker


@processor_time(group=GROUP)
def test_ours(timed, inputs):
    timed(OURS, partial(frsyn, *inputs, settings=ALL), units=CLIPS * REACTIONS)


@processor_time(group=GROUP)
def test_official(timed, inputs):
    sample = [values[:3] for values in inputs]
    sample[0] = sample[0][:, :2]
    value = timed("the official way", partial(official.frsyn, *sample), units=6, calls=2)
    assert frsyn(*sample, settings=ALL) == pytest.approx(value, rel=1e-6)
