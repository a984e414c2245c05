"""Features of sound in a folder: they are what the functions give, a run resumes, they open and pack with the rest."""

import json

import numpy as np
import pytest

import react_data
from react_data.audio import Sound, read_sound
from react_data.errors import LayoutError
from react_data.feature_writing import FeatureError, write_features
from react_data.mfcc import mfcc
from react_data.modalities import ModalityError
from react_data.opening import open_split
from react_data.ragged import clip_series
from react_data.speech_features import SpeechModel

FRAMES, HIDDEN = 30, 32


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp("trees")
    options = {"recordings": 6, "frames": FRAMES, "sample_rate": 8000, "show_progress": False}
    for layout in ("react2024", "react2026"):
        react_data.synthesise(root / layout, layout=layout, modalities=["emotion", "audio"], **options)
    return root


@pytest.fixture(scope="module")
def written(trees):
    """The tree of 2024 with both kinds of MFCC."""
    folder = write_features(trees / "react2024", trees / "features", ["mfcc78", "mfcc26"], show_progress=False)
    return trees / "react2024", folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny wav2vec 2.0 with the strides of the base model."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2Model

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny"
    Wav2Vec2Model(config).eval().save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("feature", "width"), [("mfcc78", 78), ("mfcc26", 26)])
def test_a_feature_is_that_of_the_clips_sound(written, feature, width):
    root, folder = written
    opened = open_split(root, "val", features=folder)
    clip = str(opened["clip"].values[1])
    sound = read_sound(next((root / "val" / "Audio_files").glob(f"{clip}.wav")))
    assert opened[f"speaker_{feature}"].shape == (4, FRAMES, width)
    assert np.array_equal(opened[f"speaker_{feature}"][1].values, mfcc(sound, FRAMES, coefficients=width))
    listener = opened["listener_clip"].values.tolist().index(clip)
    assert np.array_equal(opened[f"listener_{feature}"][listener].values, opened[f"speaker_{feature}"][1].values)


def test_clips_of_unequal_length_keep_theirs(trees, tmp_path):
    folder = write_features(trees / "react2026", tmp_path / "features", "mfcc26", show_progress=False)
    opened = open_split(trees / "react2026", "train", features=folder, modalities="all")
    sizes = opened["speaker_row_size"].values.tolist()
    assert [len(series) for series in clip_series(opened, "speaker_mfcc26")] == sizes
    sound = Sound(clip_series(opened, "listener_audio")[1], 8000)
    expected = mfcc(sound, int(opened["listener_row_size"][1]), coefficients=26, frames_per_second=30)
    assert np.array_equal(clip_series(opened, "listener_mfcc26")[1], expected)


def test_features_are_packed(written, tmp_path):
    root, folder = written
    react_data.pack(root, tmp_path / "data.h5", features=folder, show_progress=False)
    tree = open_split(root, "val", features=folder, modalities="all")
    packed = open_split(tmp_path / "data.h5", "val", modalities="all")
    assert set(tree.variables) == set(packed.variables)
    assert np.array_equal(tree["listener_mfcc78"].values, packed["listener_mfcc78"].values)
    assert packed.attrs["features"] == tree.attrs["features"]


def test_the_record_says_how_features_were_made(written):
    record = json.loads((written[1] / "features.json").read_text())
    assert (record["layout"], record["data"]) == ("react2024", "react2024")
    assert record["features"]["mfcc78"]["coefficients"] == 78
    assert "kaldi-native-fbank" in record["features"]["mfcc78"]["versions"]


def test_an_interrupted_run_makes_only_what_is_left(trees, tmp_path, monkeypatch):
    made = []

    def counted(sound, frames, **options):
        made.append(frames)
        if len(made) == 3:
            raise KeyboardInterrupt
        return mfcc(sound, frames, **options)

    monkeypatch.setattr("react_data.feature_writing.mfcc", counted)
    arguments = (trees / "react2024", tmp_path / "features", "mfcc26")
    with pytest.raises(KeyboardInterrupt):
        write_features(*arguments, show_progress=False)
    write_features(*arguments, show_progress=False)
    assert len(made) == 12 + 1
    files = sorted(path.relative_to(tmp_path / "features") for path in (tmp_path / "features").rglob("*.npy"))
    assert len(files) == 12
    write_features(*arguments, show_progress=False)
    assert len(made) == 12 + 1


def test_wav2vec_has_a_vector_a_frame(trees, checkpoint, tmp_path):
    folder = write_features(
        trees / "react2024", tmp_path / "features", "wav2vec", splits=["val"], model=checkpoint, show_progress=False
    )
    opened = open_split(trees / "react2024", "val", features=folder, modalities="all")
    assert opened["speaker_wav2vec"].shape == (4, FRAMES, HIDDEN)
    tokens = SpeechModel(checkpoint).encode(Sound(clip_series(opened, "speaker_audio")[0], 8000), FRAMES)
    assert np.array_equal(opened["speaker_wav2vec"][0].values, tokens.interpolated())
    record = json.loads((folder / "features.json").read_text())["features"]["wav2vec"]
    assert record["model"] == "tiny"
    assert len(record["weights_sha256"]) == 64


def test_what_cannot_be_made_is_refused(trees, written, tmp_path):
    root, folder = written
    with pytest.raises(FeatureError, match="Did you mean 'mfcc78'"):
        write_features(root, folder, "mfc78")
    with pytest.raises(FeatureError, match="wav2vec needs the folder of a checkpoint"):
        write_features(root, folder, "wav2vec")
    with pytest.raises(LayoutError, match="has no split 'vall'"):
        write_features(root, folder, "mfcc78", splits=["vall"])
    with pytest.raises(FeatureError, match=r"features\.json: its layout is 'react2024', not 'react2025'"):
        write_features(trees / "react2026", folder, "mfcc78")
    silent = react_data.synthesise(
        tmp_path / "silent", recordings=6, frames=30, modalities=["emotion"], show_progress=False
    )
    with pytest.raises(ModalityError, match="has no 'audio'"):
        write_features(silent, tmp_path / "features", "mfcc78")


def test_other_settings_are_not_mixed(written, tmp_path):
    root, _ = written
    folder = tmp_path / "features"
    write_features(root, folder, "mfcc78", splits=["val"], show_progress=False)
    record = folder / "features.json"
    record.write_text(record.read_text().replace(": 78", ": 79"))
    with pytest.raises(FeatureError, match=r"its mfcc78 was made with .*79.*, not with .*78"):
        write_features(root, folder, "mfcc78", splits=["test"], show_progress=False)
    record.write_text("{")
    with pytest.raises(FeatureError, match=r"features\.json is damaged"):
        write_features(root, folder, "mfcc78", show_progress=False)
