"""The search for the nearest series finds what measuring all finds, to the last bit, and the first of equals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import warping
from oracles.examples import fewer_if_interpreted, series, smooth

from react_eval.kernels.dynamic_time_warping import weighted_dtw
from react_eval.kernels.nearest_series import nearest_series

STARTS, STOPS, WEIGHTS = (np.array(column) for column in zip(*warping.GROUPS_25, strict=True))
# Long enough for several strips of rows where that does not take minutes.
COUNT, FRAMES, MOST = (9, 130, 200) if hasattr(weighted_dtw, "py_func") else (5, 50, 60)
SHORTEST = FRAMES - 30


def measured(reactions, others, weights=WEIGHTS, per_frame=False):
    """(α, K): every distance."""
    scales = [np.sqrt((reactions.shape[1] + len(other)) / 2) if per_frame else 1.0 for other in others]
    return np.array(
        [
            [
                weighted_dtw(mine.astype(float), theirs.astype(float), STARTS, STOPS, weights, np.inf) / scale
                for theirs, scale in zip(others, scales, strict=True)
            ]
            for mine in reactions
        ]
    )


def search(reactions, others, weights=WEIGHTS, per_frame=False):
    return nearest_series(reactions, others, STARTS, STOPS, weights, per_frame)


def is_found(reactions, others, **options):
    """Whether the search finds the least of all distances and its first place."""
    every, (distances, numbers) = measured(reactions, others, **options), search(reactions, others, **options)
    return (distances == every.min(axis=1)).all() and (numbers == every.argmin(axis=1)).all()


def candidates(seed=0, lengths=(FRAMES,) * COUNT):
    generator = np.random.default_rng(seed)
    return [smooth(generator, length, 25) for length in lengths]


def blended(seed, others):
    return np.stack([(0.6 * other[:SHORTEST] + 0.4 * noise(seed, 1)[0]).astype(np.float32) for other in others[:3]])


def near_mean(seed, others):
    mean = np.mean([other[:SHORTEST] for other in others], axis=0)
    return (mean + 1e-3 * noise(seed, 3)).astype(np.float32)


def noise(seed, count=3, frames=SHORTEST):
    return series("uniform", seed, count, frames, 25)


PREDICTIONS = {
    "blended": blended,
    "near-mean": near_mean,
    "noise": lambda seed, _others: noise(seed),
    "motionless": lambda _seed, _others: np.full((2, SHORTEST, 25), 0.5, np.float32),
    "far away": lambda seed, _others: noise(seed) + np.float32(1000),
    "one of them": lambda _seed, others: np.stack([others[-1][:SHORTEST], others[0][:SHORTEST]]),
}
LENGTHS = {"of one length": (FRAMES,) * COUNT, "ragged": range(SHORTEST, SHORTEST + 13 * COUNT, 13)}


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize("name", PREDICTIONS)
def test_it_finds_the_least_distance_and_the_first_that_has_it(name, per_frame, lengths):
    others = candidates(lengths=LENGTHS[lengths])
    reactions = PREDICTIONS[name](1, others)
    assert is_found(reactions, others, per_frame=per_frame)


@settings(max_examples=fewer_if_interpreted(60), deadline=None)
@given(
    st.sampled_from(list(PREDICTIONS)),
    st.lists(st.integers(SHORTEST, MOST), min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from([1.0, 1e-3, 1e-12, 1e-17, 1e-18, 1e-19, 1e-22, 1e-30, 1e12, 1e15, 1e18]),
    st.integers(0, 10**6),
)
def test_it_does_so_for_any_series_lengths_and_magnitudes(name, lengths, per_frame, magnitude, seed):
    others = [each * np.float32(magnitude) for each in candidates(seed, lengths)]
    reactions = PREDICTIONS[name](seed, candidates(seed, lengths)) * np.float32(magnitude)
    assert is_found(reactions, others, per_frame=per_frame)


@settings(max_examples=fewer_if_interpreted(40), deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=9), st.integers(0, 10**6))
def test_of_equal_candidates_the_first_counts(choice, seed):
    three = candidates(seed)[:3]
    others = [three[number] for number in choice]
    reactions = np.concatenate([noise(seed), blended(seed, three)])
    assert is_found(reactions, others)


def test_the_first_of_two_at_distance_0_counts():
    others = candidates()
    others[3] = others[1]
    distances, numbers = search(others[1][None], others)
    assert (distances[0], numbers[0]) == (0, 1)


def test_candidates_nearer_to_each_other_than_float32_can_tell_are_told_apart():
    reaction = np.zeros((1, 40, 25), np.float32)
    generator = np.random.default_rng(0)
    others = [np.full((40, 25), 1, np.float32) for _ in range(COUNT)]
    for other in others:
        other[generator.integers(40), generator.integers(25)] += np.float32(2.0**-23) * generator.integers(-3, 4)
    assert is_found(reaction, others)


def test_the_first_of_equals_counts_even_if_it_is_looked_at_last():
    reaction, beside, between = np.zeros((3, 64, 25), np.float32)
    reaction[::2, 0] = beside[::2, 0] = 2
    beside[:, 1] = 1  # no frame of the reaction comes nearer than 1
    between[:, 0] = 1  # nor here, but this is within the range of any two frames
    distances, numbers = search(reaction[None], [beside, between])
    assert (measured(reaction[None], [beside, between]) == 8 / 15).all()
    assert (distances[0], numbers[0]) == (8 / 15, 0)


def test_squares_that_float32_rounds_to_the_same_are_told_apart():
    least = np.finfo(np.float32).smallest_subnormal
    sizes = np.sqrt(np.array([7.9, 7.7, 7.55, 7.8]) * float(least))
    others = [np.full((FRAMES, 25), size, np.float32) for size in sizes]
    _, numbers = search(np.zeros((1, FRAMES, 25), np.float32), others)
    assert numbers == [2]


@pytest.mark.parametrize("magnitude", [1e20, 3e38])
def test_squares_beyond_float32_cost_nothing_but_time(magnitude):
    others = [each * np.float32(magnitude) for each in candidates()]
    assert is_found(noise(0) * np.float32(magnitude), others)
    assert np.isfinite(search(noise(0) * np.float32(magnitude), others)[0]).all()


def test_one_huge_candidate_hides_no_other():
    others = candidates()
    others[0] = others[0] * np.float32(1e30)
    assert is_found(noise(0), others)


@pytest.mark.parametrize("weights", [(0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (1e-20, 1e-20, 1e-20), (1e6, 0.0, 1e-6)])
def test_weights_may_be_of_any_size(weights):
    assert is_found(noise(0), candidates(), weights=np.array(weights))


def test_one_candidate_is_the_nearest():
    distances, numbers = search(noise(0), candidates()[:1])
    assert (numbers == 0).all()
    assert (distances == measured(noise(0), candidates()[:1])[:, 0]).all()


def test_the_values_are_those_of_the_full_matrix():
    reactions, others = noise(0), candidates()[:4]
    expected = warping.distances([reactions], others, np.ones((1, 4), bool), warping.GROUPS_25)[0]
    assert search(reactions, others)[0] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=fewer_if_interpreted(30), deadline=None)
@given(st.permutations(range(COUNT)), st.integers(1, COUNT), st.sampled_from(list(PREDICTIONS)))
def test_neither_the_order_of_candidates_nor_worse_ones_change_a_bit(order, kept, name):
    others = candidates()
    reactions = PREDICTIONS[name](3, others)
    distances, numbers = search(reactions, others)
    shuffled, places = search(reactions, [others[number] for number in order])
    assert (shuffled == distances).all()
    assert ([order[place] for place in places] == numbers).all()
    fewer = [others[number] for number in range(COUNT) if number < kept or number in numbers]
    assert (search(reactions, fewer)[0] == distances).all()
