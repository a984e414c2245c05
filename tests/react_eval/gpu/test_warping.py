"""The search for the nearest listener by warping distance, its kernel run lane by lane on a CPU."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lockstep import LockstepKernel
from oracles import warping

from react_eval.kernels.gpu.warping import nearest_series
from react_eval.kernels.gpu.warping_kernel import Layout
from react_eval.kernels.nearest_series import nearest_series as nearest_series_on_cpu

SINGLE_CHANNELS = tuple((channel, channel + 1, 1.0) for channel in range(64))
UNEVEN = ((1, 2, 0.5), (2, 7, 0.0), (7, 8, 2.0))


def noise(seed, *shape):
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def distance(first, second, groups, number, order=range(32)):
    """The kernel's distance of one reaction to one listener of odd width."""
    starts, stops, weights = zip(*groups, strict=True)
    kernel = LockstepKernel(Layout(starts, stops, second.shape[1], number))
    kernel.order = order
    scratch, distances = np.empty((1, len(groups), len(second)), number), np.empty(1)
    zero = np.zeros(1, np.int64)
    compared = (first[None, None], second.reshape(1, -1), np.array([len(second)]), zero, zero)
    kernel[1, (32, 1)](*compared, zero, np.array(weights), scratch, distances)
    return distances[0]


def search(reactions, listeners, pairs, groups, **options):
    """`nearest_series` for numpy arrays; listeners may be of unequal length and are filled up with NaN."""
    longest = max(map(len, listeners))
    padded = np.full((len(listeners), longest, listeners[0].shape[1]), np.nan, np.float32)
    for number, each in enumerate(listeners):
        padded[number, : len(each)] = each
    clip, listener = (torch.tensor(column, dtype=torch.int32) for column in zip(*pairs, strict=True))
    lengths = torch.tensor([len(each) for each in listeners])
    found = nearest_series(
        torch.tensor(reactions), torch.tensor(padded), lengths, clip, listener, *zip(*groups, strict=True), **options
    )
    return [each.numpy() for each in found]


def search_on_cpu(reactions, listeners, pairs, groups, per_frame=False):
    starts, stops, weights = (np.array(column) for column in zip(*groups, strict=True))
    distances, nearest = [], []
    for clip, each in enumerate(reactions):
        numbers = np.array([listener for number, listener in pairs if number == clip])
        others = [listeners[number] for number in numbers]
        found = nearest_series_on_cpu(each, others, starts, stops, weights * 1.0, per_frame)
        distances.append(found[0])
        nearest.append(numbers[found[1]])
    return np.array(distances), np.array(nearest)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 70), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_the_kernel_equals_the_full_matrix(rows, columns, channels, seed):
    first, second, groups = noise(seed, rows, channels), noise(seed + 1, columns, channels), warping.whole(channels)
    expected = warping.weighted_distance(first, second, groups)
    assert distance(first, second, groups, "float64") == pytest.approx(expected, rel=1e-13)
    bound = (rows + columns + channels + 8) * 2.0**-23
    assert distance(first, second, groups, "float32") == pytest.approx(expected, rel=bound)


@pytest.mark.parametrize("order", [range(32), range(31, -1, -1), np.random.default_rng(0).permutation(32)])
@pytest.mark.parametrize(("rows", "columns"), [(96, 32), (97, 33), (3, 1), (1, 3), (200, 64), (95, 65)])
def test_no_order_of_the_lanes_matters_at_the_ends_of_strips_and_tiles(rows, columns, order):
    first, second = noise(0, rows, 25), noise(1, columns, 25)
    groups = ((0, 2, 1.0), (2, 25, 0.5))
    expected = warping.weighted_distance(first, second, groups)
    assert distance(first, second, groups, "float32", order) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("number", ["float32", "float64"])
@pytest.mark.parametrize(
    ("groups", "channels"), [(SINGLE_CHANNELS, 65), (UNEVEN, 9), (warping.whole(58), 59), (warping.GROUPS_25, 25)]
)
def test_any_groups_warp_on_their_own(groups, channels, number):
    first, second = noise(0, 35, channels), noise(1, 9, channels)
    expected = warping.weighted_distance(first, second, groups)
    assert distance(first, second, groups, number) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("per_frame", [False, True])
