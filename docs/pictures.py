"""Pictures of the metrics, drawn at build time from what they say about small signals, and of retrieved neighbours.

Conventions: a function draws one picture; equal versions of matplotlib give equal bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from model_pages import runs_of
from numpy.typing import NDArray

import react_data
from react_data.retrieval_quality import RetrievalQuality
from react_eval import metrics
from react_eval.kernels.lag_correlation import lag_correlations
from reference_models.records import models

__all__ = ["PICTURES", "draw_all"]

Series = NDArray[np.float32]

PREDICTION, REAL, OTHER, SPEAKER = "#0b6e6e", "#d1741f", "#8a8f98", "#6a51a3"
RATE = 25
LONGEST = 49

STYLE = {
    "svg.hashsalt": "react-eval",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


def draw_all(folder: Path) -> None:
    """Write every picture.

    Args:
        folder: Where ``<metric>.svg`` and the others go; it is made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in (PICTURES | OTHER_PICTURES).items():
            draw().savefig(folder / f"{name.lower()}.svg", metadata={"Date": None})


def _frcorr() -> Figure:
    """One reaction against two appropriate ones."""
    t = _seconds(6)
    prediction = _series(0.42 + 0.22 * np.sin(t * 1.9) + 0.05 * np.sin(t * 7))
    listeners = np.stack([_series(0.5 + 0.3 * np.sin(t * 1.9 - 0.35)), _series(0.3 + 0.15 * np.cos(t * 3.1))])
    figure, panels = _panels(1, 2)
    for number, axes in enumerate(panels):
        alone = metrics.frcorr(prediction[None, None], listeners, [np.array([number])])
        axes.plot(t, listeners[number], color=REAL, label="appropriate real reaction")
        axes.plot(t, prediction, color=PREDICTION, label="prediction")
        axes.set_title(f"neighbour {number + 1}: concordance {alone:z.2f}")
        _of_time(axes)
    both = metrics.frcorr(prediction[None, None], listeners, [np.array([0, 1])])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="upper right", ncols=2, fontsize=8.5)
    figure.suptitle(f"The better one counts: {both:.2f}", x=0.02, ha="left")
    return figure


def _frdist() -> Figure:
    """Frames that warping matches."""
    t = _seconds(4)[::2]
    listener = _series(0.25 + 0.5 * np.exp(-(((t - 1.4) / 0.45) ** 2)))
    prediction = _series(0.25 + 0.5 * np.exp(-(((t - 2.1) / 0.6) ** 2)) - 0.04)
    path = _warping_path(prediction, listener)
    warped = metrics.frdist(prediction[None, None], listener[None], [np.array([0])])
    straight = float(np.sqrt(np.square(prediction - listener, dtype=np.float64).sum()))
    squares = sum((float(prediction[i, 0]) - float(listener[j, 0])) ** 2 for i, j in path)
    if not np.isclose(np.sqrt(squares), warped, rtol=1e-6):
        raise ValueError(f"the drawn path costs {np.sqrt(squares)}, FRDist says {warped}.")
    figure, (axes,) = _panels(1, 1)
    raised = listener + 0.75
    for i, j in path:
        axes.plot([t[i], t[j]], [prediction[i, 0], raised[j, 0]], color=OTHER, linewidth=0.6, alpha=0.7)
    axes.plot(t, raised, color=REAL, label="appropriate real reaction (drawn higher)")
    axes.plot(t, prediction, color=PREDICTION, label="prediction")
    axes.legend(loc="upper right", fontsize=8.5)
    axes.set_title(f"Distance along matched frames {warped:.2f}; frame by frame it would be {straight:.2f}")
    _of_time(axes)
    return figure


def _frdiv() -> Figure:
    """Reactions to one clip: alike and different."""
    t = _seconds(6)
    alike = np.stack([_series(0.45 + 0.2 * np.sin(t * 1.7 + 0.08 * n)) for n in range(3)])
    unlike = np.stack([_series(0.45 + 0.2 * np.sin(t * (1.2 + 0.6 * n) + 2 * n)) for n in range(3)])
    figure, panels = _panels(1, 2)
    for axes, reactions, word in zip(panels, (alike, unlike), ("hardly differ", "differ"), strict=True):
        axes.set_title(f"reactions {word}: FRDiv {metrics.frdiv(reactions[None]):.4f}")
        for number, reaction in enumerate(reactions):
            axes.plot(t, reaction, color=PREDICTION, alpha=1 - 0.3 * number)
        _of_time(axes)
    figure.suptitle("One clip, three reactions", x=0.02, ha="left")
    return figure


