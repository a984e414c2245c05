"""Explanations of metrics, protocols and error codes, made from their records."""

from __future__ import annotations

import inspect
from contextlib import suppress
from dataclasses import asdict

import react_eval.metrics
from react_data.clips import suggest
from react_data.errors import known_errors
from react_data.problems import known_problems
from react_eval.errors import UnknownNameError
from react_eval.extensions import why_left_out
from react_eval.protocol import Protocol, find_protocol, protocols
from react_eval.registry import Metric, all_metrics, find_metric

__all__ = ["explain"]


def explain(name: str) -> str:
    """Explain a metric, a protocol or an error code.

    Args:
        name: Such as ``"FRSyn"``, ``"react2024"``, ``"RE101"``; aliases and any case are understood.

    Returns:
        Text for people.

    Raises:
        UnknownNameError: If nothing has that name; suggests the nearest.

    Example:
        >>> print(explain("RE006").splitlines()[0])
        RE006: LengthError
    """
    import react_data.feature_writing
    import react_data.known_layouts
    import react_data.missing_conditions
    import react_data.speech_features
    import react_data.training_windows  # noqa: F401  define errors
    import react_eval.validation  # noqa: F401  likewise
    import reference_models.errors  # noqa: F401  likewise; it loads no torch

    code = name.upper()
    if code in known_errors():
        error = known_errors()[code]
        return f"{code}: {error.__name__}\n\n{inspect.getdoc(error)}"
    if code in known_problems():
        return f"{code}\n\n{known_problems()[code].description}"
    with suppress(UnknownNameError):
        return _describe_metric(find_metric(name))
    with suppress(UnknownNameError):
        return _describe_protocol(find_protocol(name))
    reason = why_left_out("react_eval.metrics", name) or why_left_out("react_eval.protocols", name)
    if reason:
        raise UnknownNameError(reason)
    choices = [*all_metrics(), *protocols(), *known_errors(), *known_problems()]
    raise UnknownNameError(f"nothing is called {name!r}. {suggest(name, choices)}")


def _describe_metric(metric: Metric) -> str:
    function = getattr(react_eval.metrics, metric.function, None)
    lines = [f"{metric.name}: {metric.title} ({metric.facet})", "", metric.reading, ""]
    lines.append(f"Best: {metric.better}. Unit: {metric.unit}. Needs: {', '.join(('predictions', *metric.needs))}.")
    if metric.aliases:
        lines.append(f"Also called: {', '.join(metric.aliases)}.")
    lines += ["", "Settings by protocol:"]
    for id_ in protocols():
        for use in find_protocol(id_).uses:
            if use.metric == metric.name:
                settings = ", ".join(f"{name}={value}" for name, value in asdict(use.settings).items())
                lines.append(f"  {id_:<14} {use.key}: {settings or 'none'}")
    documentation = inspect.getdoc(function) if function else None
    return "\n".join([*lines, "", documentation or ""]).rstrip()


def _describe_protocol(protocol: Protocol) -> str:
    lines = [f"{protocol.id}: {protocol.summary}", ""]
    lines.append(
        f"Channels: {' or '.join(protocol.channels)}. Frames: the first {protocol.frames}. "
        f"Reactions: {protocol.reactions}. Clips: {protocol.clip_set}."
    )
    lines += ["", "Metrics:"]
    for use in protocol.uses:
        settings = ", ".join(f"{name}={value}" for name, value in asdict(use.settings).items())
        lines.append(f"  {use.key:<16} {settings or 'no settings'}")
    return "\n".join(lines)
