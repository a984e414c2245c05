"""The measures by which behaviours are compared; those without warping are matrix products of whole blocks of clips."""

from __future__ import annotations

import numpy as np

from react_data.retrieval_behaviour import HALF_UNIT, Array, Behaviour, Measure, Series
from react_data.retrieval_warping import Warping

__all__ = ["MEASURES"]

_EPSILON = 1e-8  # FRCorr's, in the protocol react2024


class Euclidean(Measure):
    """Σ_g w_g · ‖x_g - y_g‖: FRDist's weighted distance without warping."""

    similarity = False

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._series = behaviour.stacked()
        self._flat = [self._group(start, stop) for _, start, stop, _ in behaviour.groups]
        self._squares = [np.einsum("nt,nt->n", each, each, dtype=np.float64) for each in self._flat]

    def _group(self, start: int, stop: int) -> Series:
        return np.ascontiguousarray(self._series[:, :, start:stop]).reshape(len(self._series), -1)

    def bounds(self, rows: slice) -> Array:
        total = np.zeros((rows.stop - rows.start, len(self._series)))
        for weight, flat, squares in zip(self._behaviour.weights, self._flat, self._squares, strict=True):
            products = (flat[rows] @ flat.T).astype(np.float64)
            both = squares[rows, None] + squares
            # Every term of a sum adds half a unit of |x|·|y| in float32, and the smallest normal number where it
            # underflows; and half a unit of the norms in float64.
            terms = flat.shape[1] + 8
            loss = terms * (2 * HALF_UNIT * np.sqrt(squares[rows, None] * squares) + 2.0**-51 * both + 2.0**-125)
            total += weight * np.sqrt(np.maximum(both - 2 * products - loss, 0))
        return total

    def parts(self, first: int, second: int) -> Array:
        gaps = self._series[first].astype(np.float64) - self._series[second]
        squares = np.square(gaps).sum(axis=0)
        lengths = np.sqrt(np.add.reduceat(squares, self._behaviour.starts))
        return np.asarray(self._behaviour.weights * lengths)


class Cosine(Measure):
    r"""Σ_g w_g ⟨x_g, y_g⟩ over the norms that belong to this product; 0 where a norm is 0."""

    similarity = True

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._series = behaviour.stacked()
        self._weights = behaviour.channel_weights
        self._squares = np.array([self._products(n, n).sum() for n in range(len(self._series))])
        norms = np.sqrt(np.where(self._squares > 0, self._squares, 1))[:, None, None]
        directions = self._series.astype(np.float64) * np.sqrt(self._weights) / norms
        self._directions = directions.reshape(len(self._series), -1).astype(np.float32)

    def _products(self, first: int, second: int) -> Array:
        products = self._series[first].astype(np.float64) * self._series[second]
        summed = products.sum(axis=0) * self._weights
        return np.asarray(np.add.reduceat(summed, self._behaviour.starts))

    def bounds(self, rows: slice) -> Array:
        cosines = self._directions[rows] @ self._directions.T
        # The products of unit vectors are summed with a relative error of half a unit for each term.
        return -cosines.astype(np.float64) - (self._directions.shape[1] + 8) * HALF_UNIT

    def parts(self, first: int, second: int) -> Array:
        norm = np.sqrt(self._squares[first] * self._squares[second])
        return self._products(first, second) / (norm if norm > 0 else 1.0)


class Concordance(Measure):
    r"""Mean over channels of 2·cov / (σ_x² + σ_y² + (μ_x - μ_y)² + ε), as FRCorr has it in ``react2024``."""

    similarity = True

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._series = behaviour.stacked()
        self._means = self._series.mean(axis=1, dtype=np.float64)
        clips, frames, channels = self._series.shape
        self._variances = np.empty((clips, channels))
        self._standardised = np.empty((channels, clips, frames), dtype=np.float32)
        for clip in range(clips):
            deviations = self._series[clip] - self._means[clip]
            self._variances[clip] = np.square(deviations).mean(axis=0)
            lengths = np.sqrt(frames * np.where(self._variances[clip] > 0, self._variances[clip], 1))
            self._standardised[:, clip] = (deviations / lengths).T

    def bounds(self, rows: slice) -> Array:
        total = np.zeros((rows.stop - rows.start, len(self._series)))
        spreads = np.sqrt(self._variances)
        for channel, standardised in enumerate(self._standardised):
            correlations = standardised[rows] @ standardised.T
            both = spreads[rows, None, channel] * spreads[:, channel]
            total -= 2 * both * correlations / self._scale(rows, channel)
        # As for the cosine, and 2 σ_x σ_y is at most what it is divided by.
        return np.asarray(total / self._series.shape[2] - (self._series.shape[1] + 8) * HALF_UNIT)

    def _scale(self, rows: slice, channel: int) -> Array:
        means, variances = self._means[:, channel], self._variances[:, channel]
        return np.asarray(variances[rows, None] + variances + np.square(means[rows, None] - means) + _EPSILON)

    def parts(self, first: int, second: int) -> Array:
        deviations = [self._series[clip] - self._means[clip] for clip in (first, second)]
        covariances = (deviations[0] * deviations[1]).mean(axis=0)
        apart = np.square(self._means[first] - self._means[second])
        found = 2 * covariances / (self._variances[first] + self._variances[second] + apart + _EPSILON)
        return np.asarray(np.add.reduceat(found, self._behaviour.starts) / len(found))


MEASURES: dict[str, type[Measure]] = {"dtw": Warping, "ccc": Concordance, "euclidean": Euclidean, "cosine": Cosine}
