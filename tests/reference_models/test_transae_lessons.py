"""What options of ours add to the training of Trans-AE."""

import torch

from reference_models.transae.config import TransAEConfig
from reference_models.transae.model import TransAE


def test_concordance_counts_only_where_it_has_a_weight():
    torch.manual_seed(0)
    model = TransAE(TransAEConfig.tiny())
    batch = {name: torch.randn(2, 9, width) for name, width in (("speaker_emotion", 25), ("speaker_mfcc78", 78))}
    batch |= {"speaker_3dmm": torch.randn(2, 9, 58), "listener_3dmm": torch.randn(2, 9, 58)}
    without = model.loss(batch)
    model.loss_weights = {"concordance": 3.0}
    found = model.loss(batch)
    assert "concordance" not in without
    torch.testing.assert_close(found["loss"], without["loss"] + 3 * found["concordance"])
