"""The `timed` fixture, and the table of ratios at the end of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.side_by_side import Times, markdown_table

collect_ignore = ["aeon_comparison.py"]  # it belongs to another environment

_TIMES = pytest.StashKey[Times]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--ratios", type=Path, help="write the table of ratios into this file")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TIMES] = {}


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Times:
    """Seconds by group and method, for figures that were measured elsewhere."""
    return request.config.stash[_TIMES]


@pytest.fixture
def timed(benchmark: Any, times: Times) -> Callable[..., Any]:
    """Time a function and enter it into the table of ratios.

    Its arguments are the method's name, a function without arguments, how many units of work that function does, and
    the number of calls, which is chosen by pytest-benchmark if not given.
    """

    def measure(method: str, function: Callable[[], Any], units: int = 1, calls: int = 0) -> Any:
        result = benchmark.pedantic(function, rounds=calls) if calls else benchmark(function)
        times.setdefault(benchmark.group, {})[method] = benchmark.stats.stats.min / units
        return result

    return measure


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table = markdown_table(config.stash[_TIMES])
    terminalreporter.section("side by side: minima of processor time, one process")
    terminalreporter.write_line(table)
    if config.option.ratios:
        config.option.ratios.write_text(table + "\n", encoding="utf-8")
