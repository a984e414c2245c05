"""What is compared to retrieve neighbours, and what a way to compare it offers.

Conventions: a measure gives costs, of which less is nearer: distances as they are, similarities negated. A bound is
never above the cost, roundings included, so leaving out what a bound rules out changes nothing. Costs are taken in
float64, for one pair at a time and symmetrically in its clips, so that they do not depend on blocks or threads.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from react_data.errors import RetrievalError
from react_data.problems import abbreviate

__all__ = ["HALF_UNIT", "Array", "Behaviour", "Measure", "Series"]

Series = NDArray[np.float32]
Array = NDArray[np.float64]

HALF_UNIT = 2.0**-24  # of float32: the largest relative rounding error of one operation


@dataclass(frozen=True)
class Behaviour:
    """What is compared.

    Attributes:
        ids: N clip ids.
        series: N series (T, C), finite, normalised already; lengths may differ.
        groups: Name, first channel, one past the last, and weight of each group of channels.
        per_frame: Whether a warping distance is divided by the root of the mean of both lengths.
    """

    ids: tuple[str, ...]
    series: tuple[Series, ...]
    groups: tuple[tuple[str, int, int, float], ...]
    per_frame: bool = False

    @property
    def starts(self) -> NDArray[np.int64]:
        """First channel of each group."""
        return np.array([start for _, start, _, _ in self.groups], dtype=np.int64)

    @property
    def stops(self) -> NDArray[np.int64]:
        """One past the last channel of each group."""
        return np.array([stop for _, _, stop, _ in self.groups], dtype=np.int64)

    @property
    def weights(self) -> Array:
        """Weight of each group."""
        return np.array([weight for _, _, _, weight in self.groups], dtype=np.float64)

    @property
    def channel_weights(self) -> Array:
        """The weight of its group for each channel."""
        return np.repeat(self.weights, self.stops - self.starts)

    def stacked(self) -> Series:
        """(N, T, C), if all clips have one length.

        Raises:
            RetrievalError: If they do not.
        """
        lengths = [len(each) for each in self.series]
        usual = max(set(lengths), key=lengths.count)
        odd = [f"{clip} has {count}" for clip, count in zip(self.ids, lengths, strict=True) if count != usual]
        if odd:
            raise RetrievalError(
                f"only measure='dtw' compares clips of different lengths; most have {usual} frames, but "
                f"{abbreviate(odd, 5)}. Cut or align the clips first."
            )
        return np.stack(self.series)


class Measure(ABC):
    """A way to compare behaviours."""

    similarity: ClassVar[bool]

    @abstractmethod
    def __init__(self, behaviour: Behaviour) -> None:
        """Prepare what all comparisons share."""

    @abstractmethod
    def bounds(self, rows: slice) -> Array:
        """(R, N) lower bounds of the costs of some clips with all clips."""

    @abstractmethod
    def parts(self, first: int, second: int) -> Array:
        """(G,) what each group of channels adds to the distance or similarity of two clips."""

    def estimates(self, rows: slice) -> Array:
        """(R, N) values in whose order the nearest clips are looked for."""
        return self.bounds(rows)

    def from_clip(self, first: int) -> Callable[[int, float], float]:
        """The cost of this clip and another one, where it is not above a limit, else infinity."""
        sign = -1.0 if self.similarity else 1.0

        def cost(second: int, limit: float) -> float:
            value = sign * float(self.parts(first, second).sum())
            return value if value <= limit else np.inf

        return cost
