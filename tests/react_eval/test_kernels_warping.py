"""Warping distances against the full matrix of costs and a third party, and the bounds that a search relies on."""

import os
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import warping
from oracles.examples import KINDS, fewer_if_interpreted, series

from react_eval.kernels.dynamic_time_warping import boxes_of, columns_of, rows_of, warp, weighted_dtw
from react_eval.kernels.wavefront import LANES

# Around one and two strips of rows, and three with a rest.
LENGTHS = (1, LANES - 1, LANES, LANES + 1, 2 * LANES, 2 * LANES + 1, 3 * LANES + 1)
INTERPRETED = not hasattr(warp, "py_func")
EXACT = {"rel": 1e-12, "abs": 1e-300}

lengths = st.integers(1, 3 * LANES + 1)
short = st.integers(2, 30)
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 2**32 - 1)
tries = [settings(max_examples=fewer_if_interpreted(count), deadline=None) for count in (30, 60)]


@st.composite
def groupings(draw):
    """Neighbouring groups of channels with weights, some of them 0, that need not begin or end with the channels."""
    bounds = sorted(draw(st.sets(st.integers(0, 9), min_size=2, max_size=5)))
    return [(start, stop, draw(st.sampled_from([0.0, 1 / 15, 1.0, 7.5]))) for start, stop in pairwise(bounds)]


def columns(groups):
    starts, stops, weights = (np.array(column) for column in zip(*groups, strict=True))
    return starts, stops, weights * 1.0


def dtw_of(first, second, groups, limit=np.inf, dtype=np.float64):
    return weighted_dtw(first.astype(dtype), second.astype(dtype), *columns(groups), limit)


