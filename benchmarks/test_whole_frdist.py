"""FRDist of a whole small submission, for every family of predictions, beside the official way on a sample of it.

Times are those of one comparison of a reaction with a neighbour, whether or not it was ruled out early.
"""

from functools import cache, partial

import pytest

from benchmarks import official
from benchmarks.inputs import FAMILIES, predict_all, synthetic_dyads
from benchmarks.side_by_side import OURS, processor_time
from react_eval.metrics import frdist

CLIPS, REACTIONS, NEIGHBOURS = 8, 10, 40
SAMPLED_CLIPS, SAMPLED_REACTIONS = slice(0, CLIPS, 4), slice(2)

pytestmark = pytest.mark.parametrize("family", FAMILIES)


@cache
def submission(family):
    """Predictions, listeners and neighbours."""
    dyads = synthetic_dyads(CLIPS, 750, NEIGHBOURS)
    return predict_all(family, dyads, REACTIONS), dyads.listener, dyads.neighbours


def group_of(family):
    return f"FRDist, {family}: a comparison of 750 × 25, {NEIGHBOURS} neighbours"


@processor_time()
def test_ours(timed, benchmark, family):
    benchmark.group = group_of(family)
    timed(OURS, partial(frdist, *submission(family)), units=CLIPS * REACTIONS * NEIGHBOURS, calls=2)


@processor_time()
def test_official(timed, benchmark, family):
    benchmark.group = group_of(family)
    predictions, listener, neighbours = submission(family)
    sample = predictions[SAMPLED_CLIPS, SAMPLED_REACTIONS], listener, neighbours[SAMPLED_CLIPS]
    comparisons = sample[0].shape[0] * sample[0].shape[1] * NEIGHBOURS
    value = timed("the official way", partial(official.frdist, *sample), units=comparisons, calls=1)
    assert frdist(*sample) == pytest.approx(value, rel=1e-6)
