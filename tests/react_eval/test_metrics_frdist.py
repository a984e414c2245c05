"""FRDist: warped distance to the nearest appropriate reaction."""

import numpy as np
import pytest
from oracles import warping
from oracles.examples import example

from react_eval import find_protocol
from react_eval.metrics import frdist
from react_eval.scoring import score_arrays

CORRECTED = find_protocol("corrected").use("FRDist").settings
REACTFACE = find_protocol("reactface").use("FRDist").settings
FACEVERSE_GROUPS = ((0, 52, 1 / 52), (52, 55, 1 / 3), (55, 58, 1 / 3))


def parts(data):
    return {key: data[key] for key in ("predictions", "listener", "neighbours")}


def ragged(seed=0):
    """Predictions and listeners of many lengths, all of them neighbours of all."""
    data = parts(example(seed, clips=3, frames=40))
    predictions = [each[:, :length] for each, length in zip(data["predictions"], (40, 31, 22), strict=True)]
    listener = [each[:length] for each, length in zip(data["listener"], (25, 40, 33), strict=True)]
    return {"predictions": predictions, "listener": listener, "neighbours": np.ones((3, 3), dtype=bool)}


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(25, warping.GROUPS_25), (58, FACEVERSE_GROUPS), (1, warping.whole(1)), (4, ((0, 4, 1 / 4),))],
)
def test_it_equals_the_full_matrix_with_the_groups_of_the_channels(channels, groups):
    data = parts(example(3, channels=channels, frames=30, clips=3, reactions=2))
    assert frdist(**data) == pytest.approx(warping.frdist(**data, groups=groups), rel=1e-12)
    corrected = warping.corrected_frdist(**data, groups=groups)
    assert frdist(**data, settings=CORRECTED) == pytest.approx(corrected, rel=1e-12)
    unweighted = 10 * warping.frdist(**data, groups=warping.whole(channels))
    assert frdist(**data, settings=REACTFACE) == pytest.approx(unweighted, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_lengths_may_differ(seed):
    data = ragged(seed)
    assert frdist(**data) == pytest.approx(warping.frdist(**data), rel=1e-12)
    assert frdist(**data, settings=CORRECTED) == pytest.approx(warping.corrected_frdist(**data), rel=1e-12)


def test_division_by_length_can_change_which_neighbour_is_nearest():
    reaction = np.zeros((1, 1, 4, 1), dtype=np.float32)
    listener = [np.full((2, 1), 1.0, dtype=np.float32), np.full((40, 1), 0.5, dtype=np.float32)]
    neighbours = np.array([[True, True]])
    data = {"predictions": reaction, "listener": listener, "neighbours": neighbours}
    assert frdist(**data) == 2.0
    assert frdist(**data, settings=CORRECTED) == pytest.approx(np.sqrt(10) / np.sqrt(22))


def test_both_protocols_in_one_pass_equal_each_alone_on_ragged_clips():
    data = ragged()
    both = score_arrays(**data, protocol=["react2024", "corrected"], metrics=["FRDist"], context=False)
    assert both["react2024/FRDist"] == frdist(**data)
    assert both["corrected/FRDist"] == frdist(**data, settings=CORRECTED)


@pytest.mark.parametrize(("clips", "reactions", "frames"), [(1, 1, 2), (3, 10, 60), (2, 2, 300)])
def test_real_reactions_are_at_distance_0(clips, reactions, frames):
    data = parts(example(clips=clips, frames=frames, constant=(0,)))
    data["predictions"] = np.repeat(data["listener"][:, None], reactions, axis=1)
    for settings in (CORRECTED, REACTFACE):
        assert frdist(**data, settings=settings) == 0
    assert frdist(**data) == 0


def test_a_constant_offset_is_a_per_frame_root_mean_square_at_any_length():
    for frames in (10, 90):
        listener = np.zeros((1, frames, 25), dtype=np.float32)
        prediction = np.full((1, 7, frames, 25), 0.5, dtype=np.float32)
        expected = 0.5 * (np.sqrt(15) / 15 + np.sqrt(2) + np.sqrt(8) / 8)
        found = frdist(prediction, listener, np.array([[True]]), settings=CORRECTED)
        assert found == pytest.approx(expected, rel=1e-12)


def test_the_nearest_neighbour_is_named_and_the_first_of_equals():
    data = example(clips=3)
    data["listener"][2] = data["listener"][1]
    data["predictions"] = np.repeat(data["listener"][[1, 1, 1], None], 3, axis=1)
    data["neighbours"] = np.ones((3, 3), dtype=bool)
    found = score_arrays(**data, metrics=["FRDist"], context=False).measurements["FRDist"]
    assert (found.per_clip["FRDist_neighbour"] == 1).all()
