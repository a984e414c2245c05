"""Published rows in the table of one's own results: which, marked how, and never the best."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from react_eval import find_protocol, published, table
from react_eval.errors import InputError
from react_eval.registry import Measurement
from react_eval.result import ScoreResult

KEYS = ("FRCorr", "FRDist", "FRDiv", "FRVar", "FRDvs", "FRSyn")
REAL = dict(zip(KEYS, (8.7, 0.0, 0.0, 0.0724, 0.2483, 47.0), strict=True))
LOW = dict(zip(KEYS, (0.1, 99.0, 0.01, 0.01, 0.02, 45.0), strict=True))
HIGH = dict(zip(KEYS, (0.2, 95.0, 0.08, 0.05, 0.1, 44.0), strict=True))
ALLOWED = r"\documentclass{article}\usepackage[utf8]{inputenc}\usepackage{booktabs,graphicx}\begin{document}"


def result(method="ours", values=LOW, protocol="react2024", **facts):
    size = {"clips": 1612, "reactions": 10, "frames": 750, "neighbours": "matrix", "channels": "emotion-25"}
    return ScoreResult(
        protocol=find_protocol(protocol),
        measurements={key: Measurement(value) for key, value in values.items()},
        context={"GT": REAL},
        facts={**size, "split": "test", "method": method, "track": "offline", **facts},
        hashes={"predictions": "p", "data": "d"},
        diagnostics={},
    )


def rows(grid):
    return {row[0].text: dict(zip(KEYS, row[1:], strict=True)) for row in grid.rows if row}


def group(grid, title):
    start = next(place for place, name in grid.titles.items() if name == title)
    below = grid.rows[start + 1 :]
    ends = [place for place, row in enumerate(below) if not row]
    return [row[0].text for row in below[: ends[0] if ends else len(below)]]


def test_published_rows_stand_below_all_others_with_digits_as_printed():
    naive = result("GT", REAL, baseline="GT")
    grid = table([naive, result()], published=published(system="PerFRDiff", source="reactdiff"))
    assert list(grid.titles.values()) == ["offline", "naive", "published"]
    assert group(grid, "published") == ["PerFRDiff [reactdiff]"]
    shown = {key: cell.text for key, cell in rows(grid)["PerFRDiff [reactdiff]"].items()}
    assert list(shown.values()) == ["0.38", "94.72", "0.1368", "0.0879 ‡", "0.2191 ‡", "45.28"]


def test_published_rows_are_never_bold_and_never_counted():
    own = [result("low", LOW), result("high", HIGH)]
    alone, beside = table(own), table(own, published=True)
    assert rows(beside)["high"] == rows(alone)["high"]
    assert rows(beside)["high"]["FRCorr"].bold
    assert not any(cell.bold for name in group(beside, "published") for cell in rows(beside)[name].values())
    assert not any(cell.bold for cell in rows(table(own[:1], published=True))["low"].values())


def test_true_means_systems_and_naive_baselines_of_the_protocol():
    names = group(table(result(), published=True), "published")
    assert "VQ-Diff, online [reactdiff]" in names
    assert "GT [reactdiff]" in names
    assert not any("w/o" in name or "markzhang99" in name or "reactface" in name for name in names)


def test_every_mark_of_a_shown_column_is_explained_and_no_other():
    grid = table(result(), published=True)
    notes = {note[0] for note in grid.notes if note[1] == " "}
    shown = {sign for row in grid.rows for cell in row for sign in cell.text if sign in "‡§¶‖◇△○•"}
    assert notes == shown == set("‡§¶‖△")
    assert "[reactdiff] ReactDiff (latent diffusion), Hunan-Tiger/ReactDiff, Tables 1–3." in grid.notes
    assert grid.notes[-1] == result().signature


def test_another_split_is_told_and_named_in_the_row():
    grid = table(result(split="val"), published=True)
    assert "Published on the official test set: 39 published rows; your split is val." in grid.notes
    assert "PerFRDiff [reactdiff], test" in group(grid, "published")
    assert "FaceVIS [faceais-readme]" in group(grid, "published")
    assert not any(note.startswith("Published on") for note in table(result(), published=published(source="emc")).notes)


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ({"split": None}, "Published on the official test set: all published rows; yours are bare arrays."),
        ({"synthetic": True}, "Synthetic data: the numbers compare with nothing that is published."),
        ({"partial": "9 of 1612"}, "Published rows are of all clips; yours are of 9 of 1612."),
        (
            {"reactions": 5},
            "FRCorr and FRDist are sums over 10 reactions in all published rows, over 5 in yours.",
        ),
        ({"channels": "motion-1"}, "Published on emotion-25: all published rows; your channels are motion-1."),
    ],
)
def test_what_keeps_rows_from_comparing_is_told(facts, note):
    assert note in table(result(**facts), published=published(source="emc", kind="system")).notes


def test_few_rows_that_differ_are_named():
    some = [*published(source="emc", kind="system"), *published(source="markzhang99", system="REGNN")]
    notes = table(result(), published=some).notes
    rows_of_5 = "REGNN (VGGish) [markzhang99], REGNN (W2V2) [markzhang99]"
    assert f"FRCorr and FRDist are sums over 5 reactions in {rows_of_5}, over 10 in yours." in notes
    assert f"Published on a split that is not on record: {rows_of_5}; your split is test." in notes


def test_a_changed_protocol_is_told():
    changed = replace(result(), protocol=find_protocol("react2024").override("FRSyn", reactions="all"))
    told = "Published rows are under react2024 unchanged; yours are under react2024@1+FRSyn.reactions=all."
    assert told in table(changed, published=published(source="emc")).notes


def test_personalised_columns_take_the_rows_of_the_same_listener():
    keys = ("FRCorr", "FRCorr_personal", "FRDist", "FRDist_personal")
    ours = result(values=dict(zip(keys, (0.3, 0.2, 95.0, 99.0), strict=True)), protocol="perfrdiff")
    grid = table(ours, published=True)
    shown = {row[0].text: [cell.text for cell in row[1:]] for row in grid.rows if row}
    assert shown["PerFRDiff [perfrdiff]"] == ["", "0.36", "", "98.43"]
    assert shown["B_Random [perfrdiff]"] == ["", "0.01", "", "194.02 ○"]


def test_a_protocol_without_published_rows_is_refused():
    told = r"nothing is published under protocol 'corrected'; .*: react2024, perfrdiff, react2023, reactface\."
    with pytest.raises(InputError, match=told):
        table(result(protocol="corrected"), published=True)
    with pytest.raises(InputError, match=r"under protocol 'react2024'; protocols of the published rows: reactface\."):
        table(result(), published=published(source="reactface"))
    with pytest.raises(InputError, match="protocols of the published rows: none"):
        table(result(), published=[])


def test_without_published_rows_nothing_is_told_of_them():
    assert table(result()).notes == table(result(), published=False).notes == [result().signature]


def test_latex_has_a_cell_for_every_column_and_no_sign_that_is_markup():
    body = table(result(), published=True).to_latex().partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    lines = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert len(lines) == 1 + len(group(table(result(), published=True), "published"))
    assert all(line.count(" & ") == 6 for line in lines)
    assert not set("‡§¶‖△±→_") & set(body.replace(r"\_", ""))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    grids = [table([result(), result("GT", REAL, baseline="GT")], published=True), published(source="perfrdiff").grid()]
    text = "\n".join([ALLOWED, *(rf"{{\tiny {grid.to_latex()}}}" for grid in grids), r"\end{document}"])
    (tmp_path / "table.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=100)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (tmp_path / "table.log").read_text(encoding="utf-8", errors="replace")
    assert Path(tmp_path / "table.pdf").stat().st_size > 10_000
