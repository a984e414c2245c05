"""The packed store: equal to the folder it was made of, safe to interrupt, read by many, never damaged in silence."""

import json
import multiprocessing
import pickle
import shutil
import signal
import subprocess
import sys
import wave

import h5py
import numpy as np
import pytest
import xarray as xr

import react_data
from react_data.dataset_neighbours import neighbours_of, with_neighbours
from react_data.errors import NeighbourMatrixError, PackError
from react_data.modalities import ModalityError
from react_data.opening import open_split
from react_data.packed_sound import stored_sound
from react_data.packed_sources import PackedSource
from react_data.ragged import clip_series
from react_data.retrieval import retrieve_neighbours
from react_data.wave_files import open_wave

SPLITS = ("train", "val", "test")
BLOCKS = 2 * len(SPLITS)  # of emotion and 3DMM
SYNTHETIC = ("react2023", "react2024", "react2025", "react2026")


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """A small tree of every synthetic layout."""
    root = tmp_path_factory.mktemp("trees")
    options = {"recordings": 12, "frames": 60, "sample_rate": 1000, "behaviours": 2, "show_progress": False}
    for layout in SYNTHETIC:
        react_data.synthesise(root / layout, layout=layout, **options)
    return root


@pytest.fixture(scope="module")
def packs(trees):
    for layout in SYNTHETIC:
        react_data.pack(trees / layout, trees / f"{layout}.h5", show_progress=False)
    return trees


@pytest.fixture(scope="module")
def retrieved(trees):
    """Neighbours of the validation split, retrieved, with their distances."""
    val = open_split(trees / "react2024", "val")
    return retrieve_neighbours(val["speaker_emotion"], ids=val["clip"].values.tolist(), top_k=2, show_progress=False)


@pytest.fixture
def copied(packs, tmp_path):
    """A packed file that a test may damage."""
    return shutil.copy(packs / "react2024.h5", tmp_path / "copy.h5")


def check_equal(one, other):
    assert set(one.variables) == set(other.variables)
    for name in one.variables:
        xr.testing.assert_identical(one[name].variable.load(), other[name].variable.load())
    assert {**one.attrs, "root": ""} == {**other.attrs, "root": ""}


def flip_a_bit(path, name):
    with h5py.File(path) as file:
        chunk = file[name].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 1
    path.write_bytes(bytes(content))


def codes(path):
    return {problem.code for problem in react_data.verify(path, show_progress=False).problems}


@pytest.mark.parametrize("layout", SYNTHETIC)
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("modalities", [None, "all", ["audio"]])
def test_a_packed_split_equals_that_of_the_tree(packs, layout, split, modalities):
    tree, packed = (open_split(packs / name, split, modalities=modalities) for name in (layout, f"{layout}.h5"))
    check_equal(tree, packed)


def test_uncompressed_values_are_the_same(trees, tmp_path):
    react_data.pack(trees / "react2024", tmp_path / "plain.h5", compressed=False, splits=["val"], show_progress=False)
    check_equal(open_split(trees / "react2024", "val"), open_split(tmp_path / "plain.h5", "val"))
    with h5py.File(tmp_path / "plain.h5") as file:
        assert file["val/person_emotion"].compression is None
        assert file["val/person_emotion"].fletcher32


def test_sound_is_stored_as_the_files_store_it(packs):
    with h5py.File(packs / "react2024.h5") as file:
        assert file["val/person_audio"].dtype == np.int16
    opened = open_split(packs / "react2024.h5", "val", modalities=["audio"])
    with wave.open(str(next((packs / "react2024/val/Audio_files").rglob("*.wav")))) as sound:
        assert opened["speaker_audio"].attrs["sample_rate"] == sound.getframerate()


@pytest.mark.parametrize("encoding", ["u1", "<i2", "<i4", "<f4", "<f8"])
@pytest.mark.parametrize("channels", [1, 2, 7])
def test_sound_becomes_the_mean_of_its_channels(tmp_path, encoding, channels):
    samples = np.random.default_rng(0).integers(0, 256, (500, channels * np.dtype(encoding).itemsize), np.uint8)
    if encoding[1] == "f":
        samples = np.random.default_rng(0).normal(size=(500, channels)).astype(encoding)
    write_wave(tmp_path / "x.wav", samples, encoding, channels)
    stored = samples.reshape(-1).view(encoding).reshape(-1, channels)
    middle, whole = {"u1": (128, 2**7), "<i2": (0, 2**15), "<i4": (0, 2**31)}.get(encoding, (0, 1))
    expected = ((stored.astype(np.float64) - middle) / whole).mean(axis=1)
    np.testing.assert_allclose(open_wave(tmp_path / "x.wav").read(), expected, atol=3e-7)


