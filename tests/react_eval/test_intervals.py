"""Bootstrap intervals against clips that are drawn one by one."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import diversity, resampling
from oracles.examples import example

from react_eval.intervals import bootstrap_intervals, spread_by_clip
from react_eval.metrics.arguments import clip_set
from react_eval.protocol import find_protocol
from react_eval.scoring import score_arrays

SESSIONS = {
    "one clip each": list("abcdef"),
    "equal": list("aabbcc"),
    "unequal, mixed": list("babbca"),
    "two": list("aaaaab"),
}


def scored(sessions, seed=0, **changes):
    data = example(seed, clips=6, reactions=2, channels=3) | changes
    return data, score_arrays(**data, sessions=sessions, protocol="corrected", context=False)


@pytest.mark.parametrize("kind", SESSIONS)
@pytest.mark.parametrize("metric", ["FRCorr", "FRDist", "FRDiv", "FRVar", "FRSyn"])
def test_means_over_clips_equal_the_plain_bootstrap(metric, kind):
    _, result = scored(SESSIONS[kind])
    per_clip = result.measurements[metric].per_clip[metric].reshape(6, -1).mean(axis=1)
    found = result.intervals[metric]
    assert (found.low, found.high) == pytest.approx(resampling.interval_of_means(per_clip, SESSIONS[kind]), rel=1e-9)
    assert (found.clusters, found.kind) == (len(set(SESSIONS[kind])), "sessions")


@pytest.mark.parametrize("kind", SESSIONS)
def test_frdvs_resamples_the_squared_distances_to_the_mean_clip(kind):
    data, result = scored(SESSIONS[kind])
    pairs = diversity.between_clips(data["predictions"])
    distances = pairs.mean(axis=1) - pairs.mean() / 2  # of each clip to the mean clip
    expected = resampling.interval_of_means(2 * 6 / 5 * distances, SESSIONS[kind])
    assert (result.intervals["FRDvs"].low, result.intervals["FRDvs"].high) == pytest.approx(expected, rel=1e-6)


def test_the_spread_by_clip_has_the_mean_frdvs_and_is_0_for_equal_clips():
    data, result = scored(SESSIONS["equal"])
    clips = clip_set(data["predictions"])
    assert spread_by_clip(clips).mean() == pytest.approx(result["FRDvs"], rel=1e-12)
    equal = clip_set(np.repeat(data["predictions"][:1], 6, axis=0))
    assert spread_by_clip(equal).tolist() == [0.0] * 6


def test_undefined_clips_are_left_out_of_every_resample():
    data, _ = scored(SESSIONS["equal"])
    data["listener"][2] = 0.5
    data["neighbours"] = np.eye(6, dtype=bool)
    _, result = scored(SESSIONS["equal"], listener=data["listener"], neighbours=data["neighbours"])
    per_clip = result.measurements["FRCorr"].per_clip["FRCorr"].mean(axis=1)
    assert np.isnan(per_clip).sum() == 1
    expected = resampling.interval_of_means(per_clip, SESSIONS["equal"])
    assert (result.intervals["FRCorr"].low, result.intervals["FRCorr"].high) == pytest.approx(expected, rel=1e-9)


def test_without_sessions_clips_are_drawn():
    _, result = scored(None)
    assert {(interval.clusters, interval.kind) for interval in result.intervals.values()} == {(6, "clips")}
    assert "Intervals: percentile bootstrap over 6 clips; so few that they are too narrow." in str(result)


def test_one_conversation_has_no_interval():
    _, result = scored(list("aaaaaa"))
    assert result.intervals == {}
    assert "No intervals: they are made over conversations, and there is only one." in str(result)


def test_undefined_metrics_have_no_interval():
    _, result = scored(SESSIONS["equal"], listener=np.zeros((6, 60, 3), np.float32))
    assert "FRCorr" not in result.intervals
    assert "FRDist" in result.intervals


def test_intervals_hold_the_value_and_are_the_same_twice():
    _, first = scored(SESSIONS["equal"])
    _, second = scored(SESSIONS["equal"])
    assert first.intervals == second.intervals
    for key in ("FRCorr", "FRDist", "FRDiv", "FRVar"):
        assert first.intervals[key].low <= first[key] <= first.intervals[key].high


def test_equal_clips_leave_no_doubt():
    one = example(clips=1, channels=3)
    data = {key: np.repeat(one[key], 6, axis=0) for key in ("predictions", "listener", "speaker")}
    _, result = scored(SESSIONS["equal"], **data, neighbours=np.eye(6, dtype=bool))
    for key in ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn"):
        assert result.intervals[key].low == pytest.approx(result[key], rel=1e-12, abs=1e-14)
        assert result.intervals[key].high == pytest.approx(result[key], rel=1e-12, abs=1e-14)


def test_official_protocols_have_no_intervals():
    assert score_arrays(**example(), sessions=list("aabb"), protocol="react2024").intervals == {}


def test_a_value_that_is_no_mean_over_clips_has_no_interval():
    data, result = scored(SESSIONS["equal"])
    clips = clip_set(data["predictions"])
    uses = [use for use in result.protocol.uses if use.key in ("FRDiv", "FRVar")]
    found = dict(result.measurements)
    found["FRDiv"] = replace(found["FRDiv"], value=found["FRDiv"].value ** 0.5)
    intervals = bootstrap_intervals(clips, uses, found)
    assert set(intervals) == {"FRVar"}


def test_sums_over_reactions_have_intervals_on_their_scale():
    data = example(0, clips=6, reactions=2, channels=3)
    sums = replace(find_protocol("reactface"), name="sums", intervals=True)
    result, mean = (
        score_arrays(**data, sessions=SESSIONS["equal"], protocol=each, metrics=["FRCorr"], context=False)
        for each in (sums, sums.override("FRCorr", combine="mean", scale=1.0))
    )
    assert result.intervals["FRCorr"].low == pytest.approx(20 * mean.intervals["FRCorr"].low)
