"""The U-Net of one dimension; its numbers are those of ReactDiff's golden outputs."""

import pytest
import torch

from reference_models.blocks.decoder_layer import Attention
from reference_models.blocks.unet1d import UNet1d
from reference_models.blocks.weight_shifts import WeightShift


def made(multipliers=(1, 2, 2), attended=2, groups=2):
    torch.manual_seed(0)
    network = UNet1d(5, 8, multipliers, blocks=2, attended=attended, condition=6, groups=groups).eval()
    for parameter in network.parameters():
        if not parameter.any():  # so that what begins at 0 says something
            torch.nn.init.normal_(parameter, std=0.3)
    return network


@pytest.mark.parametrize("multipliers", [(1,), (1, 2), (1, 2, 3)])
def test_data_keep_their_shape_at_any_depth(multipliers):
    assert made(multipliers)(torch.randn(3, 5, 16), torch.tensor(4), torch.randn(3, 6)).shape == (3, 5, 16)


def test_before_training_it_says_nothing():
    network = UNet1d(5, 8, (1, 2), blocks=1, attended=1, condition=6, groups=2)
    assert not network(torch.randn(2, 5, 16), torch.tensor(4), torch.randn(2, 6)).any()


@torch.no_grad()
def test_step_and_condition_matter_and_items_do_not_meet():
    network, noisy, condition = made(), torch.randn(2, 5, 16), torch.randn(2, 6)
    found = network(noisy, torch.tensor(4), condition)
    assert torch.allclose(network(noisy, torch.tensor([4, 4]), condition), found, atol=1e-5)
    assert torch.allclose(network(noisy[1:], torch.tensor(4), condition[1:]), found[1:], atol=1e-5)
    assert not torch.allclose(network(noisy, torch.tensor(5), condition), found, atol=1e-3)
    assert not torch.allclose(network(noisy, torch.tensor(4), condition + 1), found, atol=1e-3)


@torch.no_grad()
def test_nothing_is_left_of_a_condition_where_each_channel_is_normed_alone():
    network, noisy = made((1,), groups=8), torch.randn(2, 5, 16)
    one, other = (network(noisy, torch.tensor(4), torch.full((2, 6), value)) for value in (0.0, 1.0))
    assert torch.allclose(one, other, atol=1e-4)


@torch.no_grad()
def test_attention_takes_values_apart_from_keys_and_weights_by_listener():
    attention, queries, memory, values = Attention(8, 2, 0.0), *torch.randn(3, 2, 6, 8)
    assert torch.equal(attention(queries, memory, values=memory), attention(queries, memory))
    assert not torch.allclose(attention(queries, memory, values=values), attention(queries, memory))
    shift = WeightShift(torch.randn(2, 24, 3), torch.randn(2, 3, 8))
    mixed = attention(queries, memory, values=values, shift=shift)
    for row in range(2):
        alone = Attention(8, 2, 0.0)
        alone.load_state_dict(attention.state_dict())
        alone.in_proj_weight += shift.whole()[row]
        expected = alone(queries[row : row + 1], memory[row : row + 1], values=values[row : row + 1])
        assert torch.allclose(mixed[row : row + 1], expected, atol=1e-5)
