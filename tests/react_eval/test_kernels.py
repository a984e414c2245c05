"""Moments, lagged correlations and spreads against plain references, on shapes and values of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import concordance, diversity, synchrony
from oracles.examples import KINDS, fewer_if_interpreted, series

from react_eval.kernels.concordance import covariances, moments
from react_eval.kernels.lag_correlation import lag_correlations
from react_eval.kernels.spread import movement, spread_of_reactions

LAGS = np.arange(-49, 50)

widths = st.integers(1, 4)
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32 - 1)
tries = [settings(max_examples=fewer_if_interpreted(count), deadline=None) for count in (30, 60)]

FIRST = np.array([0])


@tries[1]
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
    assert covariances(deviations, moments(listener[None])[1].ravel(), FIRST)[0] == pytest.approx(
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
        assert (
            covariances(deviations[reaction][None], deviations[reaction].ravel(), FIRST)[0, 0] == variances[reaction]
        ).all()


@tries[1]
@given(st.integers(2, 40), kinds, kinds, seeds)
def test_concordance_stays_within_one(frames, kind, other_kind, seed):
    first, second = series(kind, seed, 1, frames, 3), series(other_kind, seed + 1, 1, frames, 3)
    one, other = moments(first), moments(second)
    spread = one[2] + other[2] + (one[0] - other[0]) ** 2
    values = 2 * covariances(one[1], other[1].ravel(), FIRST)[0] / np.where(spread == 0, 1, spread)
    assert (np.abs(values) <= 1 + 1e-12).all()
    plain = [[concordance.concordance(first[0][:, c], second[0][:, c], 0.0) for c in range(3)]]
    assert values == pytest.approx(np.array(plain), abs=1e-6)


@tries[0]
@given(st.integers(3, 12), widths, kinds, kinds, seeds)
def test_lag_correlations_equal_corrcoef_at_every_lag(frames, channels, kind, other_kind, seed):
    prediction, speaker = series(kind, seed, frames, channels), series(other_kind, seed + 1, frames, channels)
    longest = frames - 2
    found = lag_correlations(prediction, speaker, longest)
    expected = synchrony.correlations(prediction, speaker, range(-longest, longest + 1))
    # Two frames of nearly equal size leave few digits to the variance, in either computation.
    assert found == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("longest", range(1, 9))
def test_every_number_of_lags_is_computed(longest):
    prediction, speaker = series("uniform", 0, 40, 2), series("uniform", 1, 40, 2)
    expected = synchrony.correlations(prediction, speaker, range(-longest, longest + 1))
    assert lag_correlations(prediction, speaker, longest) == pytest.approx(expected, rel=1e-10)


def jump(frames=120):
    """Noise of 1e-9 around 0 after frames of size 1: what is left of overlaps at the end has nearly no variance."""
    values = 1e-9 * np.random.default_rng(0).normal(size=(frames, 1))
    values[: frames // 4] += np.random.default_rng(1).normal(size=(frames // 4, 1))
    return values.astype(np.float32)


def outlier(frames=120):
    values = series("uniform", 2, frames, 1)
    values[5] = 1e30
    return values


AWKWARD = {
    "noise of 1e-9 after a jump": jump(),
    "the same before a jump": jump()[::-1],
    "an offset of 1e12": (1e12 + 1e7 * np.random.default_rng(3).normal(size=(120, 1))).astype(np.float32),
    "one outlier of 1e30": outlier(),
    "the same at the end": outlier()[::-1],
    "an offset of 1e6": (1e6 + np.random.default_rng(4).random((120, 1))).astype(np.float32),
    "few values": series("binary", 5, 120, 1),
}


@pytest.mark.parametrize("side", ["prediction", "speaker", "both"])
@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_series_keep_ten_digits_at_every_lag(name, side):
    plain, awkward = series("uniform", 9, 120, 1), np.ascontiguousarray(AWKWARD[name])
    prediction = plain if side == "speaker" else awkward
    speaker = plain if side == "prediction" else awkward
    expected = synchrony.correlations(prediction, speaker)
    assert lag_correlations(prediction, speaker, 49) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("run", ["begins", "ends"])
@pytest.mark.parametrize("side", ["prediction", "speaker"])
def test_an_overlap_that_is_constant_is_undefined_and_only_that(run, side):
    still, moving = series("uniform", 0, 60, 1), series("uniform", 1, 60, 1)
    still[slice(0, 50) if run == "begins" else slice(10, 60)] = 0.7
    pair = (still, moving) if side == "prediction" else (moving, still)
    undefined = np.isnan(lag_correlations(*pair, 49)[:, 0])
    late = (run == "ends") == (side == "prediction")
    assert (LAGS[undefined] == (LAGS[LAGS >= 10] if late else LAGS[LAGS <= -10])).all()


@pytest.mark.parametrize("shift", LAGS)
def test_a_shift_correlates_by_1_at_its_lag_and_nowhere_else(shift):
    noise = series("uniform", 7, 240, 3)
    found = lag_correlations(noise[60 - shift : 180 - shift], noise[60:180], 49)
    assert found[shift == LAGS] == pytest.approx(np.ones((1, 3)), rel=1e-12)
    assert (found[shift != LAGS] < 0.9).all()


@tries[0]
@given(st.integers(2, 6), st.integers(2, 30), widths, kinds, seeds)
def test_spreads_equal_explicit_pairs_and_numpy(reactions, frames, channels, kind, seed):
    values = series(kind, seed, reactions, frames, channels)
    scale = 1e-15 * float(np.abs(values).max()) ** 2
    assert spread_of_reactions(values) == pytest.approx(diversity.frdiv([values]), rel=1e-12, abs=scale)
    for ddof in (0, 1):
        expected = values.astype(np.float64).var(axis=1, ddof=ddof).mean(axis=-1)
        assert movement(values, ddof) == pytest.approx(expected, rel=1e-9, abs=scale)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reactions", [2, 3, 7, 10])
def test_equal_reactions_and_motionless_channels_have_no_spread_at_all(kind, reactions):
    one = series(kind, 0, 1, 33, 5)
    assert spread_of_reactions(np.repeat(one, reactions, axis=0)) == 0
    assert not movement(np.repeat(one[:, :1], 33, axis=1), 1).any()
