"""The command line `react-eval`, run as a user runs it: real processes, exit codes, stdout apart from stderr."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import react_data
import react_eval

FRAMES = 120
COMMAND = [str(Path(sys.executable).with_name("react-eval"))]


def run(*arguments, **options):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return react_data.synthesise(
        tmp_path_factory.mktemp("data") / "tree",
        recordings=6,
        frames=FRAMES,
        modalities=("emotion",),
        show_progress=False,
    )


@pytest.fixture(scope="module")
def submission(root, tmp_path_factory):
    path = tmp_path_factory.mktemp("submission") / "preds.h5"
    dataset = react_data.open_split(root, "val")
    clips = [str(clip) for clip in dataset["clip"].values]
    values = np.random.default_rng(0).random((len(clips), 10, FRAMES, 25), dtype=np.float32)
    react_eval.save_submission(path, values, clips=clips, method="noise", split="val")
    return path


def test_score_prints_the_table_on_stdout(root, submission):
    done = run("score", submission, "--split", "val", "--data", root, "--quiet")
    assert done.returncode == 0, done.stderr
    assert "noise: react2024@1, val" in done.stdout
    assert "Synthetic data" in done.stdout
    assert "per reaction" in done.stdout
    assert done.stderr == ""


def test_score_prints_json_that_equals_the_library(root, submission):
    done = run("score", submission, "--split", "val", "--data", root, "--json")
    printed = json.loads(done.stdout)["scores"]
    result = react_eval.score(submission, split="val", data=root, show_progress=False)
    assert printed == json.loads(result.to_json())["scores"]


def test_the_data_folder_is_found_in_the_environment(root, submission, monkeypatch):
    monkeypatch.setenv("REACT_DATA", str(root))
    done = run("score", submission, "--split", "val", "--metric", "FRDiv", "--no-context", "--quiet")
    assert done.returncode == 0, done.stderr
    assert "FRDiv" in done.stdout


@pytest.mark.parametrize(
    ("suffix", "holds"), [(".json", '"scores"'), (".md", "| FRCorr"), (".tex", "toprule"), (".csv", "metric,")]
)
def test_score_saves_in_the_form_of_the_suffix(root, submission, tmp_path, suffix, holds):
    saved = tmp_path / f"result{suffix}"
    done = run("score", submission, "--split", "val", "--data", root, "--save", saved, "--quiet")
    assert done.returncode == 0, done.stderr
    assert holds in saved.read_text()


def test_public_output_names_no_clip(root, submission):
    done = run("score", submission, "--split", "val", "--data", root, "--public", "--json")
    assert "NoXI" not in done.stdout
    assert "RECOLA" not in done.stdout


def test_a_setting_changed_on_the_command_line_shows_in_the_protocols_id(root, submission):
    done = run("score", submission, "--split", "val", "--data", root, "--set", "FRSyn.reactions=all", "--quiet")
    assert "react2024@1+FRSyn.reactions=all" in done.stdout


def test_validate_exits_0_for_a_valid_submission(root, submission):
    done = run("validate", submission, "--split", "val", "--data", root)
    assert done.returncode == 0, done.stderr
    assert "valid, 0 error(s)" in done.stdout


def test_validate_exits_1_and_lists_every_problem(root, tmp_path):
    react_eval.save_submission(tmp_path / "wrong.h5", np.full((1, 3, FRAMES, 25), 20, np.float32), clips=["a/b/c/1"])
    done = run("validate", tmp_path / "wrong.h5", "--split", "val", "--data", root, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not report["ok"]
    assert len({problem["code"] for problem in report["problems"] if problem["severity"] == "error"}) >= 3


BAD_USAGE = {
    "no such file": (("score", "nothing.h5", "--split", "val", "--data", "{root}"), "nothing.h5"),
    "no split": (("score", "{file}"), "--split"),
    "unknown split": (("score", "{file}", "--split", "vall", "--data", "{root}"), "Did you mean 'val'"),
    "no data": (("score", "{file}", "--split", "val", "--data", "/nowhere"), "does not exist"),
    "unknown protocol": (
        ("score", "{file}", "--split", "val", "--data", "{root}", "-p", "x"),
        "there is no protocol 'x'",
    ),
    "unknown setting": (
        ("score", "{file}", "--split", "val", "--data", "{root}", "--set", "FRSyn.reaction=all"),
        "Did you mean 'reactions'",
    ),
    "unknown value": (
        ("score", "{file}", "--split", "val", "--data", "{root}", "--set", "FRSyn.reactions=some"),
        "Available: first, all",
    ),
    "two forms": (("score", "{file}", "--predictions", "p.npy"), "bare arrays"),
    "nothing of that name": (("explain", "FRCor"), "Did you mean 'FRCorr'"),
}


@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage_exits_2_with_one_message_and_no_traceback(root, submission, case):
    arguments, message = BAD_USAGE[case]
    done = run(*(argument.format(root=root, file=submission) for argument in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_protocols_and_explanations():
    assert "corrected@1" in run("protocols").stdout
    assert "react2024@1" in json.loads(run("protocols", "--json").stdout)
    assert "Also called: TLCC" in run("explain", "tlcc").stdout
    assert "FRDist_personal" in run("explain", "perfrdiff").stdout
    assert "submission" in run("explain", "re100").stdout.lower()


def test_baselines_are_scored_and_written(root, tmp_path):
    done = run("baselines", "--data", root, "--split", "val", "-p", "react2024", "--save-to", tmp_path, "--quiet")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("GT", "B_Random", "B_Mime", "B_MeanSeq", "B_MeanFr"))
    assert (tmp_path / "B_Mime.h5").is_file()


def test_the_demo_runs_from_nothing_and_again(tmp_path):
    for _ in range(2):
        done = run("demo", tmp_path / "demo", "--recordings", "6", "--no-train")
        assert done.returncode == 0, done.stderr
    assert "corrected@1" in done.stdout
    assert "[5/5] B_MeanFr" in done.stderr
    assert (tmp_path / "demo" / "report.md").read_text().count("| B_Mime") == 2
    assert len(list((tmp_path / "demo" / "results").glob("*.json"))) == 5
