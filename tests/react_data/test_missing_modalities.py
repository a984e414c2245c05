"""Masks of lost modalities: how much is lost, where, and that it is drawn by the seed alone."""

import numpy as np
import pytest

from react_data.missing_modalities import (
    Beginning,
    Bursts,
    LowerRate,
    MissingModalities,
    Segment,
    WholeClip,
)
from react_data.training_windows import TrainingDataError

FRAMES = 750
LOSSES = [WholeClip(0.5), Segment(0.3), Beginning(40), LowerRate(5), Bursts(0.4, 10)]


def drawn(loss, seed=0, frames=FRAMES):
    return loss.present(frames, 25, np.random.default_rng(seed))


def runs(mask):
    """Lengths of the stretches in which a mask is False."""
    borders = np.flatnonzero(np.diff(np.concatenate([[True], mask, [True]]).astype(int)))
    return np.diff(borders)[::2]


@pytest.mark.parametrize("loss", LOSSES)
def test_masks_are_drawn_by_the_seed_alone(loss):
    mask = drawn(loss)
    assert (mask.shape, mask.dtype) == ((FRAMES,), bool)
    np.testing.assert_array_equal(mask, drawn(loss))


def test_whole_clips_are_lost_as_often_as_asked():
    shares = [drawn(WholeClip(0.3), seed, frames=3).mean() for seed in range(400)]
    assert set(shares) == {0.0, 1.0}
    assert 1 - np.mean(shares) == pytest.approx(0.3, abs=0.06)
    assert drawn(WholeClip(0)).all()


@pytest.mark.parametrize("share", [0, 0.004, 0.5, 1])
def test_a_segment_is_one_stretch_of_its_length(share):
    assert runs(drawn(Segment(share))).tolist() == ([round(share * FRAMES)] if share else [])


def test_segments_lie_anywhere():
    starts = [int(drawn(Segment(0.5), seed, frames=10).argmin()) for seed in range(100)]
    assert set(starts) == set(range(6))


@pytest.mark.parametrize(("rate", "kept"), [(25, FRAMES), (50, FRAMES), (5, 150), (1, 30), (10, 300), (0.01, 1)])
def test_a_lower_rate_keeps_its_frames_a_second(rate, kept):
    mask = drawn(LowerRate(rate))
    assert mask[0]
    assert mask.sum() == kept


@pytest.mark.parametrize(("share", "mean_frames"), [(0.25, 25), (0.5, 5), (0.75, 3), (0.5, 1)])
def test_bursts_have_the_share_and_the_length_that_were_asked_for(share, mean_frames):
    mask = drawn(Bursts(share, mean_frames), frames=200_000)
    assert 1 - mask.mean() == pytest.approx(share, rel=0.05)
    assert runs(mask).mean() == pytest.approx(mean_frames, rel=0.05)


def test_bursts_are_as_likely_at_the_first_frame_as_later():
    first = [drawn(Bursts(0.3, 50), seed, frames=1)[0] for seed in range(600)]
    assert 1 - np.mean(first) == pytest.approx(0.3, abs=0.06)
    assert drawn(Bursts(0.0)).all()


def test_one_modality_is_left_at_every_frame():
    both = MissingModalities(face=Bursts(0.6, 10), speech=Bursts(0.6, 10))
    alone = MissingModalities(face=WholeClip(), speech=WholeClip(), keep_one=False)
    kept = set()
    for seed in range(10):
        masks = both.masks(FRAMES, 25, np.random.default_rng(seed))
        assert (masks["face"] | masks["speech"]).all()
        kept.add(bool(masks["face"].mean() > masks["speech"].mean()))
    assert kept == {True, False}
    assert not any(mask.any() for mask in alone.masks(FRAMES, 25, np.random.default_rng(0)).values())


def test_kinds_of_features_that_are_not_known_have_to_be_named():
    known = MissingModalities(modality_of={"swin": "face", "captions": "neither"})
    assert [known.modality(kind) for kind in ("emotion", "3dmm", "swin", "audio", "wav2vec", "eeg", "captions")] == [
        *("face", "face", "face", "speech", "speech", "neither", "neither")
    ]
    assert {known.modality(kind) for kind in ("va64", "au25088", "fer1408")} == {"face"}
    with pytest.raises(TrainingDataError, match=r"'swin' is of the face or of speech.*modality_of=\{'swin': 'face'\}"):
        MissingModalities().check(["emotion", "swin"])
    with pytest.raises(TrainingDataError, match="modality_of names 'eyes'"):
        MissingModalities(modality_of={"gaze": "eyes"})


@pytest.mark.parametrize(
    ("loss", "settings", "reason"),
    [
        (WholeClip, {"probability": 1.1}, "probability is 1.1, expected 0 to 1"),
        (Segment, {"share": -0.1}, "share is -0.1, expected 0 to 1"),
        (Segment, {"share": float("nan")}, "share is nan"),
        (Beginning, {"frames": -1}, "frames is -1, expected at least 0"),
        (LowerRate, {"frames_per_second": 0}, "frames_per_second is 0"),
        (Bursts, {"share": 1.0}, "share is 1, expected 0 to below 1"),
        (Bursts, {"share": 0.5, "mean_frames": 0.5}, "mean_frames is 0.5, expected at least 1"),
        (Bursts, {"share": 0.9, "mean_frames": 2}, "mean_frames is 2, expected at least 9"),
    ],
)
def test_settings_out_of_range_say_why(loss, settings, reason):
    with pytest.raises(TrainingDataError, match=reason):
        loss(**settings)


def test_a_loss_that_is_none_is_refused():
    with pytest.raises(TrainingDataError, match="face is 'whole', expected a loss such as WholeClip"):
        MissingModalities(face="whole")
