"""Every value that the official scorers returned, through arrays, files and the command line's bare arrays."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from oracles import concordance
from oracles.official import CASES, NAMES, expected_values, golden

import react_eval

# The official scorer of ReactFace divides 0 by 0 there; these follow from the definition with 0 for such a channel.
FRCORR_WHERE_OFFICIALLY_NAN = {
    "binary_aus": 23.447955523172183,
    "ground_truth": 21.84,
    "mime": 0.24792484965368,
}
COMMAND = Path(sys.executable).with_name("react-eval")


def near(value, key):
    """The tolerance of the definitions: lags are equal integers, and officially their mean is a float32."""
    return pytest.approx(value, rel=0, abs=1e-6) if key == "FRSyn" else pytest.approx(value, rel=1e-5, abs=1e-9)


def expected_scores(name, protocol):
    official = expected_values(name, protocol)
    keys = ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn")
    values = {key: FRCORR_WHERE_OFFICIALLY_NAN[name] if official[key] is None else official[key] for key in keys}
    return {key: near(value, key) for key, value in values.items()}


@cache
def scored(name):
    return react_eval.score_arrays(**golden(name), protocol=["react2024", "reactface"], context=False)


@pytest.mark.parametrize(("name", "protocol"), CASES)
def test_arrays_score_as_officially(name, protocol):
    assert dict(scored(name).protocol(protocol)) == expected_scores(name, protocol)


@pytest.mark.parametrize("name", [name for name, protocol in CASES if protocol == "react2024"])
def test_react2023_is_the_same_scorer_and_all_reactions_are_a_setting(name):
    every_reaction = react_eval.find_protocol("react2024").override("FRSyn", reactions="all")
    both = react_eval.score_arrays(
        golden(name)["predictions"],
        speaker=golden(name)["speaker"],
        protocol=["react2023", every_reaction],
        metrics=["FRSyn"],
        context=False,
    )
    official = expected_values(name, "react2024")
    assert both["react2023/FRSyn"] == near(official["FRSyn"], "FRSyn")
    assert both.protocol(every_reaction.id)["FRSyn"] == near(official["FRSyn_all_reactions"], "FRSyn")


@pytest.mark.parametrize("name", NAMES)
def test_lags_are_integers(name):
    lags = scored(name).protocol("reactface").measurements["FRSyn"].per_clip["FRSyn_lag"]
    assert (lags == np.round(lags)).all()


@pytest.mark.parametrize("name", FRCORR_WHERE_OFFICIALLY_NAN)
def test_zero_by_zero_counts_as_zero_and_is_reported(name):
    data = {key: golden(name)[key] for key in ("predictions", "listener", "neighbours")}
    found = scored(name).protocol("reactface").measurements["FRCorr"]
    plain = 10 * concordance.frcorr(**data, epsilon=1e-50)
    assert plain == pytest.approx(FRCORR_WHERE_OFFICIALLY_NAN[name], rel=1e-12)
    assert found.value == pytest.approx(plain, rel=1e-12)
    assert found.details["channels_zero_by_zero"] == concordance.zero_by_zero(**data)


def test_the_stored_cases_hold_what_the_definitions_warn_of():
    sizes = {name: golden(name)["predictions"].shape for name in NAMES}
    assert sizes["full_length"] == (3, 10, 750, 25)
    assert sizes["coefficients58"][-1] == 58
    assert sizes["one_reaction"][1] == 1
    assert (golden("asymmetric")["neighbours"] != golden("asymmetric")["neighbours"].T).any()
    assert {name for name, protocol in CASES if expected_values(name, protocol)["FRCorr"] is None} == set(
        FRCORR_WHERE_OFFICIALLY_NAN
    )


@pytest.mark.parametrize("name", NAMES)
def test_files_score_as_arrays_do(name, tmp_path):
    arrays = golden(name)
    clips = [f"NoXI/{number:03d}/Expert_video/1" for number in range(len(arrays["predictions"]))]
    path = react_eval.save_submission(tmp_path / "preds.h5", arrays["predictions"], clips=clips, split="test")
    rest = {key: value for key, value in arrays.items() if key != "predictions"}
    result = react_eval.score_arrays(path, **rest, protocol=["react2024", "reactface"], context=False)
    assert dict(result) == dict(scored(name))
    assert result.protocol("react2024").clips == tuple(clips)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_line_scores_bare_arrays_as_officially(name, tmp_path):
    arguments = []
    for option, array in golden(name).items():
        np.save(tmp_path / f"{option}.npy", array, allow_pickle=False)
        arguments += [f"--{option}", str(tmp_path / f"{option}.npy")]
    arguments += ["-p", "react2024", "-p", "reactface", "--json", "--quiet", "--no-context"]
    done = subprocess.run([COMMAND, "score", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    printed = {id_.partition("@")[0]: each["scores"]["values"] for id_, each in json.loads(done.stdout).items()}
    for protocol in (protocol for stored, protocol in CASES if stored == name):
        assert printed[protocol] == expected_scores(name, protocol)