@pytest.mark.parametrize(
    ("groups", "channels", "frames"),
    [(warping.GROUPS_25, 25, 97), (warping.whole(58), 58, 34), (UNEVEN, 8, 20), (warping.whole(1), 1, 130)],
)
def test_the_nearest_listener_is_that_of_the_cpu(kernels_on_cpu, groups, channels, frames, per_frame):
    reactions = noise(0, 2, 2, frames, channels)
    listeners = [noise(number, length, channels) for number, length in enumerate((40, 33, 5, 7), start=1)]
    pairs = [(0, 0), (0, 1), (1, 3), (0, 2), (1, 1)]
    distances, nearest = search(reactions, listeners, pairs, groups, per_frame=per_frame)
    expected, expected_nearest = search_on_cpu(reactions, listeners, pairs, groups, per_frame)
    assert distances == pytest.approx(expected, rel=1e-12)
    assert (nearest == expected_nearest).all()


def test_the_first_of_equals_is_nearest_and_an_equal_series_is_at_zero(kernels_on_cpu):
    listeners = [noise(number, 20, 25) for number in (1, 2, 2, 3)]
    reactions = np.stack([listeners[1], noise(0, 20, 25)])[None]
    pairs = [(0, 3), (0, 2), (0, 1)]
    distances, nearest = search(reactions, listeners, pairs, warping.GROUPS_25)
    assert distances[0, 0] == 0
    assert nearest[0, 0] == 2


def test_listeners_that_float32_cannot_tell_apart_are_told_apart(kernels_on_cpu):
    listeners = [noise(1, 20, 25) + 1e-7 * noise(number, 20, 25) for number in range(2, 10)]
    reactions, pairs = noise(0, 1, 6, 20, 25), [(0, number) for number in range(8)]
    distances, nearest = search(reactions, listeners, pairs, warping.GROUPS_25)
    expected, expected_nearest = search_on_cpu(reactions, listeners, pairs, warping.GROUPS_25)
    assert (nearest == expected_nearest).all()
    assert distances == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("scale", [1e20, 1e15, 1e-18, 1e-21, 1e-22, 2e-23, 1e-30, 1e-41])
def test_huge_and_tiny_values_are_compared_in_float64(kernels_on_cpu, scale):
    listeners = [(scale * noise(number, 6, 25)).astype(np.float32) for number in range(1, 9)]
    reactions, pairs = (scale * noise(0, 1, 4, 6, 25)).astype(np.float32), [(0, number) for number in range(8)]
    distances, nearest = search(reactions, listeners, pairs, warping.GROUPS_25)
    expected, expected_nearest = search_on_cpu(reactions, listeners, pairs, warping.GROUPS_25)
    assert distances == pytest.approx(expected, rel=1e-12, abs=0)
    assert (nearest == expected_nearest).all()


def test_a_clip_without_listeners_has_none(kernels_on_cpu):
    distances, nearest = search(noise(0, 2, 1, 5, 1), [noise(1, 4, 1)], [(1, 0)], warping.whole(1))
    assert distances[0, 0] == np.inf
    assert nearest[:, 0].tolist() == [-1, 0]


def test_a_clip_gets_the_same_bits_in_any_batch(kernels_on_cpu):
    reactions, listeners = noise(0, 3, 2, 15, 25), [noise(number, 18, 25) for number in (1, 2, 3)]
    pairs = [(clip, listener) for clip in range(3) for listener in range(3)]
    together = search(reactions, listeners, pairs, warping.GROUPS_25)
    for clip in range(3):
        alone = search(reactions[clip : clip + 1], listeners, [(0, 0), (0, 1), (0, 2)], warping.GROUPS_25)
        for one, all_of_them in zip(alone, together, strict=True):
            assert (one[0] == all_of_them[clip]).all()
