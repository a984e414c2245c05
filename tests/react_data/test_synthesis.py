import hashlib
import wave

import numpy as np
import pandas as pd
import pytest

import react_data
from react_data.channels import EMOTION_25
from react_data.clip_lists import read_data_indices, recording_key
from react_data.errors import SynthesisError
from react_data.official_tree import DATA_INDICES, FULL_MATRIX, OfficialTree
from react_data.opening import open_split
from react_data.synthesis import synthesise
from react_data.synthetic_conversations import plan_recordings, split_sizes
from react_data.synthetic_signals import perform, voice

QUICK = {"frames": 60, "modalities": ("emotion", "3dmm"), "show_progress": False}


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def concordance(x, y):
    covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
    return float((2 * covariance / (x.var(0) + y.var(0) + (x.mean(0) - y.mean(0)) ** 2)).mean())


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """A training split of 60 recordings of full length, read into memory."""
    root = synthesise(
        tmp_path_factory.mktemp("full") / "data", recordings=60, splits=("train",), modalities=("emotion",), seed=5
    )
    return open_split(root, "train").load()


def test_real_reactions_of_neighbours_resemble_each_other(train):
    reactions = train["listener_emotion"].values[:60, :750, 15:17]
    neighbours = train["neighbours"].values[:60, :60]
    alike, unlike = [], []
    for k in range(60):
        for n in range(60):
            if k != n:
                (alike if neighbours[k, n] else unlike).append(concordance(reactions[k], reactions[n]))
    assert np.mean(alike) > 0.5
    assert np.mean(unlike) < 0.15


def test_the_appropriateness_matrix_is_what_real_ones_are(train):
    neighbours = train["neighbours"].values
    assert np.diagonal(neighbours).all()
    assert (neighbours != neighbours.T).any()
    assert 3 < neighbours.sum(1).mean() < 30


def test_the_listener_follows_a_leading_speaker_after_8_to_30_frames():
    plan = plan_recordings({"train": 20}, ("NoXI",), 4, seed=2)
    delays = []
    for recording in plan:
        first, second = (each.emotion[:, 15:17] for each in perform(recording, 2, 3000).values())
        leader, follower = (first, second) if recording.speaker_leads else (second, first)
        lags = range(-50, 51)
        similar = [np.corrcoef(leader[50:-50].T, follower[50 + lag : len(leader) - 50 + lag].T)[:2, 2:] for lag in lags]
        delays.append(lags[int(np.argmax([np.trace(each) for each in similar]))])
    assert all(4 <= delay <= 34 for delay in delays)


def test_habits_set_persons_apart(tmp_path):
    settings = {"recordings": 12, "splits": ("train",), "seed": 5, "behaviours": 1, **QUICK, "frames": 400}
    roots = [synthesise(tmp_path / str(habits), habits=habits, **settings) for habits in (0.0, 1.0, 5.0)]
    usual = [open_split(root, "train")["listener_emotion"].values.mean(1) for root in roots]
    none, some, strong = (values.std(0).mean() for values in usual)
    assert none < some < strong / 1.5


def test_a_record_that_does_not_name_habits_is_of_the_usual_ones(tmp_path):
    root = synthesise(tmp_path / "data", recordings=6, **QUICK)
    record = root / "synthesis.json"
    record.write_text(record.read_text().replace('  "habits": 1.0,\n', ""))
    synthesise(root, recordings=6, **QUICK)
    with pytest.raises(SynthesisError, match=r"habits is 1\.0, not 2\.0"):
        synthesise(root, recordings=6, habits=2.0, **QUICK)


@pytest.mark.parametrize("settings", [{"habits": -1.0}, {"habits": 2.0, "layout": "react2026"}])
def test_habits_out_of_range_are_refused(settings, tmp_path):
    with pytest.raises(SynthesisError, match="expected 0 to 10, and 1 in MARS"):
        synthesise(tmp_path / "data", recordings=6, frames=60, show_progress=False, **settings)


def test_about_four_of_five_clips_have_an_action_unit_that_never_fires(train):
    units = train["speaker_emotion"].values[:, :750, :15]
    constant = (units.min(1) == units.max(1)).any(1)
    assert set(np.unique(units)) == {0.0, 1.0}
    assert 0.68 < constant.mean() < 0.92
    assert (units.max(1) == 0).any(1)[constant].all()


