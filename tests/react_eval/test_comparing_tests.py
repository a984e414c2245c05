"""Sign flips and Holm's correction: against plain references, and whether they keep their level."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import pairing

from react_eval.paired_tests import holm, is_exact, sign_flip_p_value, smallest_p_value

RUNS = 2000
WITHIN_CHANCE = 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS)

probabilities = st.lists(st.floats(1e-6, 1), min_size=1, max_size=12)
differences = st.lists(st.integers(-20, 20), min_size=1, max_size=12)


def sums_of(values, sessions):
    return np.array(
        [sum(v for v, s in zip(values, sessions, strict=True) if s == name) for name in sorted(set(sessions))]
    )


@settings(max_examples=50, deadline=None)
@given(differences, st.integers(0, 10**6))
def test_few_groups_are_enumerated(values, seed):
    sessions = np.random.default_rng(seed).integers(0, 5, size=len(values)).tolist()
    found = sign_flip_p_value(sums_of(values, sessions).astype(float), 10_000, seed=0)
    assert found == pytest.approx(pairing.p_value(values, sessions))


def test_random_patterns_come_near_the_exact_share_and_count_the_observed_one():
    sums = np.random.default_rng(0).normal(0.4, 1, size=12)
    exact, drawn = sign_flip_p_value(sums, 2**11, seed=0), sign_flip_p_value(sums, 2**11 - 1, seed=0)
    assert is_exact(12, 2**11)
    assert not is_exact(12, 2**11 - 1)
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2**11))
    assert sign_flip_p_value(np.full(60, 1.0), 999, seed=0) == 1 / 1000


def test_the_smallest_p_value_is_reached_and_none_is_smaller():
    for groups in (1, 2, 5, 8):
        assert sign_flip_p_value(np.arange(1.0, groups + 1), 10_000, seed=0) == smallest_p_value(groups, 10_000)
    assert [smallest_p_value(groups, 10_000) for groups in (1, 2, 5)] == [1.0, 0.5, 1 / 16]
    assert smallest_p_value(40, 10_000) == 1 / 10_001


def test_no_difference_has_p_1():
    assert sign_flip_p_value(np.zeros(6), 10_000, seed=0) == 1.0
    assert sign_flip_p_value(np.zeros(50), 100, seed=0) == 1.0


@given(probabilities)
def test_holm_equals_the_plain_correction(p_values):
    assert holm(np.array(p_values)).tolist() == pytest.approx(pairing.holm(p_values))


@given(probabilities)
def test_holm_keeps_the_order_and_raises_every_value_to_at_most_1(p_values):
    adjusted = holm(np.array(p_values))
    assert (np.diff(adjusted[np.argsort(p_values, kind="stable")]) >= 0).all()
    assert ((adjusted >= p_values) & (adjusted <= 1)).all()


def share_found(groups, within, shift=0.0, runs=RUNS):
    """How often p <= .05, where clips of a session share part of their difference."""
    found = 0
    for seed in range(runs):
        generator = np.random.default_rng(seed)
        sessions = np.repeat(np.arange(groups), generator.integers(5, 41, size=groups))
        common = np.sqrt(within) * generator.normal(size=groups)[sessions]
        by_clip = shift + common + np.sqrt(1 - within) * generator.normal(size=len(sessions))
        found += sign_flip_p_value(np.bincount(sessions, by_clip), 999, seed) <= 0.05
    return found / runs


@pytest.mark.slow
@pytest.mark.parametrize("within", [0.1, 0.5])
@pytest.mark.parametrize("groups", [6, 10, 40])
def test_the_test_keeps_its_level_with_dependent_clips(groups, within):
    assert share_found(groups, within) <= WITHIN_CHANCE


@pytest.mark.slow
def test_the_test_finds_what_is_there():
    assert share_found(40, 0.1, shift=0.3, runs=500) > 0.95
    assert share_found(10, 0.1, shift=0.3, runs=500) > 0.5


@pytest.mark.slow
def test_a_test_that_ignores_conversations_would_find_too_much():
    generator = np.random.default_rng(0)
    found = 0
    for seed in range(500):
        sessions = np.repeat(np.arange(40), 20)
        by_clip = generator.normal(size=40)[sessions] + generator.normal(size=800)
        found += sign_flip_p_value(by_clip, 999, seed) <= 0.05
    assert found / 500 > 0.3
