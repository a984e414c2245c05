"""REGNN on features of video and sound from a feature folder: it trains, is stored and generates as other models do."""

import json

import numpy as np
import pytest
import xarray as xr

import react_data
import reference_models
from reference_models.errors import MissingInputError
from reference_models.regnn.config import REGNNConfig
from reference_models.training.loop import train

WIDTHS = {"swin768": 768, "vggish128": 128}
SMALL = {"window": 20, "width": 16, "feed_forward": 16, "layers": 1, "edge_channels": 2}


@pytest.fixture(scope="module")
def features(dyads, tmp_path_factory):
    """Features that other programs made, as a feature folder keeps them."""
    folder, rng = tmp_path_factory.mktemp("features"), np.random.default_rng(0)
    (folder / "features.json").write_text(json.dumps({"made": "elsewhere"}))
    for split in ("train", "val"):
        dataset = react_data.open_split(dyads, split)
        for clip in {*dataset["clip"].values.tolist(), *dataset["listener_clip"].values.tolist()}:
            for name, width in WIDTHS.items():
                file = folder / split / name / f"{clip}.npy"
                file.parent.mkdir(parents=True, exist_ok=True)
                np.save(file, rng.random((60, width), dtype="f4"))
    return folder


def test_it_trains_on_features_and_generates_from_them(dyads, features, tmp_path):
    done = train(
        "regnn", dyads, out=tmp_path / "run", config=SMALL, features=str(features), epochs=1, validation="",
        recipe={"stages": {"reaction": {"window": 20, "batch_size": 8}}}, show_progress=False,
    )  # fmt: skip
    assert all(layer.norm.initialised for layer in done.model.motor.layers)
    assert done.model.scaling.mean.mean() == pytest.approx(0.5, abs=0.05)
    out = reference_models.generate_submission(
        done.path, dyads, tmp_path / "made.h5", split="val", reactions=2, features=features, show_progress=False
    )
    with xr.open_dataset(out) as stored:
        made = stored["prediction"].values
    assert made.shape[1:] == (2, 60, 25)
    assert np.isfinite(made).all()


def test_features_that_are_not_there_are_asked_for(dyads, tmp_path):
    model = reference_models.load("regnn", config=REGNNConfig(**SMALL))
    with pytest.raises(MissingInputError, match="swin768"):
        reference_models.generate_submission(model, dyads, tmp_path / "made.h5", split="val", show_progress=False)
