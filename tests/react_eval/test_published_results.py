"""Published rows: as they were printed, what they really are, and a data file that is refused where it is wrong."""

import math
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

import react_eval
from react_eval import published
from react_eval.errors import InputError, UnknownNameError
from react_eval.published_loading import load_published, read_published
from react_eval.published_results import PublishedResults

TEXT = files("react_eval").joinpath("published_results.toml").read_text(encoding="utf-8")
SPEC = Path(__file__).parents[3] / "shared" / "spec" / "systems-and-published-results.md"
SOURCES = {"R": "reactdiff", "P": "perfrdiff", "E": "emc", "F": "faceais-readme"}
COLUMNS = ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRRea", "FRSyn")


def only(**chosen):
    rows = published(**chosen)
    assert len(rows) == 1, [row.id for row in rows]
    return rows[0]


def row(id_):
    return next(each for each in published() if each.id == id_)


def test_a_swapped_row_is_told_under_the_metrics_that_it_really_has():
    swapped = only(system="PerFRDiff", source="reactdiff")
    assert (swapped.printed("FRVar"), swapped.printed("FRDvs")) == ("0.2191", "0.0879")
    assert (swapped["FRVar"], swapped["FRDvs"]) == (0.0879, 0.2191)
    assert (swapped.as_labelled("FRVar"), swapped.as_labelled("FRDvs")) == (0.2191, 0.0879)
    assert [doubt.kind for doubt in swapped.doubts] == ["swapped labels"]


def test_hundredths_become_plain_and_keep_their_digits():
    ours = row("PerFRDiff [perfrdiff]")
    assert (ours.printed("FRDvs"), ours["FRDvs"], ours.shown("FRDvs")) == ("21.91", 0.2191, "0.2191")
    assert row("REGNN [perfrdiff]").shown("FRDiv") == "0.0007"


def test_the_noise_of_perfrdiff_is_noise_once_its_columns_are_put_right():
    noise = row("B_Random [perfrdiff]")
    assert noise.printed_name == "Chance"
    assert (noise["FRDiv"], noise["FRVar"], noise["FRDvs"]) == (0.1667, 0.0833, 0.1667)


@pytest.mark.parametrize("source", ["reactdiff", "perfrdiff"])
def test_an_open_row_has_no_value_and_both_readings(source):
    beamer = row(f"BEAMER [{source}]")
    assert math.isnan(beamer["FRVar"])
    assert beamer.readings("FRVar") == (0.0196, 0.0374)
    assert beamer.readings("FRDvs") == (0.0374, 0.196)
    assert beamer.shown("FRDvs") == "0.0374 or 0.196"
    assert beamer["FRDiv"] == 0.0508


def test_names_of_metrics_are_taken_in_any_case_and_as_aliases():
    ours = only(system="ReactFace")
    assert ours["tlcc"] == ours["FRSyn"] == 23.47
    assert ours["S-MSE"] == 0.103
    assert ours.printed("frc") == "0.061"
    assert ours["Div_c"] == 87.02


@pytest.mark.parametrize(("ask", "message"), [("FRRea", "does not tell 'FRRea'"), ("nonsense", "does not tell")])
def test_what_a_row_does_not_tell_is_an_error(ask, message):
    with pytest.raises(UnknownNameError, match=message):
        only(system="ReactFace")[ask]


def test_what_was_not_printed_is_an_error():
    with pytest.raises(UnknownNameError, match=r"no number under 'FRRea'. Did you mean|Available"):
        only(system="ReactFace").printed("FRRea")


