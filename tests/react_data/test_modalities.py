"""Kinds of series of every layout: what is chosen is opened, as its files have it, and read when it is used."""

import json
import pickle
import shutil
import wave

import numpy as np
import pytest
import xarray as xr

import react_data
from react_data.annotations import read_coefficients
from react_data.coefficient_scaling import read_face
from react_data.contents import describe
from react_data.errors import AnnotationError, NeighbourMatrixError, RecordingFormatError
from react_data.feature_folder import feature_path
from react_data.mars_tree import MarsTree
from react_data.modalities import ModalityError, chosen_kinds
from react_data.neighbour_source import NeighbourSource
from react_data.official_tree import OfficialTree
from react_data.opening import Layout, layouts, open_split
from react_data.ragged import clip_series

RATE = 1000
OPTIONS = {"recordings": 8, "frames": 60, "sample_rate": RATE, "splits": ["train", "val"], "show_progress": False}
LAYOUTS = ("react2023", "react2024", "react2025", "react2026")
TREES = {"react2024": OfficialTree, "react2026": MarsTree}
WIDTH = 768


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp("trees")
    for layout in LAYOUTS:
        react_data.synthesise(root / layout, layout=layout, **OPTIONS)
    return root


@pytest.fixture
def copy(trees, tmp_path):
    """Copies a tree that a test may damage."""

    def copied(layout):
        return shutil.copytree(trees / layout, tmp_path / layout)

    return copied


@pytest.fixture
def faces(tmp_path):
    """Files of a mean face and a standard face, in the two shapes that are in use."""
    rng = np.random.default_rng(0)
    np.save(tmp_path / "mean_face.npy", rng.normal(size=58).astype(np.float32))
    np.save(tmp_path / "std_face.npy", rng.uniform(0.1, 2, (1, 1, 58)).astype(np.float32))
    return {"mean_face": tmp_path / "mean_face.npy", "std_face": tmp_path / "std_face.npy"}


def write_features(folder, dataset, name="mfcc78", width=78):
    """A feature folder of numbers that tell the clip."""
    split = dataset.attrs["split"]
    people = {role: dataset[clips].values for role, clips in (("speaker", "clip"), ("listener", "listener_clip"))}
    for role, clips in people.items():
        for number, clip in enumerate(clips):
            frames = len(clip_series(dataset, f"{role}_emotion")[number])
            path = feature_path(folder, split, name, clip)
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.full((frames, width), float(sum(map(ord, clip))), np.float32))
    (folder / "features.json").write_text(json.dumps({"feature": name}))
    return folder


def wav_samples(path):
    """The mean over the channels of a 16-bit wav file, by the standard library."""
    with wave.open(str(path)) as file:
        stored = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
    return stored.mean(axis=1) / 2**15


