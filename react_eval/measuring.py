"""From a clip set to results: which metrics run, the context they are read in, hashes and versions."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from react_data.problems import abbreviate
from react_eval import __version__
from react_eval.clip_set import ClipSet
from react_eval.diagnostics import diagnose
from react_eval.errors import InputError
from react_eval.intervals import bootstrap_intervals
from react_eval.protocol import MetricUse, Protocol, find_protocol
from react_eval.result import ProtocolResults, ScoreResult

__all__ = ["chosen_protocols", "gather", "measure"]

_CONTEXT = ("GT", "B_Mime")


def chosen_protocols(protocol: str | Protocol | Sequence[str | Protocol]) -> list[Protocol]:
    """The protocols of one name, id or object, or of several.

    Args:
        protocol: Names, ids or objects.

    Returns:
        The protocols, without repetitions.

    Raises:
        UnknownNameError: If a name is not known.
        InputError: If there is none.
    """
    names = [protocol] if isinstance(protocol, (str, Protocol)) else list(protocol)
    found = {each.id: each for each in map(find_protocol, names)}
    if not found:
        raise InputError("no protocol was asked for. Name one, such as 'react2024'.")
    return list(found.values())


def measure(
    clips: ClipSet,
    protocol: Protocol,
    *,
    metrics: Sequence[str] | None,
    facts: Mapping[str, Any],
    context: bool,
    notes: Iterable[str] = (),
    run: Mapping[str, Any] | None = None,
) -> ScoreResult:
    """Score a clip set under one protocol.

    Args:
        clips: The inputs.
        protocol: What to compute.
        metrics: Result keys, names or aliases; every metric whose inputs are there, if None.
        facts: What was scored, for the signature: ``split``, ``neighbours``, ``synthetic``, ``method``, …
        context: Whether to score GT and B_Mime on the same data, to read the values by.
        notes: What a person should know about the inputs.
        run: Further facts about the run that are no part of the scores.

    Returns:
        The result.

    Raises:
        InputError: If a metric was asked for by name and its inputs are not there, or none can be computed.
    """
    started = time.perf_counter()
    uses, left_out = _chosen_uses(clips, protocol, metrics)
    measurements = {use.key: use.record.measure(clips, use.settings) for use in uses}
    seconds = time.perf_counter() - started
    lengths = sorted({clips.predictions[clip].shape[1] for clip in range(len(clips))})
    return ScoreResult(
        protocol=protocol,
        measurements=measurements,
        context=_context(clips, uses) if context else {},
        facts={
            **facts,
            "clips": len(clips),
            "channels": clips.schema.name,
            "reactions": clips.reactions,
            "frames": lengths[0] if len(lengths) == 1 else f"{lengths[0]}–{lengths[-1]}",
        },
        hashes=clips.shared("hashes", lambda: _hashes(clips)),
        diagnostics=diagnose(clips, measurements),
        intervals=bootstrap_intervals(clips, uses, measurements) if protocol.intervals else {},
        notes=(*notes, *left_out),
        clips=tuple(clips.clips),
        listeners=_listener_names(clips),
        run={
            "seconds": seconds,
            "react_eval": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "device": "cpu",
            **(run or {}),
        },
    )


def _listener_names(clips: ClipSet) -> tuple[str, ...]:
    """A listener goes by the clip that it belongs to, or by its number where listeners are no clips."""
    count = 0 if clips.listeners is None else len(clips.listeners)
    return tuple(clips.clips) if count == len(clips) else tuple(map(str, range(count)))


def gather(results: Sequence[ScoreResult]) -> ScoreResult | ProtocolResults:
    """One result as it is, several together."""
    return results[0] if len(results) == 1 else ProtocolResults(tuple(results))


def _chosen_uses(
    clips: ClipSet, protocol: Protocol, metrics: Sequence[str] | None
) -> tuple[list[MetricUse], list[str]]:
    if metrics is not None:
        names = [metrics] if isinstance(metrics, str) else metrics
        uses = list({use.key: use for use in map(protocol.use, names)}.values())
        missing = {use.key: _missing(clips, use) for use in uses}
        lacking = [f"{key} needs {' and '.join(needs)}" for key, needs in missing.items() if needs]
        if lacking:
            raise InputError(f"inputs are missing: {abbreviate(lacking)}. Pass them, or ask for other metrics.")
        return uses, []
    uses = [use for use in protocol.uses if not _missing(clips, use)]
    left_out = [
        f"{use.key} left out: no {' and '.join(_missing(clips, use))}." for use in protocol.uses if use not in uses
    ]
    if not uses:
        raise InputError(f"no metric of {protocol.id!r} can be computed. {' '.join(left_out)}")
    return uses, left_out


def _missing(clips: ClipSet, use: MetricUse) -> list[str]:
    return [need for need in use.needs if not clips.has(need)]


def _context(clips: ClipSet, uses: Sequence[MetricUse]) -> dict[str, dict[str, float]]:
    """GT's and B_Mime's values: one reaction each is measured and stands for all, since all would be equal."""
    sources = {"GT": clips.listeners, "B_Mime": clips.speakers}
    found: dict[str, dict[str, float]] = {}
    for name in _CONTEXT:
        series = sources[name]
        if series is None or len(series) != len(clips):
            continue
        single = [np.asarray(each)[None] for each in series]
        baseline = clips.shared(("baseline", name), partial(clips.with_predictions, single))
        found[name] = {use.key: use.record.measure(baseline, use.settings).value for use in uses}
    return found


def _hashes(clips: ClipSet) -> dict[str, str]:
    predictions, data = hashlib.sha256(), hashlib.sha256()
    for clip, name in enumerate(clips.clips):
        _update(predictions, name, clips.predictions[clip])
    for role, series in (("listener", clips.listeners), ("speaker", clips.speakers)):
        for number, values in enumerate(series if series is not None else ()):
            _update(data, f"{role} {number}", values)
    for role, lists in (("neighbours", clips.neighbours), ("personal", clips.personal)):
        for number, indices in enumerate(lists or ()):
            data.update(f"{role} {number} {indices.tolist()}".encode())
    return {"predictions": predictions.hexdigest(), "data": data.hexdigest()}


def _update(digest: Any, name: str, values: Any) -> None:
    digest.update(f"{name} {values.shape}".encode())
    digest.update(np.ascontiguousarray(values, dtype="<f4"))
