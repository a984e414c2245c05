"""Passes over one pair of series: what each leaves ahead of the next is true, and what they leave out is on no path."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.examples import fewer_if_interpreted, series, smooth

from react_eval.kernels.corridor import BOX, backwards, cost_of_boxes, cost_within, rows_backwards
from react_eval.kernels.dynamic_time_warping import boxes_of, columns_of, rows_of, warp
from react_eval.kernels.wavefront import LANES

# Around boxes and strips of frames.
LENGTHS = (1, BOX - 1, BOX, BOX + 1, LANES - 1, LANES, LANES + 1, 3 * LANES + BOX, 200)
LONG = LENGTHS if hasattr(warp, "py_func") else LENGTHS[:-2]

lengths = st.integers(1, 60) | st.integers(1, 250)
groups_of = st.sampled_from([(0, 15), (15, 17), (17, 25), (0, 25), (3, 4)])
seeds = st.integers(0, 2**32 - 1)
tries = settings(max_examples=fewer_if_interpreted(150), deadline=None)


class Pair:
    """Two series as the search sees them, and the least cost of one group in both precisions."""

    def __init__(self, first, second, group=(0, 25)):
        self.first, self.second, self.group = first, second, tuple(np.array([end]) for end in group)
        self.frames, self.columns = len(first), columns_of(second)
        self.shape = -(-len(first) // LANES), len(second)
        self.error = (len(first) + len(second) + first.shape[1] + 8) * 2.0**-24
        self.single, self.double = (self.cost(kind) for kind in (np.float32, np.float64))

    def cost(self, kind):
        rows, columns = rows_of(self.first.astype(kind)), columns_of(self.second.astype(kind))
        return warp(rows, columns, self.frames, *self.group, np.ones(1), np.inf) ** 2

    def boxes(self):
        """A lower bound, and what is ahead of the pass backwards."""
        ahead = np.full(self.shape, np.nan, np.float32)
        return cost_of_boxes(boxes_of(self.first, BOX), self.columns, self.frames, *self.group, ahead), ahead

    def backwards(self, ahead, limit):
        """The cost in float32, and what is ahead of the pass forwards."""
        left, turned = np.full(self.shape, np.nan, np.float32), backwards(self.columns, *self.group)
        held = (self.frames - 1) % LANES + 1
        rows = rows_backwards(self.first)
        return cost_within(rows, turned, held, self.frames, ahead, *self.group, limit, left), left

    def forwards(self, ahead, limit):
        """The cost in float64."""
        rows, columns = rows_of(self.first.astype(float)), columns_of(self.second.astype(float))
        held = min(LANES, self.frames)
        return cost_within(rows, columns, held, self.frames, ahead, *self.group, limit, ahead[:0])

    def nothing(self):
        return np.zeros(self.shape, np.float32)

    def above(self, factor=1.0):
        """A limit that the cost is not above, also if rounded in other places."""
        return np.inf if factor == np.inf else factor * self.double * (1 + 4 * self.error) + 1e-35


def costs_by_frame(first, second):
    """(T, M) in float64: least costs of paths from the first frames to each cell."""
    local = ((first[:, None].astype(float) - second[None].astype(float)) ** 2).sum(axis=-1)
    reached = np.full((len(first) + 1, len(second) + 1), np.inf)
    reached[0, 0] = 0
    for i, j in np.ndindex(local.shape):
        reached[i + 1, j + 1] = local[i, j] + min(reached[i, j], reached[i, j + 1], reached[i + 1, j])
    return reached[1:, 1:]


@st.composite
def pairs(draw):
    """Series that share some of their wandering, so that corridors are narrow for large shares."""
    rows, others, blend = draw(lengths), draw(lengths), draw(st.sampled_from([0.0, 0.5, 0.9, 0.99]))
    generator = np.random.default_rng(draw(seeds))
    longest = max(rows, others)
    common, *own = (smooth(generator, longest + 1, 25) for _ in range(3))
    first, second = ((blend * common + (1 - blend) * each).astype(np.float32) for each in own)
    delay = draw(st.integers(0, longest - others))
    return Pair(first[:rows], second[delay : delay + others], draw(groups_of))


@tries
@given(pairs())
def test_boxes_never_cost_more(pair):
    assert pair.boxes()[0] <= pair.double * (1 + pair.error)


@tries
@given(pairs(), st.sampled_from([1.0, 1.001, 1.1, 2.0, 100.0, np.inf]))
def test_a_cost_within_the_limit_is_found_and_to_the_last_bit_in_float64(pair, factor):
    ahead = pair.nothing() if factor == np.inf else pair.boxes()[1]
    cost, left = pair.backwards(ahead, pair.above(factor))
    assert cost == pytest.approx(pair.double, rel=pair.error, abs=1e-36)
    found = pair.forwards(left, pair.above(factor))
    assert np.sqrt(found) ** 2 == pair.double


@tries
@given(pairs(), st.sampled_from([0.0, 0.1, 0.5, 0.9, 0.99, 0.999]))
def test_a_cost_above_the_limit_is_seen_to_be(pair, factor):
    limit = factor * pair.double * (1 - 4 * pair.error)
    if pair.double > 0:
        assert pair.backwards(pair.boxes()[1], limit)[0] > limit
        assert pair.forwards(pair.backwards(pair.nothing(), np.inf)[1], limit) > limit


@pytest.mark.parametrize("frames", LONG)
@pytest.mark.parametrize("others", LONG)
def test_it_holds_around_every_edge_of_boxes_and_strips(frames, others):
    pair = Pair(series("uniform", 0, frames, 25), series("uniform", 1, others, 25))
    bound, ahead = pair.boxes()
    assert bound <= pair.double * (1 + pair.error)
    cost, left = pair.backwards(ahead, pair.above())
    assert cost == pytest.approx(pair.double, rel=pair.error)
    assert np.sqrt(pair.forwards(left, pair.above())) ** 2 == pair.double
    for factor in (0.0, 0.3, 0.5, 0.7, 0.9, 0.99):
        assert pair.backwards(ahead, factor * pair.double)[0] > factor * pair.double
        assert pair.forwards(left, factor * pair.double) > factor * pair.double


@pytest.mark.parametrize("frames", LONG)
@pytest.mark.parametrize("others", [1, LANES - 1, LANES + 1, 70])
def test_what_is_ahead_of_a_pass_is_what_the_other_direction_paid(frames, others):
    first, second = series("uniform", 0, frames, 25), series("uniform", 1, others, 25)
    pair = Pair(first, second)
    before, after = costs_by_frame(first, second), costs_by_frame(first[::-1], second[::-1])[::-1, ::-1]
    ends = np.minimum(np.arange(LANES, frames + LANES, LANES), frames) - 1  # last frames of strips
    ahead, left = pair.boxes()[1], pair.backwards(pair.nothing(), np.inf)[1]
    assert (ahead <= before[ends[::-1], ::-1] * (1 + pair.error)).all()
    assert left == pytest.approx(after[::LANES], rel=pair.error)


@pytest.mark.parametrize("frames", LONG)
def test_equal_series_cost_0_within_a_limit_of_0(frames):
    values = series("uniform", 0, frames, 25)
    pair = Pair(values, values)
    cost, left = pair.backwards(pair.boxes()[1], 0.0)
    assert (cost, pair.forwards(left, 0.0)) == (0, 0)


@pytest.mark.parametrize("frames", LONG)
def test_strips_backwards_hold_the_frames_of_strips_forwards(frames):
    values = series("uniform", 0, frames, 3)
    rows, turned = rows_of(values), rows_backwards(values)[::-1]
    held = (frames - 1) % LANES + 1
    assert (turned[:-1] == rows[:-1, :, ::-1]).all()
    assert (turned[-1, :, :held] == rows[-1, :, held - 1 :: -1][:, :held]).all()


def test_boxes_over_equal_frames_lose_nothing():
    first, second = (np.repeat(series("uniform", n, 10, 25), BOX, axis=0) for n in range(2))
    of_boxes = Pair(first[::BOX], second).double
    assert Pair(first, second).boxes()[0] == pytest.approx(of_boxes, rel=1e-5)