def write_wave(path, samples, encoding, channels):
    width, kind = np.dtype(encoding).itemsize, 3 if encoding[1] == "f" else 1
    form = np.array([kind, channels], "<u2").tobytes() + np.array([1000, 1000 * width * channels], "<u4").tobytes()
    form += np.array([width * channels, 8 * width], "<u2").tobytes()
    data = samples.tobytes()
    size = np.array([len(data)], "<u4").tobytes()
    head = b"WAVEfmt " + np.array([len(form)], "<u4").tobytes() + form + b"data" + size
    path.write_bytes(b"RIFF" + np.array([len(head) + len(data)], "<u4").tobytes() + head + data)


def test_sound_of_several_kinds_is_stored_as_it_is_read(trees, tmp_path):
    root = shutil.copytree(trees / "react2024", tmp_path / "data")
    file = next((root / "val/Audio_files").rglob("*.wav"))
    values = np.random.default_rng(0).normal(size=(2400, 1)).astype("<f4")
    write_wave(file, values, "<f4", 1)
    persons = open_split(root, "val")["clip"].values.tolist()
    assert stored_sound("react2024", root, "val", persons) is None
    react_data.pack(root, tmp_path / "data.h5", splits=["val"], modalities=["emotion", "audio"], show_progress=False)
    modalities = ["emotion", "audio"]
    check_equal(*(open_split(tmp_path / name, "val", modalities=modalities) for name in ("data", "data.h5")))


@pytest.mark.parametrize("layout", ["react2024", "react2025"])
@pytest.mark.parametrize("rows", [3, slice(1, 4), slice(None, None, -2), [5, 0, 0, 3], []])
def test_a_packed_series_is_indexed_like_an_array(packs, layout, rows):
    series = open_split(packs / f"{layout}.h5", "train")["speaker_emotion"]
    whole = open_split(packs / layout, "train")["speaker_emotion"].values
    assert np.array_equal(series[rows].values, whole[rows])
    assert np.array_equal(series[rows, ..., 2:5].values, whole[rows][..., 2:5])


def test_a_stretch_of_sound_is_read_without_the_rest(packs):
    opened = open_split(packs / "react2025.h5", "train", modalities=["audio"])
    whole = clip_series(opened, "listener_audio")[2]
    start = int(opened["listener_audio_row_size"].values[:2].sum())
    assert np.array_equal(opened["listener_audio"][start + 100 : start + 300 : 3].values, whole[100:300:3])


def test_a_pack_opens_in_plain_xarray(packs):
    plain = xr.open_dataset(packs / "react2024.h5", group="val", engine="h5netcdf")
    ours = open_split(packs / "react2024.h5", "val")
    clip, person = 3, int(plain["speaker_of"][3])
    assert np.array_equal(plain["person_emotion"][person].values.T, ours["speaker_emotion"][clip].values)
    assert str(plain["person_clip"][person].values) == str(ours["clip"][clip].values)
    pairs = xr.open_dataset(packs / "react2024.h5", group="val/neighbours", engine="h5netcdf")
    assert int(pairs["row_size"].sum()) == int(ours["neighbours"].sum())
    assert pairs["listener"].values.tolist() == ours["listener"].values.tolist()


def test_a_person_is_stored_once(packs):
    with h5py.File(packs / "react2024.h5") as file:
        assert len(file["val/person_clip"]) == len(file["val/clip"])
        assert np.array_equal(np.sort(file["val/speaker_of"][:]), np.sort(file["val/listener_of"][:]))


def test_listeners_that_are_no_speakers_are_stored_too(packs):
    with h5py.File(packs / "react2026.h5") as file:
        assert len(file["val/person_clip"]) == 2 * len(file["val/clip"])


def test_a_pack_says_where_it_comes_from_but_no_path(trees, tmp_path):
    react_data.pack(trees / "react2026", tmp_path / "mars.h5", splits=["val"], draw_seed=3, show_progress=False)
    with h5py.File(tmp_path / "mars.h5") as file:
        said = dict(file.attrs)
        assert file["val"].attrs["neighbour_source"] == "drawn from the session, seed 3"
    assert said["packed_from"] == "react2026"
    assert json.loads(said["options"])["draw_seed"] == 3
    assert not any(str(trees) in str(value) for value in said.values())


def test_drawn_targets_are_those_of_the_seed(trees, tmp_path):
    react_data.pack(trees / "react2025", tmp_path / "mars.h5", splits=["train"], draw_seed=3, show_progress=False)
    drawn = open_split(trees / "react2025", "train", draw_seed=3)["neighbours"].values
    assert np.array_equal(open_split(tmp_path / "mars.h5", "train")["neighbours"].values, drawn)


