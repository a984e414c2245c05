"""FRCorr: concordance with the best matching appropriate reaction."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import concordance
from oracles.examples import example
from oracles.official import NAMES, golden

from react_eval import find_protocol
from react_eval.errors import InputError, LengthError, NeighbourError
from react_eval.metrics import FRCorrSettings, frcorr
from react_eval.scoring import score_arrays

CORRECTED = find_protocol("corrected").use("FRCorr").settings
REACTFACE = find_protocol("reactface").use("FRCorr").settings


def parts(data):
    return {key: data[key] for key in ("predictions", "listener", "neighbours")}


def measured(data, protocol="corrected"):
    return score_arrays(**data, protocol=protocol, metrics=["FRCorr"], context=False).measurements["FRCorr"]


@pytest.mark.parametrize("channels", [1, 3, 25, 58])
@pytest.mark.parametrize("seed", range(3))
def test_the_sum_equals_loops_over_neighbours_and_channels(seed, channels):
    data = parts(example(seed, channels=channels, constant=[0] if channels > 1 else []))
    assert frcorr(**data) == pytest.approx(concordance.frcorr(**data), rel=1e-12)
    plain = 10 * concordance.frcorr(**data, epsilon=1e-50)
    assert frcorr(**data, settings=REACTFACE) == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize("constant", [(), (0, 1, 2), range(24)])
@pytest.mark.parametrize("seed", range(3))
def test_corrected_equals_loops_over_the_channels_that_vary(seed, constant):
    data = example(seed, constant=constant)
    expected = concordance.corrected_frcorr(**parts(data))
    assert measured(data).per_clip["FRCorr"] == pytest.approx(expected, rel=1e-12)
    assert measured(data).value == pytest.approx(expected.mean(), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_corrected_equals_the_loops_on_the_stored_cases(name):
    expected = concordance.corrected_frcorr(**parts(golden(name)))
    assert measured(golden(name)).per_clip["FRCorr"] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("clips", "reactions", "frames"), [(1, 1, 2), (2, 10, 60), (5, 3, 751)])
def test_real_reactions_score_exactly_1_where_corrected(clips, reactions, frames):
    data = example(clips=clips, frames=frames, constant=(3, 4))
    data["predictions"] = np.repeat(data["listener"][:, None], reactions, axis=1)
    assert frcorr(**parts(data), settings=CORRECTED) == 1
    assert frcorr(**parts(data)) == pytest.approx(reactions * 23 / 25, rel=1e-5)


def test_motionless_reactions_score_0():
    data = parts(example())
    data["predictions"] = np.full_like(data["predictions"], 0.3)
    assert frcorr(**data) == 0
    assert frcorr(**data, settings=CORRECTED) == 0


def test_one_channel_frozen_in_the_prediction_counts_0_and_is_not_left_out():
    data = parts(example())
    data["neighbours"] = np.eye(4, dtype=bool)
    data["predictions"] = np.repeat(data["listener"][:, None], 3, axis=1)
    data["predictions"][..., 7] = 0.5
    assert frcorr(**data, settings=CORRECTED) == pytest.approx(24 / 25, rel=1e-12)


def test_a_neighbour_that_never_varies_is_no_candidate():
    data = example(clips=2)
    data["listener"][1] = 0.5
    data["neighbours"] = np.array([[True, True], [False, True]])
    found = measured(data)
    assert (found.per_clip["FRCorr_neighbour"] == [[0, 0, 0], [-1, -1, -1]]).all()
    assert np.isnan(found.per_clip["FRCorr"][1]).all()
    assert found.value == pytest.approx(found.per_clip["FRCorr"][0].mean())
    assert found.details["clips_undefined"] == 1
    assert found.reason == "1 clips have no neighbour that varies in any channel"


def test_no_candidate_anywhere_is_nan_and_not_0():
    data = example(constant=range(25))
    assert np.isnan(measured(data).value)
    assert not measured(data).defined


def test_the_nearest_neighbour_is_named_and_the_first_of_equals():
    data = example(clips=3)
    data["listener"][2] = data["listener"][1]
    data["predictions"] = np.repeat(data["listener"][[1, 1, 1], None], 3, axis=1)
    data["neighbours"] = np.ones((3, 3), dtype=bool)
    assert (measured(data).per_clip["FRCorr_neighbour"] == 1).all()


def test_lists_of_indices_stand_for_a_matrix_and_listeners_may_be_more_than_clips():
    data = parts(example(clips=5))
    data["predictions"] = data["predictions"][:3]
    matrix = data["neighbours"][:3]
    indices = [np.flatnonzero(row) for row in matrix]
    assert frcorr(data["predictions"], data["listener"], indices) == frcorr(
        data["predictions"], data["listener"], matrix
    )


def test_personal_neighbours_are_a_subset():
    data = example(seed=5)
    data["neighbours"] = np.ones((4, 4), dtype=bool)
    personal = replace(FRCorrSettings(), neighbours="personal")
    protocol = find_protocol("perfrdiff")
    result = score_arrays(**data, persons=list("abab"), protocol=protocol, context=False)
    only_same = np.array([[a == b for b in "abab"] for a in "abab"])
    assert protocol.use("FRCorr_personal").settings == personal
    assert result["FRCorr_personal"] == frcorr(data["predictions"], data["listener"], only_same)
    assert result["FRCorr"] == frcorr(**parts(data))


def test_unequal_lengths_name_the_clip():
    data = parts(example(clips=2))
    shorter = [data["listener"][0], data["listener"][1][:59]]
    data["neighbours"] = np.ones((2, 2), dtype=bool)
    with pytest.raises(LengthError, match=r"clip '0' has 60 predicted frames, its neighbour 1 has 59"):
        frcorr(data["predictions"], shorter, data["neighbours"])


def test_a_clip_without_neighbours_is_named():
    data = example()
    data["neighbours"][2] = False
    with pytest.raises(NeighbourError, match=r"1 clips have no neighbour in neighbours: c\. Every clip needs"):
        score_arrays(**data, clips=list("abcd"))


def test_missing_inputs_are_named():
    data = example()
    with pytest.raises(InputError, match="inputs are missing: FRCorr needs listeners and neighbours"):
        score_arrays(data["predictions"], metrics=["FRCorr"])
    with pytest.raises(InputError, match="neighbours were given without listeners"):
        score_arrays(data["predictions"], neighbours=data["neighbours"])
