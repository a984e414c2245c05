"""What cannot be scored is refused with a message that says what is wrong with which value where."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from oracles.examples import example

from react_data.channels import MOTION_ENERGY
from react_eval.errors import (
    ChannelError,
    DtypeError,
    InputError,
    NeighbourError,
    NonFiniteError,
    ReactError,
    ShapeError,
)
from react_eval.inputs import Predictions
from react_eval.scoring import score_arrays

CLIPS = ["b", "a", "d", "c"]


def frame(values):
    levels = [CLIPS, *(range(size) for size in values.shape[1:3])]
    index = pd.MultiIndex.from_product(levels, names=["clip", "reaction", "frame"])
    return pd.DataFrame(values.reshape(-1, values.shape[-1]), index=index)


def changed(place, value, name="predictions"):
    values = example()[name].copy()
    values[place] = value
    return {name: values}


def with_row(clip, value):
    neighbours = np.eye(4, dtype=bool)
    neighbours[clip] = value
    return {"neighbours": neighbours}


P = example()["predictions"]
REFUSED = {
    "integers": ({"predictions": P.astype(int)}, DtypeError, r"predictions has values of type int64, expected float32"),
    "booleans": ({"predictions": P > 0.5}, DtypeError, "values of type bool, expected float32. Integers are nearly"),
    "objects": ({"predictions": P.astype(object)}, DtypeError, "values of type object"),
    "complex": ({"predictions": P.astype(complex)}, DtypeError, "values of type complex128"),
    "text": ({"predictions": P[:, :1, :2, :1].astype(str)}, DtypeError, "values of type <U"),
    "integer listener": (
        {"listener": example()["listener"].astype(int)},
        DtypeError,
        "listener has values of type int64",
    ),
    "integer clip": (
        {"predictions": {"a": np.ones((1, 9, 2), int)}},
        DtypeError,
        "predictions of clip 'a' has values of",
    ),
    "3 axes": (
        {"predictions": P[:, 0]},
        ShapeError,
        r"\(4, 60, 25\).*For one reaction a clip add an axis: preds\[:, None\]",
    ),
    "5 axes": (
        {"predictions": P[None]},
        ShapeError,
        r"shape \(1, 4, 3, 60, 25\), expected \(clips, reactions, frames, channels\)\. \[RE002\]",
    ),
    "2 axes a clip": (
        {"predictions": list(P[:, 0])},
        ShapeError,
        r"not of shape \(reactions, frames, channels\): 0: \(60, 25\)",
    ),
    "no values": ({"predictions": P[:0]}, ShapeError, r"shape \(0, 3, 60, 25\), which holds no values"),
    "no reactions": ({"predictions": P[:, :0]}, ShapeError, "which holds no values"),
    "empty list": ({"predictions": []}, InputError, "there are no predictions: the collection is empty"),
    "empty dict": ({"predictions": {}}, InputError, "there are no predictions: the collection is empty"),
    "one frame": ({"predictions": P[:, :, :1]}, ShapeError, r"has 1 frame\(s\), expected at least 2"),
    "NaN": (
        changed((2, 1, 7, 3), np.nan),
        NonFiniteError,
        r"predictions\[2\] holds 1 values.*\(reaction, frame, channel\) = \(1, 7, 3\): nan",
    ),
    "infinity": (
        changed((0, 0, slice(4), 5), -np.inf),
        NonFiniteError,
        r"predictions\[0\] holds 4 values.*\(0, 0, 5\): -inf",
    ),
    "beyond float32": ({"predictions": np.full(P.shape, 1e39)}, NonFiniteError, r"\(0, 0, 0\): inf"),
    "NaN listener": (
        changed((3, 9, 1), np.nan, "listener"),
        NonFiniteError,
        r"listener\[3\].*\(frame, channel\) = \(9, 1\)",
    ),
    "NaN speaker": (changed((1, 0, 0), np.nan, "speaker"), NonFiniteError, r"speaker\[1\] holds 1 values"),
    "other channels": ({"predictions": P[..., :24]}, ChannelError, "predictions have 24 channels, listener has 25"),
    "other speaker channels": ({"speaker": example()["speaker"][..., :5]}, ChannelError, "25 channels, speaker has 5"),
    "schema of other channels": (
        {"channels": MOTION_ENERGY},
        ChannelError,
        "25 channels, but the schema 'motion-energy' has 1",
    ),
    "fewer speakers": (
        {"speaker": example()["speaker"][:3]},
        ShapeError,
        "there are 3 speakers for 4 clips of predictions",
    ),
    "listener of 2 axes": (
        {"listener": example()["listener"][0]},
        ShapeError,
        r"listener has shape \(60, 25\), expected \(clips, frames, channels\)",
    ),
    "reactions differ": ({"predictions": [P[0], P[1, :2]]}, ShapeError, "clips differ in reactions or channels"),
    "ids of other number": ({"clips": ["a"]}, ShapeError, "there are 1 clip ids for 4 clips"),
    "matrix of other shape": (
        {"neighbours": np.eye(3)},
        NeighbourError,
        r"shape \(3, 3\), expected \(4, 4\): clips by listeners",
    ),
    "similarities": (
        {"neighbours": np.full((4, 4), 0.5)},
        NeighbourError,
        "values other than 0 and 1. Threshold similarities",
    ),
    "lonely clip": (
        dict(clips=CLIPS, **with_row(2, False)),
        NeighbourError,
        r"1 clips have no neighbour in neighbours: d\.",
    ),
    "lonely in lists": (
        {"neighbours": [[0], [1], [], [3]]},
        NeighbourError,
        r"1 clips have no neighbour in neighbours: 2\.",
    ),
    "lonely person": (
        {"personal": np.eye(4)[::-1] * np.eye(4)},
        NeighbourError,
        "4 clips have no neighbour in personal",
    ),
    "persons that are no neighbours": (
        {"clips": CLIPS, "personal": np.roll(np.eye(4), 1, axis=1), "neighbours": np.eye(4)},
        NeighbourError,
        "4 clips have no neighbour in personal within neighbours: b, a, d, c",
    ),
    "index out of range": (
        {"neighbours": [[0], [1], [4], [3]]},
        NeighbourError,
        r"neighbours\[2\] = 4 are not indices below 4",
    ),
    "negative index": ({"neighbours": [[0], [-1], [2], [3]]}, NeighbourError, r"neighbours\[1\] = -1 are not indices"),
    "lists of booleans": (
        {"neighbours": with_row(0, True)["neighbours"].tolist()},
        NeighbourError,
        "are not indices below 4",
    ),
    "lists of other number": (
        {"neighbours": [[0], [1]]},
        NeighbourError,
        "neighbours is for 2 clips, but there are 4 predictions",
    ),
    "no lists": ({"neighbours": []}, NeighbourError, "neighbours is for 0 clips, but there are 4 predictions"),
    "sessions of other number": (
        {"sessions": ["x"]},
        InputError,
        "sessions names 1 conversations, expected one for each of 4",
    ),
    "persons of other number": (
        {"persons": ["x"]},
        InputError,
        "persons names 1 people, expected one for each listener",
    ),
    "unknown type": ({"predictions": object()}, InputError, "predictions of type object are not known"),
    "Dataset of something else": (
        {"predictions": xr.Dataset({"x": 1})},
        InputError,
        "no variable prediction or prediction_3dmm",
    ),
    "DataArray without reactions": (
        {"predictions": xr.DataArray(P[:, 0], dims=("clip", "frame", "emotion"))},
        ShapeError,
        "expected clip, reaction, frame and emotion",
    ),
    "DataFrame without index": (
        {"predictions": frame(P).reset_index()},
        ShapeError,
        "expected the levels clip, reaction, frame",
    ),
    "DataFrame with repeated rows": (
        {"predictions": pd.concat([frame(P), frame(P)[:2]])},
        ShapeError,
        r"2 rows are given twice, the first for \('b', 0, 0\)",
    ),
    "DataFrame with a row missing": (
        {"predictions": frame(P)[1:]},
        ShapeError,
        "clip 'b' has 179 rows, expected 3 reactions × 60 frames",
    ),
    "DataFrame whose frames are text": (
        {"predictions": frame(P).rename(index=str, level="frame")},
        ShapeError,
        r"the level frame holds text, expected numbers: as text, frame 10 would come before frame 2",
    ),
    "Dataset of one kind twice": (
        {
            "predictions": xr.Dataset(
                {
                    name: (("clip", "reaction", "frame", "coefficient"), np.zeros((4, 3, 60, 58), np.float32))
                    for name in ("prediction", "prediction_3dmm")
                }
            )
        },
        ShapeError,
        "prediction has 58 channels, as prediction_3dmm has: facial attributes have 25",
    ),
    "kinds of different clips": (
        {"predictions": {"emotion": P, "coefficients": np.zeros((3, 3, 60, 58), np.float32)}},
        ShapeError,
        r"emotion and coefficients differ in clips, reactions or frames: \(4, 3, 60\), \(3, 3, 60\)",
    ),
    "DataFrame of integers": (
        {"predictions": frame(P).astype(int)},
        DtypeError,
        "predictions of clip 'b' has values of type int64",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_what_cannot_be_scored_is_refused_with_a_message(case):
    changes, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        score_arrays(**example() | changes, protocol="perfrdiff" if "personal" in changes else "react2024")


def test_the_refusals_are_errors_of_the_family_and_of_value():
    for _, error, _ in REFUSED.values():
        assert issubclass(error, ReactError)
        assert issubclass(error, ValueError)
        assert error.code.startswith("RE")


@pytest.mark.parametrize("arrays", [{}, {"emotions": P}])
def test_predictions_are_of_known_kinds(arrays):
    with pytest.raises(
        InputError, match=r"predictions have the kinds \[.*\], expected 'emotion', 'coefficients' or both"
    ):
        Predictions(arrays)
