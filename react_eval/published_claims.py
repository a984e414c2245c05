"""Checks of texts: what papers say of their tables, computed again from the numbers in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from react_eval.published_audit import Contradiction, inference, proof
from react_eval.published_label_checks import changed_places, listed
from react_eval.published_loading import PublishedData
from react_eval.published_rows import Claim, PublishedRow

__all__ = ["CLAIM_CHECKS"]

_LITTLE = 20.0
_GAUSSIAN_FRDIV = 2.0  # E(x − y)² of independent standard normal x and y


@dataclass(frozen=True)
class _Span:
    """A number and what its rounding leaves open."""

    low: float
    value: float
    high: float

    def meets(self, other: _Span) -> bool:
        return self.low <= other.high + 1e-9 and other.low <= self.high + 1e-9


def _span(printed: Decimal) -> _Span:
    half = Decimal((0, (5,), int(printed.as_tuple().exponent) - 1))
    return _Span(float(printed - half), float(printed), float(printed + half))


def _change(of: _Span, over: _Span) -> _Span:
    """Relative change in percent; both are positive."""
    ends = [100 * (a / b - 1) for a in (of.low, of.high) for b in (over.low, over.high)]
    return _Span(min(ends), 100 * (of.value / over.value - 1), max(ends))


def _as_labelled(row: PublishedRow, metric: str) -> _Span | None:
    return next((_span(number.plain) for number in row.numbers if number.labelled == metric), None)


def _really(row: PublishedRow, metric: str) -> _Span | None:
    """The settled value; None where two readings are open."""
    found = {value for number in row.numbers for name, value in number.readings if name == metric}
    return _span(next(iter(found))) if len(found) == 1 else None


def _changes(claim: Claim) -> list[_Span]:
    spans = [(_as_labelled(of, claim.metrics[0]), _as_labelled(over, claim.metrics[0])) for of, over in claim.pairs]
    return [_change(of, over) for of, over in spans if of is not None and over is not None]


def _gains_not_shown(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "gain"):
        (of, over), metric, said = claim.pairs[0], claim.metrics[0], _span(Decimal(claim.number))
        shown = _changes(claim)[0]
        if shown.meets(said):
            continue
        back = _changes(replace(claim, pairs=((over, of),)))[0]
        turned = back.meets(_Span(-said.high, -said.value, -said.low))
        finding = (
            f"{claim.source.key} says “{claim.words}”, but its table goes from {_shown(over, metric)} to "
            f"{_shown(of, metric)}, which is {shown.value:+.0f} %"
            + (f"; {back.value:+.0f} % is the way back." if turned else ".")
        )
        yield proof("a gain that the table does not show", [of, over], finding, said=said.value, table=shown.value)


def _gains_over_wrong_labels(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "gain"):
        (of, over), metric, said = claim.pairs[0], claim.metrics[0], _span(Decimal(claim.number))
        ours, theirs = _really(of, metric), _really(over, metric)
        if ours is None or theirs is None or not _changes(claim)[0].meets(said) or _change(ours, theirs).meets(said):
            continue
        really, more = _change(ours, theirs).value, _ahead(data, of, metric)
        also = f" Its own table has more besides: {', '.join(more)}." if more else ""
        finding = (
            f"{claim.source.key} says “{claim.words}” ({_shown(of, metric)} against {_shown(over, metric)}), but what "
            f"{over.cited} prints there is another metric: its {metric} is {theirs.value:g}, so the change is "
            f"{really:+.0f} %.{also}"
        )
        yield inference("a gain over a wrong label", [of, over], finding, said=said.value, really=really)


def _ahead(data: PublishedData, row: PublishedRow, metric: str) -> list[str]:
    """Other systems of the table with a larger value as labelled."""
    value = row.as_labelled(metric) or 0.0
    return [
        f"{other.name} {other.as_labelled(metric):g}"
        for other in data.rows
        if (other.source, other.kind, other.track) == (row.source, "system", row.track)
        and (other.as_labelled(metric) or 0.0) > value
    ]


def _texts_fix_labels(data: PublishedData) -> Iterator[Contradiction]:
    """Gains that hold with the labels of one source say which of two orders that source means."""
    for row in data.rows:
        for other in (each for each in data.rows if each.source != row.source and each.system == row.system):
            changed = changed_places(row, other)
            gains = [c for c in data.claims if c.says == "gain" and c.pairs[0][0] is row and c.metrics[0] in changed]
            held = [c for c in gains if _changes(c)[0].meets(_span(Decimal(c.number)))]
            if held and len(held) == len(gains):
                told = ", ".join(f"{_changes(claim)[0].value:+.0f} % in {claim.metrics[0]}" for claim in held)
                finding = (
                    f"the text of {row.source.key} counts its gains ({told}) with {row.name} as its own table labels "
                    f"it, so {' and '.join(changed)} in {other.source.key} are in changed places. That text and table "
                    "do not share one mistake is assumed."
                )
                evidence = {f"gain in {claim.metrics[0]}": _changes(claim)[0].value for claim in held}
                yield inference("a text that fixes the labels", [row, other], finding, **evidence)


def _mean_gains(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "mean gain"):
        gains, said = _changes(claim), float(claim.number)
        low, mean, high = (
            sum(ends) / len(gains) for ends in zip(*((g.low, g.value, g.high) for g in gains), strict=True)
        )
        if high - low > said / 2 or not low <= said <= high:
            told = ", ".join(f"{gain.value:+.1f} % (from {gain.low:+.0f} to {gain.high:+.0f})" for gain in gains)
            finding = (
                f"{claim.source.key} says “{claim.words}”, the mean of {told}: the digits that are printed leave "
                f"everything from {low:+.0f} to {high:+.0f} % open, and the mean weighs the smallest values most."
            )
            rows = [row for pair in claim.pairs for row in pair]
            yield proof("a mean of gains", rows, finding, said=said, mean=mean, low=low, high=high)


def _named_values(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "value"):
        row, metric, said = claim.rows[0], claim.metrics[0], float(claim.number)
        if row.as_labelled(metric) == said:
            continue
        same = [
            each for each in data.rows if (each.source, each.system, each.kind) == (row.source, row.system, row.kind)
        ]
        where = [each.task.upper() for each in same if each.as_labelled(metric) == said]
        also = f", which the table has for {' and '.join(where)}" if where else ""
        told = f"{claim.source.key} says “{claim.words}”{also}"
        finding = f"{told}; the table has {_shown(row, metric)} for {row.task.upper()}."
        yield proof(
            "a value that the table does not show", [row], finding, said=said, table=row.as_labelled(metric) or 0.0
        )


def _bests(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "best"):
        row, metric = claim.rows[0], claim.metrics[0]
        rivals = [
            each
            for each in data.rows
            if each.source == row.source and each.kind == "system" and each.task == row.task
            if row.track == "unknown" or each.track in (row.track, "unknown")
        ]
        ahead = [each for each in rivals if _better(data, each, row, metric)]
        if ahead:
            told = ", ".join(f"{each.name} {_shown(each, metric)}" for each in ahead)
            finding = f"{claim.source.key} says “{claim.words}”, but its own table has {told}."
            evidence = {each.name: each.as_labelled(metric) or 0.0 for each in (row, *ahead)}
            yield proof("a best value that is not the best", [row, *ahead], finding, **evidence)


def _improvements(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "better"):
        for of, over in claim.pairs:
            worse = [metric for metric in claim.metrics if _better(data, over, of, metric)]
            if worse:
                told = listed({metric: over.as_labelled(metric) or 0.0 for metric in worse})
                now = listed({metric: of.as_labelled(metric) or 0.0 for metric in worse})
                finding = (
                    f"{claim.source.key} says “{claim.words}”, but from {over.name} to {of.name}, {told} becomes {now}."
                )
                evidence = {
                    f"{metric}_change": (of.as_labelled(metric) or 0) - (over.as_labelled(metric) or 0)
                    for metric in worse
                }
                yield proof("an improvement that is none", [of, over], finding, **evidence)


def _little_losses(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "little loss"):
        changes = dict(zip(claim.pairs, _changes(claim), strict=True))
        large = {pair: change for pair, change in changes.items() if change.high < -_LITTLE}
        if large:
            told = ", ".join(f"{over.name} {change.value:+.0f} %" for (_, over), change in large.items())
            finding = (
                f"{claim.source.key} says “{claim.words}”, but {claim.metrics[0]} changes by {told}. That a fall by "
                f"more than {_LITTLE:g} % is not little is our reading."
            )
            rows: Sequence[PublishedRow] = [row for pair in large for row in pair]
            yield inference(
                "a loss that is not little", rows, finding, **{o.name: c.value for (_, o), c in large.items()}
            )


def _distributions(data: PublishedData) -> Iterator[Contradiction]:
    for claim in (each for each in data.claims if each.says == "Gaussian"):
        row, metric = claim.rows[0], claim.metrics[0]
        value = row.as_labelled(metric)
        if value is not None and abs(value - _GAUSSIAN_FRDIV) > 0.1:
            finding = (
                f"{claim.source.key} says “{claim.words}”; a standard one has {metric} {_GAUSSIAN_FRDIV:g}, but the "
                f"table has {value:g}, which is that of uniform noise on [0, 1], 1/6. That a standard Gaussian is "
                "meant is assumed."
            )
            yield inference(
                "noise of another kind", [row], finding, table=value, Gaussian=_GAUSSIAN_FRDIV, uniform=1 / 6
            )


def _better(data: PublishedData, one: PublishedRow, other: PublishedRow, metric: str) -> bool:
    ours, theirs = one.as_labelled(metric), other.as_labelled(metric)
    if ours is None or theirs is None:
        return False
    return ours < theirs if data.better(metric) == "lower" else ours > theirs


def _shown(row: PublishedRow, metric: str) -> str:
    return next(f"{number.plain:f}" for number in row.numbers if number.labelled == metric)


CLAIM_CHECKS = (
    _texts_fix_labels,
    _gains_not_shown,
    _gains_over_wrong_labels,
    _mean_gains,
    _named_values,
    _bests,
    _improvements,
    _little_losses,
    _distributions,
)
"""The checks of this module, in the order in which they are told."""
