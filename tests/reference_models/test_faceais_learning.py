"""FaceAIS learns: after the tiny recipe it beats the mean reaction and its untrained self on dyads it never saw."""

import pytest

import react_data
import react_eval
import reference_models
from react_eval.baselines import baseline
from reference_models.training.loop import train

FRAMES, SEED = 200, 11


@pytest.mark.slow
def test_the_tiny_recipe_beats_the_mean_reaction(tmp_path):
    root = react_data.synthesise(
        tmp_path / "data",
        recordings=240,
        behaviours=5,
        frames=FRAMES,
        seed=SEED,
        modalities=("emotion", "3dmm"),
        show_progress=False,
    )
    test, training = (react_data.open_split(root, split, frames=FRAMES) for split in ("test", "train"))
    batch = {"clip": test["clip"].values.tolist()}
    batch |= {series: test[series].values for series in ("speaker_emotion", "speaker_3dmm")}
    labels = {"listener": test["listener_emotion"].values, "speaker": batch["speaker_emotion"]}
    labels["neighbours"] = test["neighbours"].values

    def scores(generator):
        made = generator.generate(batch, 10, 0, online=True)["emotion"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr", "FRDiv"])

    train("faceais", root, out=tmp_path / "run", config="tiny", seed=SEED, accelerator="cpu", show_progress=False)
    trained = scores(reference_models.load("faceais", tmp_path / "run"))
    others = [baseline("B_MeanSeq", test, training), reference_models.load("faceais", config="tiny")]
    assert trained["FRCorr"] > max(scores(other)["FRCorr"] for other in others)
    assert trained["FRDiv"] > 0
