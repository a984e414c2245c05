"""A tree of REACT 2026 with every kind of damage at once is reported completely in one run."""

import shutil
import tarfile

import numpy as np
import pytest

from react_data.mars_tree import MARS_MODALITIES, MarsTree
from react_data.synthesis import synthesise
from react_data.video import open_video
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
    table,
    truncate,
)

FRAMES, RATE, SIDE = 45, 2000, 32
MODALITIES = ("emotion", "3dmm", "audio", "wav2vec", "face video", "eeg")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole") / "data"
    settings = {"recordings": 44, "frames": FRAMES, "sample_rate": RATE, "behaviours": 3, "show_progress": False}
    synthesise(root, layout="react2026", video="mp4", frame_size=SIDE, **settings)
    for path in root.glob("*/facial-attributes/*/*/*.npy"):
        target = root / path.relative_to(root).as_posix().replace("facial-attributes", "audio-features")
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, np.zeros((len(np.load(path)), 768), dtype=np.float32))
    return root


@pytest.fixture
def tree(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "data", ignore=shutil.ignore_patterns("video-face-crop"))
    return DamagedTree(tmp_path / "data")


@pytest.fixture(scope="module")
def damaged(whole, tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged") / "data"
    shutil.copytree(whole, root)
    mars = MarsTree(root, "train")
    persons = [person for clip in mars.clips for person in (clip.speaker, clip.listener)]
    shares = dict(zip(MODALITIES, ((0, 8), (8, 13), (13, 19), (19, 23), (23, 29), (29, 35)), strict=True))
    files = {name: [mars.file(name, person) for person in persons[slice(*share)]] for name, share in shares.items()}
    tree = DamagedTree(root, files)
    damage_series(tree)
    damage_sounds_and_films(tree)
    damage_eeg(tree)
    damage_pairing(tree, mars.clips[-4:])
    return tree


def damage_series(tree):
    tree.damage("emotion", "RD111", "does not exist, though other files of session", remove)
    tree.damage("emotion", "RD112", "24 columns, expected 25", array(lambda values: values[:, :24]))
    tree.damage("emotion", "RD112", "is not a .npy array", truncate)
    tree.damage("emotion", "RD112", "not finite, the first at frame 4, column 15", entry((4, 15), np.nan))
    tree.damage("emotion", "RD113", "outside -1..1, the first 3 in frame 2, arousal", entry((2, 16), 3))
    tree.damage("emotion", "RD114", "the first 0.5 in frame 5, AU4", entry((5, 2), 0.5))
    tree.damage("emotion", "RD115", "do not sum to 1", entry((5, 18), 0.999))
    tree.damage("emotion", "RD112", "cannot be read", array(lambda values: values[:0]))
    tree.damage("3dmm", "RD111", "does not exist", remove)
    tree.damage("3dmm", "RD112", "56 columns, expected 58", array(lambda values: values[:, :56]))
    tree.damage("3dmm", "RD112", "array of floats", array(lambda values: values.astype(int)))
    tree.damage("3dmm", "RD112", "Python objects", array(lambda values: values.astype(object)))
    tree.damage("3dmm", "RD118", "frames of 3dmm, but", array(lambda values: values[:-1]))
    tree.damage("wav2vec", "RD111", "does not exist", remove)
    tree.damage("wav2vec", "RD112", "512 columns, expected 768", array(lambda values: values[:, :512]))
    tree.damage("wav2vec", "RD112", "not finite, the first at frame 1, column 700", entry((1, 700), np.inf))
    tree.damage("wav2vec", "RD118", "frames of wav2vec, but", array(lambda v: np.concatenate([v, v[:3]])))


def damage_sounds_and_films(tree):
    tree.damage("audio", "RD111", "does not exist", remove)
    tree.damage("audio", "RD119", "is not a wav file", content(b"ID3"))
    tree.damage("audio", "RD119", "samples that its header promises", truncate)
    tree.damage("audio", "RD119", "0 samples a second", bytes_at(24, bytes(4)))
    tree.damage("audio", "RD119", "lasts 9.00 s, but the clip's", sound(9, RATE))
    tree.damage("audio", "RD120", "4000 samples a second, most have 2000", faster)
    tree.damage("face video", "RD111", "does not exist", remove)
    tree.damage("face video", "RD123", "cannot be read as a film", content(b"no film"))
    tree.damage("face video", "RD123", "", truncate)
    tree.damage("face video", "RD118", "7 frames of face video, but", film(7, 30, SIDE))
    tree.damage("face video", "RD124", "runs at 25 frames a second, expected 30", another_film(25, SIDE))
    tree.damage("face video", "RD124", "64 × 64 pixels, most have 32 × 32", another_film(30, 64))


def faster(path):
    """Sound of the same length at twice the rate."""
    seconds = (path.stat().st_size - 44) / 4 / RATE
    sound(seconds, 2 * RATE)(path)


def another_film(rate, side):
    """A film with as many frames as the clip has."""
    return lambda path: film(open_video(path).frames, rate, side)(path)


def damage_eeg(tree):
    tree.damage("eeg", "RD111", "does not exist", remove)
    tree.damage("eeg", "RD112", "13 in its rows, expected 14", table(lambda values: values.iloc[:, :13]))
    tree.damage("eeg", "RD112", "is not a csv", content(b""))
    tree.damage("eeg", "RD112", "infinite values, the first in second 0, AF7", cell(2, "AF7", "inf"))
    tree.damage("eeg", "RD112", "is not a csv", cell(2, "AF8", "unplugged"))
    tree.damage("eeg", "RD118", "lasts 9.00 s, but the clip's", table(lambda values: values.loc[[0] * 9]))


def damage_pairing(tree, clips):
    root = tree.root
    gone, renamed, leaked, orphan = clips
    for modality in MODALITIES:
        MarsTree(root, "train").file(modality, gone.listener).unlink()
        MarsTree(root, "train").file(modality, orphan.speaker).unlink()
        for person in (leaked.speaker, leaked.listener):
            source = MarsTree(root, "train").file(modality, person)
            target = root / "val" / source.relative_to(root / "train")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        for person in (renamed.speaker, renamed.listener):
            source = MarsTree(root, "train").file(modality, person)
            target = source.parent.with_name("session_two") / source.name
            target.parent.mkdir(exist_ok=True)
            source.rename(target)
            tree.expect("RD126", target.parent.relative_to(root).as_posix(), "expected session0, session1")
    tree.expect("RD111", f"train/{gone.listener}", "has no file in any of facial-attributes, coefficients")
    tree.expect("RD111", f"train/{orphan.speaker}", "though the partner has")
    tree.expect("RD103", "val", f"{leaked.speaker.session} is also in train")
    other = root / "train" / "audio" / "speaker" / "session0" / "Camera-other.wav"
    sound(1, RATE)(other)
    tree.expect("RD121", "train/audio", "1 files of no clip: speaker/session0/Camera-other.wav")


def test_a_whole_tree_has_no_problem(whole):
    report = DamagedTree(whole).verify()
    assert report.problems == []
    assert "emotion, 3dmm, audio, wav2vec, face video, eeg" in report.checked["train"]


def test_every_damage_is_reported_in_one_run_with_its_file_and_reason_and_nothing_else(damaged):
    report = damaged.verify()
    assert not_reported(report, damaged.expected) == []
    assert not_expected(report, damaged.expected) == []
    assert len(damaged.expected) >= 35


@pytest.mark.parametrize("change", [lambda path: shutil.rmtree(path / "speaker"), shutil.rmtree])
def test_a_split_without_speakers_is_reported(tree, change):
    shutil.rmtree(tree.root / "val" / "coefficients")
    change(tree.root / "val" / "facial-attributes")
    tree.expect("RD111", "val", "holds")
    assert not_reported(tree.verify(), tree.expected) == []


def test_a_packed_archive_of_eeg_is_read(tree):
    folder = tree.root / "val" / MARS_MODALITIES["eeg"][0]
    archive = folder.with_name(f"{folder.name}.tar.gz")
    victim = MarsTree(tree.root, "val").file("eeg", MarsTree(tree.root, "val").clips[0].speaker)
    victim.write_text("no EEG")
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, folder.name)
    shutil.rmtree(folder)
    tree.expect("RD112", "val/eeg_processed.tar.gz", "1 EEG files cannot be used: session0")
    report = tree.verify()
    assert not_reported(report, tree.expected) == not_expected(report, tree.expected) == []
