"""Writing: what xarray sees, what is refused, and runs that are interrupted."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from react_data.channels import COEFFICIENTS_58, EMOTION_25
from react_eval.errors import ChannelError, DtypeError, InputError, NonFiniteError, ShapeError
from react_eval.inputs import Predictions
from react_eval.submissions import SubmissionWriter, read_submission, save_submission

PREDICTION = np.random.default_rng(0).random((3, 2, 20, 25), dtype=np.float32)
COEFFICIENTS = np.random.default_rng(1).normal(size=(3, 2, 20, 58)).astype(np.float32)
CLIPS = ["RECOLA/group-2/P41/1", "RECOLA/group-2/P41/2", "UDIVA/talk/023102/FC1/8"]
DIMS = ("clip", "reaction", "frame", "emotion")
DIMS_3DMM = ("clip", "reaction", "frame", "coefficient")
BOTH = {"prediction": (DIMS, PREDICTION), "prediction_3dmm": (DIMS_3DMM, COEFFICIENTS)}
SHORTER = [PREDICTION[n, :, : 20 - 5 * n] for n in range(3)]


def test_xarray_opens_what_is_written(tmp_path):
    path = save_submission(
        tmp_path / "p.h5", PREDICTION, coefficients=COEFFICIENTS, clips=CLIPS, method="ours", split="val", run_seed=3
    )
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset["prediction"].dims == ("clip", "reaction", "frame", "emotion")
        assert dataset["prediction_3dmm"].dims == ("clip", "reaction", "frame", "coefficient")
        assert dataset["prediction"].dtype == np.float32
        assert dataset["prediction"].encoding["chunksizes"] == (1, 2, 20, 25)
        assert list(dataset["clip"].values) == CLIPS
        assert tuple(dataset["emotion"].values) == EMOTION_25.channels
        assert tuple(dataset["coefficient"].values) == COEFFICIENTS_58.channels
        np.testing.assert_array_equal(dataset["prediction"], PREDICTION)
        assert dataset.attrs["method"] == "ours"
        assert dataset.attrs["track"] == "offline"
        assert dataset.attrs["run_seed"] == 3
        assert dataset.attrs["created_by"].startswith("react-eval ")


def test_what_is_written_is_read(tmp_path):
    save_submission(tmp_path / "p.h5", PREDICTION, coefficients=COEFFICIENTS, clips=CLIPS, split="val", track="online")
    submission = read_submission(tmp_path / "p.h5")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    np.testing.assert_array_equal(submission.arrays["coefficients"], COEFFICIENTS)
    assert submission.clips == tuple(CLIPS)
    assert submission.channels["emotion"] == EMOTION_25.channels
    assert submission.attributes["track"] == "online"


def test_clips_of_unequal_length_take_the_ragged_form(tmp_path):
    save_submission(tmp_path / "p.h5", dict(zip(CLIPS, SHORTER, strict=True)))
    with xr.open_dataset(tmp_path / "p.h5", engine="h5netcdf") as dataset:
        assert dataset["prediction"].dims == ("row", "reaction", "emotion")
        assert list(dataset["row_size"].values) == [20, 15, 10]
        assert dataset["row_size"].attrs["sample_dimension"] == "row"
    for found, expected in zip(read_submission(tmp_path / "p.h5").arrays["emotion"], SHORTER, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "preds",
    [
        PREDICTION.astype(np.float64),
        list(PREDICTION),
        dict(zip(CLIPS, PREDICTION, strict=True)),
        Predictions({"emotion": PREDICTION}, tuple(CLIPS)),
        xr.DataArray(PREDICTION, dims=DIMS, coords={"clip": CLIPS}),
        xr.Dataset({"prediction": (DIMS, PREDICTION)}, {"clip": CLIPS}),
    ],
    ids=["float64", "list", "dict", "predictions", "xarray", "dataset"],
)
def test_every_form_is_written(tmp_path, preds):
    save_submission(tmp_path / "p.h5", preds, clips=CLIPS)
    np.testing.assert_array_equal(read_submission(tmp_path / "p.h5").arrays["emotion"], PREDICTION)


def test_58_channels_are_coefficients(tmp_path):
    save_submission(tmp_path / "p.h5", COEFFICIENTS, clips=CLIPS)
    assert list(read_submission(tmp_path / "p.h5").arrays) == ["coefficients"]


@pytest.mark.parametrize(
    ("preds", "coefficients"),
    [
        (xr.Dataset(BOTH, {"clip": CLIPS}), None),
        (Predictions({"emotion": PREDICTION, "coefficients": COEFFICIENTS}, tuple(CLIPS)), None),
        (Predictions({"emotion": list(PREDICTION)}, tuple(CLIPS)), COEFFICIENTS),
        (Predictions({"emotion": PREDICTION}), Predictions({"coefficients": COEFFICIENTS}, tuple(CLIPS))),
        (dict(zip(CLIPS, PREDICTION, strict=True)), dict(zip(CLIPS, COEFFICIENTS, strict=True))),
        (PREDICTION, xr.DataArray(COEFFICIENTS, dims=DIMS_3DMM, coords={"clip": CLIPS})),
    ],
)
def test_all_kinds_of_every_form_are_written(tmp_path, preds, coefficients):
    save_submission(tmp_path / "p.h5", preds, coefficients=coefficients, clips=CLIPS)
    submission = read_submission(tmp_path / "p.h5")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    np.testing.assert_array_equal(submission.arrays["coefficients"], COEFFICIENTS)
    assert submission.clips == tuple(CLIPS)


def test_a_file_of_another_form_is_written_with_all_its_kinds(tmp_path):
    np.savez(tmp_path / "p.npz", prediction=PREDICTION, prediction_3dmm=COEFFICIENTS, clip=CLIPS)
    submission = read_submission(save_submission(tmp_path / "p.h5", tmp_path / "p.npz"))
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    np.testing.assert_array_equal(submission.arrays["coefficients"], COEFFICIENTS)
    assert submission.clips == tuple(CLIPS)


def with_value(value):
    changed = PREDICTION.astype(np.float64)
    changed[1, 1, 7, 15] = value
    return changed


@pytest.mark.parametrize(
    ("preds", "options", "error", "match"),
    [
        (PREDICTION, {}, InputError, "a submission names its clips. Pass clips="),
        (PREDICTION, {"clips": CLIPS[:2]}, InputError, "names 2 clips, but there are predictions for 3"),
        (PREDICTION, {"clips": [CLIPS[0], *CLIPS[:2]]}, InputError, "more than once: RECOLA"),
        (PREDICTION, {"clips": [*CLIPS[:2], ""]}, InputError, "expected its id"),
        (PREDICTION.astype(int), {"clips": CLIPS}, DtypeError, "int64, expected float32"),
        ([*PREDICTION[:2], PREDICTION[2] > 0], {"clips": CLIPS}, DtypeError, "predictions of clip 2 .*bool"),
        (with_value(np.nan), {"clips": CLIPS}, NonFiniteError, "P41/2' has 1 values .*reaction 1, frame 7, channel 15"),
        (with_value(1e300), {"clips": CLIPS}, NonFiniteError, "beyond float32"),
        (PREDICTION[0], {"clips": CLIPS}, ShapeError, "expected .clips, reactions, frames, channels"),
        (list(PREDICTION[:, 0]), {"clips": CLIPS}, ShapeError, r"are not of shape .reactions.*0: \(20, 25\)"),
        ([*PREDICTION[:2], PREDICTION[2, :1]], {"clips": CLIPS}, ShapeError, "Only the number of frames may differ"),
        (PREDICTION, {"clips": CLIPS, "coefficients": COEFFICIENTS[:2]}, ShapeError, "differ in their number of clips"),
        (PREDICTION, {"clips": CLIPS, "coefficients": COEFFICIENTS[:, :, :9]}, ShapeError, "differ in reactions or fr"),
        (COEFFICIENTS, {"clips": CLIPS, "coefficients": COEFFICIENTS}, InputError, "both hold 3DMM coefficients"),
        (PREDICTION, {"coefficients": PREDICTION}, ChannelError, "coefficients=… holds facial attributes"),
        (
            dict(zip(CLIPS, PREDICTION, strict=True)),
            {"coefficients": dict(zip(CLIPS[::-1], COEFFICIENTS, strict=True))},
            InputError,
            "name different clips, or in another order",
        ),
        (dict(zip(CLIPS, PREDICTION, strict=True)), {"clips": CLIPS[::-1]}, InputError, "or in another order"),
        (PREDICTION, {"clips": CLIPS[0]}, InputError, "clips is the one text 'RECOLA/group-2/P41/1', expected a list"),
        (None, {"clips": CLIPS}, InputError, "no predictions to write"),
        ({}, {}, InputError, "there are no predictions: the collection is empty"),
        (PREDICTION, {"clips": CLIPS, "track": "live"}, InputError, "track 'live' is not known"),
    ],
)
def test_mistakes_are_refused_and_write_nothing(tmp_path, preds, options, error, match):
    with pytest.raises(error, match=match):
        save_submission(tmp_path / "p.h5", preds, **options)
    assert not list(tmp_path.iterdir())


def test_a_file_is_replaced_only_on_demand(tmp_path):
    save_submission(tmp_path / "p.h5", PREDICTION, clips=CLIPS)
    with pytest.raises(InputError, match=r"p.h5 exists. Pass overwrite=True"):
        save_submission(tmp_path / "p.h5", COEFFICIENTS, clips=CLIPS)
    save_submission(tmp_path / "p.h5", COEFFICIENTS, clips=CLIPS, overwrite=True)
    assert list(read_submission(tmp_path / "p.h5").arrays) == ["coefficients"]


def test_folders_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        save_submission(tmp_path, PREDICTION, clips=CLIPS)
    with pytest.raises(InputError, match="does not exist"):
        save_submission(tmp_path / "absent" / "p.h5", PREDICTION, clips=CLIPS)


def test_the_writer_gives_the_same_bytes_of_values(tmp_path):
    with SubmissionWriter(tmp_path / "p.h5", method="ours", run_seed=1) as writer:
        for clip, values, coefficients in zip(CLIPS, PREDICTION, COEFFICIENTS, strict=True):
            writer.write(clip, values, coefficients)
        assert not writer.path.exists()
    submission = read_submission(tmp_path / "p.h5")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    np.testing.assert_array_equal(submission.arrays["coefficients"], COEFFICIENTS)
    assert submission.clips == tuple(CLIPS)
    assert submission.attributes["method"] == "ours"
    assert [file.name for file in tmp_path.iterdir()] == ["p.h5"]


def test_an_exception_keeps_the_finished_clips_and_writes_no_file(tmp_path):
    def interrupted_run():
        with SubmissionWriter(tmp_path / "p.h5") as writer:
            writer.write(CLIPS[0], PREDICTION[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert not (tmp_path / "p.h5").exists()
    with SubmissionWriter(tmp_path / "p.h5") as writer:
        assert writer.done == {CLIPS[0]}
        writer.write(CLIPS[1], PREDICTION[1])
    assert read_submission(tmp_path / "p.h5").clips == tuple(CLIPS[:2])


def test_a_clip_is_written_once(tmp_path):
    with SubmissionWriter(tmp_path / "p.h5") as writer:
        writer.write(CLIPS[0], PREDICTION[0])
        writer.write(CLIPS[0], PREDICTION[0])
        with pytest.raises(InputError, match="was written before, with other values"):
            writer.write(CLIPS[0], PREDICTION[1])
        with pytest.raises(InputError, match="has coefficients, but the first clip emotion"):
            writer.write(CLIPS[1], coefficients=COEFFICIENTS[1])
        with pytest.raises(ShapeError, match="1 reactions of 25 emotion channels, but the first clip 2"):
            writer.write(CLIPS[1], PREDICTION[1, :1])
        with pytest.raises(InputError, match="pass prediction=…, coefficients=… or both"):
            writer.write(CLIPS[1])
        with pytest.raises(NonFiniteError, match="clip 'RECOLA/group-2/P41/2' has 1 values"):
            writer.write(CLIPS[1], with_value(np.inf)[1])
    assert read_submission(tmp_path / "p.h5").clips == (CLIPS[0],)


def test_another_run_is_not_continued(tmp_path):
    SubmissionWriter(tmp_path / "p.h5", method="ours", run_seed=1).write(CLIPS[0], PREDICTION[0])
    with pytest.raises(InputError, match="was another: run_seed 1 there, 2 now"):
        SubmissionWriter(tmp_path / "p.h5", method="ours", run_seed=2)


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no clip is finished"):
        SubmissionWriter(tmp_path / "p.h5", run_seed=1).close()
    with SubmissionWriter(tmp_path / "p.h5", run_seed=2) as writer:
        writer.write(CLIPS[0], PREDICTION[0])
    assert read_submission(tmp_path / "p.h5").attributes["run_seed"] == "2"


RUN = """
import sys, time, numpy as np
from react_eval.submissions import SubmissionWriter
with SubmissionWriter(sys.argv[1], method="ours") as writer:
    for clip in range(60):
        id = f"NoXI/chat/Expert_video/{clip}"
        if id not in writer.done:
            writer.write(id, np.full((2, 5, 25), clip, np.float32))
            print(clip, flush=True)
            time.sleep(float(sys.argv[2]))