def _frvar() -> Figure:
    """A frozen face, a moving one, noise."""
    t = _seconds(6)
    noise = np.random.default_rng(0).random(len(t))
    faces = {"frozen": np.full(len(t), 0.5), "moving": 0.45 + 0.25 * np.sin(t * 1.7), "uniform noise": noise}
    figure, panels = _panels(1, 3)
    for axes, (name, values) in zip(panels, faces.items(), strict=True):
        axes.plot(t, values, color=PREDICTION, linewidth=1.8 if name != "uniform noise" else 0.8)
        axes.set_title(f"{name}: {metrics.frvar(_series(values)[None, None]):.4f}")
        _of_time(axes)
    figure.suptitle("FRVar: the variance over frames", x=0.02, ha="left")
    return figure


def _frdvs() -> Figure:
    """Reactions to three speakers: the same for all, one for each."""
    t = _seconds(6)
    same = np.stack([_series(0.45 + 0.2 * np.sin(t * 1.7))] * 3)
    own = np.stack([_series(0.35 + 0.1 * n + 0.2 * np.sin(t * (1.1 + 0.5 * n))) for n in range(3)])
    figure, panels = _panels(1, 2)
    for axes, reactions, word in zip(panels, (same, own), ("all speakers alike", "each speaker its own"), strict=True):
        axes.set_title(f"{word}: FRDvs {metrics.frdvs(reactions[:, None]):.4f}")
        for speaker, reaction in enumerate(reactions):
            axes.plot(t, reaction, color=PREDICTION, alpha=1 - 0.3 * speaker, label=f"to speaker {speaker + 1}")
        _of_time(axes)
    panels[1].legend(loc="lower left", fontsize=8.5)
    return figure


def _frsyn() -> Figure:
    """A reaction that comes late, and the correlation at every lag."""
    generator = np.random.default_rng(4)
    long = np.convolve(generator.normal(size=360), np.hanning(25) / 6, mode="valid")
    t, late = _seconds(12), 17
    speaker, reaction = _series(0.5 + 0.12 * long[late : late + len(t)]), _series(0.5 + 0.1 * long[: len(t)])
    lag = int(metrics.frsyn(reaction[None, None], speaker[None]))
    r = lag_correlations(reaction, speaker, LONGEST)[:, 0]
    figure, (above, below) = _panels(2, 1)
    above.plot(t, speaker, color=SPEAKER, label="speaker")
    above.plot(t, reaction, color=PREDICTION, label="reaction")
    above.set_title("A reaction that follows its speaker")
    above.legend(loc="upper right", fontsize=8.5)
    _of_time(above)
    below.plot(np.arange(-LONGEST, LONGEST + 1), r, color=OTHER)
    below.axvline(lag, color=REAL, linewidth=1.2)
    below.set_title(f"They agree best at lag {lag}: FRSyn {lag}")
    below.set_xlabel("lag in frames (25 a second); positive: the reaction follows")
    below.set_ylabel("correlation")
    return figure


def _mae() -> Figure:
    """A lively reaction at another time, and a flat one, against the real listener."""
    t = _seconds(6)
    real = _series(0.45 + 0.25 * np.sin(t * 1.7))
    guesses = {"lively, at another time": _series(0.45 + 0.25 * np.sin(t * 1.7 + 1.6)), "flat": _series(0.45 + 0 * t)}
    figure, panels = _panels(1, 2)
    for axes, (name, guess) in zip(panels, guesses.items(), strict=True):
        axes.plot(t, real, color=REAL, label="real listener")
        axes.plot(t, guess, color=PREDICTION, label="reaction")
        axes.fill_between(t, real[:, 0], guess[:, 0], color=PREDICTION, alpha=0.15, linewidth=0)
        axes.set_title(f"{name}: MAE {metrics.mae(guess[None, None], real[None]):.3f}")
        _of_time(axes)
    panels[0].legend(loc="lower left", fontsize=8.5)
    figure.suptitle("MAE: the mean height of the shaded area", x=0.02, ha="left")
    return figure


PICTURES: dict[str, Callable[[], Figure]] = {
    "FRCorr": _frcorr,
    "FRDist": _frdist,
    "FRDiv": _frdiv,
    "FRVar": _frvar,
    "FRDvs": _frdvs,
    "FRSyn": _frsyn,
    "MAE": _mae,
}


