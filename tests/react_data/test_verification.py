import shutil

import numpy as np
import pytest

from react_data.errors import ClipListError, DataRootError, LayoutError
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, SYNTHESIS_RECORD, OfficialTree
from react_data.problems import known_problems
from react_data.synthesis import synthesise
from react_data.verification import verify


def change_array(path, change):
    values = np.load(path)
    changed = change(values)
    np.save(path, values if changed is None else changed)


def reasons(report):
    return [(problem.code, problem.where, problem.message) for problem in report]


def has(report, code, where, words):
    return any((found, place) == (code, where) and words in message for found, place, message in reasons(report))


def test_a_sound_tree_has_no_problem(tree):
    report = verify(tree, show_progress=False)
    assert report.problems == []
    assert report.checked["val"] == "10 clips of 5 recordings, with listeners; emotion, 3dmm, audio"
    assert "seed 0" in report.checked["synthetic"]


def test_matrices_that_disagree_are_an_error(small_tree):
    change_array(small_tree / "neighbour_emotion_val.npy", lambda values: 1 - (1 - values) * (1 - np.eye(4)[::-1]))
    report = verify(small_tree, show_progress=False)
    path = small_tree / "neighbour_emotion_val.npy"
    assert [problem.code for problem in report] == ["RD106"]
    assert has(report, "RD106", path.name, "entries, the first for clip NoXI/")


def test_a_full_matrix_of_another_edition_is_an_error(small_tree):
    change_array(small_tree / FULL_MATRIX, lambda values: values[:-2, :-2])
    report = verify(small_tree, show_progress=False)
    assert has(report, "RD105", FULL_MATRIX, "(10, 10), but data_indices.csv lists 6 recordings")
    (small_tree / DATA_INDICES).unlink()
    assert has(verify(small_tree, show_progress=False), "RD104", DATA_INDICES, "does not exist")


def test_a_split_without_any_matrix_is_a_warning(small_tree):
    for path in small_tree.glob("*.npy"):
        path.unlink()
    report = verify(small_tree, show_progress=False)
    assert report.ok
    assert [problem.where for problem in report.warnings] == ["train", "val", "test"]


def test_speakers_only_are_no_problem_but_said(tmp_path):
    root = synthesise(tmp_path / "data", recordings=6, frames=60, modalities=("emotion",), hidden=("test",))
    report = verify(root, show_progress=False)
    assert report.problems == []
    assert report.checked["test"] == "2 clips, speakers only: can be validated, not scored; emotion"


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [(24, 0, "says 0 samples a second"), (16, 2**31, "ends before any sound")],
    ids=["no sample rate", "size out of the file"],
)
def test_a_sound_file_with_a_damaged_header_is_an_error(small_tree, place, value, words):
    tree = OfficialTree(small_tree, "val")
    path = tree.file("audio", tree.clips[0].speaker)
    content = bytearray(path.read_bytes())
    content[place : place + 4] = value.to_bytes(4, "little")
    path.write_bytes(content)
    report = verify(small_tree, ["val"], show_progress=False)
    where = path.relative_to(small_tree).as_posix()
    assert [problem.where for problem in report] == [where]
    assert has(report, "RD119", where, words)


def test_a_listener_file_left_over_does_not_make_a_split_labelled(tmp_path):
    settings = {"recordings": 12, "frames": 60, "modalities": ("emotion",), "splits": ("train", "test")}
    whole = synthesise(tmp_path / "whole", **settings)
    root = synthesise(tmp_path / "data", **settings, hidden=("test",))
    listener = OfficialTree(whole, "test").rows[0].listener
    stray = OfficialTree(root, "test").file("emotion", listener)
    stray.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(OfficialTree(whole, "test").file("emotion", listener), stray)
    shutil.copy(whole / "test.csv", root / "test.csv")
    assert not OfficialTree(root, "test").labelled
    report = verify(root, show_progress=False)
    assert "speakers only" in report.checked["test"]
    assert [problem.code for problem in report] == ["RD121"]


