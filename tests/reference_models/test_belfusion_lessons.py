"""What options of ours add to the training of BeLFusion."""

import pytest
import torch

from reference_models.belfusion.config import BeLFusionConfig, OnlineBeLFusionConfig
from reference_models.belfusion.losses import clip_discordance
from reference_models.belfusion.model import BeLFusion
from reference_models.belfusion.windows import conditions, drawn_pairs, spans
from reference_models.blocks.concordance import concordance_loss


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
