"""Real reactions of another length: aligners, and the metrics that use them, against plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import alignment as oracle

from react_data.channels import COEFFICIENTS_58, EMOTION_25
from react_eval import find_protocol, score_arrays
from react_eval.alignment import Aligner, aligned, aligners, find_aligner, register_aligner
from react_eval.errors import AlignmentError, InputError, LengthError, UnknownNameError
from react_eval.metrics import FRCorrSettings, FRDistSettings, MAESettings, frcorr, frdist, mae

LENGTHS = (70, 64, 90, 75)
NEIGHBOURS = np.array([[1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=bool)
ALIGN = {"linear": lambda reaction, frames: oracle.interpolated(reaction, frames, 15), "crop": oracle.cropped}


def faces(seed, lengths, reactions=None):
    """Ragged facial attributes with 0/1 action units, one of which never fires."""
    rng = np.random.default_rng(seed)
    found = []
    for length in lengths:
        values = rng.random((*(() if reactions is None else (reactions,)), length, 25), dtype=np.float32)
        values[..., :15] = values[..., :15] > 0.6
        values[..., 3] = 0
        found.append(values)
    return found


PREDICTIONS, LISTENERS = faces(0, LENGTHS, reactions=2), faces(1, LENGTHS)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(2, 60), frames=st.integers(2, 60), seed=st.integers(0, 99))
def test_linear_interpolates_and_steps_action_units(length, frames, seed):
    reaction = faces(seed, [length])[0]
    expected = reaction if length == frames else oracle.interpolated(reaction, frames, 15)
    found = aligned(reaction, frames, EMOTION_25, "linear")
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isin(found[:, :15], (0, 1)).all()


def test_linear_keeps_first_and_last_frames_and_sums():
    reaction = np.random.default_rng(0).random((50, 58), dtype=np.float32)
    found = aligned(reaction, 80, COEFFICIENTS_58, "linear")
    np.testing.assert_array_equal(found[[0, -1]], reaction[[0, -1]])
    shares = faces(3, [50])[0]
    shares[:, 17:] /= shares[:, 17:].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(aligned(shares, 33, EMOTION_25, "linear")[:, 17:].sum(axis=1), 1, atol=1e-6)


def test_crop_takes_the_frames_that_both_have():
    reaction = LISTENERS[0]
    assert aligned(reaction, 60, EMOTION_25, "crop").shape == (60, 25)
    assert aligned(reaction, 100, EMOTION_25, "crop").shape == (70, 25)


def test_equal_lengths_pass_untouched():
    for name in aligners():
        assert aligned(LISTENERS[0], 70, EMOTION_25, name) is LISTENERS[0]


def test_the_learnt_way_refuses_and_says_what_to_do():
    with pytest.raises(AlignmentError, match=r"has 70 frames, the prediction 60.*\+linear or \+crop"):
        aligned(LISTENERS[0], 60, EMOTION_25, "learnt")


@pytest.mark.parametrize("name", ["linear", "crop"])
@pytest.mark.parametrize("identical", ["computed", "one"])
def test_frcorr_aligns(name, identical):
    predictions = [each.copy() for each in PREDICTIONS]
    predictions[2][1] = LISTENERS[2]
    expected = oracle.frcorr(predictions, LISTENERS, NEIGHBOURS, ALIGN[name], identical == "one")
    options = FRCorrSettings(alignment=name, identical=identical)
    assert frcorr(predictions, LISTENERS, NEIGHBOURS, settings=options) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["linear", "crop"])
def test_frdist_aligns(name):
    expected = oracle.frdist(PREDICTIONS, LISTENERS, NEIGHBOURS, ALIGN[name])
    found = frdist(PREDICTIONS, LISTENERS, NEIGHBOURS, settings=FRDistSettings(alignment=name))
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["linear", "crop"])
def test_frdist_by_frame_divides_by_what_is_compared(name):
    def root_mean_square(reaction, other):
        return oracle.weighted_distance(reaction[: len(other)], other, oracle.GROUPS_25) / np.sqrt(len(other))

    expected = np.mean(
        [
            min(root_mean_square(r, ALIGN[name](LISTENERS[n], len(r))) for n in np.flatnonzero(NEIGHBOURS[clip]))
            for clip, reactions in enumerate(PREDICTIONS)
            for r in reactions
        ]
    )
    options = FRDistSettings(alignment=name, per_frame=True, combine="mean")
    assert frdist(PREDICTIONS, LISTENERS, NEIGHBOURS, settings=options) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["linear", "crop"])
def test_mae_aligns_the_own_listener(name):
    listeners = faces(5, (80, 64, 70, 75))
    expected = oracle.mae(PREDICTIONS, listeners, ALIGN[name])
    assert mae(PREDICTIONS, listeners, settings=MAESettings(alignment=name)) == pytest.approx(expected, rel=1e-9)


def test_mae_compares_chosen_channels():
    predictions = [each.copy() for each in PREDICTIONS]
    for each, real in zip(predictions, LISTENERS, strict=True):
        each[..., 15:] = real[:, 15:] + 0.25
    assert mae(predictions, LISTENERS) == pytest.approx(0.25, rel=1e-6)
    assert mae(predictions, LISTENERS, settings=MAESettings(channels="all")) > 0.25


def test_mae_without_an_aligner_wants_equal_lengths():
    with pytest.raises(LengthError, match="clip '0' has 70 predicted frames, its listener 80"):
        mae(PREDICTIONS, faces(5, (80, 64, 70, 75)))


def test_mae_needs_a_listener_for_each_clip():
    with pytest.raises(LengthError, match="one listener for each clip"):
        mae(PREDICTIONS, LISTENERS[:3])


def test_plain_react2025_refuses_unequal_lengths_and_takes_an_aligner():
    register_aligner(Aligner("repeat last frame", "for this test", _padded))
    options = {"listener": LISTENERS, "speaker": LISTENERS, "neighbours": NEIGHBOURS, "context": False}
    with pytest.raises(AlignmentError, match="weights are not public"):
        score_arrays(PREDICTIONS, protocol="react2025", **options)
    protocol = find_protocol("react2025").aligned_by("repeat last frame")
    found = score_arrays(PREDICTIONS, protocol=protocol, **options)
    assert found["FRCorr"] == pytest.approx(oracle.frcorr(PREDICTIONS, LISTENERS, NEIGHBOURS, _padded))
    assert "react2025@1+FRCorr.alignment=repeat last frame" in found.signature
    assert "|alignment:repeat last frame|" in found.signature


def _padded(reaction, frames, _schema=None):
    return np.concatenate([reaction, np.repeat(reaction[-1:], frames, axis=0)])[:frames]


def test_protocols_share_a_pass_whatever_they_align_by():
    options = {"listener": LISTENERS, "speaker": LISTENERS, "neighbours": NEIGHBOURS, "context": False}
    both = score_arrays(PREDICTIONS, protocol=["react2025+linear", "react2025+crop"], **options)
    for name in ("linear", "crop"):
        expected = oracle.frcorr(PREDICTIONS, LISTENERS, NEIGHBOURS, ALIGN[name])
        assert both[f"react2025+{name}/FRCorr"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "made", [np.zeros((61, 25)), np.zeros((1, 25)), np.zeros((60, 24)), np.full((60, 25), np.nan)], ids=str
)
def test_what_an_aligner_makes_is_checked(made):
    name = f"bad {made.shape} {made.sum()}"
    register_aligner(Aligner(name, "for this test", lambda *_given: made.astype(np.float32)))
    with pytest.raises(AlignmentError, match="expected 2 to 60 frames of 25 finite channels"):
        aligned(LISTENERS[0], 60, EMOTION_25, name)


def test_names_of_aligners_are_checked():
    with pytest.raises(UnknownNameError, match="linear"):
        find_aligner("linaer")
    with pytest.raises(InputError, match="there is an aligner 'linear' already"):
        register_aligner(Aligner("linear", "another", oracle.cropped))
    with pytest.raises(InputError, match="aligns nothing"):
        find_protocol("react2024").aligned_by("linear")
