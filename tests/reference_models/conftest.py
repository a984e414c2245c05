import sys
from pathlib import Path

import pytest

import react_data

sys.path.insert(0, str(Path(__file__).parent))  # the toy model of these tests is a module of its own, as a user's is


@pytest.fixture(scope="session")
def dyads(tmp_path_factory):
    """A small synthetic tree with facial attributes and 3DMM; tests only read it."""
    return react_data.synthesise(
        tmp_path_factory.mktemp("dyads") / "data",
        recordings=12,
        frames=60,
        modalities=("emotion", "3dmm"),
        show_progress=False,
    )


@pytest.fixture(scope="session")
def val(dyads):
    return react_data.open_split(dyads, "val")
