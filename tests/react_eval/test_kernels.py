"""The compiled inner loops against plain references and a third party, on shapes and values of every kind."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import concordance, synchrony, warping

from react_eval.kernels.concordance import covariances, moments
from react_eval.kernels.dynamic_time_warping import weighted_dtw
from react_eval.kernels.lag_correlation import lag_correlations

KINDS = ("uniform", "constant", "tiny", "binary", "offset", "signed zeros", "subnormal", "huge")


def series(kind, seed, *shape):
    noise = np.random.default_rng(seed).random(shape)
    values = {
        "uniform": noise,
        "constant": np.full(shape, 0.1),
        "tiny": 0.5 + 1e-6 * noise,
        "binary": noise > 0.8,
        "offset": 1000 + noise,
        "signed zeros": np.where(noise > 0.5, 0.0, -0.0),
        "subnormal": 1e-41 * noise,
        "huge": 1e30 * noise,
    }
    return values[kind].astype(np.float32)


def dtw_of(first, second, groups, limit=np.inf):
    starts, stops, weights = (np.array(column) for column in zip(*groups, strict=True))
    return weighted_dtw(first.astype(np.float64), second.astype(np.float64), starts, stops, weights * 1.0, limit)


lengths = st.integers(2, 30)
widths = st.integers(1, 4)
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(lengths, lengths, widths, kinds, kinds, seeds)
def test_dtw_equals_the_full_matrix(rows, columns, channels, kind, other_kind, seed):
    first, second = series(kind, seed, rows, channels), series(other_kind, seed + 1, columns, channels)
    expected = warping.weighted_distance(first, second, warping.whole(channels))
    assert dtw_of(first, second, warping.whole(channels)) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_groups_warp_on_their_own():
    first, second = series("uniform", 0, 40, 25), series("uniform", 1, 35, 25)
    expected = warping.weighted_distance(first, second, warping.GROUPS_25)
    assert dtw_of(first, second, warping.GROUPS_25) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("rows", "columns", "channels"), [(2, 2, 1), (2, 60, 3), (60, 59, 25), (120, 200, 8)])
def test_dtw_equals_tslearn(rows, columns, channels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tslearn.metrics import dtw
    first, second = series("uniform", 0, rows, channels), series("uniform", 1, columns, channels)
    theirs = dtw(first.astype(np.float64), second.astype(np.float64))
    assert dtw_of(first, second, warping.whole(channels)) == pytest.approx(theirs, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(lengths, lengths, widths, kinds, seeds)
def test_dtw_is_symmetric_zero_on_itself_and_below_the_pointwise_distance(rows, columns, channels, kind, seed):
    groups = warping.whole(channels)
    first, second = series(kind, seed, rows, channels), series(kind, seed + 1, columns, channels)
    assert dtw_of(first, first, groups) == 0
    assert dtw_of(first, second, groups) == pytest.approx(dtw_of(second, first, groups), rel=1e-12, abs=1e-300)
    pointwise = np.sqrt(((first.astype(np.float64)[:2] - second.astype(np.float64)[:2]) ** 2).sum())
    assert dtw_of(first[:2], second[:2], groups) <= pointwise * (1 + 1e-12)


@settings(max_examples=40, deadline=None)
@given(lengths, lengths, seeds, st.floats(0.01, 2))
def test_a_limit_gives_the_distance_or_infinity_and_never_another_number(rows, columns, seed, factor):
    first, second = series("uniform", seed, rows, 25), series("uniform", seed + 1, columns, 25)
    distance = dtw_of(first, second, warping.GROUPS_25)
    expected = distance if distance < factor * distance else np.inf
    assert dtw_of(first, second, warping.GROUPS_25, factor * distance) == expected
    assert dtw_of(first, second, warping.GROUPS_25, distance) == np.inf
    assert dtw_of(first, second, warping.GROUPS_25, np.nextafter(distance, np.inf)) == distance


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), seeds)
def test_abandoning_early_never_changes_the_minimum(neighbours, seed):
    reaction = series("uniform", seed, 12, 25)
    others = [series("uniform", seed + 1 + number, 12, 25) for number in range(neighbours)]
    best = np.inf
    for other in others:
        best = min(best, dtw_of(reaction, other, warping.GROUPS_25, best))
    assert best == min(dtw_of(reaction, other, warping.GROUPS_25) for other in others)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.integers(2, 60), widths, kinds, kinds, seeds)
def test_moments_and_covariances_equal_numpy(reactions, frames, channels, kind, other_kind, seed):
    predictions, listener = (
        series(kind, seed, reactions, frames, channels),
        series(other_kind, seed + 1, frames, channels),
    )
    means, deviations, variances = moments(predictions)
    exact, other = predictions.astype(np.float64), listener.astype(np.float64)
    scale = max(np.abs(exact).max(), 1e-300) * 1e-13
    assert means == pytest.approx(exact.mean(axis=1), rel=1e-12, abs=scale)
    assert variances == pytest.approx(exact.var(axis=1), rel=1e-9, abs=scale**2)
    expected = ((exact - exact.mean(axis=1, keepdims=True)) * (other - other.mean(axis=0))).mean(axis=1)
    spread = exact.std() * other.std() + scale**2
    assert covariances(deviations, moments(listener[None])[1][0]) == pytest.approx(
        expected, rel=1e-9, abs=1e-9 * spread
    )


@pytest.mark.parametrize("value", [0.1, -0.3, 1e-41, 1e30, 16777216.0])
@pytest.mark.parametrize("frames", [2, 3, 750, 751])
def test_a_constant_series_has_no_variance_at_all(value, frames):
    _, deviations, variances = moments(np.full((1, frames, 2), value, dtype=np.float32))
    assert not deviations.any()
    assert not variances.any()


def test_the_covariance_of_a_series_with_itself_is_its_variance_to_the_last_bit():
    _, deviations, variances = moments(series("offset", 0, 3, 99, 7))
    for reaction in range(3):
        assert (covariances(deviations[reaction][None], deviations[reaction])[0] == variances[reaction]).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 12), widths, kinds, kinds, seeds)
def test_lag_correlations_equal_corrcoef_at_every_lag(frames, channels, kind, other_kind, seed):
    prediction, speaker = series(kind, seed, frames, channels), series(other_kind, seed + 1, frames, channels)
    longest = frames - 2
    found = lag_correlations(prediction.astype(np.float64), speaker.astype(np.float64), longest)
    expected = synchrony.correlations(prediction, speaker, range(-longest, longest + 1))
    # Two frames of nearly equal size leave few digits to the variance, in either computation.
    assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("run", ["begins", "ends"])
def test_an_overlap_that_is_constant_is_undefined_and_only_that(run):
    prediction, speaker = series("uniform", 0, 60, 1), series("uniform", 1, 60, 1)
    still = slice(0, 50) if run == "begins" else slice(10, 60)
    prediction[still] = 0.7
    undefined = np.isnan(lag_correlations(prediction.astype(np.float64), speaker.astype(np.float64), 49)[:, 0])
    overlaps = [lag for lag in range(-49, 50) if (lag <= -10 if run == "begins" else lag >= 10)]
    assert (np.arange(-49, 50)[undefined] == overlaps).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), kinds, kinds, seeds)
def test_concordance_stays_within_one(frames, kind, other_kind, seed):
    first, second = series(kind, seed, 1, frames, 3), series(other_kind, seed + 1, 1, frames, 3)
    one, other = moments(first), moments(second)
    spread = one[2] + other[2] + (one[0] - other[0]) ** 2
    values = 2 * covariances(one[1], other[1][0]) / np.where(spread == 0, 1, spread)
    assert (np.abs(values) <= 1 + 1e-12).all()
    plain = [[concordance.concordance(first[0][:, c], second[0][:, c], 0.0) for c in range(3)]]
    assert values == pytest.approx(np.array(plain), abs=1e-6)