def test_a_pack_can_be_packed_again(packs, tmp_path):
    react_data.pack(packs / "react2024.h5", tmp_path / "val.h5", splits=["val"], show_progress=False)
    check_equal(*(open_split(path, "val", modalities="all") for path in (packs / "react2024", tmp_path / "val.h5")))


def test_only_chosen_modalities_are_packed(trees, tmp_path):
    react_data.pack(trees / "react2024", tmp_path / "data.h5", modalities=["emotion"], show_progress=False)
    with pytest.raises(ModalityError, match="has no 'audio'"):
        open_split(tmp_path / "data.h5", "val", modalities=["audio"])


def test_speakers_only_are_packed(tmp_path):
    options = {"recordings": 6, "frames": 30, "sample_rate": 1000, "hidden": ["test"], "show_progress": False}
    react_data.synthesise(tmp_path / "data", **options)
    react_data.pack(tmp_path / "data", tmp_path / "data.h5", splits=["test"], show_progress=False)
    check_equal(*(open_split(tmp_path / name, "test", modalities="all") for name in ("data", "data.h5")))


def test_plain_arrays_of_speakers_are_packed(tmp_path):
    folder = tmp_path / "data" / "val"
    folder.mkdir(parents=True)
    series = np.random.default_rng(0).random((3, 5, 40, 25), dtype=np.float32)
    for name, values in zip(("speaker_emotion", "listener_emotion"), series, strict=False):
        np.save(folder / f"{name}.npy", values)
    np.save(folder / "speaker_3dmm.npy", np.zeros((5, 40, 58), np.float32))  # listeners have none
    react_data.pack(folder.parent, tmp_path / "data.h5", show_progress=False)
    check_equal(*(open_split(tmp_path / name, "val") for name in ("data", "data.h5")))


def test_retrieved_neighbours_take_the_place_of_the_splits_own(trees, retrieved, tmp_path):
    file = tmp_path / "neighbours.h5"
    react_data.save_neighbours(retrieved, file)
    react_data.pack(trees / "react2024", tmp_path / "data.h5", neighbours=file, show_progress=False)
    val = open_split(tmp_path / "data.h5", "val")
    assert np.array_equal(val["neighbours"].values, retrieved.to_matrix())
    assert val.attrs["neighbour_source"] == str(retrieved.source)
    stored = react_data.load_neighbours(tmp_path / "data.h5", "val")
    assert (stored.source, stored.clips) == (retrieved.source, retrieved.clips)
    assert np.array_equal(stored.values, retrieved.values)
    own = open_split(trees / "react2024", "train")
    check_equal(own, open_split(tmp_path / "data.h5", "train"))


def test_neighbours_of_no_split_are_refused(trees, retrieved, tmp_path):
    react_data.save_neighbours(retrieved.cut(retrieved.clips[:3]), tmp_path / "few.h5")
    with pytest.raises(PackError, match=r"few\.h5 has neighbours of 3 clips, which are not all the clips of any split"):
        react_data.pack(trees / "react2024", tmp_path / "data.h5", neighbours=tmp_path / "few.h5")


def test_neighbours_of_a_data_set_are_a_table(trees, retrieved):
    val = open_split(trees / "react2024", "val")
    table = neighbours_of(val)
    assert np.array_equal(table.to_matrix(), val["neighbours"].values)
    assert str(table.source) == val.attrs["neighbour_source"]
    replaced = with_neighbours(val, retrieved)
    assert np.array_equal(replaced["neighbours"].values, retrieved.to_matrix())
    assert replaced.attrs["neighbour_source"] == str(retrieved.source)
    assert neighbours_of(val.drop_vars("neighbours")) is None


def test_neighbours_that_are_not_in_a_file_are_missed(trees, retrieved, tmp_path):
    react_data.save_neighbours(retrieved, tmp_path / "neighbours.h5")
    with pytest.raises(NeighbourMatrixError, match="has no train/neighbours"):
        react_data.load_neighbours(tmp_path / "neighbours.h5", "train")


def _means(arguments):
    path, clips = arguments
    opened = open_split(path, "train", modalities="all")
    names = ("speaker_emotion", "speaker_audio")
    return [float(np.mean(clip_series(opened, name)[clip])) for clip in clips for name in names]


def test_many_processes_read_one_pack(packs):
    path = packs / "react2024.h5"
    parts = [(path, [clip, 15 - clip, 7]) for clip in range(8)]
    expected = [_means(part) for part in parts]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(_means, parts, chunksize=1) == expected


