"""The table of many methods, and its text in every form, whatever the methods are called."""

import re
from dataclasses import replace

import pytest
from oracles.examples import example

import react_eval
from react_eval import find_protocol, table
from react_eval.errors import InputError
from react_eval.grid import Cell, Grid
from react_eval.registry import Measurement, find_metric
from react_eval.result import ScoreResult

REAL = {"FRCorr": 1.0, "FRDist": 0.0, "FRDiv": 0.0, "FRVar": 0.05, "FRDvs": 0.1, "FRSyn": 30.0}
LOW = {"FRCorr": 0.2, "FRDist": 0.3, "FRDiv": 0.01, "FRVar": 0.01, "FRDvs": 0.02, "FRSyn": 20.0}
HIGH = {"FRCorr": 0.6, "FRDist": 0.4, "FRDiv": 0.08, "FRVar": 0.06, "FRDvs": 0.3, "FRSyn": 25.0}
HOSTILE = {
    "latex": r"\input{/etc/passwd} 100% $x_1^2$ & {a} ~#",
    "html": "<script>alert('x')</script> & \"q\"",
    "markdown": "a | b * c ` d _e_ [f](javascript:g) <img src=x>",
    "lines": "one\n\ntwo",
    "entity": "&lt;b&gt;",
    "wide": "方法 α ± ↑",
}


def result(method, values=LOW, protocol="corrected", context=True, unranked=(), reason="", **facts):
    size = {"clips": 8, "reactions": 10, "frames": 750, "neighbours": "matrix", "channels": "emotion-25"}
    return ScoreResult(
        protocol=find_protocol(protocol),
        measurements={
            key: Measurement(value, reason=reason, rankable=key not in unranked) for key, value in values.items()
        },
        context={"GT": REAL} if context else {},
        facts={**size, "split": "val", "method": method, **facts},
        hashes={"predictions": "p", "data": "d"},
        diagnostics={},
    )


def cells(grid, method):
    row = next(row for row in grid.rows if row and row[0].text == method)
    return dict(zip(LOW, row[1:], strict=True))


def outline(grid):
    """What the rows are called, with the titles of groups between them."""
    return [row[0].text if row else f"— {grid.titles[place]}" for place, row in enumerate(grid.rows)]


def bold(grid):
    """Methods that stand out, by metric."""
    methods = [row[0].text for row in grid.rows if row]
    return {key: [method for method in methods if cells(grid, method)[key].bold] for key in LOW}


def test_each_direction_has_its_best_method_and_frdiv_none():
    grid = table([result("low", LOW), result("high", HIGH)])
    assert bold(grid) == {
        "FRCorr": ["high"],
        "FRDist": ["low"],
        "FRDiv": [],
        "FRVar": ["high"],
        "FRDvs": ["low"],
        "FRSyn": ["low"],
    }


def test_headings_show_the_direction():
    grid = table([result("low")])
    assert list(grid.headings) == ["method", "FRCorr ↑", "FRDist ↓", "FRDiv", "FRVar →GT", "FRDvs →GT", "FRSyn ↓"]


def test_naive_methods_come_last_and_are_never_bold():
    best = {"FRCorr": 9.0, "FRDist": 0.0, "FRDiv": 0.0, "FRVar": 0.05, "FRDvs": 0.1, "FRSyn": 0.0}
    naive = [result(name, best, baseline=name) for name in ("GT", "B_Mime")]
    grid = table([result("low", LOW), naive[0], result("high", HIGH), naive[1]])
    assert outline(grid) == ["— track not stated", "low", "high", "— naive", "GT", "B_Mime"]
    assert bold(grid)["FRCorr"] == ["high"]
    assert not {"GT", "B_Mime"} & {method for methods in bold(grid).values() for method in methods}


def test_what_cannot_be_ranked_is_marked_and_never_bold():
    grid = table([result("low", LOW, unranked=["FRSyn"]), result("high", HIGH), result("third", HIGH)])
    assert cells(grid, "low")["FRSyn"].text == "20.00 †"
    assert "low" not in bold(grid)["FRSyn"]
    assert any(note.startswith("†") for note in grid.notes)


def test_undefined_values_are_a_dash_and_never_bold():
    grid = table([result("low", LOW | {"FRCorr": float("nan")}), result("high", HIGH), result("third", LOW)])
    assert cells(grid, "low")["FRCorr"].text == "–"
    assert bold(grid)["FRCorr"] == ["high"]


