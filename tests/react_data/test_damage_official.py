"""A tree of REACT 2024 with every kind of damage at once is reported completely in one run."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from react_data.clip_lists import read_data_indices, recording_key
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, OfficialTree
from react_data.synthesis import synthesise
from tests.react_data.damages import (
    DamagedTree,
    array,
    bytes_at,
    cell,
    content,
    entry,
    film,
    not_expected,
    not_reported,
    remove,
    sound,
    sound_of_floats,
    table,
    truncate,
)

FRAMES, RATE, SIDE = 30, 2000, 16
MODALITIES = ("emotion", "3dmm", "audio", "video")
FOLDERS = {"emotion": "Emotion", "3dmm": "3D_FV_files", "audio": "Audio_files", "video": "Video_files"}
VALENCE, AROUSAL = "valence", "arousal"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return synthesise(
        tmp_path_factory.mktemp("whole") / "data",
        recordings=60,
        frames=FRAMES,
        sample_rate=RATE,
        video="png",
        frame_size=SIDE,
        show_progress=False,
    )


@pytest.fixture
def tree(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "data", ignore=shutil.ignore_patterns("Video_files"))
    return damaged_tree(tmp_path / "data")


def damaged_tree(root):
    official = OfficialTree(root, "train")
    persons = [clip.speaker for clip in official.clips]
    files = {modality: [official.file(modality, person) for person in persons] for modality in MODALITIES[:3]}
    files["video"] = [root / "train" / "Video_files" / str(person) for person in persons]
    # The first recordings stay whole for the lists and matrices; every damage gets a clip of its own.
    shares = {"emotion": (1, 21), "3dmm": (21, 30), "audio": (37, 46), "video": (46, 62)}
    return DamagedTree(root, {modality: files[modality][slice(*shares[modality])] for modality in MODALITIES})


def first_line(change):
    def write(path):
        header, *rows = path.read_text().splitlines()
        path.write_text("\n".join([*change(header, rows[0]), *rows]) + "\n")

    return write


def damage_emotions(tree):
    tree.damage("emotion", "RD111", "does not exist, though train.csv lists", remove)
    tree.damage("emotion", "RD112", "not a csv of numbers", content(b"\x00\x01\xff"))
    tree.damage("emotion", "RD112", "not a csv of numbers", content(b""))
    tree.damage("emotion", "RD112", "24 columns, expected 25. Copy", table(lambda values: values.iloc[:, :24]))
    tree.damage("emotion", "RD112", "26", lambda path: path.write_text(path.read_text() + "0" + ",0" * 25 + "\n"))
    tree.damage("emotion", "RD112", "could not convert string", cell(5, "AU4", "high"))
    tree.damage("emotion", "RD112", "1 values that are not finite, the first at frame 4", cell(6, VALENCE, np.nan))
    tree.damage("emotion", "RD112", "1 values that are not finite, the first at frame 7", cell(9, AROUSAL, "inf"))
    tree.damage("emotion", "RD113", "outside -1..1, the first 1.7 in line 9, arousal", cell(9, AROUSAL, "1.7"))
    tree.damage("emotion", "RD114", "the first 0.4 in line 3, AU12", cell(3, "AU12", "0.4"))
    tree.damage("emotion", "RD115", "do not sum to 1", cell(12, "Happy", "0.99"))
    tree.damage("emotion", "RD116", "begins with the number", first_line(lambda header, row: []))
    tree.expect("RD117", tree.expected[-1][1], "29 frames, expected at least 30")
    tree.damage("emotion", "RD116", "begins with the number", first_line(lambda header, row: [row]))
    unknown = first_line(lambda header, row: [",".join(f"column {n}" for n in range(25))])
    tree.damage("emotion", "RD129", "none of the challenge's channels: column 1 is column 0, expected AU1", unknown)
    misspelt = first_line(lambda header, row: [header.replace("AU1,", "AUX,")])
    tree.damage("emotion", "RD129", "names that are not known: column 1 is AUX, expected AU1.", misspelt)
    swapped = first_line(lambda header, row: [header.replace("AU1,AU2,", "AU2,AU1,")])
    tree.damage("emotion", "RD122", "column 1 is AU2, expected AU1, column 2 is AU1", swapped)
    tree.damage("emotion", "RD112", "can't decode byte 0xff", bytes_at(0, b"\xff"))
    tree.damage("emotion", "RD117", "20 frames, expected at least 30", table(lambda values: values[:20]))
    tree.damage(
        "emotion",
        "RD118",
        "31 frames of emotion, but 30 of 3dmm",
        table(lambda values: values.reindex([*range(30), 0])),
    )


def damage_coefficients(tree):
    tree.damage("3dmm", "RD111", "does not exist", remove)
    tree.damage("3dmm", "RD112", "57 columns, expected 58", array(lambda values: values[..., :57]))
    tree.damage("3dmm", "RD112", "is not a .npy array", truncate)
    tree.damage("3dmm", "RD112", "is not a .npy array", content(b""))
    tree.damage("3dmm", "RD112", "Python objects", array(lambda values: values.astype(object)))
    tree.damage("3dmm", "RD112", "array of floats", array(lambda values: values.astype(np.int16)))
    tree.damage("3dmm", "RD112", "not finite, the first at frame 3, column 7", entry((3, 0, 7), np.nan))
    tree.damage("3dmm", "RD118", "31 frames of 3dmm, but 30 of emotion", array(lambda v: np.concatenate([v, v[:1]])))
    tree.damage("3dmm", "RD112", "several arrays", lambda path: write_archive(path))


def write_archive(path):
    with path.open("wb") as file:
        np.savez(file, one=np.zeros(1), other=np.ones(1))


def damage_sounds(tree):
    tree.damage("audio", "RD111", "does not exist", remove)
    tree.damage("audio", "RD119", "is not a wav file", content(b"ID3 this is an mp3"))
    tree.damage("audio", "RD119", "samples that its header promises", truncate)
    tree.damage("audio", "RD119", "lasts 0.60 s, but the clip's 30 frames last 1.20 s", sound(0.6, RATE))
    tree.damage("audio", "RD120", "4000 samples a second, most have 2000", sound(1.2, 2 * RATE))
    tree.damage("audio", "RD119", "0 samples a second", bytes_at(24, bytes(4)))
    tree.damage("audio", "RD119", "sound of kind 6", bytes_at(20, b"\x06\x00"))
    tree.damage("audio", "RD119", "holds no samples", sound(0, RATE))
    broken = np.where(np.arange(2400) == 77, np.nan, 0)
    tree.damage("audio", "RD119", "1 samples that are not finite, the first at 77", sound_of_floats(broken, RATE))


def damage_videos(tree):
    tree.damage("video", "RD111", "does not exist", shutil.rmtree)
    tree.damage("video", "RD123", "lacks 5.png, 9.png of 30 frames", without("5.png", "9.png"))
    tree.damage("video", "RD123", "holds no numbered png", lambda path: [file.unlink() for file in path.iterdir()])
    tree.damage(
        "video", "RD123", "holds frame_3.png", lambda path: Image.new("RGB", (SIDE, SIDE)).save(path / "frame_3.png")
    )
    tree.damage("video", "RD118", "29 frames of video, but 30", without("30.png"))
    tree.expected[-1] = ("RD117", tree.expected[-1][1], "29 frames, expected at least 30")
    tree.damage("video", "RD124", "but not 7.png (8 × 8)", lambda path: Image.new("RGB", (8, 8)).save(path / "7.png"))
    other_size = lambda path: [Image.new("RGB", (32, 32)).save(file) for file in path.iterdir()]  # noqa: E731
    tree.damage("video", "RD124", "32 × 32 pixels, most have 16 × 16", other_size)
    for change in (truncate, content(b"no image"), bytes_at(50, b"\xff\xff")):
        tree.damage("video", "RD123", "is no readable png", lambda path, change=change: change(path / "4.png"))
        code, where, words = tree.expected.pop()
        tree.expect(code, f"{where}/4.png", words)
    tree.damage("video", "RD123", "cannot be read as a film", as_film(content(b"no film")))
    tree.damage("video", "RD123", "", as_film(film(FRAMES, 25, SIDE), truncate))
    tree.damage("video", "RD124", "runs at 30 frames a second, expected 25", as_film(film(FRAMES, 30, SIDE)))
    tree.damage("video", "RD118", "33 frames of video, but 30", as_film(film(FRAMES + 3, 25, SIDE)))
    tree.expected[-4:] = [(code, f"{where}.mp4", words) for code, where, words in tree.expected[-4:]]


def without(*names):
    return lambda path: [(path / name).unlink() for name in names]


def as_film(*changes):
    def write(path):
        shutil.rmtree(path)
        for change in changes:
            change(path.with_name(f"{path.name}.mp4"))

    return write


def damage_lists(tree):
    root = tree.root
    train, val, test = (OfficialTree(root, split) for split in ("train", "val", "test"))
    leaked, test_recording = train.rows[0], test.rows[0]
    for person in (leaked.speaker, leaked.listener):
        for modality, folder in FOLDERS.items():
            source = root / "train" / folder / str(person) if modality == "video" else train.file(modality, person)
            target = root / "val" / source.relative_to(root / "train")
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    val_rows = (root / "val.csv").read_text()
    (root / "val.csv").write_text(f"{val_rows}97,{leaked.speaker},{leaked.listener}\n")
    tree.expect("RD103", "val.csv", f"{leaked.speaker.recording} is also in train.csv")
    tree.expect("RD105", "neighbour_emotion_val.npy", "expected (26, 26)")
    lines = (root / "train.csv").read_text().splitlines()
    number, speaker, listener = lines[2].split(",")
    lines[2] = f"{number},{listener},{speaker}"
    lines += [lines[3], "98,NoXI/chat,NoXI/chat", f"99,{speaker},NoXI/another/Novice_video/1"]
    (root / "train.csv").write_text("\n".join(lines) + "\n")
    tree.expect("RD110", "train.csv", f"1 rows name the second person as the speaker: {listener}")
    tree.expect("RD102", "train.csv", f"{train.rows[2].speaker.recording} is listed 2 times")
    tree.expect("RD102", "train.csv", "line 39: 'NoXI/chat' is not a clip id")
    tree.expect("RD102", "train.csv", "line 40: speaker")
    positions = read_data_indices(root / DATA_INDICES)
    one, other = (positions[recording_key(each.rows[3].speaker)] for each in (train, val))
    tree.change(FULL_MATRIX, "RD125", "holds 1 neighbours of train in val", entry((one, other), 1))
    row = positions[recording_key(test_recording.speaker)] + 2
    tree.change(DATA_INDICES, "RD104", "lacks recordings of test.csv", cell(row, "clip_index", "987"))
    disagreeing = array(lambda values: values.__setitem__((0, 1), 1 - values[0, 1]))
    tree.change("neighbour_emotion_train.npy", "RD106", "differs from the cut of", disagreeing)
    tree.change("neighbour_emotion_test.npy", "RD105", "holds the values 0.5", array(lambda values: values * 0.5))
    tree.change("train/Emotion", "RD121", "1 files that train.csv does not name: NoXI/stray.csv", add("NoXI/stray.csv"))
    tree.change(
        "train/Video_files", "RD121", "1 files that train.csv does not name: NoXI/stray.mp4", add("NoXI/stray.mp4")
    )


def add(name):
    return lambda path: (path / name).write_text("left over")


@pytest.fixture(scope="module")
def damaged(whole, tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged") / "data"
    shutil.copytree(whole, root)
    tree = damaged_tree(root)
    damage_emotions(tree)
    damage_coefficients(tree)
    damage_sounds(tree)
    damage_videos(tree)
    damage_lists(tree)
    return tree


def test_a_whole_tree_has_no_problem(whole):
    assert DamagedTree(whole).verify().problems == []


def test_every_damage_is_reported_in_one_run_with_its_file_and_reason_and_nothing_else(damaged):
    report = damaged.verify()
    assert not_reported(report, damaged.expected) == []
    assert not_expected(report, damaged.expected) == []
    assert len(damaged.expected) >= 50


@pytest.mark.parametrize(
    ("file", "change", "code", "words"),
    [
        ("neighbour_emotion_val.npy", entry((0, 0), 0), "RD105", "diagonal is 0 for 1 clips"),
        ("neighbour_emotion_val.npy", truncate, "RD105", "is not a .npy matrix"),
        ("neighbour_emotion_val.npy", array(lambda values: values[:-1]), "RD105", "shape is (23, 24)"),
        ("neighbour_emotion_val.npy", array(lambda values: values.astype(str)), "RD105", "values"),
        (FULL_MATRIX, truncate, "RD105", "is not a .npy matrix"),
        (FULL_MATRIX, array(lambda values: values[:-2, :-2]), "RD105", "lists 60 recordings"),
        (FULL_MATRIX, lambda path: array(lambda values: 2 * values)(path), "RD105", "holds the values 2"),
        (DATA_INDICES, remove, "RD104", "does not exist"),
        (DATA_INDICES, table(lambda values: values.drop(columns="site")), "RD104", "not site"),
        (DATA_INDICES, table(lambda values: values.iloc[[*range(60), 0]]), "RD104", "occur more than once"),
        ("val.csv", remove, "RD101", "does not exist"),
        ("val.csv", content(b""), "RD102", "is not a csv list"),
        ("val.csv", content(b"\xff\xfe\x00"), "RD102", "is not a csv list"),
        (
            "val.csv",
            table(lambda values: values.rename(columns={"speaker_path": "speaker"})),
            "RD102",
            "not speaker_path",
        ),
        ("val.csv", table(lambda values: values[:0]), "RD102", "no rows"),
    ],
)
def test_a_damaged_list_or_matrix_is_reported(tree, file, change, code, words):
    tree.change(file, code, words, change)
    assert not_reported(tree.verify(), tree.expected) == []


def test_a_reader_that_fails_in_an_unforeseen_way_is_a_problem_of_its_file(tree, monkeypatch):
    broken = OfficialTree(tree.root, "val").file("3dmm", OfficialTree(tree.root, "val").clips[3].speaker)

    def read(path, ours=np.load, **options):
        if path == broken:
            raise RuntimeError("the disk is on fire")
        return ours(path, **options)

    monkeypatch.setattr("react_data.stored_arrays.np.load", read)
    tree.expect("RD112", broken.relative_to(tree.root).as_posix(), "RuntimeError: the disk is on fire")
    report = tree.verify()
    assert not_reported(report, tree.expected) == not_expected(report, tree.expected) == []


def test_videos_are_said_not_to_be_looked_at_without_the_libraries(whole, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    report = DamagedTree(whole).verify()
    assert report.problems == []
    assert report.checked["videos of val"].startswith("not looked at: Verifying videos needs av")
