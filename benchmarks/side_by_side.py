"""Tables of times side by side: which method took how long for what, and the ratio to ours.

Times are minima of processor time of one process, so that what else the machine does weighs little, and work on several
threads counts in full.
"""

from __future__ import annotations

import time
from functools import partial

import pytest

__all__ = ["OURS", "Times", "markdown_table", "processor_time"]

OURS = "react-eval"

Times = dict[str, dict[str, float]]
"""Seconds by group and method; a group's first method of ours is what ratios are against."""

processor_time = partial(pytest.mark.benchmark, timer=time.process_time)
"""Marks a benchmark that is timed by processor time."""


def markdown_table(times: Times) -> str:
    """Lay times out as a Markdown table.

    Args:
        times: Seconds by group and method.

    Returns:
        One row a group and method; a ratio above 1 says by how much ours is faster.
    """
    rows = [("what", "method", "ms", "ratio"), ("---", "---", "--:", "--:")]
    for group, methods in times.items():
        ours = next((seconds for method, seconds in methods.items() if method.startswith(OURS)), float("nan"))
        for position, (method, seconds) in enumerate(methods.items()):
            rows.append(("" if position else group, method, f"{1e3 * seconds:.4g}", f"{seconds / ours:.3g}"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        f"| {what:<{widths[0]}} | {method:<{widths[1]}} | {seconds:>{widths[2]}} | {ratio:>{widths[3]}} |"
        for what, method, seconds, ratio in rows
    )
