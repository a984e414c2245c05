"""PerFRDiff learns: after the tiny recipe it beats naive baselines and its untrained self on dyads it never saw."""

import pytest
import torch
from sklearn.metrics import silhouette_score

import react_data
import react_eval
import reference_models
from react_data.personal_clips import history_clip
from react_eval.baselines import baseline
from reference_models.training.loop import train

FRAMES, SEED = 200, 41
DATA = {"recordings": 240, "behaviours": 5, "modalities": ("emotion", "3dmm")}
LEAST_SPREAD = 0.002  # a tenth of what is usual after this recipe


@pytest.mark.slow
def test_the_tiny_recipe_beats_naive_baselines(tmp_path):
    root = react_data.synthesise(tmp_path / "data", frames=FRAMES, seed=SEED, show_progress=False, **DATA)
    training, test = (react_data.open_split(root, split, frames=FRAMES).load() for split in ("train", "test"))
    clips = test["clip"].values.tolist()
    batch = {"clip": clips, **{name: test[name].values for name in ("speaker_emotion", "speaker_3dmm")}}
    labels = {"listener": test["listener_emotion"].values, "speaker": batch["speaker_emotion"]}
    labels["neighbours"] = test["neighbours"].values

    def scores(generator, **more):
        made = generator.generate(batch | more, 4, 0, online=False)["emotion"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr", "FRDiv"])

    train("perfrdiff", root, out=tmp_path / "run", config="tiny", seed=SEED, accelerator="cpu", show_progress=False)
    model = reference_models.load("perfrdiff", tmp_path / "run")
    untrained = reference_models.load("perfrdiff", config="tiny")
    others = [*(baseline(naive, test, training) for naive in ("B_Mime", "B_MeanSeq")), untrained]
    best = max(scores(other)["FRCorr"] for other in others)
    first = [clips.index(history_clip(clip)) for clip in clips]
    for found in (scores(model), scores(model, history_3dmm=test["listener_3dmm"].values[first])):
        assert found["FRCorr"] > best
        assert found["FRDiv"] > LEAST_SPREAD

    persons = test["listener_person"].values
    assert not set(persons) & set(training["listener_person"].values)
    with torch.no_grad():
        styles = [each.style(torch.from_numpy(test["listener_3dmm"].values)) for each in (model, untrained)]
    own, random = (silhouette_score(each, persons, metric="cosine") for each in styles)
    assert own > max(random, 0.2)
