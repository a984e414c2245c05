"""Blocks: sinusoidal positions, conditional Gaussians, and the encoder layer, against torch's own."""

import pytest
import torch
from torch import nn

from reference_models.blocks.encoder_layer import EncoderLayer
from reference_models.blocks.gaussian import Gaussian, GaussianTokens, standard_noise
from reference_models.blocks.positions import sinusoidal_positions


def test_positions_are_sines_and_cosines_in_turn():
    found = sinusoidal_positions(torch.tensor([3]), 4)[0]
    expected = (
        torch.tensor([3.0]).sin(),
        torch.tensor([3.0]).cos(),
        torch.tensor([0.03]).sin(),
        torch.tensor(0.03).cos(),
    )
    torch.testing.assert_close(found, torch.stack([each.squeeze() for each in expected]))


def test_positions_keep_their_shape():
    assert sinusoidal_positions(torch.zeros(2, 5), 6).shape == (2, 5, 6)


def test_an_encoder_layer_is_torchs_own():
    theirs = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    ours = EncoderLayer(16, 4, 32, 0.1)
    ours.load_state_dict(theirs.state_dict())
    series = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours.eval()(series), theirs.eval()(series))
        torch.testing.assert_close(ours(series, rows=2), theirs(series)[:, :2])


def test_the_divergence_is_that_of_torch_distributions():
    mean, log_variance = torch.tensor([0.0, 1.0]), torch.tensor([0.0, -1.0])
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(Gaussian(mean, log_variance).divergence(), expected)


def test_samples_are_the_mean_and_scaled_noise():
    assert Gaussian(torch.tensor(1.0), torch.tensor(0.0)).sample(torch.tensor(2.0)) == 3


@pytest.mark.parametrize("ordered", [False, True])
def test_a_series_is_a_set_unless_it_is_ordered(ordered):
    head = GaussianTokens(16, 4, 16, 2, ordered=ordered).eval()
    series = torch.randn(1, 6, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        same = torch.allclose(head(series).mean, head(series.flip(1)).mean, atol=1e-5)
    assert same is not ordered


def test_noise_of_a_seed_is_the_same_whatever_it_is_for():
    one, two = (
        standard_noise((2, 3), torch.zeros(1, dtype=kind), torch.Generator().manual_seed(5))
        for kind in (torch.float32, torch.float64)
    )
    torch.testing.assert_close(one.double(), two)
