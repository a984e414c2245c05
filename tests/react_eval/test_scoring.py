"""`react_eval.score` end to end: files and arrays in every form against synthetic trees of the official layout."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import react_data
import react_eval
from react_data.errors import LabelsMissingError
from react_eval.baselines import NAMES, baseline, generate_predictions
from react_eval.errors import ChannelError, InputError, SubmissionError, UnknownNameError

FRAMES = 120
CLOSE = {"rel": 1e-9, "abs": 1e-12}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return react_data.synthesise(
        tmp_path_factory.mktemp("data") / "tree",
        recordings=12,
        seed=3,
        frames=FRAMES,
        modalities=("emotion", "3dmm"),
        show_progress=False,
    )


@pytest.fixture(scope="module")
def dataset(root):
    return react_data.open_split(root, "val").load()


@pytest.fixture(scope="module")
def clips(dataset):
    return [str(clip) for clip in dataset["clip"].values]


@pytest.fixture(scope="module")
def predictions(dataset):
    """Real listeners with noise, clipped into the channels' ranges."""
    listener = dataset["listener_emotion"].values[:, None, :FRAMES]
    noise = np.random.default_rng(0).normal(scale=0.1, size=(len(listener), 10, FRAMES, 25))
    return np.clip(listener + noise, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def expected(predictions, dataset):
    return react_eval.score_arrays(
        predictions,
        listener=dataset["listener_emotion"].values[:, :FRAMES],
        speaker=dataset["speaker_emotion"].values[:, :FRAMES],
        neighbours=dataset["neighbours"].values,
    )


def _score(root, preds, **options):
    return react_eval.score(preds, split="val", data=root, show_progress=False, **options)


def _pandas(predictions, clips):
    _, reactions, frames, channels = predictions.shape
    index = pd.MultiIndex.from_product([clips, range(reactions), range(frames)], names=["clip", "reaction", "frame"])
    return pd.DataFrame(predictions.reshape(-1, channels), index=index)


FORMS = {
    "numpy": lambda values, _clips: values,
    "float64": lambda values, _clips: values.astype(np.float64),
    "dict": lambda values, clips: dict(zip(clips, values, strict=True)),
    "shuffled dict": lambda values, clips: dict(reversed(list(zip(clips, values, strict=True)))),
    "xarray": lambda values, clips: xr.DataArray(
        values, dims=("clip", "reaction", "frame", "emotion"), coords={"clip": clips}
    ).transpose("frame", "clip", "emotion", "reaction"),
    "pandas": _pandas,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore")
def test_every_form_gives_the_score_of_the_arrays(root, predictions, clips, expected, form):
    assert dict(_score(root, FORMS[form](predictions, clips))) == pytest.approx(dict(expected), **CLOSE)


def test_torch_tensors_are_taken(root, predictions, expected):
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(predictions).requires_grad_()
    assert dict(_score(root, tensor)) == pytest.approx(dict(expected), **CLOSE)


def test_a_file_gives_the_score_of_the_arrays(root, predictions, clips, expected, tmp_path):
    path = tmp_path / "preds.h5"
    react_eval.save_submission(path, predictions[::-1], clips=clips[::-1], method="noisy", split="val")
    result = _score(root, path)
    assert dict(result) == pytest.approx(dict(expected), **CLOSE)
    assert result.facts["method"] == "noisy"
    assert (
        result.hashes["predictions"] == _score(root, dict(zip(clips, predictions, strict=True))).hashes["predictions"]
    )


def test_the_emotion_folders_person_names_are_understood(root, predictions, clips, expected):
    aliased = [str(react_data.ClipId.parse(clip).alias) for clip in clips]
    assert dict(_score(root, dict(zip(aliased, predictions, strict=True)))) == pytest.approx(dict(expected), **CLOSE)


def test_longer_predictions_are_cut_to_the_frames_that_are_scored(root, dataset):
    listener = np.pad(dataset["listener_emotion"].values, ((0, 0), (0, 1), (0, 0)))
    result = _score(root, np.repeat(listener[:, None], 10, axis=1))
    assert result["FRDist"] == 0
    assert result.facts["frames"] == FRAMES


def test_several_protocols_share_one_call(root, predictions, expected):
    both = _score(root, predictions, protocol=["react2024", "corrected"])
    assert both["react2024/FRDist"] == expected["FRDist"]
    assert both["corrected/FRCorr"] == pytest.approx(_score(root, predictions, protocol="corrected")["FRCorr"], **CLOSE)
    assert set(dict(both)) == {
        f"{protocol}/{name}"
        for protocol in ("react2024", "corrected")
        for name in ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn")
    }


def test_metrics_are_chosen_by_alias(root, predictions, expected):
    result = _score(root, predictions, metrics=["frc", "S-MSE"])
    assert list(result) == ["FRCorr", "FRDiv"]
    assert result["FRC"] == pytest.approx(expected["FRCorr"], **CLOSE)


def test_scores_json_is_the_same_bytes_twice(root, predictions):
    first, second = (_score(root, predictions).to_dict()["scores"] for _ in range(2))
    assert json.dumps(first) == json.dumps(second)


def test_the_personalised_clip_set_leaves_out_clip_1_of_each_conversation(root, predictions, clips):
    result = _score(root, predictions, protocol="perfrdiff")
    assert list(result.clips) == [clip for clip in clips if not clip.endswith("/1")]
    assert result["FRCorr_personal"] <= result["FRCorr"]
    assert result["FRDist_personal"] >= result["FRDist"]
    assert "of the same listener" in str(result)


def test_coefficients_are_scored_by_the_protocol_that_takes_them(root, dataset, clips, tmp_path):
    coefficients = np.repeat(dataset["listener_3dmm"].values[:, None, :FRAMES], 10, axis=1)
    path = tmp_path / "preds.h5"
    react_eval.save_submission(path, None, coefficients=coefficients, clips=clips, split="val")
    result = _score(root, path, protocol="reactface")
    assert result["FRDist"] == 0
    with pytest.raises(ChannelError, match="'react2024@1' needs emotion channels; the predictions have coefficients"):
        _score(root, path, protocol="react2024")


def test_per_clip_values_name_the_nearest_neighbour(root, dataset, clips):
    ground_truth = dict(zip(clips, np.repeat(dataset["listener_emotion"].values[:, None], 10, axis=1), strict=True))
    nearest = _score(root, ground_truth).per_clip["FRDist_neighbour"]
    assert nearest.dims == ("clip", "reaction")
    assert (nearest.values[:, 0] == np.array(clips)).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_baseline_is_scored_as_a_generator(root, dataset, name):
    generator = baseline(name, dataset, react_data.open_split(root, "train"))
    result = _score(root, generate_predictions(generator, dataset, show_progress=False))
    known = {"GT": ("FRDist", 0), "B_Mime": ("FRDiv", 0), "B_MeanSeq": ("FRDvs", 0), "B_MeanFr": ("FRVar", 0)}
    known["B_Random2026"] = ("FRVar", pytest.approx(0.167, abs=0.001))
    metric, value = known.get(name, ("FRDiv", pytest.approx(1 / 6, rel=0.01)))
    assert result[metric] == value


def test_gt_and_mime_in_the_context_are_the_baselines_own_scores(root, dataset, predictions):
    context = _score(root, predictions).context
    for name in ("GT", "B_Mime"):
        alone = _score(root, generate_predictions(baseline(name, dataset), dataset, show_progress=False))
        assert dict(context[name]) == pytest.approx(dict(alone), rel=1e-9, abs=1e-9)


def test_all_problems_of_a_submission_are_reported_together(root, predictions, clips):
    wrong = dict(zip(clips, predictions[:, :9], strict=True))
    wrong["NoXI/nobody/Expert_video/1"] = wrong.pop(clips[0])
    with pytest.raises(SubmissionError) as caught:
        _score(root, wrong)
    message = str(caught.value)
    assert clips[0] in message
    assert "NoXI/nobody/Expert_video/1" in message
    assert "9 reactions" in message


def test_a_split_of_speakers_can_be_validated_not_scored(tmp_path):
    root = react_data.synthesise(
        tmp_path / "tree",
        recordings=6,
        frames=FRAMES,
        modalities=("emotion",),
        hidden=("test",),
        show_progress=False,
    )
    speakers = react_data.open_split(root, "test")
    assert speakers.attrs["labels"] == "none"
    made = generate_predictions(baseline("B_Mime", speakers), speakers, show_progress=False)
    react_eval.save_submission(tmp_path / "preds.h5", made.arrays["emotion"], clips=made.clips, split="test")
    assert react_eval.validate(tmp_path / "preds.h5", split="test", data=root).ok
    with pytest.raises(LabelsMissingError, match=r"can be validated, not scored.*score on val"):
        react_eval.score(tmp_path / "preds.h5", split="test", data=root)


def test_wrong_names_suggest_right_ones(root, predictions):
    with pytest.raises(UnknownNameError, match="Did you mean 'FRCorr'"):
        _score(root, predictions, metrics=["FRCor"])
    with pytest.raises(UnknownNameError, match="Did you mean 'react2024@1'"):
        _score(root, predictions, protocol="reakt2024")
    with pytest.raises(InputError, match="device 'tpu' is not known"):
        _score(root, predictions, device="tpu")
