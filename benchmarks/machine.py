"""Where figures were measured, and how much memory a process took."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["ROOT", "cores", "facts", "peak_megabytes"]

ROOT = Path(__file__).parents[1]
_PACKAGES = ("numpy", "numba", "tslearn", "dtaidistance")
_BYTES_A_UNIT = 1 if sys.platform == "darwin" else 1024


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts(command: Sequence[str]) -> dict[str, str]:
    """What a reader needs to compare figures: processor, load, versions, commit, date and command.

    Args:
        command: The command that makes the figures.

    Returns:
        Short texts by name.
    """
    return {
        "processor": f"{_processor()}, {cores()} cores",
        "load": f"{os.getloadavg()[0]:.1f} processes were running before" if hasattr(os, "getloadavg") else "unknown",
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{package} {_version(package)}" for package in _PACKAGES),
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": f"`{' '.join(command)}`",
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return name or platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(("git", *arguments), cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = " with uncommitted changes" if git("status", "--porcelain", "--untracked-files=no") else ""
    return f"{git('rev-parse', '--short', 'HEAD') or 'unknown'}{changed}"


def peak_megabytes(of_children: bool = False) -> float:
    """The most memory that this process, or the largest of its finished children, has had resident, in MB."""
    who = resource.RUSAGE_CHILDREN if of_children else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * _BYTES_A_UNIT / 1e6
