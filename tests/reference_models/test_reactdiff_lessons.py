"""What options of ours add to the training of ReactDiff (latent)."""

from dataclasses import replace

import pytest
import torch

from reference_models.errors import ConfigError
from reference_models.reactdiff_latent.config import OnlineReactDiffConfig, ReactDiffConfig
from reference_models.reactdiff_latent.denoiser import expected
from reference_models.reactdiff_latent.model import ReactDiff

WINDOW = 5


def made(config=ReactDiffConfig, **changes):
    torch.manual_seed(0)
    return ReactDiff(replace(config.tiny(), window=WINDOW, fusion_width=16, latent_width=8, **changes)).eval()


def test_concordance_counts_only_where_it_has_a_weight():
    model = made()
    model.stage = "diffusion"
    batch = {
        f"{role}_{kind}": torch.randn(2, 20, width)
        for role in ("speaker", "listener")
        for kind, width in (("emotion", 25), ("3dmm", 58))
    }
    assert set(model.loss(batch)) == {"loss", "latent"}
    model.loss_weights = {"concordance": 3.0}
    found = model.loss(batch)
    torch.testing.assert_close(found["loss"], 10 * found["latent"] + 3 * found["concordance"])


@pytest.mark.parametrize(("config", "lag", "after"), [(ReactDiffConfig, 0, WINDOW), (OnlineReactDiffConfig, WINDOW, 0)])
def test_context_is_the_windows_around_the_usual_one_and_online_before_it(config, lag, after):
    model = made(config, context=1)
    model.conditioner = torch.nn.Identity()
    model.encode = lambda speaker, mask: speaker["emotion"][..., :8]
    clip, mask = torch.arange(1.0, 21), torch.arange(20) < 18
    usual = torch.cat([torch.zeros(lag), clip])[:20] * mask
    padded = torch.cat([torch.zeros(WINDOW), usual, torch.zeros(after)])
    found = model.condition({"emotion": clip[None, :, None].expand(1, -1, 25)}, mask[None])
    frames = model.config.windows_seen * WINDOW
    for number, window in enumerate(found):
        start = number * WINDOW
        assert torch.equal(window[:, 0], padded[start : start + frames])


def test_what_is_expected_leaves_nothing_that_the_noisy_latents_could_tell():
    model, count = made(), 20000
    torch.manual_seed(0)
    guess = torch.randn(count, 1, 1)
    clean = guess + torch.randn(count, 1, 1)
    for step in (0, 4, 9):
        steps = torch.full((count,), step)
        noisy = model.diffusion.add_noise(clean, torch.randn_like(clean), steps)
        left = clean - expected(model.diffusion, noisy, steps, guess)
        for known in (noisy, guess):
            assert (left * known).mean().abs() < 0.05


def test_before_training_reactions_are_the_guess():
    model = made()
    condition = torch.randn(3, model.config.condition_width)
    latents = model.sample(condition, torch.zeros(3, WINDOW, 8))
    torch.testing.assert_close(latents, model.denoiser.guess(condition), atol=1e-2, rtol=1e-2)


def test_a_guess_is_of_clean_latents():
    with pytest.raises(ConfigError, match="take predicts='sample'"):
        made(predicts="epsilon")
