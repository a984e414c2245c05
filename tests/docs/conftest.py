"""Makes `code_blocks` importable, and the folders that pages are run in."""

import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import react_data.opening
import react_eval.cli
import react_eval.protocol
import react_eval.registry

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The folder that `react-eval demo` writes, and what it prints."""
    folder = tmp_path_factory.mktemp("demo")
    done = CliRunner().invoke(react_eval.cli.main, ["demo", str(folder), "--no-train", "--quiet"])
    assert done.exit_code == 0, done.stderr
    return folder, done.stdout


@pytest.fixture
def empty_folder(tmp_path, monkeypatch):
    """A newcomer's folder: nothing is there, and no data set is known."""
    folder = tmp_path / "newcomer"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("REACT_DATA", raising=False)
    return folder


@pytest.fixture
def checkout(tmp_path, monkeypatch, demo):
    """A stand-in for a checkout in which the demo was run: `data`, `submissions`, `results`, `tests`, `benchmarks`.

    `$REACT_DATA` names the data set, and `../shared` is there where it lies beside the real checkout. What a page
    registers is forgotten afterwards.
    """
    from code_blocks import REPOSITORY

    folder = tmp_path / "checkout"
    folder.mkdir()
    source, _ = demo
    (folder / "data").symlink_to(source / "data")
    for name in ("submissions", "results"):
        shutil.copytree(source / name, folder / name)
    for name in ("tests", "benchmarks"):
        (folder / name).symlink_to(REPOSITORY / name)
    if (REPOSITORY.parent / "shared").is_dir():
        (tmp_path / "shared").symlink_to(REPOSITORY.parent / "shared")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("REACT_DATA", "data")
    registries = (react_eval.registry._METRICS, react_eval.protocol._PROTOCOLS, react_data.opening._LAYOUTS)
    before = [dict(registry) for registry in registries]
    yield folder
    for registry, content in zip(registries, before, strict=True):
        registry.clear()
        registry.update(content)
