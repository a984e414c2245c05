"""The causality check finds by how many frames a generator looks ahead, whoever made it."""

import numpy as np
import pytest
from toy_model import ToyConfig, ToyModel

import reference_models
from react_eval.baselines import Mime, UniformNoise

check = reference_models.check_causality


def test_a_causal_model_is_causal(val):
    report = check(ToyModel(ToyConfig()), val)
    assert report.causal
    assert report.listens
    assert "causal in 9 searches" in str(report)


def test_a_window_is_measured(val):
    report = check(ToyModel(ToyConfig(window=8, context="window")), val)
    assert report.looks_ahead == 7
    assert "looks 7 frames ahead" in str(report)


def test_offline_sees_the_whole_clip(val):
    assert check(ToyModel(ToyConfig()), val, online=False, clips=1).looks_ahead == 59


def test_baselines_are_checked_too(val):
    assert check(Mime(), val, clips=1).causal
    noise = check(UniformNoise(), val, clips=1)
    assert noise.causal
    assert not noise.listens
    assert "at all" in str(noise)


@pytest.mark.parametrize("lag", [1, 5])
def test_a_generator_that_shifts_is_measured_exactly(lag):
    class Early:
        def generate(self, batch, reactions=10, seed=0, online=False):
            speaker = np.asarray(batch["speaker_emotion"])
            return {"emotion": np.repeat(np.roll(speaker, -lag, axis=1)[:, None], reactions, axis=1)}

    speaker = np.random.default_rng(0).random((2, 100, 25), dtype=np.float32)
    report = check(Early(), {"clip": ["a", "b"], "speaker_emotion": speaker})
    # np.roll also brings the clip's beginning to its end, which is no future.
    assert report.looks_ahead == lag
    assert report.to_dict()["causal"] is False


def test_a_clip_of_one_frame_cannot_be_checked():
    with pytest.raises(reference_models.generator.ModelInputError, match="at least 2"):
        check(Mime(), {"clip": ["a"], "speaker_emotion": np.zeros((1, 1, 25), "f4")})
