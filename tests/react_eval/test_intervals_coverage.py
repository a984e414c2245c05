"""How often a 95 % interval holds the truth, on simulated clips of conversations; seeds are 0, 1, 2, …"""

import math

import numpy as np
import pytest

from react_data.channels import schema_for
from react_eval import find_protocol
from react_eval.clip_set import ClipSet
from react_eval.intervals import bootstrap_intervals, spread_by_clip
from react_eval.registry import Measurement

RUNS = 500
RIGHT = (0.92, 0.98)


def conversations(seed, count, within, size=(), skewed=False):
    """Sessions of 5 to 40 clips and their values of variance 1, of which the share `within` is common to a session."""
    generator = np.random.default_rng(seed)
    draw = (
        (lambda *shape: generator.exponential(size=shape) - 1)
        if skewed
        else lambda *shape: generator.normal(size=shape)
    )
    sizes = generator.integers(5, 41, size=count)
    sessions = np.repeat(np.arange(count), sizes)
    values = math.sqrt(within) * draw(count, *size)[sessions] + math.sqrt(1 - within) * draw(len(sessions), *size)
    return sessions, values


def interval(metric, sessions, seed, *, values=None, predictions=None):
    count = len(sessions)
    clips = ClipSet(
        predictions=np.zeros((count, 1, 1, 1), np.float32) if predictions is None else predictions,
        schema=schema_for(1),
        clips=[str(clip) for clip in range(count)],
        sessions=[f"{session:02}" for session in sessions],
        reactions=1,
    )
    values = spread_by_clip(clips) if values is None else values
    found = Measurement(values.mean(), {metric: values})
    return bootstrap_intervals(clips, [find_protocol("corrected").use(metric)], {metric: found}, seed)[metric]


def coverage_of_means(count, within, skewed=False):
    held = 0
    for seed in range(RUNS):
        sessions, values = conversations(seed, count, within, skewed=skewed)
        found = interval("FRVar", sessions, seed, values=values)
        held += found.low <= 0 <= found.high
    return held / RUNS


@pytest.mark.slow
@pytest.mark.parametrize("within", [0.1, 0.5])
def test_intervals_of_means_over_40_conversations_hold_the_truth(within):
    assert RIGHT[0] <= coverage_of_means(40, within) <= RIGHT[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "skewed", "low", "high"),
    [(40, True, 0.89, 0.95), (20, False, 0.89, 0.95), (10, False, 0.85, 0.93), (5, False, 0.77, 0.87)],
)
def test_intervals_are_too_narrow_where_conversations_are_few_as_the_docs_say(count, skewed, low, high):
    assert low <= coverage_of_means(count, 0.5, skewed) <= high


@pytest.mark.slow
@pytest.mark.parametrize("within", [0.0, 0.1, 0.3])
def test_intervals_of_frdvs_hold_the_mean_over_pairs_of_clips(within):
    """Of that many clips in such sessions: pairs of one session are as near as its clips are to each other."""
    held = 0
    for seed in range(RUNS):
        sessions, values = conversations(seed, 40, within, size=(20,))
        sizes = np.bincount(sessions).astype(float)
        pairs_within = (sizes * (sizes - 1)).sum() / (len(sessions) * (len(sessions) - 1))
        truth = 2 * (1 - within * pairs_within)
        found = interval("FRDvs", sessions, seed, predictions=values.astype(np.float32)[:, None, :, None])
        held += found.low <= truth <= found.high
    assert RIGHT[0] <= held / RUNS <= RIGHT[1]