def test_action_units_dwell_for_tens_of_frames(train):
    units = train["speaker_emotion"].values[:, :, :15]
    changes = (np.diff(units, axis=1) != 0).sum()
    dwell = units.size / (changes + units.shape[0] * units.shape[2])
    assert 20 < dwell < 200


def test_attributes_are_in_range_smooth_and_driven_by_valence(train):
    emotion = train["speaker_emotion"].values
    valence, smile, frown = emotion[..., 15], emotion[..., 7], emotion[..., 2]
    assert np.abs(emotion[..., 15:17]).max() <= 1
    assert np.abs(np.diff(emotion[..., 15:17], axis=1)).max() < 0.3
    np.testing.assert_allclose(emotion[..., 17:].sum(-1), 1, atol=1e-3)
    assert valence[smile == 1].mean() > valence[smile == 0].mean() + 0.2
    assert valence[frown == 1].mean() < valence[frown == 0].mean() - 0.2


def test_the_voice_is_louder_when_the_person_talks():
    (recording, *_) = plan_recordings({"val": 2}, ("NoXI",), 1, seed=0)
    for performance in perform(recording, 0, 751).values():
        sound = voice(performance, 0, 16000).astype(float).mean(axis=1)
        assert len(sound) == 751 * 640
        energy = np.sqrt((sound.reshape(751, 640) ** 2).mean(axis=1))
        assert np.corrcoef(energy, performance.activity)[0, 1] > 0.8
        assert np.corrcoef(energy, performance.emotion[:, 16])[0, 1] > 0.5


def test_files_have_the_official_formats(tree):
    split = OfficialTree(tree, "val")
    speaker = split.rows[0].speaker
    header = split.file("emotion", speaker).read_text().splitlines()[0]
    assert header == ",".join(EMOTION_25.channels)
    assert split.file("emotion", speaker).parent.name == "P1"
    coefficients = np.load(split.file("3dmm", speaker), allow_pickle=False)
    assert (coefficients.shape, coefficients.dtype) == ((120, 1, 58), np.float32)
    assert 0.1 < np.abs(coefficients[..., :52]).mean() < 0.3
    with wave.open(str(split.file("audio", speaker))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (2, 2, 8000)
        assert sound.getnframes() == 120 * 8000 // 25


def test_lists_have_the_quirks_of_the_real_ones(tree):
    rows = OfficialTree(tree, "train").rows
    numbers = pd.Series([int(row.speaker.clip) for row in rows]).groupby([row.speaker.session for row in rows])
    assert (numbers.min() == 1).all()
    assert (numbers.max()[numbers.size() > 1] >= 10).all()
    index = pd.read_csv(tree / "train.csv").iloc[:, 0]
    assert (index.diff().dropna() > 1).any()
    for split in ("train", "val", "test"):
        assert len({row.speaker.session for row in OfficialTree(tree, split).rows}) >= 2


def test_the_matrix_order_is_by_text(tree):
    table = pd.read_csv(tree / DATA_INDICES, dtype=str)
    assert table["site"].drop_duplicates().tolist() == ["NoXI", "Recola", "UDIVA"]
    clips = [chat["clip_index"].tolist() for _, chat in table.groupby("chat_index")]
    assert all(numbers == sorted(numbers) for numbers in clips)
    assert any(numbers != sorted(numbers, key=int) for numbers in clips)
    rows = [row for split in ("train", "val", "test") for row in OfficialTree(tree, split).rows]
    assert set(read_data_indices(tree / DATA_INDICES)) == {recording_key(row.speaker) for row in rows}
    assert np.load(tree / FULL_MATRIX).shape == (48, 48)


def test_neighbours_never_cross_splits(tree):
    full = np.load(tree / FULL_MATRIX)
    inside = sum(int(open_split(tree, split)["neighbours"].sum()) for split in ("train", "val", "test"))
    assert full.sum() == inside


def test_equal_settings_give_equal_bytes_and_other_seeds_do_not(tmp_path):
    one, same, other = (
        synthesise(tmp_path / name, recordings=6, seed=seed, **QUICK) for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert digests(one) == digests(same)
    assert digests(one) != digests(other)


def test_an_interrupted_tree_cannot_be_opened_and_is_completed(tmp_path, monkeypatch):
    whole = digests(synthesise(tmp_path / "whole", recordings=6, **QUICK))
    written = []

    def stop_early(*arguments):
        written.append(arguments)
        if len(written) > 5:
            raise KeyboardInterrupt
        return original(*arguments)

    original = react_data.synthesis.write_emotion
    with monkeypatch.context() as patch:
        patch.setattr("react_data.synthesis.write_emotion", stop_early)
        with pytest.raises(KeyboardInterrupt):
            synthesise(tmp_path / "part", recordings=6, **QUICK)
    assert not react_data.verify(tmp_path / "part", show_progress=False).ok
    kept = next((tmp_path / "part").rglob("*.csv"))
    before = kept.stat().st_mtime_ns
    assert digests(synthesise(tmp_path / "part", recordings=6, **QUICK)) == whole
    assert kept.stat().st_mtime_ns == before


def test_other_settings_or_other_content_are_refused(tmp_path):
    root = synthesise(tmp_path / "data", recordings=6, **QUICK)
    with pytest.raises(SynthesisError, match="seed is 0, not 1"):
        synthesise(root, recordings=6, seed=1, **QUICK)
    (root / "synthesis.json").write_text("{")
    with pytest.raises(SynthesisError, match="is damaged"):
        synthesise(root, recordings=6, **QUICK)
    (root / "synthesis.json").unlink()
    with pytest.raises(SynthesisError, match="not an empty folder"):
        synthesise(root, recordings=6, **QUICK)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"recordings": 5}, "recordings is 5, but 3 splits need at least 6"),
        ({"seed": -1}, "seed is -1"),
        ({"frames": 3}, "frames is 3, expected a whole number in 10"),
        ({"sample_rate": 10}, "sample_rate is 10"),
        ({"behaviours": 0}, "behaviours is 0"),
        ({"splits": ("tran",)}, "Did you mean 'train'"),
        ({"splits": ()}, "splits is empty"),
        ({"corpora": ("noxi",)}, "Did you mean 'NoXI'"),
        ({"modalities": ("video",)}, "modalities has 'video'"),
        ({"splits": ("val",), "hidden": ("test",)}, "hidden has 'test'"),
    ],
)
def test_impossible_settings_say_why_and_write_nothing(tmp_path, settings, reason):
    with pytest.raises(SynthesisError, match=reason):
        synthesise(tmp_path / "data", **settings)
    assert not (tmp_path / "data").exists()


