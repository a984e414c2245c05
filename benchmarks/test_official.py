"""The official way that ratios are against computes what the challenge's own scorer returned."""

import numpy as np
import pytest

from benchmarks import official
from tests.oracles.official import expected_values, golden


@pytest.mark.parametrize("name", ["blend", "binary_aus", "partly_undefined"])
def test_values(name):
    case = golden(name)
    predictions, neighbours = case["predictions"], [np.flatnonzero(row) for row in case["neighbours"]]
    values = {
        "FRCorr": official.frcorr(predictions, case["listener"], neighbours),
        "FRDist": official.frdist(predictions, case["listener"], neighbours),
        "FRDiv": official.frdiv(predictions),
        "FRVar": official.frvar(predictions),
        "FRDvs": official.frdvs(predictions),
        "FRSyn": official.frsyn(predictions[:, :1], case["speaker"]),
    }
    expected = expected_values(name, "react2024")
    assert values == pytest.approx({key: expected[key] for key in values}, rel=1e-5)
