"""What options of ours add to the training of Trans-VAE."""

import torch

from reference_models.transvae.config import TransVAEConfig
from reference_models.transvae.model import TransVAE

WIDTHS = (("emotion", 25), ("3dmm", 58))


def test_concordance_counts_only_where_it_has_a_weight():
    torch.manual_seed(0)
    model = TransVAE(TransVAEConfig.tiny())
    batch = {f"{who}_{kind}": torch.randn(2, 9, width) for who in ("speaker", "listener") for kind, width in WIDTHS}
    model.loss_weights = {"diversity": 0.0}
    torch.manual_seed(1)
    without = model.loss(batch)
    model.loss_weights = {"diversity": 0.0, "concordance": 3.0}
    torch.manual_seed(1)
    found = model.loss(batch)
    assert "concordance" not in without
    torch.testing.assert_close(found["loss"], without["loss"] + 3 * found["concordance"])