def test_one_method_alone_is_the_best_of_nothing():
    assert not any(bold(table([result("GT", REAL, baseline="GT"), result("low")])).values())


def test_without_real_values_nothing_is_nearest_to_them():
    grid = table([result("low", LOW, context=False), result("high", HIGH, context=False)])
    assert bold(grid)["FRVar"] == bold(grid)["FRDvs"] == []
    assert bold(grid)["FRCorr"] == ["high"]


def test_run_seeds_become_mean_and_standard_deviation():
    runs = [result("low", LOW | {"FRCorr": value}, run_seed=seed) for seed, value in enumerate([0.1, 0.2, 0.3])]
    assert cells(table(runs), "low")["FRCorr"].text == "0.2000 ± 0.1000"
    assert cells(table(runs), "low")["FRDist"].text == "0.3000 ± 0.0000"


def test_an_undefined_value_of_a_run_makes_the_mean_undefined():
    runs = [result("low", LOW | {"FRCorr": value}, run_seed=seed) for seed, value in enumerate([0.1, float("nan")])]
    assert cells(table(runs), "low")["FRCorr"].text == "–"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"protocol": "react2024"}, r"different protocols do not compare: corrected@1; react2024@1\."),
        ({"split": "test"}, r"different splits do not compare: test; val\."),
        ({"clips": 9}, r"different numbers of clips do not compare: 8; 9\."),
        ({"values": {"FRCorr": 1.0}}, "different sets of metrics do not compare"),
    ],
)
def test_what_does_not_compare_is_refused(other, message):
    with pytest.raises(InputError, match=message):
        table([result("low"), result("high", **other)])


def test_an_empty_table_is_refused():
    with pytest.raises(InputError, match="there are no results to put into a table"):
        table([])


def test_the_caption_says_what_was_scored_and_synthetic_data_say_so():
    grid = table([result("low", synthetic=True)])
    assert grid.caption == "corrected@1, val, 8 clips × 10 reactions × 750 frames"
    assert grid.notes[0].startswith("Synthetic data")
    assert not any("Synthetic" in note for note in table([result("low")]).notes)
    assert grid.notes[-1] == result("low", synthetic=True).signature


def names(grid):
    return [row[0].text for row in grid.rows if row]


@pytest.mark.parametrize(
    ("seeds", "rows"),
    [
        ((1, 2), ["low"]),
        (("1", "2"), ["low"]),
        ((0, 1), ["low"]),
        ((1, 1), ["low (1)", "low (2)"]),
        ((1, ""), ["low (1)", "low (2)"]),
        (("", ""), ["low (1)", "low (2)"]),
        ((None, None), ["low (1)", "low (2)"]),
    ],
)
def test_only_runs_with_seeds_of_their_own_are_merged(seeds, rows):
    assert names(table([result("low", run_seed=seed) for seed in seeds])) == rows


def test_results_without_a_name_are_never_merged():
    grid = table([result("", LOW, run_seed=1), result("", HIGH, run_seed=2), result("low")])
    assert names(grid) == ["predictions (1)", "predictions (2)", "low"]
    assert [row[1].text for row in grid.rows] == ["0.2000", "0.6000", "0.2000"]
    assert bold(grid)["FRCorr"] == ["predictions (2)"]


def test_an_upload_that_calls_itself_gt_is_neither_reference_nor_naive():
    fake = {"FRCorr": 9.0, "FRDist": 9.0, "FRDiv": 0.0, "FRVar": 0.01, "FRDvs": 0.3, "FRSyn": 49.0}
    grid = table([result("GT", fake), result("low", LOW), result("high", HIGH)])
    assert names(grid) == ["GT (submitted)", "low", "high"]
    assert bold(grid)["FRVar"] == ["high"]
    assert bold(grid)["FRCorr"] == ["GT (submitted)"]
    without = table([result("GT", fake, context=False), result("low", context=False), result("high", context=False)])
    assert bold(without)["FRVar"] == []


def test_the_reference_is_the_baseline_where_there_is_no_context():
    real = result("GT", REAL, context=False, baseline="GT")
    grid = table([result("GT", HIGH, context=False), real, result("low", context=False), result("high", HIGH)])
    assert names(grid) == ["GT (submitted)", "low", "high", "GT"]
    assert bold(grid)["FRVar"] == ["GT (submitted)", "high"]  # of one value as it is printed


