import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from react_data.cli import main
from react_data.official_tree import OfficialTree

PROGRAM = [sys.executable, "-c", "from react_data.cli import main; main()"]


def run(*arguments):
    return subprocess.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_data_set_is_made_verified_and_described(tmp_path):
    root = tmp_path / "data"
    settings = ("--recordings", 6, "--frames", 60, "--modality", "emotion", "--hide", "test", "--quiet")
    made = run("synthesise", root, *settings)
    assert (made.returncode, made.stderr) == (0, "")
    assert "test: 2 recordings, 2 clips of 60 frames" in made.stdout
    verified = run("verify", root, "--quiet")
    assert (verified.returncode, verified.stderr) == (0, "")
    assert "test: 2 clips, speakers only: can be validated, not scored" in verified.stdout


def test_damage_makes_verify_fail_with_exit_code_1(small_tree):
    tree = OfficialTree(small_tree, "val")
    tree.file("emotion", tree.rows[0].speaker).unlink()
    verified = run("verify", small_tree, "--json", "--quiet")
    assert verified.returncode == 1
    (problem,) = json.loads(verified.stdout)["problems"]
    assert problem["code"] == "RD111"
    assert problem["where"].startswith("val/Emotion/NoXI/")


def test_progress_goes_to_stderr_and_only_json_to_stdout(small_tree):
    described = run("info", small_tree, "--json")
    contents = json.loads(described.stdout)
    assert described.stderr == ""
    assert contents["synthetic"] is True
    assert contents["splits"]["val"] == {
        "clips": 4,
        "frames": 60,
        "labels": True,
        "modalities": ["emotion", "3dmm", "audio"],
        "neighbours": contents["splits"]["val"]["neighbours"],
        "persons": 2,
        "recordings": 2,
        "sessions": 1,
    }
    assert contents["splits"]["val"]["neighbours"]["min"] >= 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("verify", "no-such-folder"), "does not exist"),
        (("info", "."), "is of no layout that is known"),
        (("synthesise", "x", "--recordings", 3), "need at least 6"),
        (("synthesise", "x", "--corpus", "Noxi"), "Did you mean 'NoXI'"),
        (("features", ".", "x", "--feature", "mfcc78"), "is of no layout that is known"),
        (("pack", ".", "x"), "is of no layout that is known"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    outcome = invoke(*arguments)
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert reason in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


def test_features_and_neighbours_go_into_a_pack(small_tree, tmp_path):
    features, pairs, packed = tmp_path / "features", tmp_path / "neighbours.h5", tmp_path / "packed.h5"
    made = invoke("features", small_tree, features, "--feature", "mfcc26", "--split", "val", "--quiet", "--json")
    assert json.loads(made.stdout) == {"features": str(features), "made": ["mfcc26"]}
    found = invoke("neighbours", small_tree, "--split", "val", "--top-k", 1, "--out", pairs, "--quiet")
    assert found.exit_code == 0, found.stderr
    chosen = ("--split", "val", "--modality", "emotion", "--modality", "mfcc26")
    made = invoke("pack", small_tree, packed, *chosen, "--features", features, "--neighbours", pairs, "--quiet")
    assert made.exit_code == 0, made.stderr
    described = json.loads(invoke("info", packed, "--json").stdout)["splits"]["val"]
    assert described["modalities"] == ["emotion", "mfcc26"]
    assert described["neighbours"]["median"] == 2


def test_info_tells_every_modality(tmp_path):
    options = ("--recordings", 6, "--frames", 30, "--sample-rate", 1000, "--quiet")
    made = invoke("synthesise", tmp_path / "mars", "--layout", "react2026", *options, "--json")
    assert {"emotion", "3dmm", "audio", "eeg"} <= set(json.loads(made.stdout)["splits"]["val"]["modalities"])


def test_video_is_synthesised(tmp_path):
    options = ("--recordings", 6, "--frames", 10, "--modality", "emotion", "--quiet")
    made = invoke("synthesise", tmp_path / "data", *options, "--video", "png", "--frame-size", 32)
    assert made.exit_code == 0, made.stderr
    assert next((tmp_path / "data" / "val").rglob("*/1.png")).is_file()


def test_neighbours_are_explained(tree):
    clip = OfficialTree(tree, "val").clip_ids[0]
    own = invoke("neighbours", tree, "--split", "val", "--explain", clip, "--quiet")
    assert own.stdout.startswith(f"{clip}: ")
    assert "closest channels" in own.stdout
    retrieved = invoke("neighbours", tree, "--split", "val", "--explain", clip, "--top-k", 3, "--count", 2, "--json")
    explained = json.loads(retrieved.stdout)
    assert explained["clip"] == clip
    assert len(explained["neighbours"]) == 2
    unknown = invoke("neighbours", tree, "--split", "val", "--explain", "NoXI/none")
    assert unknown.exit_code == 2
    assert "NoXI/none" in unknown.stderr


def test_the_data_root_may_come_from_the_environment(tree, monkeypatch):
    monkeypatch.setenv("REACT_DATA", str(tree))
    outcome = invoke("info")
    assert outcome.exit_code == 0
    assert "neighbours a clip: 1 to" in outcome.stdout


def test_usage_errors_and_version():
    assert invoke("verify", "--no-such-option").exit_code == 2
    assert invoke("--version").stdout.startswith("react-data, version ")


def test_help_loads_nothing_heavy():
    code = "import sys, react_data.cli; print(sorted({'numpy', 'pandas', 'xarray', 'torch'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