def _retrieval() -> Figure:
    """Retrieved neighbours against known ones, as the threshold grows, and for several measures."""
    figure, (left, right) = _panels(1, 2)
    for measure, colour in {"dtw": PREDICTION, "cosine": SPEAKER, "ccc": OTHER}.items():
        quality = _retrieval_quality(measure)
        right.plot(quality.recall, quality.precision, color=colour, label=f"{measure}: {quality.average_precision:.2f}")
        if measure == "dtw":
            left.plot(quality.cutoffs, quality.precision, color=PREDICTION, label="precision")
            left.plot(quality.cutoffs, quality.recall, color=REAL, label="recall")
            left.axhline(quality.chance, color=OTHER, linewidth=0.8, label="precision of guessing")
            left.axvline(quality.cutoffs[quality.best], color=OTHER, linestyle=":", linewidth=1, label="best F1")
    left.set_title("dtw: pairs within a distance")
    left.set_xlabel("threshold: the largest distance of neighbours")
    right.set_title("measures, with their average precision")
    right.set_xlabel("recall")
    right.set_ylabel("precision")
    left.legend(fontsize=8.5)
    right.legend(fontsize=8.5)
    return figure


@cache
def _retrieval_quality(measure: str) -> RetrievalQuality:
    with tempfile.TemporaryDirectory() as folder:
        settings = {"recordings": 24, "frames": 250, "behaviours": 4, "show_progress": False}
        root = react_data.synthesise(Path(folder) / "data", splits=["val"], modalities=["emotion"], **settings)
        val = react_data.open_split(root, "val").load()
    ids = [str(clip) for clip in val["clip"].values]
    truth = react_data.NeighbourTable.from_matrix(val["neighbours"].values, ids)
    speakers = val["speaker_emotion"].values
    found = react_data.retrieve_neighbours(speakers, ids=ids, measure=measure, top_k=len(ids) - 1, show_progress=False)
    return react_data.evaluate_retrieval(found, truth)


def _learning() -> Figure:
    """FRCorr on the validation split by epoch, a line a data seed."""
    learnt = {name: runs for name, runs in ((name, runs_of(name)) for name in models()) if runs}
    figure, panels = _panels(-(-max(len(learnt), 1) // 2), 2)
    for axes, (name, runs) in zip(panels, learnt.items(), strict=False):
        axes.set_title(models()[name].title)
        for run in runs:
            epochs = sorted(map(int, run["validation"]))
            values = [run["validation"][str(epoch)] for epoch in epochs]
            axes.plot(epochs, values, marker="o", markersize=3, label=f"seed {run['seed']}")
        axes.set_xlabel("epoch")
        axes.set_ylabel("FRCorr, validation")
        axes.legend(loc="lower right", fontsize=8)
    return figure


def _styles() -> Figure:
    """Style vectors of clips of listeners that PerFRDiff never learned from, put on a plane, a panel a data seed."""
    runs = runs_of("perfrdiff_styles")
    figure, panels = _panels(1, max(len(runs), 1))
    colours = mpl.colormaps["tab20"]
    for axes, run in zip(panels, runs, strict=False):
        for listener in range(run["listeners"]):
            own = [point for point in run["points"] if point["listener"] == listener]
            places = [[point[name] for point in own] for name in ("x", "y")]
            axes.scatter(*places, s=10, color=colours(listener % colours.N))
        axes.set_title(f"seed {run['seed']}: silhouette {run['silhouette']:.2f}")
        axes.set_xticks([])
        axes.set_yticks([])
    return figure


OTHER_PICTURES: dict[str, Callable[[], Figure]] = {
    "retrieval": _retrieval,
    "learning": _learning,
    "styles": _styles,
}


def _panels(rows: int, columns: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(7.6, 2.6 * rows + 0.2), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, columns, sharey=rows == 1)).ravel())


def _of_time(axes: Axes) -> None:
    axes.set_xlabel("seconds")
    axes.set_yticks([])


def _seconds(duration: float) -> NDArray[np.float64]:
    return np.arange(int(duration * RATE)) / RATE


def _series(values: NDArray[np.float64]) -> Series:
    """One channel, (T, 1)."""
    return values.astype(np.float32)[:, None]


def _warping_path(first: Series, second: Series) -> list[tuple[int, int]]:
    """The pairs of frames on a cheapest path from both beginnings to both ends."""
    cost = np.square(np.subtract.outer(first[:, 0].astype(np.float64), second[:, 0].astype(np.float64)))
    total = np.full((len(first) + 1, len(second) + 1), np.inf)
    total[0, 0] = 0
    for i, j in np.ndindex(cost.shape):
        total[i + 1, j + 1] = cost[i, j] + min(total[i, j], total[i, j + 1], total[i + 1, j])
    i, j = cost.shape
    path = [(i - 1, j - 1)]
    while (i, j) != (1, 1):
        i, j = min([(i - 1, j - 1), (i - 1, j), (i, j - 1)], key=lambda place: total[place])
        path.append((i - 1, j - 1))
    return path
