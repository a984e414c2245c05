"""`import react_eval` needs no torch and is quick; heavy libraries are loaded by what uses them."""

import subprocess
import sys

import pytest

WITHOUT_TORCH = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Blocked())
"""
SCORE = """
import numpy as np
import react_eval
generator = np.random.default_rng(0)
listener, speaker = generator.random((2, 3, 60, 25), dtype=np.float32)
result = react_eval.score_arrays(
    np.repeat(listener[:, None], 2, axis=1), listener=listener, speaker=speaker, neighbours=np.eye(3, dtype=bool),
    protocol=["react2024", "corrected"],
)
print(result["react2024/FRDist"], result["corrected/FRCorr"], "torch" in sys.modules)
"""
SAVE_AND_READ = """
from pathlib import Path
clips = [f"NoXI/{number}/Expert_video/1" for number in range(3)]
path = react_eval.save_submission(Path(sys.argv[1]) / "p.h5", listener[:, None], clips=clips, split="val")
print(sorted(react_eval.score_arrays(path)), "torch" in sys.modules)
"""


def python(code, *arguments):
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")


def test_scores_without_torch_installed(tmp_path):
    lines = python(WITHOUT_TORCH + SCORE + SAVE_AND_READ, str(tmp_path))
    assert lines[:2] == ["0.0 1.0 False", "['FRDiv', 'FRDvs', 'FRVar'] False"]


@pytest.mark.parametrize("package", ["react_eval", "react_data"])
def test_importing_loads_nothing_heavy(package):
    code = f"import sys, {package}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = set(python(code)[0].split())
    assert package in loaded
    assert not loaded & {"torch", "numba", "xarray", "pandas", "h5py", "scipy", "tslearn", "matplotlib"}


def test_importing_takes_less_than_a_second():
    code = "import time\nstart = time.perf_counter()\nimport react_eval\nprint(time.perf_counter() - start)"
    assert min(float(python(code)[0]) for _ in range(3)) < 1


def test_every_public_name_is_there_and_others_are_attribute_errors():
    code = "import react_eval\nprint([name for name in react_eval.__all__ if not hasattr(react_eval, name)])"
    assert python(code)[0] == "[]"
    code = "import react_eval\ntry:\n    react_eval.nothing\nexcept AttributeError as error:\n    print(error)"
    assert "nothing" in python(code)[0]


@pytest.mark.parametrize(
    ("code", "name"), [("RE006", "LengthError"), ("RD024", "FeatureError"), ("RM005", "CheckpointError")]
)
def test_a_code_of_every_package_is_explained_without_torch(code, name):
    program = (
        "import sys\nfrom react_eval.explaining import explain\n"
        f"print(explain({code!r}).splitlines()[0], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == f"{code}: {name} False", done.stderr
