"""The site builds without a warning, everything in it is made, and a browser fetches nothing from outside for it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from code_blocks import REPOSITORY

# What a browser fetches by itself, unlike a link that a reader follows.
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*?\ssrc=["']?(?P<source>[^"'\s>]+)|"""
    r"""<link\b[^>]*?\shref=["']?(?P<linked>[^"'\s>]+)|"""
    r"""@import\s+["']?(?P<imported>[^"';\s]+)|url\(["']?(?P<url>[^"')]+)"""
)
OUTSIDE = re.compile(r"(?:https?:)?//")


def build(folder):
    mkdocs = str(Path(sys.executable).with_name("mkdocs"))
    for command in (
        [sys.executable, "docs/generate.py"],
        [mkdocs, "build", "--quiet", "--strict", "--site-dir", str(folder)],
    ):
        environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr


def test_pictures_are_the_same_every_time(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "docs"))
    from pictures import PICTURES, draw_all

    from react_eval.registry import all_metrics

    for folder in ("once", "again"):
        draw_all(tmp_path / folder)
    once, again = ({path.name: path.read_bytes() for path in (tmp_path / each).iterdir()} for each in ("once", "again"))
    assert once == again
    assert set(PICTURES) == set(all_metrics())


def test_a_formula_with_an_unknown_command_is_refused(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "docs"))
    from formulas import in_mathml

    with pytest.raises(ValueError, match="unheardof"):
        in_mathml(r"\unheardof{x}")


def test_the_site_builds_and_fetches_nothing(tmp_path):
    build(tmp_path)
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    styles = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.css")}
    fetched = {
        address
        for text in [*pages.values(), *styles.values()]
        for found in FETCHED.finditer(text)
        for address in found.groups()
        if address
    }
    assert not {address for address in fetched if OUTSIDE.match(address)}
    assert not {path.name for path, text in pages.items() if ".. math::" in text}
    metric = pages[tmp_path / "metrics" / "frsyn.html"]
    assert "<math" in metric
    assert (tmp_path / "pictures" / "frsyn.svg").is_file()
