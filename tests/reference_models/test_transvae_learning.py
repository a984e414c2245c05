"""Trans-VAE learns: after the tiny recipe it beats naive baselines and its untrained self on dyads it never saw."""

import pytest

import react_data
import react_eval
import reference_models
from react_eval.baselines import baseline
from reference_models.training.loop import train

FRAMES, SEED = 200, 12
LEAST_SPREAD = 0.001  # a tenth of what is usual after this recipe


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("dyads") / "data"
    return react_data.synthesise(
        path, recordings=60, frames=FRAMES, seed=SEED, modalities=("emotion", "3dmm"), show_progress=False
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "online"), [("transvae", False), ("transvae_online", True)])
def test_the_tiny_recipe_beats_naive_baselines(name, online, root, tmp_path):
    test = react_data.open_split(root, "test", frames=FRAMES)
    batch = {"clip": test["clip"].values.tolist()}
    batch |= {series: test[series].values for series in ("speaker_emotion", "speaker_3dmm")}
    labels = {"listener": test["listener_emotion"].values, "speaker": batch["speaker_emotion"]}
    labels["neighbours"] = test["neighbours"].values

    def scores(generator):
        made = generator.generate(batch, 10, 0, online)["emotion"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr", "FRDiv"])

    train(name, root, out=tmp_path / "run", config="tiny", seed=SEED, accelerator="cpu", show_progress=False)
    trained = scores(reference_models.load(name, tmp_path / "run"))
    training = react_data.open_split(root, "train", frames=FRAMES)
    others = [baseline(naive, test, training) for naive in ("B_Mime", "B_MeanSeq")]
    others.append(reference_models.load(name, config="tiny"))
    assert trained["FRCorr"] > max(scores(other)["FRCorr"] for other in others)
    assert trained["FRDiv"] > LEAST_SPREAD
