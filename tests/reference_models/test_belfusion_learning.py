"""BeLFusion learns: after the tiny recipe it beats naive baselines and its untrained self on dyads it never saw."""

import pytest
import torch

import react_data
import react_eval
import reference_models
from react_eval.baselines import baseline
from reference_models.belfusion.config import BeLFusionConfig, OnlineBeLFusionConfig
from reference_models.belfusion.losses import clip_discordance
from reference_models.belfusion.model import BeLFusion
from reference_models.belfusion.windows import conditions, drawn_pairs, spans
from reference_models.blocks.concordance import concordance_loss
from reference_models.training.loop import train

SEED = 41
LEAST_SPREAD = 0.0005


def test_concordance_is_of_all_windows_of_a_clip_and_its_best_sample():
    torch.manual_seed(0)
    targets, samples = torch.randn(6, 4, 25), torch.randn(2, 6, 4, 25)
    clips = [each.reshape(3, 8, 25) for each in (targets, *samples)]
    there = torch.ones(3, 2, 8, dtype=torch.bool)
    expected = concordance_loss(clips[0], torch.stack(clips[1:], 1), there)
    torch.testing.assert_close(clip_discordance(samples, targets, 3), expected)


def test_concordance_counts_only_where_it_has_a_weight():
    torch.manual_seed(0)
    model = BeLFusion(BeLFusionConfig.tiny())
    model.stage = "diffusion"
    batch = {"speaker_emotion": torch.randn(2, 120, 25), "listener_emotion": torch.randn(2, 120, 25)}
    assert "concordance" not in model.loss(batch)
    model.loss_weights = {"concordance": 3.0}
    found = model.loss(batch)
    others = 10 * found["latent"] + 10 * found["decoded"]
    torch.testing.assert_close(found["loss"], others + 3 * found["concordance"])


@pytest.mark.parametrize(("config", "before", "frames"), [(BeLFusionConfig, 5, 15), (OnlineBeLFusionConfig, 10, 10)])
def test_context_is_the_windows_around_the_usual_one_and_online_before_it(config, before, frames):
    settings = config(window=5, context=1)
    clip = torch.arange(1.0, 21)[:, None].expand(-1, 25)
    padded = torch.cat([torch.zeros(before), clip[:, 0], torch.zeros(5)])
    found = conditions(clip, spans(20, settings), settings)
    for window, start in zip(found, range(0, 20, 5), strict=True):
        assert torch.equal(window[:, 0], padded[start : start + frames])
    drawn = drawn_pairs({"speaker_emotion": clip[None], "listener_emotion": clip[None]}, settings)
    for window, reaction in zip(*drawn, strict=True):
        start = int(reaction[0, 0]) - 1
        assert torch.equal(window[:, 0], padded[start : start + frames])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "online", "recordings", "frames"), [("belfusion", False, 240, 200), ("belfusion_online", True, 160, 400)]
)
def test_the_tiny_recipe_beats_naive_baselines(name, online, recordings, frames, tmp_path):
    data = {"recordings": recordings, "behaviours": 5, "frames": frames, "modalities": ("emotion", "3dmm")}
    root = react_data.synthesise(tmp_path / "data", seed=SEED, show_progress=False, **data)
    test, training = (react_data.open_split(root, split, frames=frames) for split in ("test", "train"))
    batch = {"clip": test["clip"].values.tolist()}
    batch |= {series: test[series].values for series in ("speaker_emotion", "speaker_3dmm")}
    labels = {"listener": test["listener_emotion"].values, "speaker": batch["speaker_emotion"]}
    labels["neighbours"] = test["neighbours"].values

    def scores(generator):
        made = generator.generate(batch, 10, 0, online)["emotion"]
        return react_eval.score_arrays(made, **labels, protocol="corrected", metrics=["FRCorr", "FRDiv"])

    train(name, root, out=tmp_path / "run", config="tiny", seed=SEED, accelerator="cpu", show_progress=False)
    trained = scores(reference_models.load(name, tmp_path / "run"))
    others = [baseline(naive, test, training) for naive in ("B_Mime", "B_MeanSeq")]
    others.append(reference_models.load(name, config="tiny"))
    assert trained["FRCorr"] > max(scores(other)["FRCorr"] for other in others)
    assert trained["FRDiv"] > LEAST_SPREAD
