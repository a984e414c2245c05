"""Methods as tables and comparisons take them: the runs of each, in groups, of results that compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from react_eval.baselines import NAMES
from react_eval.errors import InputError
from react_eval.result import ScoreResult

__all__ = ["GROUPS", "Method", "check_comparable", "gather_methods"]

GROUPS = ("offline", "online", "track not stated", "naive", "published")


@dataclass(frozen=True)
class Method:
    """A method of a table.

    Attributes:
        name: What the row is called.
        runs: Its results, one a run seed.
        group: ``"offline"``, ``"online"`` or ``"track not stated"``; ``"naive"`` for our own baselines.
    """

    name: str
    runs: tuple[ScoreResult, ...]
    group: str

    @property
    def naive(self) -> bool:
        """Whether it is one of our own baselines."""
        return self.group == "naive"


def gather_methods(results: Sequence[ScoreResult]) -> list[Method]:
    """The methods of some results, in groups; several results are one only as runs of a name with seeds of their own.

    Args:
        results: Results that compare.
    """
    named: dict[tuple[str, str, str], list[ScoreResult]] = {}
    for result in results:
        named.setdefault((_fact(result, "baseline"), _fact(result, "method"), _group(result)), []).append(result)
    rows = []
    for (baseline, method, group), runs in named.items():
        claimed = f"{method} (submitted)" if method in NAMES else method
        name = baseline or claimed or "predictions"
        seeds = [_fact(result, "run_seed") for result in runs]
        if len(runs) == 1 or ((baseline or method) and "" not in seeds and len(set(seeds)) == len(seeds)):
            rows.append(Method(name, tuple(runs), group))
        else:
            rows += [Method(f"{name} ({n})", (result,), group) for n, result in enumerate(runs, start=1)]
    return sorted(rows, key=lambda row: GROUPS.index(row.group))


def _group(result: ScoreResult) -> str:
    if _fact(result, "baseline"):
        return "naive"
    track = _fact(result, "track")
    return track if track in ("offline", "online") else "track not stated"


def _fact(result: ScoreResult, name: str) -> str:
    found = result.facts.get(name)
    return "" if found is None else str(found)


def check_comparable(results: Sequence[Any]) -> None:
    """Refuse results that do not compare.

    Args:
        results: At least one result of `react_eval.score`.

    Raises:
        InputError: If there is none, or they differ in protocol, split, data, sizes or metrics.
    """
    if not results:
        raise InputError("there are no results to put into a table.")
    other = [type(result).__name__ for result in results if not isinstance(result, ScoreResult)]
    if other and other[0] not in ("str", "ProtocolResults"):
        raise InputError(f"a table is made of results of react_eval.score, but there is a {other[0]}.")
    if other:
        raise InputError("a table is of one protocol: pass each result's result.protocol('react2024'), or another.")
    facts = {"splits": "split", "kinds of channels": "channels"}
    facts |= {f"numbers of {name}": name for name in ("clips", "reactions", "frames")}
    for what, values in {
        "protocols": [result.protocol.id for result in results],
        **{what: [str(result.facts.get(name)) for result in results] for what, name in facts.items()},
        "data": [result.hashes["data"][:12] for result in results],
        "sets of metrics": [", ".join(result) for result in results],
    }.items():
        if len(set(values)) > 1:
            raise InputError(f"results of different {what} do not compare: {'; '.join(sorted(set(values)))}.")
