"""What the official scorers returned on stored inputs."""

import json
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["CASES", "NAMES", "expected_values", "golden"]

_FOLDER = Path(__file__).parents[1] / "data" / "golden_metrics"
_EXPECTED = json.loads((_FOLDER / "expected.json").read_text())

NAMES = tuple(_EXPECTED)
CASES = tuple((name, protocol) for name in NAMES for protocol in _EXPECTED[name]["expected"])


def expected_values(name, protocol):
    """Official values by result key; None where the official scorer returned NaN."""
    return _EXPECTED[name]["expected"].get(protocol, {})


@cache
def golden(name):
    """Predictions, listener, speaker and neighbours by those names; not to be written to."""
    with np.load(_FOLDER / f"{name}.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in ("predictions", "listener", "speaker", "neighbours")}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays
