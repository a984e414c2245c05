from pathlib import Path

import pytest

from react_data.synthesis import synthesise

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A complete small synthetic tree; tests only read it."""
    return synthesise(
        tmp_path_factory.mktemp("tree") / "data",
        recordings=24,
        frames=120,
        sample_rate=8000,
        corpora=("NoXI", "RECOLA", "UDIVA"),
        show_progress=False,
    )


@pytest.fixture
def small_tree(tmp_path):
    """A synthetic tree of 6 recordings that a test may damage."""
    return synthesise(tmp_path / "data", recordings=6, frames=60, sample_rate=8000, show_progress=False)


@pytest.fixture(scope="session")
def real():
    """The folder of real recordings, which exists only beside the working checkout."""
    if not REAL.is_dir():
        pytest.skip(f"the real recordings are not at {REAL}")
    return REAL
