"""Trans-VAE learns: after the tiny recipe it beats naive baselines and its untrained self on dyads it never saw."""

import pytest
import torch

import react_data
import react_eval
import reference_models
from react_eval.baselines import baseline
from reference_models.training.loop import train
from reference_models.transvae.config import TransVAEConfig
from reference_models.transvae.model import TransVAE

FRAMES = 200
WIDTHS = (("emotion", 25), ("3dmm", 58))
LEAST_SPREAD = {"transvae": 0.001, "transvae_online": 0.0004}  # a tenth of what is usual after these recipes


def test_concordance_counts_only_where_it_has_a_weight():
    torch.manual_seed(0)
    model = TransVAE(TransVAEConfig.tiny())
    batch = {f"{who}_{kind}": torch.randn(2, 9, width) for who in ("speaker", "listener") for kind, width in WIDTHS}
    model.loss_weights = {"diversity": 0.0}
    torch.manual_seed(1)
    without = model.loss(batch)
    model.loss_weights = {"diversity": 0.0, "concordance": 3.0}
    torch.manual_seed(1)
    found = model.loss(batch)
    assert "concordance" not in without
    torch.testing.assert_close(found["loss"], without["loss"] + 3 * found["concordance"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "online", "seed", "dyads"),
    [
        ("transvae", False, 12, {"recordings": 60}),
        ("transvae_online", True, 41, {"recordings": 240, "behaviours": 5}),
    ],
)
def test_the_tiny_recipe_beats_naive_baselines(name, online, seed, dyads, tmp_path):
    data = {"frames": FRAMES, "modalities": ("emotion", "3dmm"), **dyads}
    root = react_data.synthesise(tmp_path / "data", seed=seed, show_progress=False, **data)
    test = react_data.open_split(root, "test", frames=FRAMES)
    batch = {"clip": test["clip"].values.tolist()}
    batch |= {series: test[series].values for series in ("speaker_emotion", "speaker_3dmm")}
    labels = {"listener": test["listener_emotion"].values, "speaker": batch["speaker_emotion"]}
    labels["neighbours"] = test["neighbours"].values

    def scores(generator):
        made = generator.generate(batch, 10, 0, online)["emotion"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr", "FRDiv"])

    train(name, root, out=tmp_path / "run", config="tiny", seed=seed, accelerator="cpu", show_progress=False)
    trained = scores(reference_models.load(name, tmp_path / "run"))
    training = react_data.open_split(root, "train", frames=FRAMES)
    others = [baseline(naive, test, training) for naive in ("B_Mime", "B_MeanSeq")]
    others.append(reference_models.load(name, config="tiny"))
    assert trained["FRCorr"] > max(scores(other)["FRCorr"] for other in others)
    assert trained["FRDiv"] > LEAST_SPREAD[name]
