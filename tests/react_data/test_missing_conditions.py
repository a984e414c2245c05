"""Named conditions: what arrives of a clip, that seed and clip alone decide it, and that names are read strictly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from react_data.missing_conditions import COMPLETE, FAMILIES, ConditionError, find_conditions
from react_data.training_windows import TrainingDataError

CLIP = "RECOLA/group-2/P41/3"
ALL = [condition.name for condition in find_conditions("all, both:bursts:0.5:10, both:whole, face:late:3")]
FRAMES = st.integers(1, 200)


def condition(name):
    return find_conditions(name, complete=False)[0]


def arrivals(name, frames=100, clip=CLIP, seed=0):
    return condition(name).arrivals(frames, 25, clip, seed)


@given(st.sampled_from(ALL), FRAMES, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_what_arrives_was_sent_before(name, frames, seed):
    for modality, arrival in arrivals(name, frames, seed=seed).items():
        assert (arrival.shown.shape, arrival.present.dtype) == ((frames,), bool)
        assert (arrival.shown >= 0).all()
        assert (arrival.shown <= np.arange(frames)).all()
        if modality not in condition(name).modalities:
            np.testing.assert_array_equal(arrival.shown, np.arange(frames))
            assert arrival.present.all()


@given(st.sampled_from(ALL), FRAMES, st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_what_arrives_follows_from_seed_and_clip(name, frames, seed):
    once, again = (arrivals(name, frames, seed=seed) for _ in range(2))
    for modality in once:
        np.testing.assert_array_equal(once[modality].shown, again[modality].shown)
        np.testing.assert_array_equal(once[modality].present, again[modality].present)


@pytest.mark.parametrize("other", [{"clip": "RECOLA/group-2/P41/4"}, {"seed": 1}])
def test_another_clip_or_seed_loses_other_frames(other):
    here, there = (arrivals("face:segments:0.5", **how)["face"].present for how in ({}, other))
    assert not np.array_equal(here, there)


@given(st.sampled_from(ALL), FRAMES)
@settings(max_examples=60, deadline=None)
def test_values_are_those_of_the_frame_that_is_shown_or_0(name, frames):
    series = np.arange(1, frames + 1, dtype=np.float32)[:, None] * np.ones(3, dtype=np.float32)
    for arrival in arrivals(name, frames).values():
        received = arrival.of(series)
        assert received.dtype == np.float32
        np.testing.assert_array_equal(received[:, 0], np.where(arrival.present, arrival.shown + 1, 0))


@given(st.sampled_from(ALL), FRAMES, st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_sound_arrives_with_its_frames(name, frames, samples):
    sound = np.repeat(np.arange(1, frames + 1, dtype=np.float32), samples)
    for arrival in arrivals(name, frames).values():
        expected = np.repeat(np.where(arrival.present, arrival.shown + 1, 0), samples)
        np.testing.assert_array_equal(arrival.of(sound), expected)


def test_sound_whose_frames_are_no_whole_samples_keeps_its_length():
    sound = np.arange(1, 101, dtype=np.float32)
    late = arrivals("speech:late:2", 30)["speech"].of(sound)
    assert len(late) == 100
    assert late[:6].tolist() == [0, 0, 0, 0, 0, 0]
    np.testing.assert_array_equal(np.flatnonzero(late)[0], 6)
    assert late[-1] == pytest.approx(94, abs=1)


def test_late_speech_is_shifted_and_its_beginning_is_missing():
    arrival = arrivals("speech:late:3", 6)["speech"]
    assert arrival.of(np.arange(1.0, 7)).tolist() == [0, 0, 0, 1, 2, 3]
    assert arrival.present.tolist() == [False] * 3 + [True] * 3


def test_a_frozen_face_repeats_the_last_frame_and_nobody_is_told():
    arrival = arrivals("face:frozen:0.5", 40)["face"]
    assert arrival.present.all()
    still = np.flatnonzero(np.diff(arrival.shown) == 0)
    assert len(still) == pytest.approx(20, abs=1)
    np.testing.assert_array_equal(arrival.shown[still[-1] + 2 :], np.arange(still[-1] + 2, 40))
    assert set(arrivals("face:frozen:1", 9)["face"].shown) == {0}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_shares_are_lost(share):
    segment = arrivals(f"face:segments:{share}", 1000)["face"].present
    bursts = [arrivals(f"speech:bursts:{share}", 5000, seed=seed)["speech"].present.mean() for seed in range(4)]
    assert 1 - segment.mean() == pytest.approx(share)
    assert 1 - np.mean(bursts) == pytest.approx(share, abs=0.08)


def test_both_modalities_are_lost_at_times_of_their_own():
    found = arrivals("both:bursts:0.5:10", 1000)
    together = (~found["face"].present & ~found["speech"].present).mean()
    assert together == pytest.approx(0.25, abs=0.1)
    assert not any(arrival.present.any() for arrival in arrivals("both:whole").values())


@given(FRAMES, st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_held_values_are_the_last_that_were_there(frames, seed):
    arrival = arrivals("face:bursts:0.5:5", frames, seed=seed)["face"]
    series, last = np.arange(1, frames + 1), 0
    expected = [last := int(value) if there else last for value, there in zip(series, arrival.present, strict=True)]
    assert arrival.held().of(series).tolist() == expected


def test_families_and_names_mix_and_repeat_once():
    found = find_conditions("face:whole, standard,late")
    assert [each.name for each in found] == [COMPLETE, "face:whole", "speech:whole", *FAMILIES["late"]]
    assert [each.name for each in find_conditions(["face:bursts:0.50"])] == [COMPLETE, "face:bursts:0.5"]
    assert [each.title for each in find_conditions("standard")] == ["complete", "w/o facial", "w/o speech"]


@pytest.mark.parametrize(
    ("name", "whole"),
    [("face:whole", True), ("face:segments:1", True), ("face:segments:0.9", False), ("face:frozen:1", False),
     ("speech:late:1", False), (COMPLETE, False)],
)  # fmt: skip
def test_a_modality_is_lost_altogether_or_in_part(name, whole):
    assert condition(name).whole is whole


def test_kinds_that_are_not_known_have_to_be_named():
    assert [condition("face:whole").affects(kind) for kind in ("emotion", "video", "mfcc78", "eeg")] == [
        *(True, True, False, False)
    ]
    named = find_conditions("face:whole", modality_of={"gaze": "face"}, complete=False)[0]
    assert named.affects("gaze")
    with pytest.raises(TrainingDataError, match="'gaze' is of the face or of speech"):
        condition("face:whole").affects("gaze")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("burst", "no condition 'burst'. Did you mean 'bursts'"),
        ("face", "no condition 'face'"),
        ("face:whole:1", "has no amount. Use face:whole"),
        ("face:segments", "expected a share above 0 and up to 1"),
        ("face:segments:0", "expected a share above 0"),
        ("face:bursts:1", "share is 1, expected 0 to below 1"),
        ("face:bursts:x", "'x' is no amount"),
        ("face:bursts:0.5:10:1", "expected a share"),
        ("face:segments:nan", "expected a share"),
        ("speech:late:2.5", "expected the whole frames of delay"),
        ("speech:late:inf", "expected the whole frames of delay"),
        ("speech:frozen:0.5", "only a face can be frozen"),
        (" , ", "no condition is named"),
    ],
)
def test_names_that_mean_nothing_say_why(name, reason):
    with pytest.raises(ConditionError, match=reason):
        find_conditions(name, complete=False)
