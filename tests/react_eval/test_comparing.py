"""Methods compared clip by clip: what is compared, on which scale, who wins, and what cannot be told."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import pairing
from oracles.examples import example

import react_eval
from react_eval import compare_results, find_protocol, score_arrays
from react_eval.errors import InputError, UnknownNameError
from react_eval.registry import Measurement, mean_over_clips
from react_eval.result import ScoreResult

SESSIONS = list("aaabbccccddeeeffgg")
CLIPS = len(SESSIONS)

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 10**6)


def noise(seed, shift=0.0):
    return shift + np.random.default_rng(seed).normal(size=CLIPS)


def result(method, by_clip, protocol="corrected", real=None, sessions=SESSIONS, **changes):
    """A result of given values by clip; where a metric sums over 10 reactions, the value is 10 times their mean."""
    uses = {key: find_protocol(protocol).use(key) for key in by_clip}
    factors = {key: getattr(use.settings, "scale", 1) * (10 if use.sums_reactions else 1) for key, use in uses.items()}
    facts = {"split": "val", "clips": len(sessions), "reactions": 10, "frames": 750, "neighbours": "matrix"}
    return ScoreResult(
        protocol=find_protocol(protocol),
        measurements={
            key: Measurement(factors[key] * mean_over_clips(values), {uses[key].metric: np.asarray(values)[:, None]})
            for key, values in by_clip.items()
        },
        context={},
        facts={**facts, "channels": "emotion-25", "method": method, "run_seed": changes.pop("run_seed", "")},
        hashes={"predictions": method, "data": "d"},
        diagnostics={},
        clips=tuple(f"clip {number}" for number in range(len(sessions))),
        groups=tuple(sorted(set(sessions)).index(session) for session in sessions),
        group_kind="sessions",
        context_per_clip={} if real is None else {"GT": real},
        **changes,
    )


def only(*results, **options):
    comparison = compare_results(results, **options)
    (found,) = comparison.differences
    return found


def test_the_difference_its_interval_and_p_equal_the_plain_ones():
    one, other = noise(0, 0.5), noise(1)
    found = only(result("one", {"FRCorr": one}), result("other", {"FRCorr": other}))
    assert found.difference == pytest.approx(np.mean(one - other))
    assert (found.low, found.high) == pytest.approx(pairing.interval_of_difference(one, other, SESSIONS))
    assert found.p_value == pytest.approx(pairing.p_value(one - other, SESSIONS))
    assert found.p_holm == found.p_value
    assert (found.clips, found.left_out, found.groups) == (CLIPS, 0, 7)


@pytest.mark.parametrize(("protocol", "factor"), [("corrected", 1), ("react2024", 10), ("reactface", 100)])
def test_differences_are_on_the_protocols_own_scale(protocol, factor):
    one, other = result("one", {"FRCorr": noise(0)}, protocol), result("other", {"FRCorr": noise(1)}, protocol)
    found = only(one, other)
    assert found.difference == pytest.approx(factor * np.mean(noise(0) - noise(1)))
    assert found.difference == pytest.approx(one["FRCorr"] - other["FRCorr"])


def test_clips_won_follow_the_metrics_direction():
    one, other = np.array([1.0, 2, 3, 4]), np.array([0.0, 2, 5, 1])
    pair = [
        result(n, {"FRCorr": v, "FRSyn": v, "FRDiv": v}, sessions=list("aabb")) for n, v in (("a", one), ("b", other))
    ]
    records = {each.metric: (each.wins, each.ties, each.losses) for each in compare_results(pair).differences}
    assert records == {"FRCorr": (2, 1, 1), "FRSyn": (1, 1, 2), "FRDiv": (None, None, None)}


def test_the_better_method_is_named_where_corrected_p_is_small():
    pair = [result(name, {"FRCorr": values, "FRSyn": values}) for name, values in (("a", noise(0, 9)), ("b", noise(1)))]
    winners = {each.metric: each.winner for each in compare_results(pair).differences}
    assert winners == {"FRCorr": "a", "FRSyn": "b"}
    assert only(*(result(n, {"FRDiv": noise(0, size)}) for n, size in (("a", 9), ("b", 0)))).winner == ""


def test_where_real_reactions_are_best_distances_to_them_are_compared():
    real, one, other = noise(0, 5), noise(1, 4), noise(2, 8)
    pair = [result("one", {"FRVar": one}, real={"FRVar": real}), result("other", {"FRVar": other})]
    found = only(*pair)
    distances = [abs(np.mean(values) - np.mean(real)) for values in (one, other)]
    assert found.compared == "distance to GT"
    assert found.difference == pytest.approx(distances[0] - distances[1])
    assert (found.low, found.high) == pytest.approx(pairing.interval_of_distances(one, other, real, SESSIONS))
    exact = [pairing.p_value(each, SESSIONS) for each in (one - other, one + other - 2 * real)]
    assert found.p_value == pytest.approx(max(exact))
    assert found.wins == (np.abs(one - real) < np.abs(other - real)).sum()
    assert found.winner == "one"


def test_methods_equally_far_from_real_ones_on_both_sides_do_not_differ():
    real, common = noise(0, 5), 0.01 * noise(1)
    pair = [result(n, {"FRVar": real + common + side}, real={"FRVar": real}) for n, side in (("low", -1), ("high", 1))]
    found = only(*pair)
    assert abs(found.difference) < 0.02
    assert found.p_value > 0.05


def test_without_real_reactions_nobody_is_nearer():
    found = only(*(result(name, {"FRVar": values}) for name, values in (("a", noise(0, 9)), ("b", noise(1)))))
    assert (found.compared, found.better, found.winner, found.wins) == ("value", 0, "", None)
    assert found.p_value < 0.05


def test_real_reactions_among_the_methods_are_the_measure():
    real = result("GT", {"FRVar": noise(0)})
    real = replace(real, facts={**real.facts, "baseline": "GT"})
    found = only(real, result("a", {"FRVar": noise(1, 3)}))
    assert (found.compared, found.winner, found.wins) == ("distance to GT", "GT", CLIPS)


def test_undefined_clips_are_left_out_and_counted():
    one, other = noise(0), noise(1)
    one[[0, 4]], other[[0, 9]] = np.nan, np.nan
    found = only(result("one", {"FRSyn": one}), result("other", {"FRSyn": other}))
    both = ~np.isnan(one + other)
    assert found.difference == pytest.approx(np.mean((one - other)[both]))
    assert (found.clips, found.left_out, found.ties) == (CLIPS - 3, 3, 1)
    assert found.wins + found.losses == CLIPS - 3


def test_nothing_is_left_out_silently():
    silent, some = np.full(CLIPS, np.nan), noise(0)
    alternating = [np.where(np.arange(CLIPS) % 2 == odd, some, np.nan) for odd in (0, 1)]
    series = dict(zip("abcd", [silent, some, *alternating], strict=True))
    results = [result(name, {"FRSyn": values, "FRDiv": some}) for name, values in series.items()]
    pairs = {(each.first, each.second) for each in compare_results(results).differences if each.metric == "FRSyn"}
    assert pairs == {("b", "c"), ("b", "d")}
    assert compare_results(results).not_compared == (
        "FRSyn of a is undefined in every clip.",
        "FRSyn of c and d: no clip is defined for both.",
    )


def test_what_cannot_be_ranked_is_not_compared():
    unranked = result("a", {"FRSyn": noise(0)})
    poor = replace(unranked.measurements["FRSyn"], rankable=False, reason="only 9 % of the channels vary")
    comparison = compare_results([replace(unranked, measurements={"FRSyn": poor}), result("b", {"FRSyn": noise(1)})])
    assert comparison.differences == ()
    assert comparison.not_compared == ("FRSyn of a is not rankable: only 9 % of the channels vary.",)
    assert "Not compared: FRSyn of a is not rankable" in str(comparison)


def test_frdvs_is_compared_where_its_values_by_clip_are_kept_and_else_said_not_to_be():
    data = example(clips=6, channels=3)
    pair = [score_arrays(**data | {"predictions": data["predictions"] * size}, method=f"{size}") for size in (1, 0.5)]
    bare = [replace(each, measurements={"FRDvs": replace(each.measurements["FRDvs"], per_clip={})}) for each in pair]
    assert "FRDvs is a mean over pairs of clips" in compare_results(bare).not_compared[0]
    kept = [result(name, {"FRDvs": noise(n, 3)}) for n, name in enumerate("ab")]
    assert only(*kept).metric == "FRDvs"


def test_run_seeds_of_one_method_are_averaged_clip_by_clip():
    runs = [result("ours", {"FRCorr": noise(seed)}, run_seed=str(seed)) for seed in (0, 1)]
    found = only(*runs, result("theirs", {"FRCorr": noise(2)}))
    assert found.difference == pytest.approx(np.mean((noise(0) + noise(1)) / 2 - noise(2)))
    with pytest.raises(InputError, match="only 'ours' was given, and a comparison needs two"):
        compare_results(runs)


def test_pairs_are_in_the_order_given_and_corrected_together():
    results = [result(name, {"FRCorr": noise(n, n), "FRSyn": noise(n)}) for n, name in enumerate("cab")]
    comparison = compare_results(results)
    pairs = [(each.metric, each.first + each.second) for each in comparison.differences]
    assert pairs == [(key, pair) for key in ("FRCorr", "FRSyn") for pair in ("ca", "cb", "ab")]
    expected = pairing.holm([each.p_value for each in comparison.differences])
    assert [each.p_holm for each in comparison.differences] == pytest.approx(expected)


def test_metrics_are_chosen_by_any_name_and_unknown_ones_refused():
    pair = [result(name, {"FRCorr": noise(n), "FRSyn": noise(n)}) for n, name in enumerate("ab")]
    assert {each.metric for each in compare_results(pair, metrics=["tlcc"]).differences} == {"FRSyn"}
    assert {each.metric for each in compare_results(pair, metrics="FRC").differences} == {"FRCorr"}
    with pytest.raises(UnknownNameError, match="FRDist was not asked for"):
        compare_results(pair, metrics=["FRDist"])


def test_equal_results_differ_in_nothing_though_they_are_two():
    same = [result("one", {"FRCorr": noise(0)}), result("one", {"FRCorr": noise(0)})]
    found = only(*same)
    assert (found.first, found.second) == ("one (1)", "one (2)")
    assert (found.difference, found.low, found.high, found.p_value, found.ties) == (0, 0, 0, 1, CLIPS)


def test_rounding_is_no_difference():
    found = only(*(result(name, {"FRCorr": noise(0) * size}) for name, size in (("a", 1), ("b", 1 + 1e-14))))
    assert (found.difference, found.p_value, found.ties) == (0, 1, CLIPS)


@few
@given(seeds)
def test_swapping_the_methods_flips_the_signs(seed):
    metrics = {"FRCorr": 0, "FRSyn": 1, "FRVar": 2}
    real = {"FRVar": noise(seed + 5)}
    one, other = (
        result(name, {key: noise(seed + n + shift) for key, n in metrics.items()}, real=real)
        for name, shift in (("one", 0), ("other", 7))
    )
    forth, back = (compare_results(pair).differences for pair in ([one, other], [other, one]))
    for there, again in zip(forth, back, strict=True):
        assert again.difference == pytest.approx(-there.difference, abs=1e-15)
        assert (again.low, again.high) == pytest.approx((-there.high, -there.low), abs=1e-12)
        assert again.p_value == there.p_value
        assert (again.wins, again.ties, again.losses) == (there.losses, there.ties, there.wins)
        assert again.winner == there.winner


@few
@given(seeds, st.permutations(range(CLIPS)))
def test_the_order_of_clips_does_not_matter(seed, order):
    sessions = [SESSIONS[clip] for clip in order]
    plain, permuted = (
        only(*(result(name, {"FRCorr": noise(seed + n)[by]}, sessions=named) for n, name in enumerate("ab")))
        for by, named in ((list(range(CLIPS)), SESSIONS), (list(order), sessions))
    )
    assert permuted.difference == pytest.approx(plain.difference)
    assert (permuted.low, permuted.high) == pytest.approx((plain.low, plain.high))
    assert (permuted.p_value, permuted.wins) == (plain.p_value, plain.wins)


def test_few_sessions_are_said_to_be_too_few():
    pair = [result(n, {"FRCorr": noise(i, 9 * i)[:10]}, sessions=list("aabbccddee")) for i, n in enumerate("ab")]
    comparison = compare_results(pair)
    assert comparison.differences[0].smallest_p == comparison.differences[0].p_value == 1 / 16
    assert "No difference can reach p = 0.05: with 5 sessions the smallest possible p is 0.0625." in str(comparison)
    pair = [result(n, {k: noise(i, 9 * i) for k in ("FRCorr", "FRSyn", "FRDiv", "FRDist")}) for i, n in enumerate("ab")]
    assert "After correction over 4 comparisons no difference can reach p = 0.05" in str(compare_results(pair))


def test_one_session_has_no_interval():
    found = only(*(result(name, {"FRCorr": noise(n)[:4]}, sessions=list("aaaa")) for n, name in enumerate("ab")))
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.p_value == found.smallest_p == 1.0


def scored(seed=0, **options):
    data = example(seed, clips=6, channels=3)
    return score_arrays(**data, sessions=list("aabbcc"), protocol="corrected", method=f"m{seed}", **options)


def test_results_of_score_compare_on_every_metric_that_has_values_by_clip():
    data = example(0, clips=6, channels=3)
    other = data | {"predictions": data["predictions"][:, ::-1] * np.float32(0.5)}
    pair = [score_arrays(**each, sessions=list("aabbcc"), protocol="corrected") for each in (data, other)]
    comparison = compare_results(pair)
    differences = {each.metric: each for each in comparison.differences}
    assert {"FRCorr", "FRDist", "FRDiv", "FRVar", "FRSyn"} <= set(differences)
    for key in ("FRCorr", "FRDist", "FRDiv", "FRSyn"):
        assert differences[key].difference == pytest.approx(pair[0][key] - pair[1][key], rel=1e-9)
    real = pair[0].context["GT"]["FRVar"]
    expected = abs(pair[0]["FRVar"] - real) - abs(pair[1]["FRVar"] - real)
    assert differences["FRVar"].difference == pytest.approx(expected)


REFUSED = {
    "public": (lambda: [scored().public()] * 2, "2 of 2 results hold no values by clip, since they are public"),
    "other data": (lambda: [scored(0), scored(1)], "results of different data do not compare"),
    "other protocol": (
        lambda: [result("a", {"FRVar": noise(0)}), result("b", {"FRVar": noise(0)}, "react2024")],
        "protocols",
    ),
    "other order": (
        lambda: [result("a", {"FRVar": noise(0)}), replace(result("b", {"FRVar": noise(0)}), clips=("x",) * CLIPS)],
        "nothing can be paired",
    ),
    "nothing": (list, "there are no results"),
    "one": (lambda: [result("a", {"FRVar": noise(0)})], "needs two methods"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_compare_is_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        compare_results(make())


def test_numbers_of_draws_are_checked():
    pair = [result(name, {"FRVar": noise(0)}) for name in "ab"]
    with pytest.raises(InputError, match="resamples is 0, expected at least 1"):
        compare_results(pair, resamples=0)
    with pytest.raises(InputError, match="permutations is -1"):
        compare_results(pair, permutations=-1)


def shown():
    sizes = {"ours": 9.0, "theirs & co": 0.0, "third": 0.0}
    real, alone = {"FRVar": noise(9)}, [f"session {number:02}" for number in range(CLIPS)]
    values = {name: {"FRCorr": noise(n, size), "FRVar": noise(n)} for n, (name, size) in enumerate(sizes.items())}
    return compare_results([result(name, each, real=real, sessions=alone) for name, each in values.items()])


def test_a_comparison_prints_in_every_form():
    comparison = shown()
    assert "ours – theirs & co" in str(comparison)
    assert "Holm's correction is over all 6 comparisons" in str(comparison)
    assert "FRVar: compared are distances of means to GT's mean" in str(comparison)
    assert "**ours**" in comparison.to_markdown()
    assert r"theirs \& co" in comparison.to_latex()
    assert "theirs &amp; co" in comparison.to_html()
    assert "theirs &amp; co" in comparison._repr_html_()
    assert repr(comparison) == "<Comparison corrected@1: ours – theirs & co – third, 6 differences>"


def test_letters_tell_whom_a_method_beats():
    grid = shown().by_method()
    first = [row[0].text for row in grid.rows]
    assert first == ["a ours", "b theirs & co", "c third"]
    assert grid.rows[0][1].text.endswith(" b c")
    assert " " not in grid.rows[1][1].text


def test_a_comparison_as_data(tmp_path):
    comparison = shown()
    told = json.loads(comparison.to_json(tmp_path / "comparison.json"))
    assert told == json.loads((tmp_path / "comparison.json").read_text())
    assert told["differences"][0]["winner"] == "ours"
    assert told["values"]["third"]["FRCorr"] == pytest.approx(np.mean(noise(2)))
    frame = comparison.to_frame()
    assert list(frame["metric"].unique()) == ["FRCorr", "FRVar"]
    assert frame["difference"][0] == comparison.differences[0].difference


def test_the_same_seed_gives_the_same_comparison_and_the_name_is_public():
    assert shown().to_json() == shown().to_json()
    assert react_eval.compare_results is compare_results
