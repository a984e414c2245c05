"""Sums over clips: no order, batching or merging changes a bit, and no digit of a difference is lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import exact
from oracles.examples import fewer_if_interpreted

from react_eval.kernels.exact_sums import add_clips, empty_sums, merge_sums, spread_between

CLIPS, ELEMENTS = 24, 5
seeds = st.integers(0, 2**32 - 1)
tries = settings(max_examples=fewer_if_interpreted(100), deadline=None)


def values(seed, span, clips=CLIPS, elements=ELEMENTS):
    """Values of both signs whose magnitudes span `span` decades on either side of 1."""
    generator = np.random.default_rng(seed)
    signs = generator.choice([-1, 1], size=(clips, elements))
    return (signs * 10 ** generator.uniform(-span, span, size=(clips, elements))).astype(np.float32)


def sums_of(clips):
    sums = empty_sums(clips.shape[1])
    add_clips(sums, clips)
    return sums


def spread_of(clips):
    return spread_between(sums_of(clips), len(clips))


def merged(parts):
    """Neighbouring parts are merged in pairs until one is left."""
    found = [sums_of(part) for part in parts]
    while len(found) > 1:
        for one, other in zip(found[::2], found[1::2], strict=False):
            merge_sums(one, other)
        found = found[::2]
    return found[0]


def one_after_the_other(parts):
    sums = empty_sums(parts[0].shape[1])
    for part in parts:
        add_clips(sums, part)
    return sums


@st.composite
def partitions(draw):
    """Places of all clips in any order, in parts of any size."""
    order = draw(st.permutations(range(CLIPS)))
    cuts = sorted(draw(st.sets(st.integers(1, CLIPS - 1))))
    return [order[begin:end] for begin, end in zip([0, *cuts], [*cuts, CLIPS], strict=True)]


@tries
@given(partitions(), seeds, st.sampled_from([0, 1, 2]))
def test_no_order_batching_or_merging_changes_a_bit_of_the_sums(parts, seed, span):
    clips = values(seed, span)
    expected = sums_of(clips)
    assert (one_after_the_other([clips[part] for part in parts]) == expected).all()
    assert (merged([clips[part] for part in parts]) == expected).all()


@tries
@given(partitions(), seeds)
def test_nor_of_the_score_where_values_span_twelve_decades(parts, seed):
    clips = values(seed, 6)
    expected = spread_of(clips)
    assert spread_between(one_after_the_other([clips[part] for part in parts]), CLIPS) == expected
    assert spread_between(merged([clips[part] for part in parts]), CLIPS) == expected


@tries
@given(seeds, st.integers(2, 12), st.sampled_from([0, 2, 6]))
def test_one_element_equals_fractions_to_the_last_bits(seed, count, span):
    clips = values(seed, span, count, 1)
    # The difference is rounded twice, and so is its division by two counts.
    assert spread_of(clips) == pytest.approx(float(exact.spread_between(clips)), rel=4 * 2.0**-53, abs=0)


@tries
@given(seeds, st.integers(1, 1100))
def test_several_elements_equal_fractions(seed, elements):
    clips = values(seed, 2, 3, elements)
    assert spread_of(clips) == pytest.approx(float(exact.spread_between(clips)), rel=(elements + 4) * 2.0**-53, abs=0)


@tries
@given(seeds, st.integers(2, 200), st.sampled_from([0, 6, 15]))
def test_equal_clips_differ_by_exactly_0(seed, count, span):
    clips = np.repeat(values(seed, span, 1), count, axis=0)
    assert spread_of(clips) == 0
    assert spread_between(merged([clips[:1], clips[1:]]), count) == 0


@pytest.mark.parametrize("offset", [1e3, 1e6, 1e9])
def test_an_offset_costs_no_digits(offset):
    clips = (values(0, 0) + np.float32(offset)).astype(np.float32)
    expected = float(exact.spread_between(clips))
    assert expected > 0 or offset == 1e9
    assert spread_of(clips) == pytest.approx(expected, rel=1e-15, abs=0)


def test_many_clips_that_differ_in_one_last_bit_differ():
    clips = np.full((1000, 1), 1e6, np.float32)
    clips[17] = np.nextafter(np.float32(1e6), np.float32(np.inf))
    expected = 2 * 0.0625**2 / 1000
    assert spread_of(clips) == pytest.approx(expected, rel=1e-14)


def test_no_clips_are_added_and_merged_without_effect():
    clips = values(0, 1)
    expected, sums = sums_of(clips), sums_of(clips)
    add_clips(sums, clips[:0])
    merge_sums(sums, empty_sums(ELEMENTS))
    assert (sums == expected).all()
