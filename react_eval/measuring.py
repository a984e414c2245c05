"""From what clips told to results: which metrics run, the context they are read in, hashes and versions."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval import __version__
from react_eval.clip_set import Clips, ClipSet
from react_eval.computing import Resources
from react_eval.diagnostics import diagnose, look_at_values
from react_eval.errors import InputError
from react_eval.examples import choose_examples
from react_eval.intervals import bootstrap_intervals, spread_by_clip
from react_eval.observing import Observations, Wanted, wanted_of
from react_eval.protocol import MetricUse, Protocol, find_protocol
from react_eval.registry import Measurement
from react_eval.result import ProtocolResults, ScoreResult

__all__ = ["Plan", "chosen_protocols", "conclude", "data_hash", "gather", "measure", "plan"]


@dataclass(frozen=True)
class Plan:
    """What is computed under one protocol.

    Attributes:
        protocol: The protocol.
        uses: Its metrics that are computed.
        left_out: Why others are not.
    """

    protocol: Protocol
    uses: tuple[MetricUse, ...]
    left_out: tuple[str, ...] = ()


def chosen_protocols(protocol: str | Protocol | Sequence[str | Protocol]) -> list[Protocol]:
    """The protocols of one name, id or object, or of several.

    Args:
        protocol: Names, ids or objects.

    Returns:
        The protocols, without repetitions.

    Raises:
        UnknownNameError: If a name is not known.
        InputError: If there is none, or two have one id.
    """
    names = [protocol] if isinstance(protocol, (str, Protocol)) else list(protocol)
    found: dict[str, Protocol] = {}
    for each in map(find_protocol, names):
        if found.setdefault(each.id, each) != each:
            raise InputError(f"two different protocols are called {each.id!r}. Give one of them another name.")
    if not found:
        raise InputError("no protocol was asked for. Name one, such as 'react2024'.")
    return list(found.values())


def plan(clips: ClipSet, protocol: Protocol, metrics: Sequence[str] | None) -> Plan:
    """Decide which metrics of a protocol are computed.

    Args:
        clips: The inputs.
        protocol: The protocol.
        metrics: Result keys, names or aliases; every metric whose inputs are there, if None.

    Returns:
        The plan.

    Raises:
        InputError: If a metric was asked for by name and its inputs are not there, or none can be computed.
    """
    if metrics is not None:
        names = [metrics] if isinstance(metrics, str) else metrics
        uses = list({use.key: use for use in map(protocol.use, names)}.values())
        missing = {use.key: _missing(clips, use) for use in uses}
        lacking = [f"{key} needs {' and '.join(needs)}" for key, needs in missing.items() if needs]
        if lacking:
            raise InputError(f"inputs are missing: {abbreviate(lacking)}. Pass them, or ask for other metrics.")
        return Plan(protocol, tuple(uses))
    uses = [use for use in protocol.uses if not _missing(clips, use)]
    left_out = tuple(
        f"{use.key} left out: no {' and '.join(_missing(clips, use))}." for use in protocol.uses if use not in uses
    )
    if not uses:
        raise InputError(f"no metric of {protocol.id!r} can be computed. {' '.join(left_out)}")
    return Plan(protocol, tuple(uses), left_out)


def _missing(clips: ClipSet, use: MetricUse) -> list[str]:
    return [need for need in use.needs if not clips.has(need)]


def measure(
    clips: ClipSet,
    plans: Sequence[Plan],
    *,
    resources: Resources,
    run: Mapping[str, Any] | None = None,
    show_progress: bool | None = False,
    **options: Any,
) -> list[ScoreResult]:
    """Score one clip set under one or several protocols, in one pass over the clips.

    Args:
        clips: The inputs.
        plans: What to compute.
        resources: Where to compute.
        run: Facts about the run that are no part of the scores.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.
        **options: See `conclude`.

    Returns:
        A result for each plan.
    """
    wanted = wanted_of(use for each in plans for use in each.uses)
    started = time.perf_counter()
    observations = resources.observe(clips, wanted, look=look_at_values, show_progress=show_progress)
    run = {"seconds": time.perf_counter() - started, "device": resources.device_for(clips), **(run or {})}
    return [conclude(clips, observations, each, resources=resources, run=run, **options) for each in plans]


def conclude(
    clips: ClipSet,
    observations: Observations,
    plan: Plan,
    *,
    resources: Resources,
    facts: Mapping[str, Any],
    context: bool,
    notes: Iterable[str] = (),
    run: Mapping[str, Any] | None = None,
) -> ScoreResult:
    """Make the result of one protocol from what all clips told.

    Args:
        clips: The clips, in the order of the split.
        observations: What they told, in any order.
        plan: What was computed.
        resources: Where to compute the context.
        facts: What was scored, for the signature: ``split``, ``neighbours``, ``synthetic``, ``method``, …
        context: Whether to score GT and B_Mime on the same data, to read the values by.
        notes: What a person should know about the inputs.
        run: Facts about the run that are no part of the scores.

    Returns:
        The result.
    """
    measurements = {
        use.key: observations.conclude(use.record, use.settings, clips.clips, clips.reactions) for use in plan.uses
    }
    if plan.protocol.intervals:
        measurements = {use.key: _told_by_clip(clips, use, measurements[use.key]) for use in plan.uses}
    lengths = sorted({observations.clips[clip].shape[1] for clip in clips.clips})
    beside, left_out = _context(clips, plan, resources) if context else ({}, [])
    groups, group_kind = clips.groups()
    listeners = _listener_names(clips)
    return ScoreResult(
        protocol=plan.protocol,
        measurements=measurements,
        context={name: {key: each.value for key, each in found.items()} for name, found in beside.items()},
        facts={
            **facts,
            "clips": len(clips),
            "channels": clips.schema.name,
            "reactions": clips.reactions,
            "frames": lengths[0] if len(lengths) == 1 else f"{lengths[0]}–{lengths[-1]}",
        },
        hashes={"predictions": _predictions_hash(clips, observations), "data": data_hash(clips)},
        diagnostics=diagnose(clips, observations, measurements),
        intervals=bootstrap_intervals(clips, plan.uses, measurements) if plan.protocol.intervals else {},
        notes=(*notes, *plan.left_out, *left_out),
        clips=tuple(clips.clips),
        groups=tuple(groups.tolist()),
        group_kind=group_kind,
        listeners=listeners,
        context_per_clip={name: _by_clip(plan, found) for name, found in beside.items()},
        examples=choose_examples(clips, measurements, listeners),
        run={
            "react_eval": __version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
            "device": "cpu",
            **(run or {}),
        },
    )


def _told_by_clip(clips: ClipSet, use: MetricUse, found: Measurement) -> Measurement:
    """The same, and what each clip adds to a metric of pairs of clips, which needs the predictions again."""
    if use.record.resampled != "pairs of clips" or not found.defined:
        return found
    return replace(found, per_clip={**found.per_clip, use.metric: spread_by_clip(clips)})


def _listener_names(clips: ClipSet) -> tuple[str, ...]:
    """A listener goes by the clip that it belongs to, or by its number where listeners are no clips."""
    count = 0 if clips.listeners is None else len(clips.listeners)
    return tuple(clips.listener_ids) or tuple(map(str, range(count)))


def gather(results: Sequence[ScoreResult]) -> ScoreResult | ProtocolResults:
    """One result as it is, several together."""
    return results[0] if len(results) == 1 else ProtocolResults(tuple(results))


def _context(clips: ClipSet, plan: Plan, resources: Resources) -> tuple[dict[str, dict[str, Measurement]], list[str]]:
    """What the metrics find for GT and B_Mime, and why one is missing.

    One reaction each is measured and stands for all, since all would be equal.
    """
    own = {clip: number for number, clip in enumerate(clips.listener_ids)}
    sources = {
        "GT": [clips.listeners[own[clip]] for clip in clips.clips] if own and clips.listeners is not None else None,
        "B_Mime": clips.speakers,
    }
    found: dict[str, dict[str, Measurement]] = {}
    left_out = []
    for name, series in sources.items():
        if series is not None:
            try:
                found[name] = _baseline(name, clips, plan, series, resources)
            except InputError as error:
                left_out.append(f"{name} could not be scored beside the predictions: {error}")
    return found, left_out


def _baseline(name: str, clips: ClipSet, plan: Plan, series: Clips, resources: Resources) -> dict[str, Measurement]:
    """What the metrics find for a baseline; what each clip tells is kept for other choices of clips."""
    wanted = wanted_of(plan.uses)
    pooled = {key: metric for key, metric in wanted.items() if metric.pool}
    single = {key: metric for key, metric in wanted.items() if not metric.pool}

    def observed(numbers: Sequence[int], metrics: Wanted) -> Observations:
        one_reaction = [np.asarray(series[number])[None] for number in numbers]
        return resources.observe(clips.part(numbers, one_reaction), metrics)

    everyone = range(len(clips))
    told = clips.shared_of_data((name, tuple(single)), Observations)
    told.clips |= observed([number for number in everyone if clips.clips[number] not in told.clips], single).clips
    names = tuple(clips.clips)
    together = clips.latest_of_data((name, tuple(pooled)), names, lambda: observed(everyone if pooled else [], pooled))
    found = {}
    for use in plan.uses:
        source = together if use.record.pool else told
        found[use.key] = source.conclude(use.record, use.settings, clips.clips, clips.reactions)
    if plan.protocol.intervals:
        baseline = clips.part(everyone, [np.asarray(series[number])[None] for number in everyone])
        found = {use.key: _told_by_clip(baseline, use, found[use.key]) for use in plan.uses}
    return found


def _by_clip(plan: Plan, found: Mapping[str, Measurement]) -> dict[str, NDArray[np.float64]]:
    """Values by clip of the metrics that have them, means over reactions."""
    values = {use.key: found[use.key].by_clip(use.metric) for use in plan.uses}
    return {key: each for key, each in values.items() if each is not None}


def _predictions_hash(clips: ClipSet, observations: Observations) -> str:
    lines = (f"{clip} {observations.clips[clip].digest}\n" for clip in clips.clips)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def data_hash(clips: ClipSet) -> str:
    """SHA-256 of everything but the predictions that a score depends on."""
    digest = hashlib.sha256(repr(clips.schema).encode())
    digest.update(clips.shared_of_data("digest of listeners", lambda: _digest_of(clips.listeners)).encode())
    names = tuple(clips.clips)
    digest.update(clips.latest_of_data("digest of speakers", names, lambda: _digest_of(clips.speakers)).encode())
    for chosen in (clips.neighbours, clips.personal):
        digest.update(repr([indices.tolist() for indices in chosen] if chosen is not None else None).encode())
    for groups in (clips.sessions, clips.recordings):
        digest.update(repr([str(name) for name in groups] if groups is not None else None).encode())
    return digest.hexdigest()


def _digest_of(series: Iterable[Any] | None) -> str:
    digest = hashlib.sha256(repr(series is None).encode())
    for values in series if series is not None else ():
        digest.update(f"{values.shape}".encode())
        digest.update(np.ascontiguousarray(values, dtype="<f4").data)
    return digest.hexdigest()
