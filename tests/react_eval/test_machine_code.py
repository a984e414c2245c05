"""Machine code that is kept on disk: damaged files cost a compilation, nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from numba.core import event
from react_eval.kernels.compiling import announcing_compilation
from react_eval.kernels.spread import movement

said = []
with announcing_compilation(lambda: said.append("compiling")):
    value = movement(np.arange(6, dtype=np.float32).reshape(1, 6, 1), 1)
print(value[0], said)
"""


def run(folder):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_kernels_are_compiled_once_and_that_is_said(tmp_path):
    assert run(tmp_path) == "3.5 ['compiling']"
    assert run(tmp_path) == "3.5 []"


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_file_costs_a_compilation(tmp_path, kind):
    run(tmp_path)
    for path in tmp_path.rglob(f"*.{kind}"):
        path.write_bytes(path.read_bytes()[:20])
    assert run(tmp_path) == "3.5 ['compiling']"
    assert run(tmp_path) == "3.5 []"
