"""What must hold for any data: symmetries, known effects, and independence of threads and of the company kept."""

import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.examples import example, smooth
from oracles.official import golden

from react_eval import find_protocol, protocols
from react_eval.scoring import score_arrays

ON_ARRAYS = ("react2024", "reactface", "corrected")
DIVERSITY = ("FRDiv", "FRVar", "FRDvs")

seeds = st.integers(0, 10**6)
few = settings(max_examples=12, deadline=None)


def scores(data, protocol=ON_ARRAYS, metrics=None):
    return dict(score_arrays(**data, protocol=protocol, metrics=metrics, context=False))


def near(values):
    """Equal up to the order of float64 additions; the sums of FRDvs run over all clips."""
    return {
        key: pytest.approx(value, rel=1e-9 if key.endswith("FRDvs") else 1e-12, abs=1e-14)
        for key, value in values.items()
    }


@few
@given(seeds, st.permutations(range(4)))
def test_the_order_of_clips_does_not_matter(seed, order):
    data = example(seed, constant=(2,))
    permuted = {key: values[order] for key, values in data.items()}
    permuted["neighbours"] = data["neighbours"][np.ix_(order, order)]
    assert scores(permuted) == near(scores(data))


@few
@given(seeds, st.permutations(range(3)))
def test_the_order_of_reactions_does_not_matter_if_it_is_the_same_for_all_clips(seed, order):
    data = example(seed)
    every_reaction = find_protocol("react2024").override("FRSyn", reactions="all")
    permuted = {**data, "predictions": data["predictions"][:, order]}
    for protocol in (every_reaction, "corrected"):
        assert scores(permuted, protocol) == near(scores(data, protocol))


@few
@given(seeds, st.sampled_from([0.125, 0.5, 2.0, 64.0, -1.0, -4.0]))
def test_scaling_squares_the_diversity_and_scales_the_distance(seed, scale):
    data = example(seed)
    scaled = {**data, **{name: np.float32(scale) * data[name] for name in ("predictions", "listener", "speaker")}}
    before, after = scores(data, "corrected"), scores(scaled, "corrected")
    assert {key: after[key] for key in DIVERSITY} == {
        key: pytest.approx(scale**2 * before[key], rel=1e-12) for key in DIVERSITY
    }
    assert after["FRDist"] == pytest.approx(abs(scale) * before["FRDist"], rel=1e-12)
    assert after["FRCorr"] == pytest.approx(before["FRCorr"], rel=1e-12)
    assert after["FRSyn"] == before["FRSyn"]


@few
@given(seeds, st.floats(-2, 2))
def test_adding_a_constant_keeps_the_diversity(seed, offset):
    data = example(seed)["predictions"]
    before, after = score_arrays(data), score_arrays(data + np.float32(offset))
    assert dict(after) == {key: pytest.approx(value, rel=1e-4) for key, value in before.items()}


@few
@given(seeds)
def test_reversing_time_keeps_everything_but_the_lag(seed):
    data = example(seed)
    names = ("predictions", "listener", "speaker")
    reversed_ = {**data, **{name: np.ascontiguousarray(np.flip(data[name], axis=-2)) for name in names}}
    keys = ["FRCorr", "FRDist", *DIVERSITY]
    assert scores(reversed_, metrics=keys) == near(scores(data, metrics=keys))


@few
@given(seeds, st.integers(0, 3))
def test_a_prediction_that_is_a_neighbour_is_at_distance_0(seed, neighbour):
    data = example(seed)
    data["neighbours"][:, neighbour] = True
    data["predictions"][:, 1] = data["listener"][neighbour]
    result = score_arrays(**data, protocol="corrected", metrics=["FRDist", "FRCorr"], context=False)
    assert (result.measurements["FRDist"].per_clip["FRDist"][:, 1] == 0).all()
    assert (result.measurements["FRDist"].per_clip["FRDist_neighbour"][:, 1] == neighbour).all()
    assert (result.measurements["FRCorr"].per_clip["FRCorr"][:, 1] == 1).all()


@few
@given(seeds, st.integers(0, 3), st.integers(0, 3))
def test_another_neighbour_never_hurts(seed, clip, neighbour):
    data = example(seed)
    fewer, more = data["neighbours"].copy(), data["neighbours"].copy()
    fewer[clip, neighbour], more[clip, neighbour] = clip == neighbour, True
    metrics = ["FRCorr", "FRDist"]
    before = scores({**data, "neighbours": fewer}, metrics=metrics)
    after = scores({**data, "neighbours": more}, metrics=metrics)
    for protocol in ON_ARRAYS:
        assert after[f"{protocol}/FRDist"] <= before[f"{protocol}/FRDist"]
        assert after[f"{protocol}/FRCorr"] >= before[f"{protocol}/FRCorr"]


@few
@given(seeds, st.integers(-49, 49), st.integers(1, 5))
def test_a_known_lag_is_recovered(seed, lag, channels):
    noise = np.random.default_rng(seed).normal(size=(2, 250, channels)).astype(np.float32)
    speaker, follower = noise[:, 50:200], noise[:, 50 - lag : 200 - lag]
    found = score_arrays(follower[:, None], speaker=speaker, protocol=["react2024", "corrected"], context=False)
    for protocol in ("react2024", "corrected"):
        measured = found.protocol(protocol).measurements["FRSyn"]
        assert (measured.per_clip["FRSyn_lag"] == lag).all()
        assert measured.value == abs(lag)


@few
@given(seeds)
def test_values_stay_in_their_ranges(seed):
    data = example(seed, constant=(0,))
    data["predictions"] = smooth(np.random.default_rng(seed), *data["predictions"].shape)
    found = scores(data)
    assert -3 <= found["react2024/FRCorr"] <= 3
    assert -1 <= found["corrected/FRCorr"] <= 1
    assert all(0 <= found[f"{protocol}/FRSyn"] <= 49 for protocol in ON_ARRAYS)
    assert all(value >= 0 for key, value in found.items() if not key.endswith("FRCorr"))


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_the_number_of_threads_changes_no_bit(monkeypatch, threads):
    def text(count):
        monkeypatch.setattr(os, "cpu_count", lambda: count)
        results = score_arrays(**golden("asymmetric"), protocol=ON_ARRAYS).to_dict()
        return json.dumps([result["scores"] for result in results.values()])

    assert text(threads) == text(1)


@pytest.mark.parametrize("name", ["blend", "partly_undefined"])
def test_protocols_together_equal_each_alone_to_the_bit(name):
    names = [protocol for protocol in protocols() if not protocol.startswith("perfrdiff")]
    together = score_arrays(**golden(name), protocol=names, context=False)
    for protocol in names:
        alone = score_arrays(**golden(name), protocol=protocol, context=False)
        assert dict(together.protocol(protocol)) == dict(alone)
        assert together.protocol(protocol).intervals == alone.intervals


def test_inputs_are_not_written_to():
    data = example()
    for values in data.values():
        values.flags.writeable = False
    assert scores(data) == scores({key: values.copy() for key, values in data.items()})


def test_memory_order_changes_no_bit():
    data = example()
    fortran = {key: np.asfortranarray(values) for key, values in data.items()}
    assert scores(fortran) == scores(data)