def test_rows_are_chosen_by_what_they_are():
    assert {each.system for each in published(kind="naive")} == {"GT", "B_Random", "B_Mime", "B_MeanSeq", "B_MeanFr"}
    assert {each.split for each in published(source="unifarn-readme")} == {"val"}
    assert len(published(system="perfrdiff", source="PERFRDIFF", protocol="perfrdiff@1")) == 6
    assert len(published(system="ReactFace", split="val")) == 0
    assert published(source="emc").select(kind="system") == published(source="emc", kind="system")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"system": "PerFRDif"}, "nothing is published of system 'PerFRDif'. Did you mean 'PerFRDiff'"),
        ({"source": "nature"}, "nothing is published of source 'nature'. Available: challenge-val, emc"),
        ({"protocol": "corrected"}, "nothing is published of protocol 'corrected'"),
        ({"protocol": "react2042"}, "there is no protocol 'react2042'"),
        ({"split": "dev"}, "nothing is published of split 'dev'"),
        ({"kind": "winner"}, "nothing is published of kind 'winner'"),
    ],
)
def test_what_nothing_is_published_of_is_an_error(asked, message):
    with pytest.raises(UnknownNameError, match=re.escape(message)):
        published(**asked)


def test_results_are_an_immutable_sequence():
    rows = published()
    assert isinstance(rows[:3], PublishedResults)
    assert len(rows[:3]) == 3
    assert rows[0] in rows
    assert hash(rows) == hash(published())
    with pytest.raises(TypeError):
        rows[0] = rows[1]
    with pytest.raises(AttributeError):
        rows[0].system = "mine"


def test_the_frame_has_plain_values_by_row():
    frame = published(protocol="react2024").to_frame()
    assert frame.loc["PerFRDiff [reactdiff]", "FRVar"] == 0.0879
    assert math.isnan(frame.loc["UniFaRN [reactdiff]", "FRVar"])
    assert frame.loc["UniFaRN [reactdiff]", "doubts"] == "two readings"
    assert list(frame.columns[-8:]) == [*("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn", "FRRea"), "doubts"]


def test_plain_data_hold_what_was_printed_and_what_it_may_be():
    told = row("UniFaRN [perfrdiff]").to_dict()
    assert told["printed"]["FRDvs"] == "7.60"
    assert told["values"]["FRDvs"] is None
    assert told["readings"]["FRDvs"] == [0.076, 0.259]
    assert published()[:1].to_json().startswith("[\n {")


def test_the_grid_marks_doubts_and_explains_each_mark():
    grid = published(source="reactdiff").grid()
    cells = {line[0].text: [cell.text for cell in line[1:]] for line in grid.rows if line}
    assert "0.0879 ‡" in cells["PerFRDiff [reactdiff]"]
    assert "0.0760 or 0.259 §" in cells["UniFaRN [reactdiff]"]
    marks = {mark for line in grid.rows for cell in line for mark in re.findall(r"[‡§¶‖◇△○•]", cell.text)}
    assert marks == {note[0] for note in grid.notes if note[0] != "["}
    assert not any(cell.bold for line in grid.rows for cell in line)


def test_a_doubt_about_a_whole_row_marks_its_name_once():
    grid = published(source="reactface").grid()
    assert next(line[0].text for line in grid.rows if line) == "Trans-AE [reactface] △"
    assert not any("△" in cell.text for line in grid.rows for cell in line[1:])


def test_results_print_themselves():
    rows = published(source="challenge-val")
    assert str(rows) == rows.grid().to_text()
    assert rows._repr_html_() == rows.grid().to_html()
    assert repr(rows) == "<PublishedResults: 3 rows of 1 sources>"


def test_ids_are_unique_and_values_finite_or_open():
    rows = published()
    assert len({each.id for each in rows}) == len(rows) == 89
    opened = {each.system for each in rows for metric in each.metrics if math.isnan(each[metric])}
    assert opened == {"UniFaRN", "BEAMER", "FRDiff"}


def test_every_doubt_has_a_reason_and_every_other_label_a_doubt():
    for each in published():
        moved = {number.heading for number in each.numbers if number.readings[0][0] != number.labelled}
        doubted = {heading for doubt in each.doubts for heading in doubt.headings}
        assert moved <= doubted, each.id
        assert all(doubt.reason for doubt in each.doubts)