def test_an_opened_pack_can_be_pickled(packs):
    opened = open_split(packs / "react2024.h5", "val", modalities="all")
    opened["speaker_emotion"][0].load()
    again = pickle.loads(pickle.dumps(opened))
    assert np.array_equal(again["listener_emotion"].values, opened["listener_emotion"].values)
    assert np.array_equal(again["listener_audio"].values, opened["listener_audio"].values)


KILLED = """
import os, signal, sys
import react_data
from react_data.{module} import {name}

root, target, calls = sys.argv[1], sys.argv[2], []
original = {name}.{method}

def killed(self, *arguments):
    calls.append(arguments)
    if len(calls) == {survived}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(self, *arguments)

{name}.{method} = killed
react_data.pack(root, target, show_progress=False)
"""


@pytest.mark.parametrize(
    ("where", "blocks_kept"),
    [
        ({"module": "packed_sources", "name": "PackedSource", "method": "rows", "survived": 4}, 3),
        ({"module": "packed_writing", "name": "_Writer", "method": "write", "survived": 5}, 6),
    ],
    ids=["while reading", "while writing"],
)
def test_a_killed_pack_leaves_no_file_and_the_next_run_resumes(trees, tmp_path, monkeypatch, where, blocks_kept):
    target = tmp_path / "data.h5"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(**where), trees / "react2024", target], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not target.exists()
    assert len(list((tmp_path / "data.h5.parts").glob("*.npy"))) == blocks_kept
    assert not any(is_usable(path) for path in (tmp_path / "data.h5.parts").glob("*.h5"))
    read = []
    rows = PackedSource.rows
    monkeypatch.setattr(PackedSource, "rows", lambda self, kind, block: read.append(kind) or rows(self, kind, block))
    react_data.pack(trees / "react2024", target, show_progress=False)
    assert sum(kind != "audio" for kind in read) == BLOCKS - blocks_kept
    assert list(tmp_path.iterdir()) == [target]
    for split in SPLITS:
        check_equal(*(open_split(path, split, modalities="all") for path in (trees / "react2024", target)))


def is_usable(path):
    try:
        open_split(path, "test")
    except Exception:
        return False
    return True


def test_a_pack_is_never_overwritten_or_mixed(packs, tmp_path):
    with pytest.raises(PackError, match=r"exists\. Choose another name"):
        react_data.pack(packs / "react2024", packs / "react2024.h5")
    (tmp_path / "data.h5.parts").mkdir()
    (tmp_path / "data.h5.parts" / "val-emotion-000000.npy").touch()
    with pytest.raises(PackError, match="of another data set or of other settings"):
        react_data.pack(packs / "react2024", tmp_path / "data.h5")
    with pytest.raises(PackError, match="has no split vall; it has train, val, test"):
        react_data.pack(packs / "react2024", tmp_path / "other.h5", splits=["vall"])


def test_a_damaged_pack_is_said_to_be_so(packs, tmp_path):
    cut, other, older = tmp_path / "cut.h5", tmp_path / "other.h5", tmp_path / "older.h5"
    cut.write_bytes((packs / "react2024.h5").read_bytes()[:5000])
    with pytest.raises(PackError, match="not a complete HDF5 file"):
        open_split(cut, "val")
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(PackError, match="is no packed data set: its format is 'nothing'"):
        open_split(other, "val")
    with h5py.File(older, "w") as file:
        file.attrs["format"] = "react-data-pack@1"
    with pytest.raises(PackError, match=r"is made by another version.*Pack the data set again"):
        open_split(older, "val")


@pytest.mark.parametrize("kind", ["emotion", "3dmm", "audio"])
def test_a_flipped_bit_is_found_when_it_is_read_and_by_verify(copied, kind):
    assert codes(copied) == set()
    flip_a_bit(copied, f"val/person_{kind}")
    with pytest.raises(PackError, match=f"person_{kind} cannot be read"):
        open_split(copied, "val", modalities=[kind])[f"speaker_{kind}"].load()
    assert codes(copied) == {"RD132"}


def test_what_was_changed_on_purpose_is_found_by_verify(copied):
    with h5py.File(copied, "r+") as file:
        file["val/person_audio"][3] += 1
        file["train/speaker_of"][:2] = file["train/speaker_of"][:2][::-1]
        file["test/neighbours/row_size"][0] += 1
    report = react_data.verify(copied, show_progress=False)
    assert [(problem.code, problem.where.partition(",")[0]) for problem in report.problems] == [
        ("RD133", "train"),
        ("RD132", "val"),
        ("RD133", "test"),
    ]


def test_verify_tells_a_missing_split(copied):
    report = react_data.verify(copied, ["val", "vall"], show_progress=False)
    assert [problem.code for problem in report.problems] == ["RD131"]
    assert "4 clips of 4 persons' clips; emotion, 3dmm, audio, neighbours" in report.checked["val"]
