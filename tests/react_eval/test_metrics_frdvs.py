"""FRDvs: how different the reactions to different speakers are."""

import numpy as np
import pytest
from oracles import diversity
from oracles.examples import example

from react_eval.metrics import frdvs
from react_eval.scoring import score_arrays


@pytest.mark.parametrize(("clips", "reactions", "channels"), [(2, 1, 1), (4, 3, 25), (30, 2, 3)])
def test_it_equals_the_mean_over_explicit_pairs(clips, reactions, channels):
    predictions = example(clips=clips, reactions=reactions, channels=channels)["predictions"]
    assert frdvs(predictions) == pytest.approx(diversity.frdvs(predictions), rel=1e-12)


@pytest.mark.parametrize("clips", [2, 5, 40])
def test_a_speaker_that_is_ignored_gives_exactly_0(clips):
    one = example(clips=1)["predictions"]
    assert frdvs(np.repeat(one, clips, axis=0)) == 0


def test_small_differences_beside_a_large_mean_keep_their_digits_for_many_clips():
    generator = np.random.default_rng(0)
    predictions = (1 + 1e-4 * generator.normal(size=(40, 1, 20, 3))).astype(np.float32)
    assert frdvs(predictions) == pytest.approx(diversity.frdvs(predictions), rel=1e-12)


@pytest.mark.parametrize("shape", [(60, 1, 100, 25), (12, 10, 200, 25), (8, 10, 750, 25)])
def test_uniform_noise_has_a_sixth(shape):
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert frdvs(noise) == pytest.approx(1 / 6, rel=0.02)


def test_exchanging_reactions_within_one_clip_changes_it():
    predictions = example(reactions=2)["predictions"]
    exchanged = predictions.copy()
    exchanged[0] = exchanged[0, ::-1]
    assert frdvs(exchanged) != pytest.approx(frdvs(predictions), rel=1e-6)


@pytest.mark.parametrize(
    ("predictions", "reason"),
    [
        (example(clips=1)["predictions"], "FRDvs needs at least two clips"),
        (
            [np.zeros((2, 60, 1), np.float32), np.zeros((2, 61, 1), np.float32)],
            "FRDvs is not defined for clips of unequal length",
        ),
    ],
    ids=["one clip", "unequal lengths"],
)
def test_what_is_undefined_is_nan_with_a_reason(predictions, reason):
    result = score_arrays(predictions)
    assert np.isnan(result["FRDvs"])
    assert result.measurements["FRDvs"].reason == reason
    assert reason in str(result)
    assert result.to_dict()["scores"]["values"]["FRDvs"] is None
    assert result.to_dict()["scores"]["reasons"] == {"FRDvs": reason}
