"""Read the published results from their data file, and refuse a file that contradicts itself."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any

from react_eval.errors import InputError
from react_eval.protocol import protocols
from react_eval.published_rows import Claim, Doubt, Number, PublishedRow, Source
from react_eval.registry import all_metrics

__all__ = ["PublishedData", "load_published", "read_published"]

_CHOICES = {
    "split": ("train", "val", "test", "unknown"),
    "track": ("offline", "online", "unknown"),
    "task": ("mafrg", "pmafrg"),
    "kind": ("system", "naive", "ablation", "reproduction"),
    "space": ("emotion-25", "coefficients-56", "coefficients-58"),
}
_DEFAULTS: dict[str, Any] = {"variant": "", "printed_name": "", "track": "unknown", "reactions": None}
_OTHER_KEYS = {"system", "source", "table", "protocol", "values", "readings", "doubts"}
_CLAIMS = ("gain", "mean gain", "value", "best", "better", "little loss", "Gaussian")


@dataclass(frozen=True)
class PublishedData:
    """Everything in the data file.

    Attributes:
        rows: The published rows, in the order of the file.
        claims: What texts say of their tables.
        systems: What is known of each system.
        doubt_kinds: The kinds of doubts, in the order of their marks.
        quantities: What is known of printed quantities that the library does not measure.
        rendered_frames: Which frames the challenge renders for FRRea.
    """

    rows: tuple[PublishedRow, ...]
    claims: tuple[Claim, ...]
    systems: Mapping[str, Mapping[str, str]]
    doubt_kinds: tuple[str, ...]
    quantities: Mapping[str, Mapping[str, str]]
    rendered_frames: Mapping[str, int]

    def better(self, metric: str) -> str:
        """Which values of a metric are better, as its record says, or the data file where the library has no record."""
        record = all_metrics().get(metric)
        return record.better if record else self.quantities[metric]["better"]


@cache
def load_published() -> PublishedData:
    """The published results that come with the package, read once."""
    return read_published(files("react_eval").joinpath("published_results.toml").read_text(encoding="utf-8"))


def read_published(text: str) -> PublishedData:
    """Read published results.

    Args:
        text: TOML, as in ``published_results.toml``.

    Returns:
        The rows, and what belongs to them.

    Raises:
        InputError: If entries are wrong; the message names every one of them.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"published results are no TOML: {error}.") from None
    reader = _Reader(content)
    rows = [reader.row(number, entry) for number, entry in enumerate(content["rows"], start=1)]
    kept = tuple(row for row in rows if row is not None)
    reader.check_repeated(kept)
    claims = [reader.claim(number, entry, kept) for number, entry in enumerate(content.get("claims", ()), start=1)]
    if reader.problems:
        raise InputError("published results:\n" + "\n".join(reader.problems))
    return PublishedData(
        kept,
        tuple(claim for claim in claims if claim is not None),
        content["systems"],
        tuple(content["doubt_kinds"]),
        content["quantities"],
        content["rendered_frames"],
    )


