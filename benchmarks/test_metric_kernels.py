"""Our kernels beside the libraries and loops that people use today, on the same inputs, one thread each.

pytest-benchmark prints, in each group, every time with its ratio to the fastest in parentheses.
"""

import numpy as np
import pytest
from tslearn.metrics import dtw

from react_data.channels import EMOTION_25
from react_eval.kernels.concordance import covariances, moments
from react_eval.kernels.dynamic_time_warping import weighted_dtw
from react_eval.kernels.lag_correlation import lag_correlations

GROUPS = EMOTION_25.groups
STARTS = np.array([group.start for group in GROUPS])
STOPS = np.array([group.stop for group in GROUPS])
WEIGHTS = np.array([group.weight for group in GROUPS])


@pytest.fixture(scope="module")
def pair():
    """A prediction and a listener of 750 frames and 25 channels: smooth series with some noise."""
    random = np.random.default_rng(0)
    steps = random.normal(size=(2, 750, 25)).cumsum(axis=1) / 20 + random.normal(size=(2, 750, 25)) / 10
    return steps[0], steps[1]


@pytest.mark.benchmark(group="FRDist: one weighted comparison, 750 x 25, no pruning")
@pytest.mark.parametrize("method", ["react-eval", "tslearn"])
def test_dtw(benchmark, pair, method):
    first, second = pair

    def tslearn_sum():
        return sum(
            group.weight * dtw(first[:, group.start : group.stop], second[:, group.start : group.stop])
            for group in GROUPS
        )

    ours = lambda: weighted_dtw(first, second, STARTS, STOPS, WEIGHTS, np.inf)  # noqa: E731
    value = benchmark(ours if method == "react-eval" else tslearn_sum)
    assert value == pytest.approx(tslearn_sum(), rel=1e-9)


@pytest.mark.benchmark(group="FRCorr: 10 reactions against one listener, 750 x 25")
@pytest.mark.parametrize("method", ["react-eval", "numpy.corrcoef a channel"])
def test_concordance(benchmark, pair, method):
    reactions = np.stack([pair[0] + shift for shift in np.linspace(0, 1, 10)]).astype(np.float32)
    listener = pair[1].astype(np.float32)
    _, listener_deviations, _ = moments(listener[None])
    _, deviations, _ = moments(reactions)

    def correlations():
        return [
            [np.corrcoef(reaction[:, channel], listener[:, channel])[0, 1] for channel in range(25)]
            for reaction in reactions
        ]

    benchmark((lambda: covariances(deviations, listener_deviations[0])) if method == "react-eval" else correlations)


@pytest.mark.benchmark(group="FRSyn: one reaction, 99 lags, 750 x 25")
@pytest.mark.parametrize("method", ["react-eval", "numpy.corrcoef a channel and lag"])
def test_lags(benchmark, pair, method):
    prediction, speaker = pair

    def correlations():
        result = np.empty((99, 25))
        for index, lag in enumerate(range(-49, 50)):
            ahead, behind = prediction[max(lag, 0) : 750 + min(lag, 0)], speaker[max(-lag, 0) : 750 - max(lag, 0)]
            for channel in range(25):
                result[index, channel] = np.corrcoef(ahead[:, channel], behind[:, channel])[0, 1]
        return result

    ours = lambda: lag_correlations(prediction, speaker, 49)  # noqa: E731
    value = benchmark(ours if method == "react-eval" else correlations)
    assert np.allclose(value, correlations())