def test_one_result_and_an_iterator_are_taken_too():
    assert names(table(result("low"))) == ["low"]
    assert names(table(iter([result("low"), result("high", HIGH)]))) == ["low", "high"]
    with pytest.raises(InputError, match=r"a table is made of results of react_eval\.score, but there is a dict"):
        table([result("low"), dict(result("high"))])


@pytest.mark.parametrize("values", [[0.0, float("nan")], [0.0, 0.0], [0.3, 0.0], [0.3, 4.0]])
def test_values_that_do_not_reach_1_have_four_digits(values):
    grid = table([result(f"m{number}", LOW | {"FRCorr": value}) for number, value in enumerate(values)])
    shown = [cells(grid, name)["FRCorr"].text for name in names(grid)]
    assert shown == ["–" if value != value else f"{value:.4f}" for value in values]


def test_what_marks_a_value_as_not_rankable_is_told_by_its_method():
    low = result("low", LOW, unranked=["FRSyn"], reason="only 40% of the channels vary")
    grid = table([low, result("high", HIGH)])
    assert "† FRSyn of low is not rankable: only 40% of the channels vary." in grid.notes


def test_a_metric_may_say_how_its_value_is_read():
    theirs = result("low")
    read = replace(theirs.measurements["FRVar"], reading="as they say")
    shown = replace(theirs, measurements={**theirs.measurements, "FRVar": read}, diagnostics={})
    assert "as they say" in str(shown)
    odd = replace(theirs.measurements["FRSyn"], details={"floor": 3.0, "mean_peak": 0.3})
    shown = replace(theirs, measurements={**theirs.measurements, "FRSyn": odd})
    assert find_metric("FRSyn").title in str(shown)
    assert table([shown]).notes == [shown.signature]


def test_personal_neighbours_alone_are_enough_for_the_table():
    data = example(seed=3, channels=25)
    personal = data.pop("neighbours")
    shown = react_eval.score_arrays(**data, personal=personal, protocol="perfrdiff")
    assert "FRCorr_personal" in shown
    assert "Neighbours a clip of the same listener:" in str(shown)


def test_notes_on_the_file_are_shown_and_no_part_of_the_scores():
    noted = replace(result("low"), run={"file_notes": ["the file is named .npy but is of format HDF5"]})
    assert "the file is named .npy" in str(noted)
    assert "the file is named" not in str(noted.to_dict()["scores"])


def test_a_method_without_a_name_is_called_predictions():
    assert table([result("")]).rows[0][0].text == "predictions"


@pytest.mark.parametrize("kind", HOSTILE)
def test_html_shows_names_as_text(kind):
    shown = table([result(HOSTILE[kind]), result("high", HIGH)]).to_html()
    assert set(re.findall(r"</?([a-z]+)", shown)) <= {
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "b", "ul", "li"),
    }
    assert shown.count("<tr>") == 3


@pytest.mark.parametrize("kind", HOSTILE)
def test_latex_shows_names_as_text(kind):
    lines = table([result(HOSTILE[kind]), result("high", HIGH)]).to_latex().splitlines()
    row = lines[lines.index(r"\midrule") + 1]
    assert row.endswith(r" \\")
    assert len(re.findall(r"(?<!\\)&", row)) == 6
    assert not re.search(r"(?<!\\)[%#]|(?<!\\)_", row)
    assert r"\input" not in row


@pytest.mark.parametrize("kind", HOSTILE)
def test_markdown_shows_names_as_text(kind):
    lines = table([result(HOSTILE[kind]), result("high", HIGH)]).to_markdown().splitlines()
    row = lines[lines.index("|---|---:|---:|---:|---:|---:|---:|") + 1]
    assert len(re.findall(r"(?<!\\)\|", row)) == 8
    assert "<" not in row
    assert not re.search(r"(?<!\\)[\[\]`]", row)


def test_names_are_escaped_exactly():
    grid = Grid(["method"], [[Cell(r"a_b & 50% \x", bold=True)]], caption="c <d>", notes=["_n_"])
    assert r"\textbf{a\_b \& 50\% \textbackslash{}x}" in grid.to_latex()
    assert "<b>a_b &amp; 50% \\x</b>" in grid.to_html()
    assert "<caption>c &lt;d&gt;</caption>" in grid.to_html()
    assert "| **a_b &amp; 50% \\\\x** |" in grid.to_markdown()
    assert "- \\_n\\_" in grid.to_markdown()


