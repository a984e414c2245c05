"""`react-eval compare` and `react-eval specificity`, run as a user runs them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from oracles.examples import smooth

import react_data
import react_eval

FRAMES = 90
COMMAND = [str(Path(sys.executable).with_name("react-eval"))]


def run(*arguments):
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A data set, and the submissions mime.h5 (of no name), noise.h5 and again.h5 (noise of another run seed)."""
    folder = tmp_path_factory.mktemp("compare")
    options = {"splits": ("val",), "modalities": ("emotion",), "frames": FRAMES, "show_progress": False}
    dataset = react_data.open_split(react_data.synthesise(folder / "data", recordings=16, **options), "val")
    clips = [str(clip) for clip in dataset["clip"].values]
    mime = np.repeat(dataset["speaker_emotion"].values[:, None], 10, axis=1)
    react_eval.save_submission(folder / "mime.h5", mime, clips=clips)
    for name, seed in (("noise", 0), ("again", 1)):
        values = smooth(np.random.default_rng(seed), len(clips), 10, FRAMES, 25)
        react_eval.save_submission(folder / f"{name}.h5", values, clips=clips, method="noise", run_seed=seed)
    return folder


def compare(folder, *files, arguments=()):
    paths = [folder / file for file in files]
    return run("compare", *paths, "--split", "val", "--data", folder / "data", "--quiet", *arguments)


def test_compare_prints_the_table_of_methods_and_the_comparison(folder):
    done = compare(folder, "mime.h5", "noise.h5", arguments=["-p", "react2024", "-p", "corrected"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Paired differences by clip") == 2
    assert "mime – noise" in done.stdout
    assert done.stdout.index("react2024@1, val, 32 clips") < done.stdout.index(
        "Paired differences by clip, react2024@1"
    )
    assert done.stderr == ""


def test_compare_prints_json_that_equals_the_library(folder):
    done = compare(folder, "mime.h5", "noise.h5", arguments=["-m", "FRCorr", "-m", "FRVar", "--seed", "3", "--json"])
    options = {"split": "val", "data": folder / "data", "metrics": ["FRCorr", "FRVar"], "show_progress": False}
    results = [react_eval.score(folder / f"{name}.h5", method=name, **options) for name in ("mime", "noise")]
    expected = react_eval.compare_results(results, seed=3).to_dict()
    assert json.loads(done.stdout)["comparisons"]["react2024@1"] == json.loads(json.dumps(expected))


def test_run_seeds_of_a_method_are_one_method(folder):
    done = compare(folder, "noise.h5", "again.h5", "mime.h5", arguments=["-m", "FRVar"])
    assert "noise – mime" in done.stdout
    assert "±" in done.stdout
    done = compare(folder, "noise.h5", "again.h5")
    assert done.returncode == 2
    assert "runs of one name with different run seeds are one method" in done.stderr


@pytest.mark.parametrize(
    ("suffix", "holds"), [(".json", '"comparisons"'), (".md", "| metric |"), (".tex", "bottomrule")]
)
def test_compare_saves_in_the_form_of_the_suffix(folder, tmp_path, suffix, holds):
    saved = tmp_path / f"comparison{suffix}"
    done = compare(folder, "mime.h5", "noise.h5", arguments=["-m", "FRVar", "--save", saved])
    assert done.returncode == 0, done.stderr
    assert holds in saved.read_text()


def test_specificity_prints_saves_and_equals_the_library(folder, tmp_path):
    options = ["--split", "val", "--data", folder / "data", "-m", "FRSyn", "-p", "corrected", "--quiet"]
    saved = tmp_path / "specificity.json"
    done = run("specificity", folder / "mime.h5", *options, "--save", saved)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Specificity of mime, corrected@1, val, 32 clips in 5 sessions")
    assert "mime listens: FRSyn better with the own speaker" in done.stdout
    printed = json.loads(run("specificity", folder / "mime.h5", *options, "--json").stdout)
    assert printed == json.loads(saved.read_text())
    found = react_eval.specificity(
        folder / "mime.h5",
        split="val",
        data=folder / "data",
        protocol="corrected",
        metrics=["FRSyn"],
        show_progress=False,
    )
    assert printed["found"] == found.to_dict()["found"]


BAD_USAGE = {
    "one file": (("compare", "{folder}/mime.h5"), "at least two submission files"),
    "suffix": (
        ("compare", "{folder}/mime.h5", "{folder}/noise.h5", "--save", "x.csv"),
        "must be one of .json, .md, .tex",
    ),
    "no folder": (("compare", "{folder}/mime.h5", "{folder}/noise.h5", "--save", "no/x.md"), "there is no folder no"),
    "no file": (("compare", "{folder}/mime.h5", "{folder}/none.h5"), "none.h5"),
    "diversity": (("specificity", "{folder}/mime.h5", "-m", "FRDiv"), "re-pairing cannot change FRDiv"),
    "suffix of specificity": (("specificity", "{folder}/mime.h5", "--save", "x.csv"), "must be one of"),
}


@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_usage_exits_2_with_one_message(folder, case):
    arguments, message = BAD_USAGE[case]
    data = ("--split", "val", "--data", str(folder / "data"))
    done = run(*(argument.format(folder=folder) for argument in arguments), *data)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
