import shutil
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from react_data.clips import ClipId
from react_data.errors import ClipListError, DataRootError
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, SYNTHESIS_RECORD, OfficialTree
from react_data.problems import known_problems
from react_data.synthesis import synthesise
from react_data.verification import verify


def change_emotion(path, change):
    table = pd.read_csv(path)
    change(table)
    table.to_csv(path, index=False)


def change_array(path, change):
    values = np.load(path)
    changed = change(values)
    np.save(path, values if changed is None else changed)


def without_header(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[1:], lines[-1]]))


def write_sound(path, samples, rate):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(4 * samples))


def reasons(report):
    return [(problem.code, problem.where, problem.message) for problem in report]


def has(report, code, where, words):
    return any((found, place) == (code, where) and words in message for found, place, message in reasons(report))


def clips_of(files):
    parts = (
        Path(where).with_suffix("").parts for where in files if where.startswith("train/") and where.count("/") == 5
    )
    return {str(ClipId.parse("/".join(path[2:])).alias) for path in parts}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """A tree with many kinds of damage, and what each should be reported as: code, file, words of the reason."""
    root = synthesise(
        tmp_path_factory.mktemp("damaged") / "data", recordings=40, frames=60, sample_rate=8000, show_progress=False
    )
    tree = OfficialTree(root, "train")
    persons = iter(clip.speaker for clip in tree.clips)
    expected = []

    def damage(modality, code, words, change):
        path = tree.file(modality, next(persons))
        change(path)
        expected.append((code, path.relative_to(root).as_posix(), words))

    def column(name, line, value):
        def change(table):
            table[name] = table[name].astype(object)
            table.loc[line - 2, name] = value

        return lambda path: change_emotion(path, change)

    damage("emotion", "RD111", "does not exist, though train.csv lists", lambda path: path.unlink())
    damage("emotion", "RD112", "not a csv of numbers", lambda path: path.write_bytes(b"\x00\x01\xff"))
    damage("emotion", "RD112", "24 columns, expected 25", lambda p: pd.read_csv(p).iloc[:, :24].to_csv(p, index=False))
    damage("emotion", "RD112", "not finite, the first at frame 4, column 15", column("valence", 6, np.nan))
    damage("emotion", "RD113", "the first 1.7 in line 9, arousal", column("arousal", 9, 1.7))
    damage("emotion", "RD114", "the first 0.4 in line 3, AU12", column("AU12", 3, 0.4))
    damage("emotion", "RD115", "in line 12", column("Happy", 12, 0.99))
    damage("emotion", "RD116", "begins with the number", without_header)
    damage("emotion", "RD117", "40 frames, expected at least 60", lambda p: pd.read_csv(p)[:40].to_csv(p, index=False))
    damage("3dmm", "RD111", "does not exist", lambda path: path.unlink())
    damage("3dmm", "RD112", "57 columns", lambda path: change_array(path, lambda values: values[..., :57]))
    damage("3dmm", "RD112", "not a .npy array", lambda path: path.write_bytes(path.read_bytes()[:200]))
    damage(
        "3dmm", "RD118", "60 of emotion and 61 of 3dmm", lambda p: change_array(p, lambda v: np.concatenate([v, v[:1]]))
    )
    damage("audio", "RD119", "not a readable wav", lambda path: path.write_bytes(b"RIFF"))
    damage("audio", "RD119", "that its header promises", lambda path: path.write_bytes(path.read_bytes()[:5000]))
    damage(
        "audio",
        "RD119",
        "lasts 1.00 s, but the clip's 60 frames last 2.40 s",
        lambda path: write_sound(path, 8000, 8000),
    )
    damage("audio", "RD120", "16000 samples a second, most have 8000", lambda path: write_sound(path, 38400, 16000))

    (root / "train" / "Emotion" / "NoXI" / "stray.csv").write_text("left over")
    expected.append(("RD121", "train/Emotion", "NoXI/stray.csv"))
    change_array(root / "neighbour_emotion_train.npy", lambda values: values.__setitem__((0, 0), 0))
    expected.append(("RD105", "neighbour_emotion_train.npy", "diagonal is 0 for 1 clips"))
    expected.append(("RD105", "neighbour_emotion_val.npy", "its shape is (16, 16), expected (18, 18)"))
    change_array(root / "neighbour_emotion_test.npy", lambda values: values * 0.5)
    expected.append(("RD105", "neighbour_emotion_test.npy", "holds the values 0.5"))
    with (root / "val.csv").open("a") as val:
        val.write("98,NoXI/chat,NoXI/chat\n" + (root / "train.csv").read_text().splitlines()[1] + "\n")
    expected.append(("RD102", "val.csv", "line 10: 'NoXI/chat' is not a clip id"))
    expected.append(("RD103", "val.csv", "is also in train.csv"))
    index = pd.read_csv(root / DATA_INDICES)
    index.loc[index["site"] == "Recola", "chat_index"] += "x"
    index.to_csv(root / DATA_INDICES, index=False)
    expected.append(("RD104", DATA_INDICES, "lacks recordings of val.csv: RECOLA/group-2/1"))
    return verify(root, show_progress=False), expected


def test_a_sound_tree_has_no_problem(tree):
    report = verify(tree, show_progress=False)
    assert report.problems == []
    assert report.checked["val"] == "10 clips of 5 recordings, with listeners; emotion, 3dmm, audio"
    assert "seed 0" in report.checked["synthetic"]


def test_every_kind_of_damage_is_reported_in_one_run_with_its_file_and_reason(damaged):
    report, expected = damaged
    assert [each for each in expected if not has(report, *each)] == []
    assert len({(code, words) for code, _, words in expected}) >= 20


def test_damage_of_a_clip_says_nothing_of_others(damaged):
    report, expected = damaged
    assert clips_of(problem.where for problem in report) == clips_of(where for _, where, _ in expected)


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
    [(24, 0, "its header says 0 samples a second"), (16, 2**31, "is not a readable wav file")],
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


def test_repeated_problems_are_counted_after_the_twentieth(tree, tmp_path):
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
    unreadable = [problem.message for problem in verify(root, show_progress=False) if problem.code == "RD112"]
    assert len(unreadable) == 21
    assert unreadable[-1] == "… and 14 more of this kind, 34 in all."


def test_missing_lists_and_folders(small_tree, tmp_path):
    (small_tree / "val.csv").unlink()
    assert has(verify(small_tree, show_progress=False), "RD101", "val.csv", "does not exist")
    (tmp_path / "empty").mkdir()
    assert has(verify(tmp_path / "empty"), "RD101", "", "no split list at all")
    with pytest.raises(DataRootError, match="does not exist"):
        verify(tmp_path / "none")
    with pytest.raises(ClipListError, match="Did you mean 'val'"):
        verify(small_tree, ["vall"])


@pytest.mark.parametrize("content", ["{", "[]", "3", '{"frames": "many", "splits": []}'])
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
    assert len(kinds) == 22
    assert all(len(kind.description) > 40 for kind in kinds.values())


def test_a_report_reads_well_and_travels_as_json(damaged):
    report, _ = damaged
    assert "not valid" in str(report)
    assert "error RD111: train/Emotion/" in str(report)
    assert report.to_dict()["ok"] is False
