"""The result of scoring: a mapping with a signature, byte-stable JSON, values by clip, and a public form."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from oracles.examples import example

import react_eval
from react_eval import ScoreResult, __version__
from react_eval.errors import UnknownNameError
from react_eval.result import fixed_digits
from react_eval.scoring import score_arrays

CLIPS = [f"secret/{name}/person/1" for name in "pqrs"]
KEYS = ["FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn"]


def scored(protocol="react2024", **changes):
    return score_arrays(**(example(frames=60) | changes), clips=CLIPS, protocol=protocol)


@pytest.fixture(scope="module")
def result():
    return scored()


@pytest.fixture(scope="module")
def corrected():
    return scored("corrected", sessions=list("aabb"))


def silent_speakers():
    return scored("corrected", speaker=np.zeros((4, 60, 25), np.float32))


def test_it_is_a_mapping_of_floats(result):
    assert isinstance(result, ScoreResult)
    assert list(result) == KEYS
    assert len(result) == 6
    assert dict(result) == {key: result[key] for key in KEYS}
    assert all(type(value) is float for value in result.values())
    assert "FRCorr" in result
    assert "FRRea" not in result
    assert result.get("FRRea") is None


def test_aliases_and_suggestions(result):
    assert result["TLCC"] == result["frsyn"] == result["FRSyn"]
    assert result["S-MSE"] == result["FRDiv"]
    with pytest.raises(UnknownNameError, match=r"'react2024@1' has no metric 'FRDvz'\. Did you mean 'FRDvs'\?"):
        result["FRDvz"]
    with pytest.raises(KeyError):
        result["nothing"]


def test_the_signature_fixes_what_the_numbers_mean(result):
    assert result.signature == (
        "react2024@1|split:arrays|channels:emotion-25|clips:4|reactions:3|frames:60|neighbours:given|data:as given|"
        f"react-eval:{__version__}"
    )
    assert result.signature in str(result)
    assert result.signature in result.to_markdown()
    assert "\n" not in result.signature


def test_repr_is_short_and_names_the_protocol(result):
    assert re.fullmatch(r"<ScoreResult react2024@1: FRCorr=[\d.]+, .*FRSyn=[\d.]+>", repr(result))


def test_a_sum_is_shown_beside_its_mean_per_reaction(result):
    assert result.per_reaction("FRCorr") == result["FRCorr"] / 3
    assert result.per_reaction("FRDiv") is None
    assert "per reaction" in str(result)
    assert "Not comparable with challenge results: sums over 3 reactions, the challenge sums over 10." in str(result)
    assert "per reaction" not in str(scored("corrected"))


def test_gt_and_mime_stand_beside_the_values(result):
    data = example(frames=60)
    real = score_arrays(**(data | {"predictions": np.repeat(data["listener"][:, None], 3, axis=1)}), context=False)
    mime = score_arrays(**(data | {"predictions": np.repeat(data["speaker"][:, None], 3, axis=1)}), context=False)
    assert result.context["GT"] == pytest.approx(dict(real), rel=1e-12)
    assert result.context["B_Mime"] == pytest.approx(dict(mime), rel=1e-12)
    assert {"GT", "B_Mime"} <= set(result.to_frame().columns)


def test_scores_are_the_same_bytes_again_and_with_other_threads(monkeypatch):
    texts = set()
    for threads in (1, 2, 5, 5):
        monkeypatch.setattr(os, "cpu_count", lambda count=threads: count)
        content = json.loads(scored("corrected").to_json())
        texts.add(json.dumps(content["scores"]))
    assert len(texts) == 1


def test_json_is_written_as_it_is_returned(result, tmp_path):
    text = result.to_json(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == text
    content = json.loads(text)
    assert set(content) == {"scores", "run"}
    assert content["scores"]["values"] == {key: fixed_digits(value) for key, value in result.items()}
    assert content["scores"]["hashes"].keys() == {"predictions", "data"}
    assert "seconds" in content["run"]
    assert "seconds" not in json.dumps(content["scores"])


@pytest.mark.parametrize("name", ["predictions", "listener", "speaker", "neighbours"])
def test_hashes_follow_the_data(result, name):
    data = example(frames=60)
    data[name] = data[name][::-1].copy()
    side = "predictions" if name == "predictions" else "data"
    changed = scored(**data).hashes
    assert {each for each in changed if changed[each] != result.hashes[each]} == {side}


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.1 + 0.2, 0.3), (1e-17 / 3, 3.333333333e-18), (49.0, 49.0), (float("nan"), None), (float("inf"), None)],
)
def test_values_are_written_in_fixed_digits(value, written):
    assert fixed_digits(value) == written


def test_what_is_undefined_is_nan_here_and_null_with_a_reason_there():
    undefined = silent_speakers()
    scores = json.loads(undefined.to_json())["scores"]
    assert np.isnan(undefined["FRSyn"])
    assert scores["values"]["FRSyn"] is None
    assert scores["reasons"]["FRSyn"].startswith("4 clips have a speaker that never varies")
    assert "FRSyn" not in scores["intervals"]
    assert re.search(r"FRSyn ↓ +– ", str(undefined))


def test_values_by_clip_have_names_and_dimensions(result):
    per_clip = result.per_clip
    assert list(per_clip["clip"].values) == CLIPS
    assert per_clip.attrs["signature"] == result.signature
    assert per_clip["FRCorr"].dims == per_clip["FRDist_neighbour"].dims == ("clip", "reaction")
    assert per_clip["FRDiv"].dims == per_clip["FRSyn"].dims == ("clip",)
    assert float(per_clip["FRDist"].sum("reaction").mean()) == pytest.approx(result["FRDist"])
    assert "FRDvs" not in per_clip


def test_the_nearest_neighbour_is_given_by_its_id():
    data = example(frames=60)
    data["predictions"] = np.repeat(data["listener"][[2, 2, 2, 2], None], 3, axis=1)
    data["neighbours"] = np.ones((4, 4), dtype=bool)
    per_clip = scored(**data).per_clip
    assert (per_clip["FRDist_neighbour"] == CLIPS[2]).all()
    assert (per_clip["FRCorr_neighbour"] == CLIPS[2]).all()


def test_a_public_result_holds_no_clip_anywhere():
    public = scored("corrected", sessions=["secret session", "secret session", "b", "b"]).public()
    text = "".join([public.to_json(), str(public), repr(public), public.to_markdown(), public.to_latex()])
    assert "secret" not in text + public._repr_html_() + str(public.to_frame())
    assert public.clips == ()
    assert not public.per_clip.data_vars
    assert public.per_clip.sizes["clip"] == 0
    assert all(not found.per_clip for found in public.measurements.values())
    assert dict(public) == dict(scored("corrected", sessions=list("aabb")))


def test_several_protocols_are_made_public_together():
    public = scored(["react2024", "corrected"]).public()
    assert "secret" not in public.to_json() + str(public)


def test_several_protocols_are_one_mapping_by_protocol_and_key():
    both = scored(["react2024", "corrected"])
    assert set(both) == {f"{protocol}/{key}" for protocol in ("react2024", "corrected") for key in KEYS}
    assert len(both) == 12
    assert both["react2024/FRC"] == both.protocol("react2024@1")["FRCorr"]
    assert set(json.loads(both.to_json())) == {"react2024@1", "corrected@1"}
    assert all(each.signature in str(both) for each in both.results)
    assert both._repr_html_().count("<table>") == 2


def test_several_protocols_ask_which_is_meant():
    both = scored(["react2024", "corrected"])
    with pytest.raises(KeyError, match="several protocols were scored, so say which, such as 'react2024/FRCorr'"):
        both["FRCorr"]
    with pytest.raises(KeyError, match="'reactface' is not among"):
        both["reactface/FRCorr"]


def test_a_frame_has_a_row_a_metric(result, corrected):
    frame = corrected.to_frame()
    assert list(frame.index) == KEYS
    assert frame["value"].to_dict() == dict(corrected)
    assert (frame["low"] <= frame["high"]).all()
    assert frame.loc["FRDist", "better"] == "lower"
    assert set(frame["protocol"]) == {"corrected@1"}
    assert result.to_frame().loc["FRCorr", "per_reaction"] == result.per_reaction("FRCorr")
    assert "low" not in result.to_frame()


def test_tables_in_every_form_show_every_metric(result):
    latex = result.to_latex()
    for text in (str(result), result.to_markdown(), latex, result._repr_html_()):
        assert all(key in text for key in KEYS)
    assert str(result) == result.grid().to_text()
    assert latex.count(r"\begin{") == latex.count(r"\end{")


def test_metrics_whose_inputs_lack_are_left_out_aloud():
    only = score_arrays(example()["predictions"])
    assert list(only) == ["FRDiv", "FRVar", "FRDvs"]
    assert "FRCorr left out: no listeners and neighbours." in only.notes
    assert "FRSyn left out: no speakers." in str(only)


def test_diagnostics_explain_the_values(result):
    facts = result.diagnostics
    assert facts["coverage"] == 1
    assert facts["action_units"] == "continuous"
    assert facts["clips_without_neighbours"] == 0
    assert facts["identical_reactions"] == 0
    assert facts["neighbours"]["least"] >= 1
    assert 1 <= facts["distinct_neighbours"]["FRDist"] <= 4
    assert facts["metrics"]["FRSyn"]["near_ties"] == 0


def test_diagnostics_see_ranges_binary_units_and_equal_reactions():
    predictions = example(frames=60)["predictions"]
    predictions[..., :15] = predictions[..., :15] > 0.5
    predictions[..., 15:17] *= -3
    predictions[0, 1] = predictions[0, 0]
    predictions[1, 0, :, 20] = 0.25
    shown = scored(predictions=predictions)
    facts = shown.diagnostics
    assert facts["action_units"] == "binary"
    assert facts["value_ranges"]["action units"] == [0, 1]
    assert facts["value_ranges"]["valence and arousal"][0] == predictions[..., 15:17].min()
    assert facts["outside_range"]["valence and arousal"] == (predictions[..., 15:17] < -1).mean()
    assert facts["identical_reactions"] == 1
    assert facts["coverage"] == 1 - 1 / (4 * 3 * 25)
    assert "1 of 4 clips have reactions that are equal." in str(shown)


def test_chosen_metrics_keep_the_order_they_were_asked_in():
    chosen = react_eval.score_arrays(**example(), metrics=["TLCC", "frc", "FRCorr"])
    assert list(chosen) == ["FRSyn", "FRCorr"]
    assert chosen["FRCorr"] == react_eval.score_arrays(**example())["FRCorr"]


def test_neighbours_are_named_where_listeners_are_no_clips():
    data = example(seed=4, clips=3, reactions=2, frames=80)
    listener = np.concatenate([data["listener"], data["listener"][:2]])
    result = react_eval.score_arrays(
        data["predictions"], listener=listener, neighbours=[[4], [3], [2]], clips=["a", "b", "c"], metrics=["FRDist"]
    )
    assert result.per_clip["FRDist_neighbour"].values[:, 0].tolist() == ["4", "3", "2"]


def test_a_protocol_and_its_variant_keep_their_own_keys():
    data = example(seed=5, clips=3, reactions=2, frames=80)
    variant = react_eval.find_protocol("react2024").override("FRSyn", reactions="all")
    both = react_eval.score_arrays(**data, protocol=["react2024", variant], metrics=["FRSyn"])
    assert set(both) == {"react2024@1/FRSyn", "react2024@1+FRSyn.reactions=all/FRSyn"}
    assert len(dict(both)) == len(both) == 2


def test_clip_ids_given_twice_are_refused():
    data = example(seed=6, clips=3, reactions=2, frames=80)
    with pytest.raises(react_eval.ReactError, match="1 clip ids are given more than once: a"):
        react_eval.score_arrays(**data, clips=["a", "b", "a"])


def test_a_metric_that_was_left_out_says_why():
    data = example(frames=60)
    only = score_arrays(data["predictions"])
    with pytest.raises(KeyError, match="FRCorr left out: no listeners and neighbours"):
        only["FRCorr"]
    chosen = score_arrays(**data, metrics=["FRDiv"])
    with pytest.raises(UnknownNameError, match=r"FRCorr was not asked for: metrics=\['FRDiv'\]"):
        chosen["frc"]
    assert "FRCorr" not in chosen
    assert chosen.get("FRCorr") is None


def test_numpy_values_and_infinities_are_written():
    facts = {"clips": np.int64(4), "share": np.float32(0.5), "flags": np.array([True, False]), "far": float("inf")}
    odd = replace(scored(), diagnostics={"metrics": {"FRDiv": facts}}, run={"seconds": np.float64(0.1)})
    odd = replace(odd, facts={**odd.facts, "clips": np.int64(4), "run_seed": np.int64(3)})
    content = json.loads(odd.to_json())
    assert content["scores"]["diagnostics"]["metrics"]["FRDiv"] == {
        "clips": 4,
        "share": 0.5,
        "flags": [True, False],
        "far": None,
    }
    assert content["scores"]["facts"]["run_seed"] == 3
    assert content["run"]["seconds"] == 0.1


def test_a_value_that_is_no_text_is_no_key(result):
    assert 0 not in result
    assert result.get(None) is None


def test_values_by_clip_of_two_uses_keep_apart_whatever_they_are_called():
    made = scored("perfrdiff", personal=np.eye(4, dtype=bool))
    odd = {
        key: replace(found, per_clip={"distance": np.full(4, float(number))})
        for number, (key, found) in enumerate(made.measurements.items())
    }
    per_clip = replace(made, measurements=odd).per_clip
    assert set(per_clip.data_vars) == {f"{key}_distance" for key in made}
