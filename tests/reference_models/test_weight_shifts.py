"""Blocks of personalised models: changes of weights by listener, and styles."""

import pytest
import torch
from torch.nn import functional

from reference_models.blocks.encoder_layer import EncoderLayer
from reference_models.blocks.style_encoder import StyleEncoder
from reference_models.blocks.weight_shifts import EDITS, WeightShift, shifted_linear

WEIGHT, BIAS, SERIES = torch.randn(4, 3), torch.randn(4), torch.randn(6, 5, 3)
WHOLE = WeightShift(torch.randn(3, 4, 3))
LOW = WeightShift(torch.randn(3, 4, 2), torch.randn(3, 2, 3))


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("shift", [WHOLE, LOW], ids=["whole", "low rank"])
def test_every_listener_has_weights_of_their_own(shift, edit):
    shift = WeightShift(shift.left, shift.right, edit)
    change = shift.whole()
    weights = {"shift": WEIGHT + change, "offset": WEIGHT * (1 + change), "weight": change}[edit]
    expected = torch.cat([functional.linear(SERIES[2 * n : 2 * n + 2], weights[n], BIAS) for n in range(3)])
    assert torch.allclose(shifted_linear(SERIES, WEIGHT, BIAS, shift), expected, atol=1e-5)
    for n in range(3):
        alone = shifted_linear(SERIES[2 * n : 2 * n + 2], WEIGHT, BIAS, shift.listeners(n, n + 1))
        assert torch.allclose(alone, expected[2 * n : 2 * n + 2], atol=1e-5)


def test_rows_of_a_change_are_rows_of_the_layer():
    found = shifted_linear(SERIES, WEIGHT[1:3], BIAS[1:3], LOW.rows(1, 3))
    assert torch.allclose(found, shifted_linear(SERIES, WEIGHT, BIAS, LOW)[..., 1:3], atol=1e-5)


def test_without_a_change_a_layer_is_as_it_is():
    assert torch.equal(shifted_linear(SERIES, WEIGHT, BIAS, None), functional.linear(SERIES, WEIGHT, BIAS))


@torch.no_grad()
def test_the_style_encoder_is_torchs_own_encoder():
    ours = StyleEncoder(58, 16, 4, 24, 2, 0.1).eval()
    stock = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(16, 4, 24, batch_first=True), 2, enable_nested_tensor=False
    ).eval()
    stock.load_state_dict({key: value for key, value in ours.state_dict().items() if key.startswith("layers.")})
    seen = []
    ours.layers[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    feature = ours.feature(torch.randn(3, 9, 58))
    assert torch.allclose(feature, stock(seen[0])[:, 0], atol=1e-5)


def test_rows_that_are_not_there_are_not_seen():
    layer, series = EncoderLayer(8, 2, 16, 0.0).eval(), torch.randn(2, 6, 8)
    seen = (torch.arange(6) < 4).expand(2, 1, 1, 6)
    assert torch.allclose(layer(series, seen=seen)[:, :4], layer(series[:, :4]), atol=1e-5)
