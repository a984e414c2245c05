"""FRDist: one weighted comparison without pruning, beside the libraries that people use."""

from functools import partial

import numpy as np
import pytest

from benchmarks import aeon_environment, official, plain_loops
from benchmarks.inputs import predict, synthetic_dyads
from benchmarks.side_by_side import OURS, processor_time
from react_data.channels import EMOTION_25
from react_eval.kernels.dynamic_time_warping import weighted_dtw

GROUP = "FRDist: one comparison, 750 × 25, no pruning"
STARTS, STOPS, WEIGHTS = (
    np.array([getattr(group, name) for group in EMOTION_25.groups]) for name in ("start", "stop", "weight")
)


@pytest.fixture(scope="module")
def pair():
    """A blended reaction and a listener, (750, 25) float32 each."""
    dyads = synthetic_dyads(clips=4, frames=750, neighbours=4)
    return predict("blended", dyads, clip=0, reactions=1)[0], dyads.listener[dyads.neighbours[0][-1]]


@processor_time(group=GROUP)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)])
def test_ours(timed, pair, dtype, tolerance):
    first, second = (series.astype(dtype) for series in pair)
    ours = partial(weighted_dtw, first, second, STARTS, STOPS, WEIGHTS, np.inf)
    assert ours() == pytest.approx(official.warped_distance(*pair), rel=tolerance)
    timed(f"{OURS} {dtype}", ours)


@processor_time(group=GROUP)
def test_tslearn(timed, pair):
    timed("tslearn (the official way)", partial(official.warped_distance, *pair))


@processor_time(group=GROUP)
@pytest.mark.parametrize("name", plain_loops.__all__)
def test_plain_loops(timed, pair, name):
    plain = partial(getattr(plain_loops, name), *(series.astype(np.float64) for series in pair))
    assert plain() == pytest.approx(official.warped_distance(*pair), rel=1e-9)
    timed(f"plain loops in numba, {name.replace('_', ' ')}", plain)


@processor_time(group=GROUP)
def test_dtaidistance(timed, pair):
    warping = pytest.importorskip("dtaidistance.dtw_ndim", reason="dtaidistance is not installed: the extra 'bench'")
    groups = [
        (group.weight, *(np.ascontiguousarray(series[:, group.start : group.stop], np.float64) for series in pair))
        for group in EMOTION_25.groups
    ]

    def weighted_sum():
        return sum(weight * warping.distance_fast(first, second) for weight, first, second in groups)

    assert weighted_sum() == pytest.approx(official.warped_distance(*pair), rel=1e-9)
    timed("dtaidistance", weighted_sum)


def test_aeon(times, pair):
    try:
        python = aeon_environment.prepare()
    except aeon_environment.NotInstallableError as problem:
        pytest.skip(str(problem))
    figures = aeon_environment.compare(python, *pair)
    assert figures.distance == pytest.approx(official.warped_distance(*pair), rel=1e-9)
    times.setdefault(GROUP, {})[f"aeon {aeon_environment.VERSION}"] = figures.seconds
