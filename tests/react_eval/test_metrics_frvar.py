"""FRVar: how much reactions move over time."""

import numpy as np
import pytest
from oracles import diversity
from oracles.examples import example

from react_eval import find_protocol
from react_eval.errors import InputError
from react_eval.metrics import FRVarSettings, frvar
from react_eval.scoring import score_arrays


@pytest.mark.parametrize("shape", [(1, 1, 2, 1), (4, 3, 60, 25), (2, 2, 33, 58)])
def test_it_equals_the_mean_over_explicit_series(shape):
    predictions = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert frvar(predictions) == pytest.approx(diversity.frvar(predictions), rel=1e-12)


def test_lengths_may_differ():
    predictions = [clip[:, : 60 - 7 * number] for number, clip in enumerate(example()["predictions"])]
    expected = np.mean([diversity.frvar([clip]) for clip in predictions])
    assert frvar(predictions) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_motionless_reactions_have_exactly_0(value):
    assert frvar(np.full((3, 2, 751, 25), value, dtype=np.float32)) == 0


@pytest.mark.parametrize("shape", [(20, 2, 200, 25), (4, 10, 200, 25), (2, 10, 750, 58)])
def test_uniform_noise_has_a_twelfth(shape):
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    assert frvar(noise) == pytest.approx(1 / 12, rel=0.02)


def test_degrees_of_freedom_are_a_setting():
    predictions = example()["predictions"]
    assert frvar(predictions, settings=FRVarSettings(ddof=0)) == pytest.approx(frvar(predictions) * 59 / 60)
    overridden = find_protocol("react2024").override("FRVar", ddof=0)
    result = score_arrays(predictions, protocol=overridden)
    assert result["FRVar"] == frvar(predictions, settings=FRVarSettings(ddof=0))
    assert result.signature.startswith("react2024@1+FRVar.ddof=0|")


@pytest.mark.parametrize("ddof", [60, 61])
def test_degrees_of_freedom_leave_some_frames(ddof):
    with pytest.raises(InputError, match=rf"clip '0' has 60 frames, expected more than FRVar\.ddof = {ddof}"):
        frvar(example()["predictions"], settings=FRVarSettings(ddof=ddof))


def test_degrees_of_freedom_are_not_negative():
    with pytest.raises(InputError, match=r"FRVar\.ddof is -1, expected at least 0"):
        find_protocol("react2024").override_text("FRVar", "ddof", "-1")


def test_per_clip_values_are_by_reaction():
    per_clip = score_arrays(example()["predictions"]).per_clip["FRVar"]
    assert per_clip.dims == ("clip", "reaction")
    assert float(per_clip.mean()) == pytest.approx(frvar(example()["predictions"]), rel=1e-12)
