"""The page and the plots of the scaling study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.scaled_metrics import AXES, METRICS

__all__ = ["Study", "draw", "exponent", "page"]

Times = Mapping[int, float]


@dataclass(frozen=True)
class Study:
    """Everything that was measured.

    Attributes:
        facts: Machine, versions, commit, date and command.
        growth: Processor seconds by axis, metric and size.
        spreading: Wall seconds by ``"cores"`` or ``"workers"`` and their number.
        left_out: What was not measured, and why.
        ratios: The table of the suites; empty if they were not run.
    """

    facts: Mapping[str, str]
    growth: Mapping[str, Mapping[str, Times]]
    spreading: Mapping[str, Times]
    left_out: Sequence[str]
    ratios: str


def exponent(times: Times) -> float:
    """The power of the size that the time grows with: the slope of a straight line through their logarithms.

    Args:
        times: Seconds by size.

    Returns:
        1 for linear growth, 2 for quadratic.

    Example:
        >>> round(exponent({10: 0.1, 20: 0.4, 40: 1.6}), 6)
        2.0
    """
    return float(np.polyfit(np.log(list(times)), np.log(list(times.values())), 1)[0])


def page(study: Study, *, plots: bool = True) -> str:
    """The page as Markdown.

    Args:
        study: What was measured.
        plots: Whether the page shows the plots.

    Returns:
        The text.
    """
    parts = [
        "# Performance",
        "Written by the command below; `make bench` prints a short form. Inputs are synthetic dyads "
        "(`benchmarks/inputs.py`). Times of one metric are minima of processor time, so work on several threads counts "
        "in full.",
        _table(("", ""), study.facts.items()),
        _costs(study),
    ]
    parts += [_growth(study, axis, plots) for axis in AXES]
    parts += [_spreading(study, kind, plots) for kind in study.spreading]
    parts += [f"Not measured: {'; '.join(study.left_out)}."] if study.left_out else []
    if study.ratios:
        parts += [
            "## Side by side",
            "A ratio says how many times as long as ours a method takes. FRDist is shown for every family of "
            "predictions, since how many comparisons can be cut short depends on them.",
            study.ratios.strip(),
        ]
    return "\n\n".join(parts) + "\n"


def _costs(study: Study) -> str:
    rows = [
        (name, f"O({scaled.cost})", *(_beside(study.growth[axis][name], scaled.exponents[axis]) for axis in AXES))
        for name, scaled in METRICS.items()
    ]
    text = (
        "N clips, α reactions, T frames, C channels, K neighbours a clip, L lags. Beside each cost stands the power of "
        "each size that the time was measured to grow with, and in brackets the power that the cost says. Less than "
        "that means that comparisons were cut short, or that a part of the work does not depend on the size."
    )
    return f"## Cost of each metric\n\n{text}\n\n{_table(('metric', 'cost', *AXES), rows)}"


def _beside(times: Times, expected: int) -> str:
    return f"{exponent(times):.2f} ({expected})"


def _growth(study: Study, axis: str, plots: bool) -> str:
    rows = [
        (name, ", ".join(map(str, times)), ", ".join(f"{1e3 * seconds:.3g}" for seconds in times.values()))
        for name, times in study.growth[axis].items()
    ]
    table = _table(("metric", axis, "ms"), rows)
    return f"## More {axis}\n\n{_plot(axis, f'Time by number of {axis}', plots)}{table}"


def _spreading(study: Study, kind: str, plots: bool) -> str:
    times = study.spreading[kind]
    alone = times[min(times)]
    rows = [(str(count), f"{seconds:.3g}", f"{alone / seconds:.2f}") for count, seconds in times.items()]
    text = "All six metrics of a near-mean submission, wall time. The scores are the same to the last bit."
    table = _table((kind, "s", "speed-up"), rows)
    return f"## More {kind}\n\n{text}\n\n{_plot(kind, f'Time by number of {kind}', plots)}{table}"


def _plot(name: str, description: str, plots: bool) -> str:
    return f"![{description}](performance/{name}.svg)\n\n" if plots else ""


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(study: Study, folder: Path) -> None:
    """Draw times by size, an SVG for each axis and for cores and workers.

    Args:
        study: What was measured.
        folder: Where the plots are written.
    """
    import matplotlib as mpl  # only the long form needs it
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    folder.mkdir(parents=True, exist_ok=True)
    curves = {**study.growth, **{kind: {"all six metrics": times} for kind, times in study.spreading.items()}}
    for name, lines in curves.items():
        with mpl.rc_context({"svg.hashsalt": "react-eval", "svg.fonttype": "none"}):
            figure = Figure(figsize=(7, 4), layout="constrained")
            axes = figure.add_subplot(xscale="log", yscale="log", xlabel=name, ylabel="seconds")
            for label, times in lines.items():
                axes.plot(list(times), list(times.values()), marker="o", label=label)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter(NullFormatter())
            axes.grid(alpha=0.3)
            figure.legend(loc="outside right center")
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
