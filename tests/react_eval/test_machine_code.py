"""Machine code that is kept on disk: damaged files cost a compilation, nothing else."""

import os
import pickle
import shutil
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


ROOT = Path(__file__).parents[2]

READ_ONLY = """
from react_eval.kernels import machine_code

def refuse(_self):
    raise PermissionError(13, "of the test")

machine_code._PackageFolder.ensure_cache_path = refuse
"""

THREADS = """
import sys
import threading
import numpy as np
from react_eval import score_arrays

together = threading.Barrier(3)

def score(metric):
    together.wait()
    score_arrays(np.ones((2, 2, 60, 25), np.float32), metrics=[metric], show_progress=True, client=False)

threads = [threading.Thread(target=score, args=(metric,)) for metric in ("FRVar", "FRDiv", "FRDvs")]
for each in threads:
    each.start()
for each in threads:
    each.join()
"""


def run(folder, program=PROGRAM, stream="stdout", **environment):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, "-P", "-c", program]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert found.returncode == 0, found.stderr
    return getattr(found, stream).strip()


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


def test_several_threads_say_once_that_kernels_are_compiled(tmp_path):
    assert run(tmp_path, THREADS, "stderr").count("compiling kernels for this machine") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="the user's folder is elsewhere")
def test_a_read_only_folder_serves_what_fits_and_the_users_folder_takes_the_rest(tmp_path):
    package, user = tmp_path / "installed" / "react_eval", tmp_path / "user"
    shutil.copytree(ROOT / "react_eval", package, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(user)}
    assert run("", **environment) == "3.5 ['compiling']"
    assert run("", READ_ONLY + PROGRAM, **environment) == "3.5 []"
    assert not user.exists()
    for path in (package / "kernels" / "__pycache__").glob("*.nbi"):
        path.write_bytes(pickle.dumps("another release of numba"))
    assert run("", READ_ONLY + PROGRAM, **environment) == "3.5 ['compiling']"
    assert run("", READ_ONLY + PROGRAM, **environment) == "3.5 []"
    assert any(user.rglob("*.nbc"))
