"""Checks of the labels FRDiv, FRVar and FRDvs: what mathematics, copies and texts say about the order of columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, permutations

from react_eval.published_audit import Contradiction, inference, proof
from react_eval.published_loading import PublishedData
from react_eval.published_rows import PublishedRow

__all__ = ["LABEL_CHECKS", "changed_places", "labelled", "listed"]

_DIVERSITY = ("FRDiv", "FRVar", "FRDvs")
_NOISE = {"FRDiv": 1 / 6, "FRVar": 1 / 12, "FRDvs": 1 / 6}
_ALWAYS_ZERO = {
    "GT": ("FRDiv", "FRDist"),
    "B_Mime": ("FRDiv",),
    "B_MeanSeq": ("FRDiv", "FRDvs"),
    "B_MeanFr": _DIVERSITY,
}
_FRAMES = 750
_ROUNDING = 1.5e-4  # between two values of four digits
_PRINTED = 5e-4  # what rounding to four digits and the sampling of 1612 clips leave open, with room to spare


def labelled(row: PublishedRow, metrics: Sequence[str] = _DIVERSITY) -> dict[str, float]:
    """The values of a row as its columns are labelled, in plain units.

    Args:
        row: The row.
        metrics: Which to look for; those without a column are left out.
    """
    values = {metric: row.as_labelled(metric) for metric in metrics}
    return {metric: value for metric, value in values.items() if value is not None}


def listed(values: Mapping[str, float]) -> str:
    """Values by metric, as a phrase."""
    return ", ".join(f"{metric} {value:g}" for metric, value in values.items())


def changed_places(one: PublishedRow, other: PublishedRow) -> tuple[str, ...]:
    """The diversity labels that change places between two rows that print the same numbers; none if they agree.

    Args:
        one: A row.
        other: Another.
    """
    ours, theirs = labelled(one), labelled(other)
    if len(ours) < 3 or len(theirs) < 3 or sorted(ours.values()) != sorted(theirs.values()):
        return ()
    return tuple(metric for metric in ours if ours[metric] != theirs[metric])


def _noise_fixes_columns(data: PublishedData) -> Iterator[Contradiction]:
    """For x, y independent and uniform on [0, 1]: E(x − y)² = 2 Var x = 1/6, and Var x = 1/12."""
    for row in data.rows:
        values = labelled(row)
        if row.system != "B_Random" or len(values) < 3:
            continue
        wrong = [metric for metric in values if abs(values[metric] - _NOISE[metric]) > _PRINTED]
        printed = list(values.values())
        orders = [
            order
            for order in permutations(_NOISE)
            if all(abs(value - _NOISE[metric]) <= _PRINTED for value, metric in zip(printed, order, strict=True))
        ]
        if wrong and orders:
            told = f"Uniform noise has FRDiv and FRDvs 1/6 and FRVar 1/12, but the row is labelled {listed(values)}"
            same = [order for order in orders if order[0] == next(iter(values))]
            order = ", ".join((same or orders)[0])
            finding = f"{told}: its columns hold {order}, in this order."
            yield proof("uniform noise fixes the columns", [row], finding, **values)


def _constant_reactions(data: PublishedData) -> Iterator[Contradiction]:
    """α copies of one reaction do not differ, one sequence for all clips does not differ between clips."""
    for row in data.rows:
        for metric, value in labelled(row, _ALWAYS_ZERO.get(row.system, ())).items():
            if not value:
                continue
            elsewhere = [
                f"{other.cited} prints it as {name}"
                for other in data.rows
                if other.system == row.system and other is not row
                for name, printed in labelled(other).items()
                if printed == value
            ]
            also = f" {'; '.join(elsewhere)}." if elsewhere else ""
            finding = f"{row.system} has {metric} 0 by construction, but the row prints {value:g}.{also}"
            yield proof("what must be 0", [row], finding, printed=value)


def _same_numbers_other_labels(data: PublishedData) -> Iterator[Contradiction]:
    for one, other in combinations(data.rows, 2):
        changed = changed_places(one, other)
        if _same_row(one, other) and changed:
            equal = [name for name in one.metrics if name not in changed and _agree(one, other, name)]
            finding = (
                f"Two sources print the same numbers for {one.name}, {', '.join(equal)} under the same labels, but "
                f"{' and '.join(changed)} in changed places: {one.source.key} has {listed(labelled(one, changed))}; "
                f"{other.source.key} has {listed(labelled(other, changed))}. At most one of them can be right."
            )
            evidence = labelled(one, changed)
            yield proof("the same numbers under other labels", [one, other], finding, **evidence)


def _two_orders_in_one_source(data: PublishedData) -> Iterator[Contradiction]:
    noise = [data_row for found in _noise_fixes_columns(data) for data_row in data.rows if data_row.id in found.rows]
    for wrong in noise:
        among = [row for row in data.rows if row.source.key == wrong.source.key]
        right = [(row, other) for row in among for other in data.rows if _confirmed(row, other)]
        rows = list(dict.fromkeys(row for row, _ in right))
        if rows:
            others = ", ".join(dict.fromkeys(other.source.key for _, other in right))
            names = ", ".join(row.name for row in rows)
            finding = (
                f"{wrong.source.key} mixes two orders of columns: {names} agrees label by label with {others}, but "
                f"{wrong.name} holds only if FRVar and FRDvs change places. So no row of the table is settled by its "
                "header alone."
            )
            evidence = {f"{row.system} {metric}": value for row in rows for metric, value in labelled(row).items()}
            yield proof("two orders of columns in one table", [wrong, *rows], finding, **evidence)


def _confirmed(row: PublishedRow, other: PublishedRow) -> bool:
    """Whether another source prints the same three numbers, all different, under the same labels."""
    values = labelled(row)
    different = len(values) == len(set(values.values())) == 3
    return different and _same_row(row, other) and row.source != other.source and values == labelled(other)


def _draws_spread(data: PublishedData) -> Iterator[Contradiction]:
    """Let reactions to a clip be independent draws X given the clip K. Then FRDiv / 2 = E Var(X | K) and, by the law of
    total variance, FRDvs / 2 = Var X = E Var(X | K) + Var E(X | K) ≥ FRDiv / 2, both in expectation.
    """
    found = [row for row in data.rows if _spread(row) < -max(_ROUNDING, 0.01 * labelled(row).get("FRDiv", 0.0))]
    if found:
        told = "; ".join(f"{row.id}: {listed(labelled(row, ('FRDiv', 'FRDvs')))}" for row in found)
        finding = (
            "independent draws of reactions have FRDvs ≥ FRDiv, since clips differ at least as much as draws for one "
            f"clip do, but as labelled {told}. Either the labels are wrong, or draws are shared between clips or not "
            "exchangeable."
        )
        yield inference("FRDvs below FRDiv", found, finding, **{row.id: _spread(row) for row in found})


def _spread(row: PublishedRow) -> float:
    """FRDvs less FRDiv, as labelled; 0 where one is missing."""
    values = labelled(row)
    return values["FRDvs"] - values["FRDiv"] if {"FRDiv", "FRDvs"} <= set(values) else 0.0


def _shared_time_course(data: PublishedData) -> Iterator[Contradiction]:
    """The pooled variance of N clips × T frames, for one channel and reaction, splits in two ways: into that over
    frames within clips and that of clip means, and into that over clips within frames and that of frame means c_t:
    (T−1)/T·FRVar + Var(clip means) = (N−1)/N·FRDvs/2 + Var(c_t). Hence Var(c_t) ≥ (T−1)/T·FRVar − FRDvs/2: where
    FRDvs is below 2·FRVar, a course that all clips share carries at least 1 − FRDvs/(2·FRVar)·T/(T−1) of the variance
    over frames.
    """
    shares = {row: _shared(row) for row in data.rows if row.kind != "naive" and _shared(row) > 0.5}
    if shares:
        told = "; ".join(f"{row.id}: {share:.0%}" for row, share in shares.items())
        finding = (
            "as labelled, FRDvs is so far below 2·FRVar that all clips must share one course over time, which carries "
            f"at least this part of what changes from frame to frame: {told}. The bound is proven; that no generator "
            "that reacts to speakers does so is not."
        )
        evidence = {row.id: share for row, share in shares.items()}
        yield inference("one course over time for all clips", list(shares), finding, **evidence)


def _shared(row: PublishedRow) -> float:
    values = labelled(row)
    if not values.get("FRVar") or "FRDvs" not in values:
        return 0.0
    return 1 - values["FRDvs"] / (2 * values["FRVar"]) * _FRAMES / (_FRAMES - 1)


def _livelier_than_people(data: PublishedData) -> Iterator[Contradiction]:
    real = [row for row in data.rows if row.system == "GT" and "FRVar" in labelled(row)]
    for row in data.rows:
        value = labelled(row).get("FRVar", 0.0)
        same = [each for each in real if (each.protocol, each.split) == (row.protocol, row.split)]
        if same and row.kind != "naive" and value > 2 * labelled(same[0])["FRVar"]:
            truth = labelled(same[0])["FRVar"]
            swapped = labelled(row).get("FRDvs", math.nan)
            finding = (
                f"{row.id} is labelled with FRVar {value:g}, {value / truth:.1f} times that of real reactions "
                f"({truth:g}); with FRVar and FRDvs in changed places it is {swapped:g}, {swapped / truth:.1f} times. "
                "That no generator moves so much more than people is assumed."
            )
            yield inference("livelier than real reactions", [row, same[0]], finding, ratio=value / truth)


def _two_readings(data: PublishedData) -> Iterator[Contradiction]:
    for system in dict.fromkeys(row.system for row in data.rows if _is_open(row)):
        rows = [row for row in data.rows if row.system == system and _is_open(row)]
        settled = [row for row in data.rows if row.system == system and not _is_open(row) and "FRVar" in row]
        readings = list(zip(rows[0].readings("FRVar"), rows[0].readings("FRDvs"), strict=True))
        told: list[str] = []
        evidence: dict[str, float] = {}
        for number, (variance, between) in enumerate(readings, start=1):
            below = "" if between >= labelled(rows[0])["FRDiv"] else ", below its FRDiv"
            told.append(f"({number}) FRVar {variance:g} with FRDvs {between:g}{below}")
            evidence |= {f"FRVar ({number})": variance, f"FRDvs ({number})": between}
        nearer = ""
        if settled:
            distances = [min(_distance(pair, each) for each in settled) for pair in readings]
            sources = ", ".join(dict.fromkeys(each.source.key for each in settled))
            nearer = f" The system's other rows ({sources}) are nearer to ({1 + distances.index(min(distances))})."
            evidence |= {f"distance of ({number})": distance for number, distance in enumerate(distances, start=1)}
        finding = f"{system} can be read as {', or as '.join(told)}. Nothing printed settles it.{nearer}"
        yield inference("two readings", [*rows, *settled], finding, **evidence)


def _distance(pair: Sequence[float], row: PublishedRow) -> float:
    """How far a reading is from a row: the mean of |log ratio| over FRVar and FRDvs."""
    return sum(abs(math.log(value / row[name])) for name, value in zip(("FRVar", "FRDvs"), pair, strict=True)) / 2


def _is_open(row: PublishedRow) -> bool:
    return any(len(row.readings(metric)) > 1 for metric in row.metrics)


def _same_row(one: PublishedRow, other: PublishedRow) -> bool:
    tracks = {one.track, other.track} - {"unknown"}
    names = ("system", "variant", "split", "task", "space", "reactions")
    return len(tracks) < 2 and one.source != other.source and all(getattr(one, n) == getattr(other, n) for n in names)


def _agree(one: PublishedRow, other: PublishedRow, metric: str) -> bool:
    value = one.as_labelled(metric)
    return value is not None and value == other.as_labelled(metric)


LABEL_CHECKS = (
    _noise_fixes_columns,
    _constant_reactions,
    _same_numbers_other_labels,
    _two_orders_in_one_source,
    _livelier_than_people,
    _two_readings,
    _draws_spread,
    _shared_time_course,
)
"""The checks of this module, in the order in which they are told."""
