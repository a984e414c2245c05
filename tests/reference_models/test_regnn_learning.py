"""REGNN learns: after the tiny recipe it beats naive baselines and its untrained self on dyads it never saw."""

import pytest

import react_data
import react_eval
import reference_models
from react_data.feature_writing import write_features
from react_eval.baselines import baseline
from reference_models.training.loop import train

FRAMES, SEED = 200, 12
DATA = {"recordings": 240, "behaviours": 5, "modalities": ("emotion", "3dmm", "audio")}
LEAST_SPREAD = 0.004  # a tenth of what is usual after this recipe


@pytest.mark.slow
def test_the_tiny_recipe_beats_naive_baselines(tmp_path):
    root = react_data.synthesise(tmp_path / "data", frames=FRAMES, seed=SEED, show_progress=False, **DATA)
    features = write_features(root, tmp_path / "features", features=["mfcc78"], show_progress=False)
    training, test = (
        react_data.open_split(root, split, features=features, frames=FRAMES) for split in ("train", "test")
    )
    batch = {"clip": test["clip"].values.tolist()}
    batch |= {series: test[series].values for series in ("speaker_emotion", "speaker_3dmm", "speaker_mfcc78")}
    labels = {"listener": test["listener_emotion"].values, "speaker": batch["speaker_emotion"]}
    labels["neighbours"] = test["neighbours"].values

    def scores(generator):
        made = generator.generate(batch, 10, 0)["emotion"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr", "FRDiv"])

    how = {"config": "tiny", "seed": SEED, "accelerator": "cpu", "show_progress": False}
    train("regnn", root, out=tmp_path / "run", features=str(features), **how)
    trained = scores(reference_models.load("regnn", tmp_path / "run"))
    others = [baseline(naive, test, training) for naive in ("B_Mime", "B_MeanSeq")]
    others.append(reference_models.load("regnn", config="tiny"))
    assert trained["FRCorr"] > max(scores(other)["FRCorr"] for other in others)
    assert trained["FRDiv"] > LEAST_SPREAD
