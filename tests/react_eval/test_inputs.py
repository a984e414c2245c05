"""Predictions in every form give the same score to the bit."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from oracles.examples import example

from react_data.channels import EMOTION_25
from react_eval.errors import NonFiniteError
from react_eval.inputs import as_predictions
from react_eval.scoring import score_arrays

CLIPS = ["b", "a", "d", "c"]
DIMS = ("clip", "reaction", "frame", "emotion")


def data(**changes):
    """Predictions are multiples of 1/128, which half precision holds exactly."""
    made = example()
    made["predictions"] = np.round(128 * made["predictions"]).clip(0, 128).astype(np.float32) / 128
    return made | changes


def scored(predictions, **changes):
    return score_arrays(**data(predictions=predictions, **changes), protocol=["react2024", "corrected"], context=False)


def notes_of(predictions):
    return score_arrays(predictions).run["file_notes"]


def torch_tensor(values, dtype="float32", grad=False):
    torch = pytest.importorskip("torch")
    return torch.from_numpy(values.copy()).to(getattr(torch, dtype)).requires_grad_(grad)


def frame(values):
    levels = [CLIPS, *(range(size) for size in values.shape[1:3])]
    index = pd.MultiIndex.from_product(levels, names=["clip", "reaction", "frame"])
    return pd.DataFrame(values.reshape(-1, values.shape[-1]), index=index)


def shuffled_frame(values):
    """The rows of each clip in any order; the clips follow each other as the listeners do."""
    table = frame(values)
    order = np.random.default_rng(0).permutation(len(table))
    order = order[np.argsort(order // (len(table) // len(CLIPS)), kind="stable")]
    return table.iloc[order]


def array(values):
    return xr.DataArray(values, dims=DIMS, coords={"clip": CLIPS})


FORMS = {
    "float64": lambda values: values.astype(np.float64),
    "float16": lambda values: values.astype(np.float16),
    "Fortran order": np.asfortranarray,
    "big endian": lambda values: values.astype(">f4"),
    "a view": lambda values: np.repeat(values, 2, axis=2)[:, :, ::2],
    "torch": torch_tensor,
    "torch float64": lambda values: torch_tensor(values, "float64"),
    "torch bfloat16": lambda values: torch_tensor(values, "bfloat16"),
    "torch half": lambda values: torch_tensor(values, "float16"),
    "torch with gradients": lambda values: torch_tensor(values, grad=True),
    "list of arrays": list,
    "tuple of tensors": lambda values: tuple(torch_tensor(clip) for clip in values),
    "dict": lambda values: dict(zip(CLIPS, values, strict=True)),
    "dict of tensors": lambda values: {clip: torch_tensor(each) for clip, each in zip(CLIPS, values, strict=True)},
    "dict of DataArrays": lambda values: {
        clip: xr.DataArray(each, dims=DIMS[1:]).transpose("frame", "emotion", "reaction")
        for clip, each in zip(CLIPS, values, strict=True)
    },
    "xarray": array,
    "xarray, other order": lambda values: array(values).transpose("emotion", "frame", "clip", "reaction"),
    "xarray, no coordinates": lambda values: xr.DataArray(values, dims=DIMS),
    "Dataset": lambda values: xr.Dataset({"prediction": array(values)}),
    "Dataset of both": lambda values: xr.Dataset(
        {
            "prediction": array(values),
            "prediction_3dmm": (("clip", "reaction", "frame", "coefficient"), np.zeros((4, 3, 60, 58), np.float32)),
        }
    ),
    "pandas": frame,
    "pandas, rows in any order": shuffled_frame,
}
NAMED = ("dict", "dict of tensors", "dict of DataArrays", "xarray", "xarray, other order", "Dataset", "Dataset of both")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_every_form_gives_the_same_score_to_the_bit(form):
    values = data()["predictions"]
    result = scored(FORMS[form](values))
    assert dict(result) == dict(scored(values))
    named = form in NAMED or form.startswith("pandas")
    assert result.results[0].clips == (tuple(CLIPS) if named else ("0", "1", "2", "3"))


@pytest.mark.parametrize("form", ["list of arrays", "dict"])
def test_clips_of_unequal_length_stay_as_they_are(form):
    values = data()["predictions"]
    cut = [clip[:, : 60 - number] for number, clip in enumerate(values)]
    listener = [each[: 60 - number] for number, each in enumerate(data()["listener"])]
    given = cut if form == "list of arrays" else dict(zip(CLIPS, cut, strict=True))
    result = score_arrays(given, listener=listener, neighbours=[[0], [1], [2], [3]], context=False)
    assert result.facts["frames"] == "57–60"
    assert result["FRDist"] > 0
    assert np.isnan(result["FRDvs"])


def test_casts_are_noted():
    values = data()["predictions"]
    note = ("predictions were cast from float64 to float32",)
    for form in ("float64", "torch float64"):
        assert [each for each in notes_of(FORMS[form](values)) if "cast" in each] == list(note)
    assert not [each for each in notes_of(values) if "cast" in each]


def test_listeners_speakers_and_neighbours_come_as_tensors_too():
    torch = pytest.importorskip("torch")
    tensors = {key: torch.from_numpy(values.copy()) for key, values in data().items()}
    assert dict(score_arrays(**tensors)) == dict(score_arrays(**data()))


@pytest.mark.parametrize("matrix", [np.int64, np.float32, bool])
def test_neighbours_of_any_type_are_0_and_1(matrix):
    given = data()["neighbours"].astype(matrix)
    assert dict(scored(data()["predictions"], neighbours=given)) == dict(scored(data()["predictions"]))


def test_58_channels_are_coefficients_and_names_choose_the_groups():
    assert score_arrays(np.zeros((2, 1, 60, 58), np.float32)).facts["channels"] == "faceverse-58"
    assert score_arrays(**data()).facts["channels"] == "emotion-25"
    named = score_arrays(**data(), channels=[f"mine{number}" for number in range(25)])
    assert named.facts["channels"] == "unknown-25"
    assert named["FRDist"] != score_arrays(**data(), channels=EMOTION_25)["FRDist"]


NAMED_CHANNELS = {
    "DataArray": lambda values, names: array(values).assign_coords(emotion=names),
    "Dataset": lambda values, names: xr.Dataset({"prediction": array(values).assign_coords(emotion=names)}),
    "pandas": lambda values, names: frame(values).set_axis(names, axis=1),
}


@pytest.mark.parametrize("form", NAMED_CHANNELS)
def test_channel_names_are_taken_from_every_form_that_has_them(form):
    names = [f"mine{number}" for number in range(25)]
    given = as_predictions(NAMED_CHANNELS[form](data()["predictions"], names))
    assert given.channels == {"emotion": tuple(names)}


def test_numbers_are_no_channel_names():
    values = data()["predictions"]
    for form in ("xarray", "pandas", "numpy", "dict"):
        given = values if form == "numpy" else FORMS[form](values)
        assert as_predictions(given).channels == {}
    assert as_predictions(array(values).assign_coords(emotion=range(25))).channels == {}


CLAIMS = {"method": "mine", "run_seed": np.int64(3), "track": "online", "title": "not known", "split": ["val"]}


@pytest.mark.parametrize("form", ["xarray", "Dataset", "pandas"])
@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_known_attributes_are_taken_as_text(form):
    made = FORMS[form](data()["predictions"])
    made.attrs.update(CLAIMS)
    assert as_predictions(made).attributes == {"method": "mine", "run_seed": "3", "track": "online"}


def test_attributes_of_a_variable_count_where_the_dataset_has_none():
    values = array(data()["predictions"]).assign_attrs(method="of the variable", track="online")
    given = as_predictions(xr.Dataset({"prediction": values}, attrs={"method": "of the data set"}))
    assert given.attributes == {"method": "of the data set", "track": "online"}


def test_a_cast_of_any_clip_is_noted():
    mixed = list(data()["predictions"])
    mixed[2] = mixed[2].astype(np.float64)
    assert as_predictions(mixed).notes == ("predictions were cast from float64 to float32",)
    assert as_predictions(frame(data()["predictions"].astype(np.float64))).notes == as_predictions(mixed).notes


def test_what_a_generator_returns_is_taken_by_kind():
    values = data()["predictions"]
    coefficients = np.zeros((4, 3, 60, 58), np.float32)
    given = as_predictions({"emotion": values, "coefficients": coefficients})
    assert {kind: arrays.shape for kind, arrays in given.arrays.items()} == {
        "emotion": values.shape,
        "coefficients": coefficients.shape,
    }
    assert given.clips is None


def counted(values, chunks, calls):
    """A dask array that notes every block that is computed."""
    da = pytest.importorskip("dask.array")

    def note(block):
        calls.append(block.shape)
        return block

    return da.from_array(values, chunks=chunks).map_blocks(note, meta=np.empty((0, 0, 0, 0), values.dtype))


def test_blocks_of_a_dask_array_are_computed_once():
    calls = []
    values = np.random.default_rng(0).random((12, 2, 60, 25), dtype=np.float32)
    result = score_arrays(counted(values, (2, 2, 60, 25), calls), metrics=["FRDiv", "FRVar", "FRDvs"])
    assert len(calls) == 6
    assert dict(result) == dict(score_arrays(values, metrics=["FRDiv", "FRVar", "FRDvs"]))


@pytest.mark.parametrize("chunks", [(1, 3, 60, 25), (4, 1, 7, 5)])
def test_a_dask_array_in_any_chunks_says_where_a_value_is_not_finite(chunks):
    da = pytest.importorskip("dask.array")
    values = data()["predictions"].astype(np.float64)
    values[2, 1, 44, 20] = 1e39  # beyond float32
    message = r"predictions\[2\] holds 1 values that are NaN or infinite, the first at .* = \(1, 44, 20\): inf"
    with pytest.raises(NonFiniteError, match=message):
        scored(da.from_array(values, chunks=chunks))
