"""Blocks that several models are built of: diffusion, and plain layers."""

import pytest
import torch

from reference_models.blocks.diffusion import Diffusion
from reference_models.blocks.layers import gru_step
from reference_models.errors import ConfigError


def test_sampling_finds_what_the_network_is_sure_of():
    clean = torch.tensor([0.25, -0.5])
    found = Diffusion(10).sample(lambda noisy, _: clean.expand_as(noisy), torch.randn(4, 2))
    assert torch.allclose(found, clean.expand(4, 2), atol=1e-6)


@pytest.mark.parametrize(("largest", "expected"), [(1.0, 1.0), (None, 3.0)])
def test_estimates_are_limited(largest, expected):
    found = Diffusion(10, largest=largest).sample(lambda noisy, _: torch.full_like(noisy, 3.0), torch.randn(4, 2))
    assert found.unique().tolist() == [expected]


def test_a_network_that_tells_the_noise_leads_back_to_the_data():
    diffusion, clean, noise = Diffusion(20, predicts="epsilon", largest=None), torch.rand(3, 4), torch.randn(3, 4)
    noisiest = diffusion.add_noise(clean, noise, torch.full((3,), 19))
    assert torch.allclose(diffusion.sample(lambda *_: noise, noisiest), clean, atol=1e-2)


def test_sampling_is_possible_where_no_noise_was_added():
    diffusion, clean = Diffusion(4), torch.zeros(2, 3, device="meta")
    diffusion.add_noise(clean, clean, torch.zeros(2, dtype=torch.long, device="meta"))
    assert diffusion.sample(lambda noisy, _: noisy / 2, torch.ones(2, 3)).device.type == "cpu"


def test_fewer_steps_are_evenly_spaced():
    steps = []
    Diffusion(1000).sample(lambda noisy, step: steps.append(int(step)) or noisy, torch.zeros(1, 1), steps=50)
    assert steps == list(range(980, -1, -20))


def test_drawn_steps_cover_the_schedule():
    assert set(Diffusion(5).draw_steps(200, torch.device("cpu")).tolist()) == set(range(5))


def test_a_diffusion_has_steps():
    with pytest.raises(ConfigError, match="0 steps"):
        Diffusion(0)


def test_a_step_of_the_recurrent_unit_is_that_of_torch():
    cell, entering, state = torch.nn.GRUCell(3, 4), torch.randn(5, 3), torch.randn(5, 4)
    mapped = torch.nn.functional.linear(entering, cell.weight_ih, cell.bias_ih)
    assert torch.allclose(gru_step(mapped, state, cell.weight_hh, cell.bias_hh), cell(entering, state), atol=1e-6)


def test_the_state_at_the_lowest_step_needs_no_call_there():
    clean, calls = torch.tensor([0.25, -0.5]), []
    state = Diffusion(1000).sample(
        lambda noisy, step: calls.append(int(step)) or clean.expand_as(noisy),
        torch.randn(4, 2),
        steps=50,
        given="state",
    )
    assert calls[-1] == 20
    assert len(calls) == 49
    assert 0 < (state - clean).abs().max() < 0.05
