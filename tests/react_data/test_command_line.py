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
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(tmp_path, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    outcome = invoke(*arguments)
    assert outcome.exit_code == 2
    assert outcome.stdout == ""
    assert reason in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


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