@pytest.mark.parametrize(
    ("found", "put", "message"),
    [
        (
            'FRCorr = "8.73"',
            'FRCorr = "8.7e"',
            r"rows entry 1 \(GT \[reactdiff\]\): FRCorr is '8\.7e', expected a number",
        ),
        ('FRCorr = "8.73"', "FRCorr = 8.73", r"rows entry 1 .*FRCorr is 8\.73, expected .* in quotes"),
        ('FRCorr = "8.73"', 'FRCor = "8.73"', r"rows entry 1 .*the source has no column 'FRCor'"),
        ('{ FRVar = "FRDvs", FRDvs = "FRVar" }', '{ FRVar = "FRDvv" }', "there is no metric 'FRDvv'"),
        ('{ FRVar = "FRDvs", FRDvs = "FRVar" }', '{ FRVar = "FRDvs" }', "reading 1 has FRDvs twice"),
        ('variant = "k = 10"', 'variant = "k = 1"', r"BeLFusion \(k = 1\) \[reactdiff\], offline: repeated row"),
        ('system = "VQ-Diff"', 'system = "VQDiff"', "rows entry 10 .*system is 'VQDiff', expected one of GT"),
        ('track = "offline"', 'track = "offlin"', "track is 'offlin', expected one of offline, online, unknown"),
        ('kind = "off scale"', 'kind = "off"', "doubt 'off' for .* expected a reason, and one of swapped labels"),
        ('headings = ["FRRea"]', 'headings = ["FRSin"]', "a doubt concerns 'FRSin', which the row has not"),
        ('kind = "two readings"', 'kind = "rounding"', "two readings without a doubt 'two readings'"),
        ('kind = "swapped labels"', 'kind = "rounding"', "other labels than printed without a doubt"),
        ('printed_name = "Mime"', 'printed_as = "Mime"', "there is no key 'printed_as'"),
        ('says = "best"', 'says = "bets"', r"claims entry 9 .*says is 'bets', expected one of gain"),
        ('row = { system = "B_Random" }', 'row = { system = "B_Rand" }', "names 0 rows of its source, expected one"),
        ("[[rows]]", "[[rows", "published results are no TOML"),
    ],
)
def test_a_wrong_entry_is_named(found, put, message):
    assert found in TEXT
    with pytest.raises(InputError, match=message):
        read_published(TEXT.replace(found, put))


def test_all_wrong_entries_are_told_at_once():
    wrong = TEXT.replace('FRCorr = "8.73"', 'FRCorr = "x"').replace('system = "VQ-Diff"', 'system = "VQDiff"')
    with pytest.raises(InputError) as caught:
        read_published(wrong)
    assert len(str(caught.value).splitlines()) == 4


def test_the_data_come_with_the_package_and_are_read_on_demand():
    code = (
        "import react_eval, sys; before = 'react_eval.published_loading' in sys.modules; "
        "react_eval.published; print(before, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert react_eval.published is published
    assert load_published() is load_published()


def spec_rows():
    """Rows of the reviewed notes: names, keys of sources, and seven cells."""
    if not SPEC.exists():
        pytest.skip(f"{SPEC} is not beside this checkout")
    section = SPEC.read_text(encoding="utf-8").partition("## 2. Test-set table")[2].partition("ReactDiff ablations")[0]
    lines = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
    return [(cells[0], re.findall(r"\b[RPEF]\b", cells[1]), cells[2:]) for cells in lines]


def test_every_number_of_the_notes_is_here_as_labelled():
    there = {}
    for each in published(protocol="react2024"):
        values = tuple(each.as_labelled(name) for name in ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs"))
        there.setdefault(each.source.key, set()).add((*values, each.as_labelled("FRSyn")))
    wanted = spec_rows()
    for name, sources, cells in wanted:
        numbers = [float(re.sub(r"\(.*\)", "", cell)) for cell in (*cells[:5], cells[6])]
        for source in sources:
            assert tuple(numbers) in there[SOURCES[source]], (name, source)
    assert len(wanted) == 36
