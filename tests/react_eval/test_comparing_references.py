"""`react-eval compare --against`: references of installed packages, as a stand-in package offers them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import react_data
import react_eval
import react_eval.references
from react_eval.cli import main
from react_eval.errors import UnknownNameError

FRAMES = 60


class Offered:
    """A package that offers two references: one of facial attributes, one of coefficients only."""

    def __init__(self, folder):
        self.folder, self.asked = folder, []

    def names(self):
        return {"lively": "Lively", "shapes": "Shapes"}

    def submission(self, name, data, *, split, **settings):
        self.asked.append((name, split, settings))
        path = self.folder / f"{name}-{split}-0123.h5"
        clips = react_data.open_split(data, split)["clip"].values.tolist()
        rng = np.random.default_rng(len(name))
        channels = {"lively": {"predictions": 25}, "shapes": {"coefficients": 58}}[name]
        arrays = {kind: rng.random((len(clips), 10, FRAMES, size), dtype=np.float32) for kind, size in channels.items()}
        react_eval.save_submission(
            path, arrays.pop("predictions", None), clips=clips, method=name.title(), overwrite=True, **arrays
        )
        return path


@pytest.fixture
def offered(tmp_path, monkeypatch):
    offered = Offered(tmp_path)
    monkeypatch.setattr(react_eval.references, "find_references", lambda: dict.fromkeys(offered.names(), offered))
    return offered


@pytest.fixture
def data(tmp_path):
    options = {"splits": ("val",), "modalities": ("emotion", "3dmm"), "frames": FRAMES, "show_progress": False}
    return react_data.synthesise(tmp_path / "data", recordings=4, **options)


@pytest.fixture
def mine(tmp_path, data):
    dataset = react_data.open_split(data, "val")
    mime = np.repeat(dataset["speaker_emotion"].values[:, None], 10, axis=1)
    react_eval.save_submission(tmp_path / "mine.h5", mime, clips=dataset["clip"].values.tolist(), method="Mine")
    return tmp_path / "mine.h5"


def compare(*arguments):
    return CliRunner().invoke(main, ["compare", *map(str, arguments), "--split", "val", "--quiet"])


def test_references_are_generated_and_stand_in_one_table(offered, data, mine):
    done = compare(mine, "--data", data, "--against", "lively", "-m", "FRVar", "--online")
    assert done.exit_code == 0, done.stderr
    assert "Mine – Lively" in done.stdout
    ((name, split, settings),) = offered.asked
    assert (name, split, settings["online"], settings["device"]) == ("lively", "val", True, "auto")


def test_a_reference_without_the_channels_is_said_to_be_left_out(offered, data, mine):
    done = compare(mine, "--data", data, "--against", "lively, shapes", "-m", "FRVar")
    assert "shapes is not in the table: protocol 'react2024@1' needs emotion channels" in done.stdout
    assert "Mine – Lively" in done.stdout
    told = json.loads(compare(mine, "--data", data, "--against", "shapes", "-m", "FRVar", "--json").stdout)
    assert len(told["left_out"]["react2024@1"]) == 1
    assert list(told["results"]["react2024@1"]) == [str(mine)]


def test_one_submission_alone_is_no_comparison(data, mine):
    assert "at least two submission files, or one and --against references" in compare(mine, "--data", data).stderr


def test_an_unknown_reference_is_said_before_anything_is_scored(offered, data, mine):
    with pytest.raises(UnknownNameError, match=r"there is no reference 'livly'.*'lively'"):
        react_eval.references.reference_file("livly", data, split="val")
    assert compare(mine, "--data", data, "--against", "livly").exit_code == 2