def test_hidden_splits_reveal_no_listener(tmp_path):
    root = synthesise(tmp_path / "data", recordings=10, hidden=("test",), **QUICK)
    data = open_split(root, "test")
    assert data.attrs["labels"] == "none"
    assert not list((root / "test").rglob("P2"))
    assert not list((root / "test").rglob("Novice_video"))
    assert sorted(path.name for path in root.glob("*.npy")) == [
        "neighbour_emotion_train.npy",
        "neighbour_emotion_val.npy",
    ]
    shown = synthesise(tmp_path / "shown", recordings=10, **QUICK)
    whole = open_split(shown, "test")
    np.testing.assert_array_equal(data["speaker_emotion"], whole["speaker_emotion"][: data.sizes["clip"]])


def test_names_may_come_in_any_order_or_alone(tmp_path):
    settings = {"recordings": 6, "frames": 10, "modalities": "emotion"}
    root = synthesise(tmp_path / "data", splits=("test", "val"), hidden=["test", "val"], corpora="RECOLA", **settings)
    assert synthesise(root, splits=("val", "test"), hidden=["val", "test"], corpora=["RECOLA"], **settings) == root
    assert sorted(path.name for path in root.glob("*.csv")) == ["data_indices.csv", "test.csv", "val.csv"]


@pytest.mark.parametrize("recordings", [6, 7, 24, 25, 100, 2962])
def test_splits_share_the_recordings_out(recordings):
    sizes = split_sizes(recordings, ("train", "val", "test"))
    assert sum(sizes.values()) == recordings
    assert min(sizes.values()) >= 2
    assert sizes["train"] >= sizes["val"] == sizes["test"]


def test_a_plan_of_the_real_size_names_every_recording_once():
    plan = plan_recordings(split_sizes(2962, ("train", "val", "test")), ("NoXI", "RECOLA", "UDIVA"), 200, seed=0)
    assert len({recording_key(recording.row.speaker) for recording in plan}) == 2962
