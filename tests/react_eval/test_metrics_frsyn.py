"""FRSyn: the lag at which a reaction correlates best with the speaker."""

from pathlib import Path

import numpy as np
import pytest
from oracles import synchrony
from oracles.examples import example
from oracles.official import NAMES, golden

import react_data
from react_eval import find_protocol
from react_eval.errors import InputError, LengthError
from react_eval.metrics import FRSynSettings, frsyn
from react_eval.scoring import score_arrays

CORRECTED = find_protocol("corrected").use("FRSyn").settings
RECORDINGS = Path(__file__).parents[3] / "shared" / "real" / "motion_energy"


def measured(data, protocol="corrected"):
    result = score_arrays(
        data["predictions"], speaker=data["speaker"], protocol=protocol, metrics=["FRSyn"], context=False
    )
    return result.measurements["FRSyn"]


@pytest.mark.parametrize("channels", [1, 4, 25])
@pytest.mark.parametrize("seed", range(2))
def test_it_equals_corrcoef_at_every_lag(seed, channels):
    data = example(seed, channels=channels, frames=90, clips=2, reactions=2)
    pair = data["predictions"], data["speaker"]
    assert frsyn(*pair) == synchrony.frsyn(*pair)
    assert frsyn(*pair, settings=FRSynSettings(reactions="all")) == synchrony.frsyn(*pair, reactions=2)


@pytest.mark.parametrize("name", ["binary_aus", "ground_truth", "mean_sequence", "one_reaction"])
def test_corrected_equals_corrcoef_over_the_channels_that_vary(name):
    data = {key: values[:2] for key, values in golden(name).items()}
    found = measured(data).per_clip
    expected = np.array(
        [
            [synchrony.corrected_lag(reaction, speaker) for reaction in reactions]
            for reactions, speaker in zip(data["predictions"], data["speaker"], strict=True)
        ]
    )
    assert (found["FRSyn_lag"] == expected[..., 0]).all()
    assert found["FRSyn_peak"] == pytest.approx(expected[..., 1], abs=1e-9)


@pytest.mark.parametrize("protocol", ["react2024", "corrected"])
@pytest.mark.parametrize("value", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(1, 1, 60, 1), (3, 4, 751, 25)])
def test_motionless_reactions_score_49(shape, value, protocol):
    speaker = np.random.default_rng(0).random((shape[0], *shape[2:]), dtype=np.float32)
    found = measured({"predictions": np.full(shape, value, np.float32), "speaker": speaker}, protocol)
    assert found.value == 49
    if protocol == "corrected":
        assert (found.per_clip["FRSyn_peak"] == 0).all()
        assert not found.rankable


@pytest.mark.parametrize("side", ["predictions", "speaker"])
def test_one_channel_that_never_fires_scores_49_in_the_official_protocols_alone(side):
    data = example(frames=120)
    data["predictions"] = np.repeat(data["speaker"][:, None], 3, axis=1)
    assert measured(data, "react2024").value == 0
    data[side][..., 3] = 0
    official = measured(data, "react2024")
    assert official.value == 49
    assert official.details["share_undefined"] == 1
    assert measured(data).value == 0


def test_the_undefined_shares_are_told_apart_by_side():
    data = example(frames=120, clips=4)
    data["speaker"][0, :, 3] = 0
    data["predictions"][1, :, :, 5] = 0
    data["predictions"][2, :, :80, 5] = 0.5
    details = measured(data, "react2024").details
    assert details["share_undefined"] == 0.75
    assert details["share_speaker_constant"] == 0.25
    assert details["share_prediction_constant"] == 0.5
    assert details["floor"] == pytest.approx(49 * 0.25)


def test_only_the_first_reaction_counts_officially():
    data = example(frames=120)
    changed = data["predictions"].copy()
    changed[:, 1:] = 0
    assert frsyn(changed, data["speaker"]) == frsyn(data["predictions"], data["speaker"])
    assert frsyn(changed, data["speaker"], settings=CORRECTED) > frsyn(data["predictions"][:, :1], data["speaker"])


def test_a_speaker_that_never_varies_is_undefined_and_counted():
    data = example(frames=120)
    data["speaker"][1] = 0.5
    found = measured(data)
    assert found.details["clips_undefined"] == 1
    assert found.reason.startswith("1 clips have a speaker that never varies")
    assert np.isnan(found.per_clip["FRSyn"][1]).all()
    assert found.value == pytest.approx(np.nanmean(found.per_clip["FRSyn"]))


def test_a_tie_is_counted_and_the_first_lag_wins():
    beat = np.tile(np.array([0, 1, 0, 0], dtype=np.float32), 30)[None, :, None]
    found = measured({"predictions": beat[:, None], "speaker": beat}, "react2024")
    assert found.details["near_ties"] == 1
    assert abs(found.per_clip["FRSyn_lag"][0, 0]) % 4 == 0
    assert measured(example(frames=120), "react2024").details["near_ties"] == 0


@pytest.mark.parametrize("name", NAMES)
def test_coverage_below_one_half_cannot_be_ranked(name):
    found = measured(golden(name))
    assert found.rankable == (found.details["coverage"] >= 0.5)


@pytest.mark.parametrize(("frames", "speaker_frames"), [(50, 50), (60, 61)])
def test_lengths_that_do_not_do_name_the_clip(frames, speaker_frames):
    data = example(frames=61)
    message = f"clip '0' has {frames} predicted frames and {speaker_frames} frames of its speaker.*more than 50 frames"
    with pytest.raises(LengthError, match=message):
        frsyn(data["predictions"][:, :, :frames], data["speaker"][:, :speaker_frames])


@pytest.mark.parametrize("longest", [0, -3])
def test_the_longest_lag_is_at_least_one_frame(longest):
    with pytest.raises(InputError, match=rf"FRSyn\.longest_lag is {longest}, expected at least 1 frame"):
        find_protocol("react2024").override_text("FRSyn", "longest_lag", str(longest))


def test_lags_of_one_frame_are_scored():
    data = example()
    found = frsyn(data["predictions"], data["speaker"], settings=FRSynSettings(longest_lag=1))
    assert 0 <= found <= 1


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the real recordings in ../shared are not there")
def test_real_pairs_are_more_synchronous_than_pairs_of_strangers():
    recordings = react_data.read_motion_energy(RECORDINGS, clip_frames=750, log=True)
    speaker, listener = recordings["speaker_emotion"].values, recordings["listener_emotion"].values
    conversation = recordings["session"].values
    half = len(speaker) // 2
    # Both halves hold the same sessions with the roles exchanged; the shift is longer than any session.
    strangers = np.concatenate([np.roll(part, 137, axis=0) for part in (listener[:half], listener[half:])])
    others = np.concatenate([np.roll(part, 137) for part in (conversation[:half], conversation[half:])])
    assert (others != conversation).all()
    real = measured({"predictions": listener[:, None], "speaker": speaker})
    mixed = measured({"predictions": strangers[:, None], "speaker": speaker})
    assert len(set(conversation)) == 20
    assert real.details["mean_peak"] > 1.3 * mixed.details["mean_peak"]
    assert real.value < mixed.value - 5
