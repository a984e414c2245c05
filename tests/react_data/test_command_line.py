import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from react_data.cli import main
from react_data.official_tree import OfficialTree
from react_data.opening import open_split

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
        (("verify", "."), "is of no layout that is known"),
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


def test_a_pack_takes_the_options_of_opening(tmp_path):
    root = tmp_path / "mars"
    options = ("--layout", "react2025", "--recordings", 48, "--frames", 10, "--behaviours", 1)
    made = invoke("synthesise", root, *options, "--modality", "emotion", "--modality", "3dmm", "--quiet")
    assert made.exit_code == 0, made.stderr
    faces = {name: tmp_path / f"{name}.npy" for name in ("mean", "std")}
    for path in faces.values():
        np.save(path, np.ones(58, np.float32))
    scaled = ("--coefficients", "standardised", "--mean-face", faces["mean"], "--std-face", faces["std"])
    packed = tmp_path / "packed.h5"
    made = invoke("pack", root, packed, "--split", "train", "--draw-seed", 3, *scaled, "--quiet")
    assert made.exit_code == 0, made.stderr
    train = open_split(packed, "train")
    assert train.attrs["neighbour_source"] == "drawn from the session, seed 3"
    assert train.attrs["coefficients"] == "standardised"
    wanted = open_split(root, "train", draw_seed=3).neighbours.values
    assert np.array_equal(train.neighbours.values, wanted)
    assert not np.array_equal(wanted, open_split(root, "train").neighbours.values)
    refused = invoke("pack", root, tmp_path / "other.h5", "--coefficients", "standardised")
    assert (refused.exit_code, "takes mean_face=FILE and std_face=FILE" in refused.stderr) == (2, True)
    clip = str(train["clip"].values[0])
    explain = ("neighbours", root, "--split", "train", "--explain", clip, "--count", 9, "--json", "--quiet")
    drawn = [json.loads(invoke(*explain, "--draw-seed", seed).stdout)["neighbours"] for seed in (3, 4)]
    listed = [{each["clip"] for each in found} for found in drawn]
    row = train.neighbours.sel(clip=train["clip"].values == clip).values[0]
    assert listed[0] == set(train["listener"].values[row]) - {clip}
    assert listed[0] != listed[1]


def test_a_layout_may_be_forced(small_tree):
    for command in (("verify",), ("info",), ("neighbours", "--split", "val", "--top-k", 1)):
        assert invoke(*command, small_tree, "--layout", "react2023").exit_code == 0
        refused = invoke(*command, small_tree, "--layout", "reakt2023")
        assert (refused.exit_code, "Did you mean 'react2023'" in refused.stderr) == (2, True)


def test_neighbours_are_found_by_features_and_by_distance_a_frame(small_tree, tmp_path):
    features = tmp_path / "features"
    invoke("features", small_tree, features, "--feature", "mfcc26", "--split", "val", "--quiet")
    chosen = ("--features", features, "--series", "speaker_mfcc26", "--per-frame", "--top-k", 1)
    found = invoke("neighbours", small_tree, "--split", "val", *chosen, "--quiet", "--json")
    assert found.exit_code == 0, found.stderr
    assert "dtw of unknown-26, normalisation none, nearest 1, per frame" in json.loads(found.stdout)["neighbours"]


def test_features_are_compared_where_there_is_no_3dmm(tmp_path):
    root, features = tmp_path / "data", tmp_path / "features"
    kinds = ("--modality", "emotion", "--modality", "audio", "--sample-rate", 8000)
    invoke("synthesise", root, "--recordings", 6, "--frames", 30, *kinds, "--quiet")
    invoke("features", root, features, "--feature", "mfcc26", "--split", "val", "--quiet")
    chosen = ("--features", features, "--series", "speaker_mfcc26", "--top-k", 1)
    found = invoke("neighbours", root, "--split", "val", *chosen, "--quiet")
    assert found.exit_code == 0, found.stderr


def test_personal_files_are_written(tmp_path):
    root, out = tmp_path / "data", tmp_path / "personal"
    invoke("synthesise", root, "--recordings", 24, "--frames", 10, "--modality", "emotion", "--quiet")
    written = invoke("personal", root, "--out", out, "--split", "val", "--json")
    names = ["person_specific_val.csv", "person_specific_masked_neighbour_emotion_val.npy"]
    assert json.loads(written.stdout)["written"] == [str(out / name) for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    again = invoke("personal", root, "--out", out)
    assert (again.exit_code, "already" in again.stderr) == (2, True)
    assert invoke("personal", root).stdout.splitlines()[0] == str(root / "person_specific_train.csv")


def test_the_benchmark_of_packs_tells_its_arguments():
    place = Path(__file__).resolve().parents[2]
    asked = [sys.executable, "-m", "benchmarks.packed_store", "--help"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False, cwd=place)
    assert (told.returncode, told.stderr) == (0, "")
    assert "recordings" in told.stdout


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
