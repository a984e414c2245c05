"""What can be known without a GPU: numba's simulator, its compiler, and what is said to be missing."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from oracles import warping

from react_eval.kernels.gpu.availability import cuda_problem

HERE = Path(__file__).parent
ASSEMBLER = shutil.which("ptxas")


def python(script, *arguments, **environment):
    command = [sys.executable, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def test_the_simulator_finds_the_nearest_listeners(tmp_path):
    generator = np.random.default_rng(0)
    reactions, listeners = (
        generator.random((2, 1, 33, 2), dtype=np.float32),
        generator.random((3, 4, 2), dtype=np.float32),
    )
    lengths, groups = np.array([4, 2, 3]), warping.whole(2)
    starts, stops, weights = (np.array(column) for column in zip(*groups, strict=True))
    compared = {"reactions": reactions, "listeners": listeners, "lengths": lengths}
    compared |= {"clip": np.array([0, 0, 1]), "listener": np.array([0, 1, 2])}
    np.savez(tmp_path / "search.npz", **compared, starts=starts, stops=stops, weights=weights)
    python("simulated_launch.py", tmp_path / "search.npz", NUMBA_ENABLE_CUDASIM="1")
    ragged = [each[:length] for each, length in zip(listeners, lengths, strict=True)]
    neighbours = np.array([[True, True, False], [False, False, True]])
    with np.load(tmp_path / "search.npz") as found:
        assert found["distances"] == pytest.approx(warping.distances(reactions, ragged, neighbours, groups), rel=1e-13)
        assert found["nearest"][1, 0] == 2


def has_compiler():
    """Whether numba's own CUDA target finds NVIDIA's compiler; CUDA_HOME tells it where the toolkit is."""
    try:
        from numba.cuda.cudadrv import nvvm

        nvvm.NVVM()
        nvvm.LibDevice()
    except Exception:
        return False
    return ASSEMBLER is not None


@pytest.mark.skipif(not has_compiler(), reason="numba finds no CUDA toolkit; set CUDA_HOME")
@pytest.mark.parametrize(
    ("starts", "stops", "width", "number"),
    [
        ([0, 15, 17], [15, 17, 25], 25, "float32"),
        ([0, 15, 17], [15, 17, 25], 25, "float64"),
        ([0], [58], 59, "float32"),
    ],
)
def test_the_kernel_compiles_to_registers_alone(tmp_path, starts, stops, width, number):
    path = tmp_path / "sweep.ptx"
    python("compiled_kernel.py", path, starts, stops, width, number)
    command = [ASSEMBLER, "-v", "-arch=sm_90", "-maxrregcount=168", str(path), "-o", str(path.with_suffix(".cubin"))]
    report = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads" in report
    assert int(re.search(r"(\d+) bytes smem", report).group(1)) <= 48 * 1024
    text = path.read_text()
    channels = sum(stops) - sum(starts)
    assert text.count("ld.shared") == channels
    assert "call" not in text
    assert set(re.findall(r"\b(?:sub|min)(?:\.rn)?\.f(\d+)", text)) == {number.removeprefix("float")}


@pytest.mark.skipif(torch.version.cuda is not None, reason="this PyTorch has CUDA")
def test_a_build_without_cuda_is_named_as_the_problem():
    assert "built without CUDA" in cuda_problem()
    assert "install" in cuda_problem()


def test_a_missing_torch_is_named_as_the_problem(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cuda_problem.__wrapped__().startswith("PyTorch cannot be imported")
