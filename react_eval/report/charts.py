"""Charts as SVG shapes that stretch with the page; everything to read stands beside them in HTML."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

__all__ = ["bands", "histogram", "lines", "raster", "scale"]

Array = NDArray[np.floating]

_WIDTH, _HEIGHT = 600, 100
_BINS = 30
_STEPS = 250  # points of a stacked band; lines are drawn frame by frame


def scale(marks: Mapping[str, float], interval: tuple[float, float] | None = None) -> Markup:
    """A line from 0 to the largest of some values (or from the smallest, if below 0), with a mark at each.

    Args:
        marks: Values by css class; those that are not finite are left out.
        interval: Interval of the first one.

    Returns:
        An ``<svg>``; empty where fewer than two values are finite.
    """
    finite = {name: value for name, value in marks.items() if np.isfinite(value)}
    if len(finite) < 2:
        return Markup()
    ends = [*finite.values(), *(interval or ())]
    low, high = min(0.0, *ends), max(0.0, *ends)
    place = {name: _spread(value, low, high) for name, value in finite.items()}
    shapes = Markup('<line class="rail" x1="20" x2="580" y1="20" y2="20"/>')
    if interval is not None:
        begin, end = (_spread(value, low, high) for value in interval)
        shapes += Markup('<line class="interval" x1="{:.1f}" x2="{:.1f}" y1="20" y2="20"/>').format(begin, end)
    for name in reversed(list(place)):
        shapes += Markup('<line class="mark {}" x1="{:.1f}" x2="{:.1f}" y1="6" y2="34"/>').format(
            name, place[name], place[name]
        )
    return _svg(shapes, 40)


def _spread(value: float, low: float, high: float) -> float:
    return 20 + 560 * (value - low) / (high - low) if high > low else 300.0


def histogram(values: Mapping[str, Array], *, whole: tuple[float, float] | None = None) -> Markup:
    """How values spread over clips: bars for the first series, outlines for the others, all as shares.

    Args:
        values: Values by css class; NaN is left out.
        whole: Limits of bins of width 1 around whole numbers; 30 bins from the smallest to the largest value if None.

    Returns:
        An ``<svg>``.
    """
    known = {name: each[np.isfinite(each)] for name, each in values.items()}
    known = {name: each for name, each in known.items() if len(each)}
    if not known:
        return Markup()
    if whole is not None:
        edges = np.arange(whole[0] - 0.5, whole[1] + 1)
    else:
        together = np.concatenate(list(known.values()))
        edges = np.linspace(together.min(), max(together.max(), together.min() + 1e-9), _BINS + 1)
    shares = {name: np.histogram(each, edges)[0] / len(each) for name, each in known.items()}
    # A baseline that is the same for all clips is one tall bin: it may leave the chart, so that the method fills it.
    tallest = float(shares[next(iter(shares))].max())
    shapes = Markup()
    for number, (name, share) in enumerate(shares.items()):
        heights = np.minimum(_HEIGHT * share / tallest, _HEIGHT)
        shapes += Markup('<path class="{} {}" d="{}"/>').format(
            "bars" if not number else "outline", name, _steps(heights)
        )
    return _svg(shapes)


def _steps(heights: Array) -> str:
    width = _WIDTH / len(heights)
    points = [f"M0,{_HEIGHT}"]
    for number, height in enumerate(heights):
        points.append(f"V{_HEIGHT - height:.1f}H{(number + 1) * width:.1f}")
    return "".join([*points, f"V{_HEIGHT}"])


def lines(series: Mapping[str, Array], low: float, high: float) -> Markup:
    """Values over time.

    Args:
        series: (T,) by css class.
        low: Value at the lower edge.
        high: Value at the upper edge.

    Returns:
        An ``<svg>`` with a line at 0 where that lies inside.
    """
    shapes = Markup()
    if low < 0 < high:
        shapes += Markup('<line class="rail" x1="0" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            _WIDTH, y=_HEIGHT * high / (high - low)
        )
    for name, values in series.items():
        heights = _HEIGHT * (high - np.clip(values, low, high)) / (high - low)
        places = np.linspace(0, _WIDTH, len(values))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(places, heights, strict=True))
        shapes += Markup('<polyline class="line {}" points="{}"/>').format(name, points)
    return _svg(shapes)


def bands(series: Array, classes: Sequence[str]) -> Markup:
    """Shares over time as stacked bands; negative values count as 0, and each frame is filled up to 1.

    Args:
        series: (T, K).
        classes: A css class for each band.

    Returns:
        An ``<svg>``.
    """
    kept = np.linspace(0, len(series) - 1, min(_STEPS, len(series))).astype(int)
    shares = np.clip(series[kept], 0, None).astype(np.float64)
    totals = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, totals, out=np.zeros_like(shares), where=totals > 0)
    edges = _HEIGHT * np.concatenate([np.zeros((len(kept), 1)), shares.cumsum(axis=1)], axis=1)
    places = np.linspace(0, _WIDTH, len(kept))
    shapes = Markup()
    for band, name in enumerate(classes):
        upper = [f"{x:.1f},{_HEIGHT - y:.1f}" for x, y in zip(places, edges[:, band + 1], strict=True)]
        lower = [f"{x:.1f},{_HEIGHT - y:.1f}" for x, y in zip(places, edges[:, band], strict=True)]
        shapes += Markup('<polygon class="{}" points="{}"/>').format(name, " ".join(upper + lower[::-1]))
    return _svg(shapes)


def raster(series: Array, low: float, high: float) -> str:
    """Values as an image: time to the right, a row a channel, opaque where a value is high.

    Args:
        series: (T, K).
        low: Value that is transparent.
        high: Value that is opaque.

    Returns:
        A ``data:`` address of a PNG, K pixels high and T wide, whose only colour is its transparency.
    """
    opacity = np.clip(255 * (series.T - low) / (high - low), 0, 255).astype(np.uint8)
    pixels = np.stack([np.zeros_like(opacity), opacity], axis=-1)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", len(series), series.shape[1], 8, 4, 0, 0, 0)  # 8 bits of grey, then of opacity
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")
    stored = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)
    return "data:image/png;base64," + base64.b64encode(stored).decode()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _svg(shapes: Markup, height: int = _HEIGHT) -> Markup:
    return Markup('<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true">{}</svg>').format(
        _WIDTH, height, shapes
    )
