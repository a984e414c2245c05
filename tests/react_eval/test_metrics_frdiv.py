"""FRDiv: how different the reactions to one clip are."""

import numpy as np
import pytest
from oracles import diversity
from oracles.examples import example

from react_eval.metrics import frdiv
from react_eval.scoring import score_arrays


@pytest.mark.parametrize("reactions", [1, 2, 7])
@pytest.mark.parametrize("channels", [1, 25])
def test_it_equals_the_mean_over_explicit_pairs(reactions, channels):
    predictions = example(reactions=reactions, channels=channels)["predictions"]
    assert frdiv(predictions) == pytest.approx(diversity.frdiv(predictions), rel=1e-12)


def test_lengths_may_differ():
    predictions = [clip[:, : 60 - 7 * number] for number, clip in enumerate(example()["predictions"])]
    assert frdiv(predictions) == pytest.approx(diversity.frdiv(predictions), rel=1e-12)


@pytest.mark.parametrize("offset", [0.1, 1000.1])
@pytest.mark.parametrize("reactions", [1, 3, 10])
def test_equal_reactions_differ_by_exactly_0(reactions, offset):
    listener = example()["listener"] + np.float32(offset)
    assert frdiv(np.repeat(listener[:, None], reactions, axis=1)) == 0


def test_a_large_mean_costs_no_digits():
    small = np.float32(2.0**-10) * np.round(1024 * example()["predictions"])
    assert frdiv(small + np.float32(4096)) == pytest.approx(frdiv(small), rel=1e-12)


@pytest.mark.parametrize("shape", [(20, 2, 200, 25), (4, 10, 200, 25), (2, 10, 750, 58)])
def test_uniform_noise_has_a_sixth(shape):
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert frdiv(noise) == pytest.approx(1 / 6, rel=0.02)


def test_per_clip_values_are_there():
    predictions = example()["predictions"]
    per_clip = score_arrays(predictions).per_clip["FRDiv"]
    assert per_clip.dims == ("clip",)
    assert per_clip.values == pytest.approx([diversity.frdiv(predictions[n : n + 1]) for n in range(4)])
