"""Scores do not depend on how a data set lies on disk."""

import json

import numpy as np
import pytest

import react_data
import react_eval
from react_eval.baselines import baseline, generate_predictions
from react_eval.errors import SubmissionError


def scores_of(predictions, data, split="val", **options):
    result = react_eval.score(predictions, split=split, data=data, show_progress=False, **options)
    return json.dumps(result.to_dict()["scores"])


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    options = {"recordings": 12, "frames": 120, "modalities": ["emotion", "3dmm"], "show_progress": False}
    return react_data.synthesise(tmp_path_factory.mktemp("layouts") / "tree", **options)


@pytest.fixture(scope="module")
def predictions(tree):
    dataset = react_data.open_split(tree, "val")
    return generate_predictions(baseline("B_Random", dataset), dataset, frames=120, show_progress=False)


def as_arrays(dataset, folder):
    """The same split as plain arrays."""
    folder.mkdir(parents=True)
    for name in ("speaker_emotion", "listener_emotion", "neighbours"):
        np.save(folder / f"{name}.npy", dataset[name].values.astype(np.float32))
    for name, coordinate in (("clips", "clip"), ("sessions", "session")):
        (folder / f"{name}.txt").write_text("\n".join(map(str, dataset[coordinate].values)))
    return folder.parent


@pytest.mark.parametrize("protocol", ["react2024", "corrected", "reactface", "perfrdiff"])
def test_a_pack_scores_as_its_tree_to_the_byte(tree, predictions, tmp_path, protocol):
    packed = react_data.pack(tree, tmp_path / "data.h5", show_progress=False)
    assert scores_of(predictions, packed, protocol=protocol) == scores_of(predictions, tree, protocol=protocol)


def test_plain_arrays_score_as_the_tree(tree, predictions, tmp_path):
    arrays = as_arrays(react_data.open_split(tree, "val"), tmp_path / "arrays" / "val")
    mine, theirs = (json.loads(scores_of(predictions, data, protocol="corrected")) for data in (arrays, tree))
    assert mine["values"] == theirs["values"]


def test_udiva_makes_it_the_2023_edition(tmp_path):
    options = {"recordings": 12, "frames": 120, "modalities": ["emotion"], "show_progress": False}
    root = react_data.synthesise(tmp_path / "tree", layout="react2023", **options)
    packed = react_data.pack(root, tmp_path / "data.h5", show_progress=False)
    dataset = react_data.open_split(packed, "val")
    mimicry = generate_predictions(baseline("B_Mime", dataset), dataset, frames=120, show_progress=False)
    assert react_eval.score(mimicry, split="val", data=packed, show_progress=False).protocol.name == "react2023"


def test_other_channels_score_by_their_own_schema(tmp_path):
    folder = tmp_path / "data" / "all"
    folder.mkdir(parents=True)
    speaker, listener = np.random.default_rng(0).random((2, 6, 120, 3), dtype=np.float32)
    np.save(folder / "speaker_emotion.npy", speaker)
    np.save(folder / "listener_emotion.npy", listener)
    np.save(folder / "neighbours.npy", np.eye(6))
    preds = np.repeat(listener[:, None], 10, axis=1)
    result = react_eval.score(preds, split="all", data=tmp_path / "data", protocol="corrected", show_progress=False)
    assert result["FRCorr"] == pytest.approx(1)
    assert result.facts["channels"] == "unknown-3"
    with pytest.raises(SubmissionError, match="prediction has 2 channels, expected 3"):
        react_eval.score(preds[..., :2], split="all", data=tmp_path / "data", protocol="corrected", show_progress=False)


def test_retrieved_neighbours_are_told_in_signature_table_and_report(tree, predictions, tmp_path):
    dataset = react_data.open_split(tree, "val")
    ids = dataset["clip"].values.tolist()
    speakers = list(react_data.clip_series(dataset, "speaker_emotion"))
    found = react_data.retrieve_neighbours(speakers, ids=ids, top_k=2, show_progress=False)
    react_data.save_neighbours(found, tmp_path / "found.h5")
    packed = react_data.pack(
        tree, tmp_path / "data.h5", splits=["val"], neighbours=tmp_path / "found.h5", show_progress=False
    )
    result = react_eval.score(predictions, split="val", data=packed, metrics=["FRCorr"], show_progress=False)
    assert "|neighbours:retrieved|" in result.signature
    assert "Neighbours are not the challenge's: retrieval from speaker behaviour: dtw" in str(result)
    assert "Neighbours are not the challenge&#39;s" in result.to_html()
