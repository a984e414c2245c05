"""Where neighbours come from: the settings that are needed to make them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

__all__ = ["MATRIX_SOURCE", "RETRIEVAL_SOURCE", "NeighbourSource"]

MATRIX_SOURCE = "appropriateness matrix of the data set"
RETRIEVAL_SOURCE = "retrieval from speaker behaviour"


@dataclass(frozen=True)
class NeighbourSource:
    """Where neighbours come from: everything that is needed to make them again.

    Attributes:
        source: `MATRIX_SOURCE`, `RETRIEVAL_SOURCE`, or another short text.
        values: What the table's values are: ``"distance"``, ``"similarity"`` or ``"none"``.
        measure: How speakers were compared: ``"dtw"``, ``"euclidean"``, ``"ccc"`` or ``"cosine"``; empty for none.
        features: Name of the channel schema.
        groups: Name, first channel, one past the last, and weight of each group of channels.
        normalise: What was done to the channels before.
        per_frame: Whether distances are divided by the root of the mean of both lengths.
        threshold: The least similarity or largest distance of neighbours; None for none.
        top_k: How many nearest others of each clip are neighbours; None for all within the threshold.
        symmetric: ``"as found"``, ``"either"`` or ``"both"``.
        within: What two neighbours have in common, such as ``("split",)``.
        within_hash: SHA-256 of which clips have that in common; empty for nothing.
        masked: What neighbours were masked to afterwards; empty for nothing.
        version: Version of the library that made the table.
        data_hash: SHA-256 of the ids, channel groups and behaviour that were compared; empty for a matrix.
    """

    source: str = MATRIX_SOURCE
    values: str = "none"
    measure: str = ""
    features: str = ""
    groups: tuple[tuple[str, int, int, float], ...] = ()
    normalise: str = ""
    per_frame: bool = False
    threshold: float | None = None
    top_k: int | None = None
    symmetric: str = "as found"
    within: tuple[str, ...] = ()
    within_hash: str = ""
    masked: str = ""
    version: str = ""
    data_hash: str = ""

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        plain: dict[str, object] = json.loads(json.dumps(asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> NeighbourSource:
        """What `to_dict` gave.

        Args:
            plain: Plain data; what later versions may add is left out.

        Returns:
            The source.
        """
        known = {field.name for field in fields(cls)}
        given = {name: value for name, value in plain.items() if name in known}
        given["groups"] = tuple(tuple(group) for group in given.get("groups", ()))
        given["within"] = tuple(given.get("within", ()))
        return cls(**given)

    def __str__(self) -> str:
        if not self.measure:
            return self.source + (f", masked to the same {self.masked}" if self.masked else "")
        sign = "at least" if self.values == "similarity" else "at most"
        rule = f"{self.values} {sign} {self.threshold:g}" if self.threshold is not None else f"nearest {self.top_k}"
        parts = [f"{self.source}: {self.measure} of {self.features}", f"normalisation {self.normalise}", rule]
        parts += ["per frame"] if self.per_frame else []
        parts += [f"symmetric: {self.symmetric}"] if self.symmetric != "as found" else []
        parts += [f"within the same {' and '.join(self.within)}"] if self.within else []
        parts += [f"masked to the same {self.masked}"] if self.masked else []
        return ", ".join(parts)
