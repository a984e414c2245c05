"""`react-eval published`, and `react-eval score --with published`."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import react_data
import react_eval
from react_eval.cli import main

FRAMES = 60


def run(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published") / "tree"
    options = {"recordings": 6, "frames": FRAMES, "modalities": ("emotion",), "show_progress": False}
    return react_data.synthesise(folder, **options)


@pytest.fixture(scope="module")
def files(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    clips = [str(clip) for clip in react_data.open_split(root, "val")["clip"].values]
    for seed, name in enumerate(("one", "two")):
        values = np.random.default_rng(seed).random((len(clips), 10, FRAMES, 25), dtype=np.float32)
        react_eval.save_submission(folder / f"{name}.h5", values, clips=clips, method=name, split="val")
    return [folder / "one.h5", folder / "two.h5"]


def scored(root, *arguments):
    options = ("--split", "val", "--data", root, "--metric", "FRDiv", "--metric", "FRVar", "--no-context", "--quiet")
    done = run("score", *arguments, *options)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rows_are_printed_by_protocol():
    done = run("published")
    assert done.exit_code == 0
    assert done.stdout.count("Published results, under the metric") == 4
    assert "PerFRDiff [reactdiff]" in done.stdout


def test_rows_are_chosen_by_option():
    done = run("published", "--system", "perfrdiff", "--source", "reactdiff", "--json")
    (row,) = json.loads(done.stdout)
    assert row["printed"]["FRVar"] == "0.2191"
    assert row["values"]["FRVar"] == 0.0879


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--system", "PerFRDif"), "Did you mean 'PerFRDiff'"),
        (("--system", "ReactFace", "--split", "val"), "no published row fits all of system 'ReactFace', split 'val'"),
        (("--save", "rows.xlsx"), "the suffix must be one of .json, .md, .tex, .html, .csv, .txt"),
        (("--save", "nowhere/rows.md"), "there is no folder nowhere"),
        (("--audit", "--system", "REGNN"), "--audit is of all published results"),
        (("--audit", "--save", "audit.tex"), "the suffix must be one of .json, .txt"),
    ],
)
def test_bad_usage_exits_2_with_a_message(arguments, message):
    done = run("published", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("suffix", "holds"),
    [
        (".json", '"doubts"'),
        (".md", "| system | FRCorr ↑"),
        (".tex", r"\multicolumn"),
        (".html", "<caption>"),
        (".csv", "row,source,system"),
        (".txt", "── react2024"),
    ],
)
def test_rows_are_saved_in_the_form_of_the_suffix(tmp_path, suffix, holds):
    done = run("published", "--source", "emc", "--save", tmp_path / f"rows{suffix}")
    assert done.exit_code == 0
    assert holds in (tmp_path / f"rows{suffix}").read_text(encoding="utf-8")


def test_the_audit_is_printed_and_saved(tmp_path):
    done = run("published", "--audit", "--save", tmp_path / "audit.json")
    assert done.exit_code == 0
    assert done.stdout.startswith(" 1. uniform noise fixes the columns")
    saved = json.loads((tmp_path / "audit.json").read_text())
    assert [each["check"] for each in saved] == [each.check for each in react_eval.audit_published()]
    assert json.loads(run("published", "--audit", "--json").stdout) == saved


def test_published_rows_stand_beside_one_file(root, files):
    told = scored(root, files[0], "--with", "published")
    assert told.startswith("one: react2024@1, val")
    assert "── published" in told
    assert "VQ-Diff, offline [reactdiff], test" in told
    assert "your split is val" in told
    assert "── published" not in scored(root, files[0])


def test_published_rows_stand_beside_several_files(root, files):
    told = scored(root, *files, "--with", "published")
    assert told.count("── published") == 1
    assert told.index("── offline") < told.index("── published") < told.index("PerFRDiff [reactdiff]")


def test_published_rows_are_in_json(root, files):
    one = json.loads(scored(root, files[0], "--with", "published", "--json"))
    assert set(one) == {"scores", "run", "published"}
    assert {row["protocol"] for row in one["published"]["react2024@1"]} == {"react2024"}
    several = json.loads(scored(root, *files, "--with", "published", "--json"))
    assert several["published"] == one["published"]
    assert set(several) == {*map(str, files), "published"}


@pytest.mark.parametrize(
    ("suffix", "holds"),
    [
        (".json", '"published"'),
        (".md", r"| PerFRDiff \[reactdiff\], test |"),
        (".tex", "PerFRDiff [reactdiff], test &"),
        (".csv", '"PerFRDiff [reactdiff], test"'),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_published_rows_are_saved(root, files, tmp_path, suffix, holds, count):
    scored(root, *files[:count], "--with", "published", "--save", tmp_path / f"result{suffix}")
    assert holds in (tmp_path / f"result{suffix}").read_text(encoding="utf-8")


def test_protocols_without_published_rows_are_refused_before_scoring(root, files):
    done = run("score", files[0], "--split", "val", "--data", root, "-p", "corrected", "--with", "published")
    assert done.exit_code == 2
    assert "nothing is published under corrected; published results are under react2024" in done.stderr
    bare = run("score", "--predictions", "missing.npy", "-p", "corrected", "--with", "published")
    assert "nothing is published under corrected" in bare.stderr


def test_of_several_protocols_those_with_rows_have_them(root, files):
    told = scored(root, files[0], "-p", "react2024", "-p", "corrected", "--with", "published")
    assert told.count("── published") == 1
