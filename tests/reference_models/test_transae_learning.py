"""Trans-AE learns: after the tiny recipe it beats naive baselines and its untrained self on dyads it never saw."""

import pytest
import torch

import react_data
import react_eval
import reference_models
from react_data.feature_writing import write_features
from react_eval.baselines import baseline
from reference_models.training.loop import train
from reference_models.transae.config import TransAEConfig
from reference_models.transae.model import TransAE

FRAMES, SEED = 200, 41
DATA = {"recordings": 240, "behaviours": 5, "modalities": ("emotion", "3dmm", "audio")}


def test_concordance_counts_only_where_it_has_a_weight():
    torch.manual_seed(0)
    model = TransAE(TransAEConfig.tiny())
    batch = {name: torch.randn(2, 9, width) for name, width in (("speaker_emotion", 25), ("speaker_mfcc78", 78))}
    batch |= {"speaker_3dmm": torch.randn(2, 9, 58), "listener_3dmm": torch.randn(2, 9, 58)}
    without = model.loss(batch)
    model.loss_weights = {"concordance": 3.0}
    found = model.loss(batch)
    assert "concordance" not in without
    torch.testing.assert_close(found["loss"], without["loss"] + 3 * found["concordance"])


@pytest.mark.slow
def test_the_tiny_recipe_beats_naive_baselines(tmp_path):
    root = react_data.synthesise(tmp_path / "data", frames=FRAMES, seed=SEED, show_progress=False, **DATA)
    features = write_features(root, tmp_path / "features", features=["mfcc78"], show_progress=False)
    training, test = (
        react_data.open_split(root, split, features=features, frames=FRAMES) for split in ("train", "test")
    )
    batch = {"clip": test["clip"].values.tolist()}
    batch |= {series: test[series].values for series in ("speaker_emotion", "speaker_3dmm", "speaker_mfcc78")}
    labels = {"listener": test["listener_3dmm"].values, "speaker": batch["speaker_3dmm"]}
    labels["neighbours"] = test["neighbours"].values

    def correlation(generator):
        made = generator.generate(batch, 10, 0)["coefficients"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr"])["FRCorr"]

    how = {"config": "tiny", "seed": SEED, "accelerator": "cpu", "show_progress": False}
    train("transae", root, out=tmp_path / "run", features=str(features), **how)
    others = [baseline(naive, test, training) for naive in ("B_Mime", "B_MeanSeq")]
    others.append(reference_models.load("transae", config="tiny"))
    trained = correlation(reference_models.load("transae", tmp_path / "run"))
    assert trained > max(correlation(other) for other in others)
