"""torch files are read with the loader that runs no code."""

import os

import numpy as np
import pytest

from react_eval.errors import UnreadableFileError
from react_eval.submissions import read_submission, save_submission

torch = pytest.importorskip("torch")

PREDICTION = torch.from_numpy(np.random.default_rng(0).random((3, 2, 8, 25), dtype=np.float32))
CLIPS = ["RECOLA/group-2/P41/1", "RECOLA/group-2/P41/2", "RECOLA/group-2/P41/3"]


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("was-unpickled",)


def test_a_dict_with_clips_is_read(tmp_path):
    torch.save({"prediction": PREDICTION, "clip": CLIPS}, tmp_path / "p.pt")
    submission = read_submission(tmp_path / "p.pt")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    assert submission.clips == tuple(CLIPS)


def test_a_permuted_bfloat16_tensor_is_read(tmp_path):
    stored = PREDICTION.bfloat16().permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)
    torch.save(stored, tmp_path / "p.pt")
    submission = read_submission(tmp_path / "p.pt")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION.bfloat16().float())
    assert "cast from bfloat16" in " ".join(submission.notes)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"prediction": PREDICTION, "model": Harmful()}, "holds more than tensors, and loading it would run code"),
        ({"predictions": PREDICTION}, "no 'prediction' or 'prediction_3dmm'; it has predictions"),
        (torch.zeros(1).expand(2**20, 10, 750, 25), "at most 17.2 GB are read"),
        (torch.zeros(1).expand(200, 10, 750, 25), "decodes from .* kB to 150.0 MB, more than 2500 times as much"),
        (PREDICTION.to_sparse(), "sparse, quantised or empty tensor"),
        (PREDICTION.long(), "values of type int64"),
    ],
)
def test_anything_else_is_refused(tmp_path, monkeypatch, content, match):
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "p.pt")
    with pytest.raises(UnreadableFileError, match=match):
        read_submission(tmp_path / "p.pt")
    assert [file.name for file in tmp_path.iterdir()] == ["p.pt"]


def test_the_old_format_is_a_pickle(tmp_path):
    torch.save(PREDICTION, tmp_path / "p.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(UnreadableFileError, match="a Python pickle"):
        read_submission(tmp_path / "p.pt")


def test_a_tensor_repeated_for_each_reaction_is_read(tmp_path):
    torch.save(PREDICTION[:, :1].expand(-1, 10, -1, -1), tmp_path / "p.pt")
    submission = read_submission(tmp_path / "p.pt")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION[:, :1].expand(-1, 10, -1, -1))


def test_tensors_are_written(tmp_path):
    coefficients = torch.ones(3, 2, 8, 58, dtype=torch.bfloat16, requires_grad=True)
    save_submission(tmp_path / "p.h5", list(PREDICTION), coefficients=coefficients, clips=CLIPS)
    submission = read_submission(tmp_path / "p.h5")
    np.testing.assert_array_equal(submission.arrays["emotion"], PREDICTION)
    np.testing.assert_array_equal(submission.arrays["coefficients"], 1)