class _Reader:
    """Turns entries into rows and claims; what is wrong with them is collected in `problems`."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.problems: list[str] = []
        self._content = content
        self._metrics = {*all_metrics(), *content["quantities"]}
        self._protocols = {id_.partition("@")[0] for id_ in protocols()}
        known = {each.name for each in fields(Source)}
        self._sources = {
            key: Source(key, **{name: value for name, value in entry.items() if name in known})
            for key, entry in content["sources"].items()
        }

    def row(self, number: int, entry: Mapping[str, Any]) -> PublishedRow | None:
        """A row; None if it is so wrong that there is none."""
        where = f"rows entry {number} ({entry.get('system')} [{entry.get('source')}])"
        before = len(self.problems)
        source = self._content["sources"].get(entry.get("source"), {})
        told = {**_DEFAULTS, "table": source.get("tables", ""), **source.get("defaults", {}), **entry}
        self._check_words(where, told)
        numbers = self._numbers(where, told, source)
        doubts = self._doubts(where, told)
        if len(self.problems) > before:
            return None
        described = {name: told[name] for name in (*_CHOICES, *_DEFAULTS, "system", "table", "protocol")}
        return PublishedRow(**described, source=self._sources[told["source"]], numbers=numbers, doubts=doubts)

    def check_repeated(self, rows: Sequence[PublishedRow]) -> None:
        """Every row has an id of its own."""
        seen: set[str] = set()
        for row in rows:
            if row.id in seen:
                self.problems.append(f"{row.id}: repeated row. Tell the rows apart by variant, track, split or task.")
            seen.add(row.id)

    def claim(self, number: int, entry: Mapping[str, Any], rows: Sequence[PublishedRow]) -> Claim | None:
        """A claim whose rows are all there."""
        where = f"claims entry {number} ({entry.get('words')!r})"
        before = len(self.problems)
        metrics = tuple(entry.get("metrics", [entry["metric"]] if "metric" in entry else []))
        self.problems += [f"{where}: there is no metric {name!r}." for name in metrics if name not in self._metrics]
        if entry.get("says") not in _CLAIMS:
            self.problems.append(f"{where}: says is {entry.get('says')!r}, expected one of {', '.join(_CLAIMS)}.")
        named = str(entry.get("percent", entry.get("printed", "")))
        if named:
            self._decimal(where, "number", named)
        among = [row for row in rows if row.source.key == entry.get("source")]
        pairs = [
            tuple(self._named(where, pair[side], among) for side in ("of", "over")) for pair in entry.get("pairs", ())
        ]
        single = [self._named(where, entry["row"], among)] if "row" in entry else []
        if len(self.problems) > before:
            return None
        chosen: Any = (tuple(pairs), tuple(single))
        return Claim(self._sources[entry["source"]], entry["says"], entry["words"], metrics, named, *chosen)

    def _named(self, where: str, wanted: Mapping[str, str], among: Sequence[PublishedRow]) -> PublishedRow | None:
        full = {"variant": "", **wanted}
        found = [row for row in among if all(getattr(row, name, None) == value for name, value in full.items())]
        if len(found) != 1:
            self.problems.append(f"{where}: {dict(wanted)} names {len(found)} rows of its source, expected one.")
        return found[0] if found else None

    def _check_words(self, where: str, told: Mapping[str, Any]) -> None:
        """Names and choices of a row."""
        known = {
            **_CHOICES,
            "system": tuple(self._content["systems"]),
            "source": tuple(self._sources),
            "protocol": tuple(sorted(self._protocols)),
        }
        for name, choices in known.items():
            if told.get(name) not in choices:
                self.problems.append(f"{where}: {name} is {told.get(name)!r}, expected one of {', '.join(choices)}.")
        unknown = set(told) - set(_CHOICES) - set(_DEFAULTS) - _OTHER_KEYS
        self.problems += [f"{where}: there is no key {name!r}." for name in sorted(unknown)]

    def _numbers(self, where: str, told: Mapping[str, Any], source: Mapping[str, Any]) -> tuple[Number, ...]:
        columns = {heading: (heading, Decimal(1)) for heading in source.get("headings", ())}
        columns |= {heading: self._meaning(where, spec) for heading, spec in source.get("columns", {}).items()}
        numbers = []
        for heading, printed in told.get("values", {}).items():
            if heading not in columns:
                self.problems.append(f"{where}: the source has no column {heading!r}: {', '.join(columns)}.")
                continue
            labelled, unit = columns[heading]
            plain = self._decimal(where, heading, printed) * unit
            readings = [self._reading(where, reading.get(heading), labelled, plain) for reading in _readings(told)]
            numbers.append(Number(heading, str(printed), labelled, plain, tuple(readings)))
        for which in range(len(_readings(told))):
            metrics = [number.readings[which][0] for number in numbers]
            twice = sorted({metric for metric in metrics if metrics.count(metric) > 1})
            self.problems += [f"{where}: reading {which + 1} has {metric} twice." for metric in twice]
        return tuple(numbers)

    def _reading(self, where: str, spec: Any, labelled: str, plain: Decimal) -> tuple[str, Decimal]:
        metric, times = (labelled, Decimal(1)) if spec is None else self._meaning(where, spec)
        if metric not in self._metrics:
            self.problems.append(f"{where}: there is no metric {metric!r}.")
        return metric, plain * times

    def _meaning(self, where: str, spec: Any) -> tuple[str, Decimal]:
        """A metric, or a metric and what to multiply by."""
        if isinstance(spec, str):
            return spec, Decimal(1)
        return spec[0], self._decimal(where, spec[0], spec[1])

    def _decimal(self, where: str, heading: str, printed: Any) -> Decimal:
        try:
            value = Decimal(printed) if isinstance(printed, str) else Decimal("nan")
        except InvalidOperation:
            value = Decimal("nan")
        if not value.is_finite():
            self.problems.append(f"{where}: {heading} is {printed!r}, expected a number as it is printed, in quotes.")
        return value

    def _doubts(self, where: str, told: Mapping[str, Any]) -> tuple[Doubt, ...]:
        kinds, doubts = self._content["doubt_kinds"], []
        for entry in told.get("doubts", ()):
            doubt = Doubt(
                entry.get("kind", ""), entry.get("reason", ""), tuple(entry.get("headings") or told["values"])
            )
            missing = [heading for heading in doubt.headings if heading not in told["values"]]
            self.problems += [f"{where}: a doubt concerns {each!r}, which the row has not." for each in missing]
            if doubt.kind not in kinds or not doubt.reason:
                found = f"{where}: doubt {doubt.kind!r} for {doubt.reason!r}"
                self.problems.append(f"{found}, expected a reason, and one of {', '.join(kinds)}.")
            doubts.append(doubt)
        there = {doubt.kind for doubt in doubts}
        if len(_readings(told)) > 1 and "two readings" not in there:
            self.problems.append(f"{where}: two readings without a doubt 'two readings' that says why.")
        if "readings" in told and not there & {"two readings", "swapped labels"}:
            self.problems.append(f"{where}: other labels than printed without a doubt that says why.")
        return tuple(doubts)


def _readings(told: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return told.get("readings") or ({},)
