"""Makes `lockstep` importable, and stands it in for the GPU where a test asks for that."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def kernels_on_cpu(monkeypatch):
    """`nearest_series` of the GPU takes tensors on the CPU, and runs the kernel in lockstep."""
    from lockstep import LockstepKernel

    from react_eval.kernels.gpu import warping

    monkeypatch.setattr(warping, "sweeping_kernel", LockstepKernel)
    monkeypatch.setattr(warping, "_FEWEST_BLOCKS", 1)
