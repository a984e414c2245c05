"""Warping within a corridor: what it leaves out cannot be on a path within the limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import warping
from oracles.examples import fewer_if_interpreted, series, smooth

from react_eval.kernels.corridor import BOX, boxes_backwards, costs_to_go, least_total, warp_within
from react_eval.kernels.dynamic_time_warping import columns_of, rows_of, weighted_dtw
from react_eval.kernels.wavefront import LANES

SEVERAL = ((0, 15, 1 / 15), (15, 17, 1.0), (17, 25, 1 / 8))
ONE = warping.whole(25)
WEIGHTLESS = ((0, 15, 0.0), (15, 17, 1e-6), (20, 25, 1e6))
# Around boxes and strips of frames.
LENGTHS = (1, BOX - 1, BOX, BOX + 1, LANES - 1, LANES, LANES + 1, 3 * LANES + BOX, 200)

lengths = st.integers(1, 60) | st.integers(1, 250)
groups_of = st.sampled_from([SEVERAL, ONE, WEIGHTLESS])
seeds = st.integers(0, 2**32 - 1)
tries = settings(max_examples=fewer_if_interpreted(150), deadline=None)


class Pair:
    """Two series as the search sees them, and their distance in float32."""

    def __init__(self, first, second, groups):
        self.starts, self.stops, self.weights = (np.array(column) for column in zip(*groups, strict=True))
        self.frames, self.count = len(first), -(-len(first) // BOX)
        self.rows, self.columns = rows_of(first), columns_of(second)
        self.to_go = costs_to_go(boxes_backwards(first), self.columns, self.count, self.starts, self.stops)
        self.distance = weighted_dtw(first, second, self.starts, self.stops, self.weights, np.inf)
        self.error = (len(first) + len(second) + first.shape[1] + 8) * 2.0**-24

    def least(self):
        return least_total(self.to_go, self.count, self.weights)

    def within(self, limit):
        bounds = self.starts, self.stops, self.weights
        return warp_within(self.rows, self.columns, self.frames, self.to_go, *bounds, limit)


def related(rows, others, seed, blend):
    """Two series of which a share of each is the same wandering, so that corridors are narrow for large shares."""
    generator = np.random.default_rng(seed)
    common, one, other = (smooth(generator, max(rows, others) + 1, 25) for _ in range(3))
    return ((blend * common + (1 - blend) * each).astype(np.float32) for each in (one, other))


@st.composite
def pairs(draw):
    rows, others, seed = draw(lengths), draw(lengths), draw(seeds)
    first, second = related(rows, others, seed, draw(st.sampled_from([0.0, 0.5, 0.9, 0.99])))
    delay = draw(st.integers(0, max(0, max(rows, others) - others)))
    return Pair(first[:rows], second[delay : delay + others], draw(groups_of))


@tries
@given(pairs())
def test_what_is_still_to_pay_is_never_above_the_distance(pair):
    assert pair.least() <= pair.distance * (1 + pair.error)


@tries
@given(pairs(), st.sampled_from([1.0, 1.001, 1.1, 2.0, 100.0]))
def test_a_distance_within_the_limit_is_found_to_the_last_bit(pair, factor):
    assert pair.within(factor * pair.distance * (1 + pair.error) + 1e-18) == pair.distance


@tries
@given(pairs(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 0.9999]))
def test_a_distance_above_the_limit_is_infinite(pair, factor):
    limit = factor * pair.distance * (1 - pair.error)
    assert pair.distance == 0 or pair.within(limit) == np.inf


@pytest.mark.parametrize("rows", LENGTHS)
@pytest.mark.parametrize("others", LENGTHS)
def test_it_holds_around_every_edge_of_boxes_and_strips(rows, others):
    pair = Pair(series("uniform", 0, rows, 25), series("uniform", 1, others, 25), SEVERAL)
    assert pair.least() <= pair.distance * (1 + pair.error)
    assert pair.within(pair.distance * (1 + pair.error)) == pair.distance
    assert {pair.within(factor * pair.distance) for factor in (0.0, 0.3, 0.5, 0.7, 0.9, 0.99)} == {np.inf}


@pytest.mark.parametrize("frames", LENGTHS)
def test_equal_series_are_at_distance_0_within_a_limit_of_0(frames):
    values = series("uniform", 0, frames, 25)
    assert Pair(values, values, SEVERAL).within(0.0) == 0


def test_boxes_of_one_frame_each_way_bound_tightly():
    """Boxes over runs of equal frames hold one value, so nothing is lost of the distance."""
    first, second = (np.repeat(series("uniform", n, 10, 25), BOX, axis=0) for n in range(2))
    pair = Pair(first, second, SEVERAL)
    of_boxes = weighted_dtw(first[::BOX], second, pair.starts, pair.stops, pair.weights, np.inf)
    assert pair.least() == pytest.approx(of_boxes, rel=1e-5)