def box_distance(first, second, groups, length, dtype=np.float64):
    boxes, count = boxes_of(first.astype(dtype), length), -(-len(first) // length)
    return warp(boxes, columns_of(second.astype(dtype)), count, *columns(groups), np.inf)


@pytest.mark.parametrize("rows", LENGTHS)
@pytest.mark.parametrize("others", LENGTHS)
def test_it_equals_the_full_matrix_around_every_edge_of_a_strip(rows, others):
    first, second = series("uniform", rows, rows, 25), series("uniform", others + 100, others, 25)
    expected = warping.weighted_distance(first, second, warping.GROUPS_25)
    assert dtw_of(first, second, warping.GROUPS_25) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize("channels", [1, 58])
@pytest.mark.parametrize(("rows", "others"), [(1, 97), (33, 31), (64, 65), (97, 1)])
def test_it_equals_the_full_matrix_for_any_number_of_channels(channels, rows, others):
    first, second = series("uniform", 0, rows, channels), series("uniform", 1, others, channels)
    expected = warping.weighted_distance(first, second, warping.whole(channels))
    assert dtw_of(first, second, warping.whole(channels)) == pytest.approx(expected, **EXACT)


@tries[1]
@given(short, lengths, groupings(), kinds, kinds, seeds)
def test_it_equals_the_full_matrix_for_any_groups_and_values(rows, others, groups, kind, other_kind, seed):
    first, second = series(kind, seed, rows, 9), series(other_kind, seed + 1, others, 9)
    expected = warping.weighted_distance(first, second, groups)
    assert dtw_of(first, second, groups) == pytest.approx(expected, **EXACT)


@pytest.mark.skipif(INTERPRETED, reason="theirs is compiled too")
@pytest.mark.parametrize(("rows", "others", "channels"), [(2, 2, 1), (2, 60, 3), (60, 59, 25), (120, 200, 8)])
def test_it_equals_tslearn(rows, others, channels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tslearn.metrics import dtw
    first, second = series("uniform", 0, rows, channels), series("uniform", 1, others, channels)
    theirs = dtw(first.astype(np.float64), second.astype(np.float64))
    assert dtw_of(first, second, warping.whole(channels)) == pytest.approx(theirs, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frames", LENGTHS)
def test_equal_series_are_at_distance_0(kind, frames):
    values = series(kind, 0, frames, 25)
    assert dtw_of(values, values, warping.GROUPS_25) == 0
    if kind != "huge":  # its squares are beyond float32
        assert dtw_of(values, values, warping.GROUPS_25, dtype=np.float32) == 0


@pytest.mark.parametrize(("rows", "others"), [(1, 1), (33, 33), (5, 97), (97, 64)])
def test_constant_series_cost_one_frame_of_the_longer_each(rows, others):
    first, second = np.full((rows, 1), 0.25), np.full((others, 1), 1.0)
    assert dtw_of(first, second, warping.whole(1)) == pytest.approx(0.75 * np.sqrt(max(rows, others)), **EXACT)


@tries[0]
@given(lengths, lengths, kinds, kinds, seeds)
def test_exchanging_the_series_changes_no_bit_and_reversing_time_only_the_rounding(
    rows, others, kind, other_kind, seed
):
    first, second = series(kind, seed, rows, 25), series(other_kind, seed + 1, others, 25)
    distance = dtw_of(first, second, warping.GROUPS_25)
    assert dtw_of(second, first, warping.GROUPS_25) == distance
    assert dtw_of(first[::-1], second[::-1], warping.GROUPS_25) == pytest.approx(distance, **EXACT)


@tries[0]
@given(lengths, kinds, kinds, seeds)
def test_it_is_below_the_pointwise_distance(frames, kind, other_kind, seed):
    first, second = (series(each, seed + n, frames, 4).astype(np.float64) for n, each in enumerate((kind, other_kind)))
    pointwise = np.sqrt(((first - second) ** 2).sum())
    assert dtw_of(first, second, warping.whole(4)) <= pointwise * (1 + 1e-12)


@tries[1]
@given(lengths, lengths, st.sampled_from(["uniform", "tiny", "binary", "offset"]), seeds)
def test_float32_keeps_within_its_rounding(rows, others, kind, seed):
    first, second = series(kind, seed, rows, 25), series("uniform", seed + 1, others, 25)
    distance = dtw_of(first, second, warping.GROUPS_25)
    bound = (rows + others + 25 + 8) * 2.0**-24
    assert abs(dtw_of(first, second, warping.GROUPS_25, dtype=np.float32) - distance) <= bound * distance


@tries[1]
@given(lengths, lengths, seeds, st.floats(0.01, 2))
def test_a_limit_gives_the_distance_or_infinity_and_never_another_number(rows, others, seed, factor):
    first, second = series("uniform", seed, rows, 25), series("uniform", seed + 1, others, 25)
    distance = dtw_of(first, second, warping.GROUPS_25)
    expected = distance if distance < factor * distance else np.inf
    assert dtw_of(first, second, warping.GROUPS_25, factor * distance) == expected
    assert dtw_of(first, second, warping.GROUPS_25, distance) == np.inf
    assert dtw_of(first, second, warping.GROUPS_25, np.nextafter(distance, np.inf)) == distance


@tries[1]
@given(lengths, lengths, groupings(), kinds, kinds, st.sampled_from([1, 2, 8, 24, 200]), seeds)
def test_a_box_distance_is_never_above_the_distance(rows, others, groups, kind, other_kind, length, seed):
    first, second = series(kind, seed, rows, 9), series(other_kind, seed + 1, others, 9)
    distance = dtw_of(first, second, groups)
    assert box_distance(first, second, groups, length) <= distance * (1 + 1e-12)
    assert box_distance(first, second, groups, 1) == pytest.approx(distance, **EXACT)


def test_a_box_that_holds_everything_leaves_nothing_of_the_distance():
    first = series("uniform", 0, 80, 25)
    assert box_distance(first, first[::-1], warping.GROUPS_25, 80) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [0, 8])
@pytest.mark.parametrize(("rows", "others"), [(1, 1), (31, 70), (97, 64)])
def test_the_numpy_form_equals_the_compiled_one(rows, others, length, dtype):
    first, second = (series("uniform", n, frames, 25).astype(dtype) for n, frames in enumerate((rows, others)))
    ours, count = (boxes_of(first, length), -(-rows // length)) if length else (rows_of(first), rows)
    arguments = ours, columns_of(second), count, *columns(warping.GROUPS_25), np.inf
    in_numpy = getattr(warp, "py_func", warp)
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    assert warp(*arguments) == pytest.approx(in_numpy(*arguments), rel=tolerance, abs=1e-12)


@pytest.mark.skipif(INTERPRETED, reason="is the other side of this test")
@pytest.mark.parametrize("name", ["", "_warping", "_corridor", "_nearest", "_sums"])
def test_kernels_hold_what_they_promise_without_compilation_too(name):
    tests = Path(__file__).with_name(f"test_kernels{name}.py")
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    done = subprocess.run(arguments, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-5000:]