"""


def test_a_killed_run_is_continued(tmp_path):
    path = tmp_path / "p.h5"
    command = [sys.executable, "-c", RUN, str(path)]
    for kill_after in (5, 17):
        with subprocess.Popen([*command, "0.005"], stdout=subprocess.PIPE) as process:
            for _ in range(kill_after):
                last = process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
        assert not path.exists()
        assert len(SubmissionWriter(path, method="ours").done) > int(last)
    subprocess.run([*command, "0"], check=True, stdout=subprocess.DEVNULL)
    submission = read_submission(path)
    assert submission.clips == tuple(f"NoXI/chat/Expert_video/{clip}" for clip in range(60))
    assert list(submission.arrays["emotion"][:, 0, 0, 0]) == list(range(60))
    assert [file.name for file in tmp_path.iterdir()] == ["p.h5"]


def test_a_kill_while_assembling_leaves_no_file(tmp_path):
    path = tmp_path / "p.h5"
    writer = SubmissionWriter(path, method="ours")
    rng = np.random.default_rng(0)
    for clip in range(40):
        writer.write(f"NoXI/chat/Expert_video/{clip}", rng.random((10, 750, 25), dtype=np.float32))
    writer.pause()
    program = (
        "import sys; from react_eval.submissions import SubmissionWriter as W; W(sys.argv[1], method='ours').close()"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)]) as process:
        while not list(tmp_path.glob("p.h5.partial/assembled.tmp")):
            time.sleep(0.001)
        os.kill(process.pid, signal.SIGKILL)
    assert not path.exists()
    assert (tmp_path / "p.h5.partial" / "assembled.tmp").exists()
    assert len(SubmissionWriter(path, method="ours").done) == 40
    assert not (tmp_path / "p.h5.partial" / "assembled.tmp").exists()