def test_text_is_aligned_for_wide_signs_too():
    grid = Grid(["name", "value"], [[Cell("方法"), Cell("1.00")], [], [Cell("m"), Cell("10.00", bold=True)]])
    assert grid.to_text().splitlines() == [
        "",
        "",
        "name   value",
        "────  ──────",
        "方法    1.00",
        "────  ──────",
        "m     10.00*",
    ]


def test_notebooks_and_print_show_the_table():
    grid = table([result("low")])
    assert str(grid) == grid.to_text()
    assert grid._repr_html_() == grid.to_html()


def test_groups_come_in_one_order_whatever_the_order_of_results():
    results = [
        result("GT", REAL, baseline="GT", track="offline"),
        result("late", track="online"),
        result("plain"),
        result("early", HIGH, track="offline"),
    ]
    grid = table(results)
    assert outline(grid) == [
        *("— offline", "early", "— online", "late", "— track not stated", "plain", "— naive", "GT"),
    ]


def test_one_group_alone_has_no_title():
    assert not table([result("low", track="offline"), result("high", HIGH, track="offline")]).titles


def test_runs_of_one_method_are_kept_apart_by_track():
    runs = [result("low", track=track, run_seed=seed) for track in ("offline", "online") for seed in (1, 2)]
    assert outline(table(runs)) == ["— offline", "low", "— online", "low"]
    assert cells(table(runs), "low")["FRCorr"].text == "0.2000 ± 0.0000"


def test_groups_have_a_rule_and_a_title_in_every_form():
    grid = table([result("GT", REAL, baseline="GT"), result("low", track="online"), result("high", track="online")])
    text, latex = grid.to_text().splitlines(), grid.to_latex().splitlines()
    assert [line.strip("─ ") for line in text if line.startswith("──")] == ["online", "naive"]
    rules = [place for place, line in enumerate(latex) if line == r"\midrule"]
    titles = [r"\multicolumn{7}{l}{\textit{online}} \\", r"\multicolumn{7}{l}{\textit{naive}} \\"]
    assert [latex[place + 1] for place in rules] == titles
    shown = [line for line in grid.to_markdown().splitlines() if line.startswith("| *")]
    assert shown == ["| *online* |  |  |  |  |  |  |", "| *naive* |  |  |  |  |  |  |"]
    titles_in_html = re.findall(r'<th colspan="7" scope="rowgroup">(\w+)</th>', grid.to_html())
    assert titles_in_html == ["online", "naive"]


def test_titles_are_shown_as_text():
    grid = Grid(["m", "v"], [[], [Cell("a"), Cell("1")]], titles={0: "<b> & _x_\x1b"})
    assert "&lt;b&gt; &amp; _x_" in grid.to_html()
    assert r"\textit{$<$b$>$ \& \_x\_" in grid.to_latex()
    assert "\x1b" not in grid.to_text()
    assert "| *&lt;b> &amp; \\_x\\_" in grid.to_markdown()


def test_numbers_read_beside_each_other_have_the_same_digits():
    grid = table([result("low", LOW | {"FRSyn": 20.0}), result("high", HIGH | {"FRSyn": 5.123})])
    assert [cells(grid, method)["FRSyn"].text for method in ("low", "high")] == ["20.00", "5.12"]
    assert cells(grid, "high")["FRDiv"].text == "0.0800"


def test_results_of_other_channels_or_data_do_not_share_a_table():
    wide, other = example(seed=1, channels=58), example(seed=2, channels=25)
    results = [react_eval.score_arrays(**data, protocol="corrected") for data in (wide, other)]
    with pytest.raises(react_eval.ReactError, match="results of different kinds of channels do not compare"):
        react_eval.table(results)
    again = [react_eval.score_arrays(**example(seed=seed, channels=25)) for seed in (2, 3)]
    with pytest.raises(react_eval.ReactError, match="results of different data do not compare"):
        react_eval.table(again)


def test_several_protocols_at_once_are_no_row_of_a_table():
    both = react_eval.score_arrays(**example(seed=1), protocol=["react2024", "corrected"])
    with pytest.raises(react_eval.ReactError, match="a table is of one protocol"):
        react_eval.table([both])


def test_a_method_name_cannot_control_the_terminal():
    hostile = Grid(["method"], [[Cell("\x1b[2Jgone\n")]])
    assert "\x1b" not in hostile.to_text()
    assert "gone�" in hostile.to_text()