@pytest.mark.parametrize("layout", LAYOUTS)
def test_faces_are_opened_if_nothing_is_asked_for(trees, layout):
    opened = open_split(trees / layout, "val")
    assert {"speaker_emotion", "listener_3dmm"} <= set(opened.variables)
    assert not [name for name in opened.variables if "audio" in name or "eeg" in name]
    assert opened.attrs["coefficients"] == "raw"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_means_every_kind_that_is_there(trees, layout):
    kinds = ["emotion", "3dmm", "audio", *(["eeg"] if layout == "react2026" else [])]
    opened = open_split(trees / layout, "val", modalities="all")
    assert [name for name in opened.data_vars if str(name).startswith("speaker_") and "row_size" not in str(name)] == [
        f"speaker_{kind}" for kind in kinds
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_one_kind_alone(trees, layout):
    sound = open_split(trees / layout, "val", modalities="audio")
    assert set(sound.data_vars) == {
        *(f"{role}_audio{what}" for role in ("speaker", "listener") for what in ("", "_row_size")),
        "neighbours",
    }
    assert not {"emotion", "coefficient"} & set(sound.coords)
    assert sound.attrs["labels"] == "listeners"
    assert set(open_split(trees / layout, "val", modalities=["emotion"])) >= {"speaker_emotion"}
    assert "speaker_3dmm" not in open_split(trees / layout, "val", modalities=["emotion"])


def test_what_is_not_there_is_said_with_what_is(trees):
    with pytest.raises(ModalityError, match=r"\(react2024\) has no 'eeg'\. .*Available: emotion, 3dmm, audio\."):
        open_split(trees / "react2024", "val", modalities=["emotion", "eeg"])
    with pytest.raises(ModalityError, match=r"Did you mean 'audio'\? Available: emotion, 3dmm, audio, eeg"):
        open_split(trees / "react2026", "val", modalities=["audoi"])
    with pytest.raises(ModalityError, match="clip_video"):
        open_split(trees / "react2024", "val", modalities=["video"])


@pytest.mark.parametrize("layout", TREES)
def test_a_split_of_speakers_has_their_series_only(tmp_path, layout):
    root = react_data.synthesise(tmp_path / "data", layout=layout, hidden=["val"], **OPTIONS)
    opened = open_split(root, "val", modalities="all")
    assert opened.attrs["labels"] == "none"
    assert "speaker_audio" in opened
    assert not [name for name in opened.variables if str(name).startswith("listener")]


def test_recordings_of_one_kind_say_so(tmp_path):
    (tmp_path / "dyad.txt").write_text('"pat" "th"\n' + "1 2\n" * 20)
    with pytest.raises(ModalityError, match=r"\(motion-energy\) has no 'audio'\. Available: emotion\."):
        open_split(tmp_path, "all", modalities=["audio"], clip_frames=10)


def test_layouts_of_others_open_all_and_are_cut_down(monkeypatch, tmp_path):
    series = {f"speaker_{kind}": (("clip", "frame", kind), np.zeros((2, 3, 4))) for kind in ("emotion", "gaze")} | {
        "speaker_audio": (("speaker_audio_row",), np.zeros(5)),
        "speaker_audio_row_size": ("clip", [2, 3]),
    }
    mine = Layout("mine", "a test", lambda _: False, lambda _: ["val"], lambda *_: xr.Dataset(series))
    monkeypatch.setattr("react_data.opening._LAYOUTS", layouts() | {"mine": mine})
    assert set(open_split(tmp_path, "val", layout="mine")) == {"speaker_emotion"}
    assert set(open_split(tmp_path, "val", layout="mine", modalities="all")) == set(series)
    assert set(open_split(tmp_path, "val", layout="mine", modalities=["gaze"])) == {"speaker_gaze"}


@pytest.mark.parametrize("layout", TREES)
def test_sound_is_the_mean_of_the_channels_at_the_files_rate(trees, layout):
    opened = open_split(trees / layout, "val", modalities=["audio"])
    tree = TREES[layout](trees / layout, "val")
    for role in ("speaker", "listener"):
        assert opened[f"{role}_audio"].dtype == np.float32
        assert opened[f"{role}_audio"].attrs["sample_rate"] == RATE
        for read, clip in zip(clip_series(opened, f"{role}_audio"), tree.clips, strict=True):
            stored = wav_samples(tree.file("audio", getattr(clip, role)))
            np.testing.assert_allclose(read, stored, atol=1e-7)


@pytest.mark.parametrize(
    "rows", [5, -1, slice(None), slice(3, 9000, 7), slice(4000, 100, -3), [4, 4, 0, 5000, -2], slice(9, 9)]
)
def test_sound_is_indexed_like_an_array(trees, rows):
    sound = open_split(trees / "react2026", "train", modalities=["audio"])["speaker_audio"]
    assert np.array_equal(sound[rows].values, sound.values[rows])


def test_only_the_samples_asked_for_are_read(trees, monkeypatch):
    opened = open_split(trees / "react2026", "val", modalities=["audio"])
    read = []
    monkeypatch.setattr("react_data.wave_files.WaveFile.read", lambda self, *span: read.append(span) or np.zeros(10))
    begin = int(opened["speaker_audio_row_size"][0])
    opened["speaker_audio"][begin + 5 : begin + 15].load()
    assert read == [(5, 15)]


def test_unusable_sound_is_named_by_clip_and_file(copy):
    root = copy("react2024")
    files = sorted((root / "val" / "Audio_files").rglob("*.wav"))
    files[0].unlink()
    files[1].write_bytes(b"RIFF")
    with pytest.raises(RecordingFormatError, match=r"2 sound files .*Expert_video/.*wav does not exist.*is not a wav"):
        open_split(root, "val", modalities="all")
    assert "speaker_emotion" in open_split(root, "val")


def test_sound_of_several_rates_is_refused(copy):
    root = copy("react2026")
    file = next((root / "val" / "audio").rglob("*.wav"))
    with wave.open(str(file), "wb") as odd:
        odd.setnchannels(1)
        odd.setsampwidth(2)
        odd.setframerate(800)
        odd.writeframes(bytes(1600))
    with pytest.raises(
        RecordingFormatError, match=rf"differ in samples a second: 1 of 800, such as {file}; \d+ of 1000"
    ):
        open_split(root, "val", modalities=["audio"])


@pytest.mark.parametrize("layout", TREES)
def test_an_opened_split_is_pickled_and_chunked(trees, layout):
    opened = open_split(trees / layout, "val", modalities="all")
    again = pickle.loads(pickle.dumps(opened))
    chunks = {dim: max(1, size // 3) for dim, size in opened.sizes.items() if dim == "clip" or dim.endswith("_row")}
    for name in ("speaker_emotion", "listener_3dmm", "speaker_audio"):
        assert np.array_equal(again[name].values, opened[name].values)
        assert np.array_equal(opened.chunk(chunks)[name].compute().values, opened[name].values)
    xr.testing.assert_identical(opened.chunk().compute(), opened.load())


@pytest.mark.parametrize("layout", TREES)
def test_coefficients_are_scaled_when_they_are_read(trees, faces, layout):
    mean, std = (read_face(path) for path in faces.values())
    raw = open_split(trees / layout, "val")["listener_3dmm"].values
    centred = open_split(trees / layout, "val", coefficients="zero-centred", mean_face=faces["mean_face"])
    scaled = open_split(trees / layout, "val", coefficients="standardised", **faces)
    assert np.array_equal(centred["listener_3dmm"].values, raw - mean)
    assert np.array_equal(scaled["listener_3dmm"].values, (raw - mean) / std)
    assert np.array_equal(scaled["listener_3dmm"][3, ..., 2:50].values, ((raw - mean) / std)[3, ..., 2:50])
    assert np.array_equal(scaled["listener_3dmm"][..., 7].values, ((raw - mean) / std)[..., 7])
    assert (centred.attrs["coefficients"], scaled.attrs["coefficients"]) == ("zero-centred", "standardised")
    assert len(scaled.attrs["std_face"]) == 64
    assert np.array_equal(scaled["speaker_emotion"].values, open_split(trees / layout, "val")["speaker_emotion"].values)
    assert pickle.loads(pickle.dumps(scaled)).chunk().compute().identical(scaled.load())


def test_a_pack_scales_as_its_tree_does(trees, faces, tmp_path):
    packed = react_data.pack(trees / "react2026", tmp_path / "raw.h5", splits=["val"], show_progress=False)
    tree, pack = (
        open_split(root, "val", coefficients="standardised", **faces) for root in (trees / "react2026", packed)
    )
    assert np.array_equal(tree["speaker_3dmm"].values, pack["speaker_3dmm"].values)


def test_scaled_coefficients_are_not_scaled_again(trees, faces, tmp_path):
    centred = {"coefficients": "zero-centred", "mean_face": faces["mean_face"]}
    packed = react_data.pack(trees / "react2024", tmp_path / "a.h5", splits=["val"], show_progress=False, **centred)
    tree, pack = open_split(trees / "react2024", "val", **centred), open_split(packed, "val")
    assert np.array_equal(tree["speaker_3dmm"].values, pack["speaker_3dmm"].values)
    assert pack.attrs["mean_face"] == tree.attrs["mean_face"]
    with pytest.raises(ModalityError, match="are zero-centred in this data set already"):
        open_split(packed, "val", coefficients="standardised", **faces)


def test_first_coefficients_come_from_their_file(trees, faces):
    opened = open_split(trees / "react2024", "val", coefficients="zero-centred", mean_face=faces["mean_face"])
    tree = OfficialTree(trees / "react2024", "val")
    stored = read_coefficients(tree.file("3dmm", tree.clips[2].speaker))
    assert np.array_equal(opened["speaker_3dmm"][2].values, stored - read_face(faces["mean_face"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coefficients": "zero-centered"}, "Did you mean 'zero-centred'"),
        ({"coefficients": "zero-centred"}, "takes mean_face=FILE, but none is given"),
        ({"coefficients": "standardised", "mean_face": "m.npy"}, "mean_face=FILE and std_face=FILE, but mean_face is"),
        ({"mean_face": "m.npy"}, "coefficients='raw' takes no face, but mean_face is given"),
        ({"coefficients": "zero-centred", "mean_face": "m.npy", "modalities": ["emotion"]}, "not opened or not there"),
    ],
)
def test_forms_and_faces_have_to_fit(trees, options, message):
    with pytest.raises(ModalityError, match=message):
        open_split(trees / "react2024", "val", **options)


@pytest.mark.parametrize(
    ("face", "message"),
    [
        (np.zeros(52, np.float32), r"mean_face.npy holds float32 of shape \(52,\), expected .*\(58,\) or \(1, 1, 58\)"),
        (np.zeros((58, 1), np.float32), r"shape \(58, 1\), expected"),
        (np.zeros(58, int), "holds int64"),
        (np.full(58, np.nan, np.float32), "not finite, the first at 0"),
    ],
)
def test_unusable_faces_are_refused(trees, faces, face, message):
    np.save(faces["mean_face"], face)
    with pytest.raises(AnnotationError, match=message):
        open_split(trees / "react2024", "val", coefficients="zero-centred", mean_face=faces["mean_face"])


def test_a_standard_face_is_positive(trees, faces):
    np.save(faces["std_face"], np.arange(58, dtype=np.float32))
    with pytest.raises(AnnotationError, match="holds 0 at 0, expected numbers above 0"):
        open_split(trees / "react2024", "val", coefficients="standardised", **faces)
    faces["mean_face"].unlink()
    with pytest.raises(AnnotationError, match=r"mean_face\.npy does not exist"):
        open_split(trees / "react2024", "val", coefficients="standardised", **faces)


def test_the_real_faces_open(trees, real):
    folder = real / "faceverse"
    options = {"mean_face": folder / "mean_face.npy", "std_face": folder / "std_face.npy"}
    opened = open_split(trees / "react2024", "val", coefficients="standardised", **options)
    assert np.isfinite(opened["speaker_3dmm"].values).all()


@pytest.mark.parametrize("layout", TREES)
def test_features_of_a_folder_are_added(trees, tmp_path, layout):
    faces = open_split(trees / layout, "val")
    folder = write_features(tmp_path / "features", faces)
    opened = open_split(trees / layout, "val", features=folder)
    for role, clips in (("speaker", "clip"), ("listener", "listener_clip")):
        assert opened[f"{role}_mfcc78"].dims == (*opened[f"{role}_emotion"].dims[:-1], "mfcc78")
        for clip, feature in zip(opened[clips].values, clip_series(opened, f"{role}_mfcc78"), strict=True):
            assert np.unique(feature) == sum(map(ord, clip))
    assert json.loads(opened.attrs["features"]) == {"feature": "mfcc78"}
    assert set(opened) - set(faces) == {"speaker_mfcc78", "listener_mfcc78"}
    alone = open_split(trees / layout, "val", features=folder, modalities=["mfcc78"])
    assert np.array_equal(alone["listener_mfcc78"].values, opened["listener_mfcc78"].values)
    assert "speaker_emotion" not in alone
    assert "speaker_mfcc78" not in open_split(trees / layout, "val", features=folder, modalities=["emotion"])
    assert pickle.loads(pickle.dumps(alone)).chunk().compute().identical(alone.load())


def test_features_are_cut_as_faces_are(trees, tmp_path):
    folder = write_features(tmp_path / "features", open_split(trees / "react2024", "val"))
    for modalities in (None, ["mfcc78"]):
        opened = open_split(trees / "react2024", "val", features=folder, modalities=modalities, frames=50)
        assert opened["speaker_mfcc78"].shape == (opened.sizes["clip"], 50, 78)


def test_unusable_feature_folders_are_refused(trees, tmp_path):
    root, folder = trees / "react2026", tmp_path / "features"
    with pytest.raises(ModalityError, match=r"is no complete feature folder: it holds no features\.json"):
        open_split(root, "val", features=folder)
    opened = open_split(root, "val")
    write_features(folder, opened)
    with pytest.raises(ModalityError, match="holds no features of the split 'train'"):
        open_split(root, "train", features=folder)
    path = feature_path(folder, "val", "mfcc78", str(opened["clip"].values[0]))
    np.save(path, np.zeros((3, 78), np.float32))
    with pytest.raises(AnnotationError, match=rf"1 files differ in length .*{path.name} has 3 frames, expected"):
        open_split(root, "val", features=folder)
    path.unlink()
    with pytest.raises(AnnotationError, match=rf"1 files of mfcc78 do not exist: .*{path.name}"):
        open_split(root, "val", features=folder)
    (folder / "features.json").write_text("{")
    with pytest.raises(ModalityError, match="is damaged"):
        open_split(root, "val", features=folder)


def test_mars_brings_its_own_speech_features(copy, tmp_path):
    root = copy("react2025")
    faces = open_split(root, "val")
    tree = MarsTree(root, "val")
    for role, frames in (("speaker", "speaker_row_size"), ("listener", "listener_row_size")):
        for (_, path), size in zip(tree.files("wav2vec")[role], faces[frames].values, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, np.ones((int(size), WIDTH), np.float32))
    assert "speaker_wav2vec" not in open_split(root, "val")
    opened = open_split(root, "val", modalities=["3dmm", "wav2vec"])
    assert opened["speaker_wav2vec"].dims == ("speaker_row", "wav2vec")
    assert opened["speaker_wav2vec"].shape == (opened.sizes["speaker_row"], WIDTH)
    own = write_features(tmp_path / "features", faces, "wav2vec", 2)
    assert open_split(root, "val", modalities="all", features=own).sizes["wav2vec"] == 2


def test_plain_arrays_take_features(tmp_path):
    folder = tmp_path / "val"
    folder.mkdir()
    series = {"emotion": 25, "gaze": 3, "3dmm": 58}
    for kind, width in series.items():
        np.save(folder / f"speaker_{kind}.npy", np.ones((4, 10, width), np.float32))
    assert set(open_split(tmp_path, "val")) == {"speaker_emotion", "speaker_3dmm"}
    assert open_split(tmp_path, "val", modalities="all")["speaker_gaze"].shape == (4, 10, 3)
    with pytest.raises(ModalityError, match=r"has no 'audio'\. Available: emotion, 3dmm, gaze"):
        open_split(tmp_path, "val", modalities=["audio"])


def test_neighbours_of_a_file_take_the_place_of_the_data_sets(trees, tmp_path):
    own = open_split(trees / "react2024", "val")
    clips = [str(clip) for clip in own["clip"].values]
    source = NeighbourSource("only themselves")
    table = react_data.NeighbourTable.from_matrix(np.eye(len(clips), dtype=bool), clips, clips, source=source)
    react_data.save_neighbours(table, tmp_path / "neighbours.h5")
    opened = open_split(trees / "react2024", "val", neighbours=tmp_path / "neighbours.h5")
    assert np.array_equal(opened["neighbours"].values, np.eye(len(clips), dtype=bool))
    assert "only themselves" in opened.attrs["neighbour_source"]
    with pytest.raises(NeighbourMatrixError, match=r"\[RD005\]"):
        open_split(trees / "react2024", "train", neighbours=tmp_path / "neighbours.h5")


def test_a_choice_keeps_the_order_of_what_is_there():
    there = ["emotion", "audio", "mfcc78"]
    assert chosen_kinds(["mfcc78", "emotion"], there, "data") == ("emotion", "mfcc78")
    assert chosen_kinds(None, there, "data") == ("emotion",)
    assert chosen_kinds([], there, "data") == ()


def test_what_a_data_set_has_is_told(trees):
    found = describe(trees / "react2026")["splits"]["val"]["modalities"]
    assert found == ["emotion", "3dmm", "audio", "eeg"]