def test_a_listener_file_that_is_missing_does_not_hide_the_others(small_tree):
    tree = OfficialTree(small_tree, "train")
    for modality in ("emotion", "3dmm"):
        tree.file(modality, tree.rows[0].listener).unlink()
    assert OfficialTree(small_tree, "train").labelled
    assert {problem.code for problem in verify(small_tree, ["train"], show_progress=False)} == {"RD111"}


def test_a_real_tree_needs_the_scored_frames(small_tree):
    (small_tree / SYNTHESIS_RECORD).unlink()
    report = verify(small_tree, ["val"], show_progress=False)
    assert {problem.code for problem in report} == {"RD117"}
    assert len(report.problems) == 8
    assert "60 frames, expected at least 750" in report.problems[0].message


def test_a_report_as_text_counts_the_problems_of_a_kind_after_the_twentieth(tree, tmp_path):
    root = synthesise(tmp_path / "data", recordings=24, frames=60, modalities=("emotion",))
    for path in (root / "train").rglob("*.csv"):
        path.unlink()
    report = verify(root, show_progress=False)
    # Without the listeners' files the split counts as speakers only, so 14 of its 28 clips are looked for.
    assert len(report.errors) == 14
    for path in (root / "val").rglob("*.csv"):
        path.write_text("broken")
    report = verify(root, show_progress=False)
    assert len([problem for problem in report if problem.code == "RD112"]) == 10
    for path in (root / "test").rglob("*.csv"):
        path.write_text("broken")
    for person in OfficialTree(root, "train").clips:
        path = OfficialTree(root, "train").file("emotion", person.speaker)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("broken")
    report = verify(root, show_progress=False)
    assert len([problem for problem in report if problem.code == "RD112"]) == 34
    listed = [line for line in str(report).splitlines() if "RD112" in line]
    assert len(listed) == 21
    assert listed[-1] == "  error RD112: … and 14 more of this kind, 34 in all; --json lists them."


def test_missing_lists_and_folders(small_tree, tmp_path):
    (small_tree / "val.csv").unlink()
    assert has(verify(small_tree, show_progress=False), "RD101", "val.csv", "does not exist")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match="is of no layout that is known"):
        verify(tmp_path / "empty")
    for path in small_tree.glob("*.csv"):
        path.unlink()
    assert has(verify(small_tree, show_progress=False), "RD101", "val.csv", "does not exist")
    (small_tree / SYNTHESIS_RECORD).unlink()
    assert has(verify(small_tree, show_progress=False), "RD101", "", "no split list at all")
    with pytest.raises(DataRootError, match="does not exist"):
        verify(tmp_path / "none")


def test_a_split_that_there_is_none_of_is_refused(tree):
    with pytest.raises(ClipListError, match="Did you mean 'val'"):
        verify(tree, ["vall"])


@pytest.mark.parametrize("content", [b"", b"\x89HD"])
def test_a_file_that_is_no_pack_is_an_error(tmp_path, content):
    (tmp_path / "data.h5").write_bytes(content)
    assert has(verify(tmp_path / "data.h5"), "RD109", "", "is no packed file")


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"frames": "many", "splits": []}', '{"frames": Infinity}'])
def test_a_damaged_record_is_an_error(small_tree, content):
    (small_tree / SYNTHESIS_RECORD).write_text(content)
    assert has(verify(small_tree, show_progress=False), "RD108", SYNTHESIS_RECORD, "is damaged")


def test_a_split_without_files_is_one_error(small_tree):
    for path in sorted((small_tree / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    report = verify(small_tree, ["test"], show_progress=False)
    assert has(report, "RD111", "test", "no folder of facial attributes")


def test_every_kind_is_explained():
    kinds = {code: kind for code, kind in known_problems().items() if code.startswith("RD1")}
    assert {f"RD{number}" for number in (*range(101, 129), 131, 132)} <= set(kinds)
    assert all(len(kind.description) > 40 for kind in kinds.values())


def test_a_report_reads_well_and_travels_as_json(small_tree):
    tree = OfficialTree(small_tree, "val")
    tree.file("emotion", tree.clips[0].speaker).unlink()
    report = verify(small_tree, show_progress=False)
    assert "not valid" in str(report)
    assert "error RD111: val/Emotion/" in str(report)
    assert report.to_dict()["ok"] is False
