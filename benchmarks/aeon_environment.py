"""aeon, which needs older numba and numpy than we do, in an environment of its own under ``build/``.

``python -m benchmarks.aeon_environment`` installs it and prints its figure for one comparison.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.inputs import predict, synthetic_dyads
from benchmarks.machine import ROOT
from react_data.channels import EMOTION_25

__all__ = ["VERSION", "Figures", "NotInstallableError", "compare", "prepare"]

VERSION = "1.3.0"

_FOLDER = ROOT / "build" / f"aeon-{VERSION}"
_INSTALLED = _FOLDER / "installed"
_INSTALLING_SECONDS = 240
_COMPARING_SECONDS = 120


class NotInstallableError(RuntimeError):
    """aeon could not be installed, for which the network is the usual reason."""


class Figures(NamedTuple):
    """What aeon makes of one pair: the weighted distance, and the least processor time in seconds."""

    distance: float
    seconds: float


def prepare() -> Path:
    """Make the environment, or find it.

    Returns:
        Its Python.

    Raises:
        NotInstallableError: If aeon cannot be installed.
    """
    python = _FOLDER / "bin" / "python"
    if _INSTALLED.exists():
        return python
    venv.create(_FOLDER, clear=True, with_pip=True)
    command = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"aeon=={VERSION}")
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALLING_SECONDS)
    except subprocess.CalledProcessError as problem:
        last = problem.stderr.strip().splitlines()[-1:]
        raise NotInstallableError(f"aeon {VERSION} could not be installed: {' '.join(last)}") from problem
    except subprocess.TimeoutExpired as problem:
        raise NotInstallableError(f"aeon {VERSION} was not installed in {_INSTALLING_SECONDS} s") from problem
    _INSTALLED.touch()
    return python


def compare(python: Path, first: NDArray[np.float32], second: NDArray[np.float32]) -> Figures:
    """Compare a pair of series (T, 25) with aeon.

    Args:
        python: What `prepare` returned.
        first: One series.
        second: The other.

    Returns:
        aeon's figures.
    """
    groups = [[group.start, group.stop, group.weight] for group in EMOTION_25.groups]
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.npz"
        np.savez(pair, first=first, second=second, groups=groups)
        script = Path(__file__).with_name("aeon_comparison.py")
        done = subprocess.run(
            (python, script, pair), check=True, capture_output=True, text=True, timeout=_COMPARING_SECONDS
        )
    return Figures(**json.loads(done.stdout))


def main() -> None:
    """Print aeon's figure."""
    dyads = synthetic_dyads(clips=4, frames=750, neighbours=4)
    try:
        python = prepare()
    except NotInstallableError as problem:
        sys.exit(str(problem))
    found = compare(python, predict("blended", dyads, 0, 1)[0], dyads.listener[dyads.neighbours[0][-1]])
    print(
        f"aeon {VERSION}: one weighted comparison, 750 × 25: {1e3 * found.seconds:.3g} ms (distance {found.distance})"
    )


if __name__ == "__main__":
    main()
