"""Kernels on tensors against those on the CPU; torch's CPU stands in for a GPU, and does the same operations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import concordance, diversity, synchrony

from react_eval.kernels import lag_correlation, spread
from react_eval.kernels.gpu.concordance import best_concordance, series_moments
from react_eval.kernels.gpu.diversity import movement, spread_of_reactions
from react_eval.kernels.gpu.ordered_sums import ordered_mean, ordered_sum
from react_eval.kernels.gpu.synchrony import lag_correlations
from react_eval.metrics.frcorr import FRCorrSettings, frcorr

KINDS = ("uniform", "constant", "tiny", "binary", "offset", "signed zeros", "subnormal", "huge")
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32 - 1)


def series(kind, seed, *shape):
    values = np.random.default_rng(seed).random(shape)
    changed = {
        "constant": np.full(shape, 0.1),
        "tiny": 0.5 + 1e-6 * values,
        "binary": values > 0.8,
        "offset": 1000 + values,
        "signed zeros": np.where(values > 0.5, 0.0, -0.0),
        "subnormal": 1e-41 * values,
        "huge": 1e30 * values,
    }
    return torch.tensor(changed.get(kind, values).astype(np.float32))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), seeds)
def test_sums_and_means_are_those_of_numpy(length, seed):
    values = torch.tensor(np.random.default_rng(seed).random((2, length, 3)))
    assert ordered_sum(values, 1).numpy() == pytest.approx(values.numpy().sum(axis=1), rel=1e-14)
    assert ordered_mean(values, 1).numpy() == pytest.approx(values.numpy().mean(axis=1), rel=1e-14)


@pytest.mark.parametrize("value", [0.1, -0.3, 1e-41, 1e30, 16777216.0])
@pytest.mark.parametrize("frames", [1, 3, 750, 751])
def test_a_constant_series_has_no_variance_and_its_own_mean(value, frames):
    constant = torch.full((1, frames, 2), value)
    means, deviations, variances = series_moments(constant)
    assert (means == constant[:, 0]).all()
    assert not deviations.any()
    assert not variances.any()


def best(reactions, listeners, neighbours, epsilon=0.0, leave_out_constant=True):
    return best_concordance(reactions, series_moments(listeners), torch.tensor(neighbours), epsilon, leave_out_constant)


def matrix(neighbours, listeners):
    return np.array([[number in row for number in range(listeners)] for row in neighbours])


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), kinds, kinds, seeds)
def test_the_best_concordance_is_that_of_the_definition(frames, kind, other_kind, seed):
    reactions, listeners = series(kind, seed, 2, 3, frames, 4), series(other_kind, seed + 1, 4, frames, 4)
    neighbours = [[2, 0, -1], [1, 2, 3]]
    plain = reactions.numpy(), listeners.numpy(), matrix(neighbours, 4)
    corrected = concordance.corrected_frcorr(*plain)
    assert best(reactions, listeners, neighbours).best.numpy() == pytest.approx(corrected, abs=1e-6, nan_ok=True)
    official = best(reactions, listeners, neighbours, 1e-8, False)
    assert official.best.sum(1).mean().item() == pytest.approx(concordance.frcorr(*plain), abs=1e-6)
    assert official.zero_by_zero.sum().item() == concordance.zero_by_zero(*plain)


@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize("epsilon", [0.0, 1e-8])
def test_concordance_is_that_of_the_cpu(epsilon, leave_out):
    reactions, listeners = series("uniform", 0, 3, 2, 60, 5), series("uniform", 1, 4, 60, 5)
    listeners[1, :, :3] = 0.25
    reactions[0, 0, :, 1] = 0.25
    neighbours = [[0, 1, 2, 3], [1, -1, -1, -1], [3, 2, -1, -1]]
    found = best(reactions, listeners, neighbours, epsilon, leave_out).best
    expected = frcorr(
        reactions.numpy(),
        listeners.numpy(),
        matrix(neighbours, 4),
        settings=FRCorrSettings(epsilon=epsilon, constant_listener="leave out" if leave_out else "zero"),
    )
    assert found.sum(1).mean().item() == pytest.approx(expected, rel=1e-13)


def test_real_reactions_reach_one_and_the_first_of_equals_is_nearest():
    listeners = series("uniform", 0, 4, 50, 25)
    listeners[2] = listeners[3]
    found = best(listeners[[3, 0]][:, None], listeners, [[3, 2], [1, 0]])
    assert (found.best == 1).all()
    assert found.nearest[:, 0].tolist() == [3, 0]


def test_clips_without_candidates_have_no_nearest_listener():
    listeners = series("constant", 0, 2, 9, 3)
    found = best(series("uniform", 1, 2, 2, 9, 3), listeners, [[0, 1], [-1, -1]])
    assert found.best.isnan().all()
    assert (found.nearest == -1).all()
    assert not found.zero_by_zero.any()


def test_many_neighbours_are_taken_in_parts(monkeypatch):
    reactions, listeners, neighbours = series("uniform", 0, 1, 2, 9, 3), series("uniform", 1, 7, 9, 3), [list(range(7))]
    whole = best(reactions, listeners, neighbours)
    monkeypatch.setattr("react_eval.kernels.gpu.concordance._PRODUCTS", 2 * 2 * 9 * 3)
    for one, other in zip(whole, best(reactions, listeners, neighbours), strict=True):
        assert (one == other).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 12), kinds, kinds, seeds)
def test_lag_correlations_equal_corrcoef_at_every_lag(frames, kind, other_kind, seed):
    reactions, speakers = series(kind, seed, 2, 2, frames, 3), series(other_kind, seed + 1, 2, frames, 3)
    longest = frames - 2
    found = lag_correlations(reactions, speakers, longest).numpy()
    for clip, number in np.ndindex(2, 2):
        expected = synchrony.correlations(
            reactions[clip, number].numpy(), speakers[clip].numpy(), range(-longest, longest + 1)
        )
        assert found[clip, number] == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("kind", KINDS)
def test_lag_correlations_are_those_of_the_cpu(kind):
    reactions, speakers = series(kind, 0, 1, 2, 120, 3), series("uniform", 1, 1, 120, 3)
    reactions[0, 0, :71, 1] = 0.7
    speakers[0, 60:, 2] = 0.1
    found = lag_correlations(reactions, speakers, 49).numpy()[0]
    for number in range(2):
        expected = lag_correlation.lag_correlations(reactions[0, number].numpy(), speakers[0].numpy(), 49)
        assert found[number] == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(2, 20), kinds, seeds)
def test_diversity_is_that_of_the_definition_and_of_the_cpu(count, frames, kind, seed):
    reactions = series(kind, seed, 2, count, frames, 3)
    for clip, each in enumerate(reactions.numpy()):
        between = spread_of_reactions(reactions)[clip].item()
        assert between == pytest.approx(diversity.frdiv([each]), rel=1e-9, abs=1e-300)
        assert between == pytest.approx(spread.spread_of_reactions(each) if count > 1 else 0, rel=1e-9, abs=1e-300)
        assert movement(reactions, 1)[clip].numpy() == pytest.approx(spread.movement(each, 1), rel=1e-9, abs=1e-300)
        assert movement(reactions, 0)[clip].numpy() == pytest.approx(spread.movement(each, 0), rel=1e-9, abs=1e-300)


def test_equal_reactions_and_motionless_ones_have_exactly_none():
    reactions = series("uniform", 0, 2, 1, 1, 3).expand(2, 7, 751, 3)
    assert (spread_of_reactions(reactions) == 0).all()
    assert (movement(reactions, 1) == 0).all()


def test_a_clip_gets_the_same_bits_in_any_batch():
    reactions, speakers = series("uniform", 0, 5, 3, 70, 4), series("uniform", 1, 5, 70, 4)
    listeners, neighbours = (
        series("uniform", 2, 6, 70, 4),
        [[0, 1, 2], [3, -1, -1], [4, 5, -1], [1, 4, -1], [5, -1, -1]],
    )
    together = (
        *best(reactions, listeners, neighbours),
        lag_correlations(reactions, speakers, 9),
        spread_of_reactions(reactions),
        movement(reactions, 1),
    )
    for clip in range(5):
        part = reactions[clip : clip + 1]
        alone = (
            *best(part, listeners, neighbours[clip : clip + 1]),
            lag_correlations(part, speakers[clip : clip + 1], 9),
            spread_of_reactions(part),
            movement(part, 1),
        )
        for one, all_of_them in zip(alone, together, strict=True):
            assert (one[0] == all_of_them[clip]).all()
