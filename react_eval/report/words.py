"""What a result says, in plain words: each finding is one fact of the result and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from react_eval.intervals import FEW_GROUPS
from react_eval.result import ScoreResult
from react_eval.specificity_result import Specificity

__all__ = ["Finding", "findings", "standing"]

_FROZEN, _STILL, _LIVELY = 0.5, 0.25, 2.0
_SAME = 0.02
_COPIED = 0.98
_MANY_OUTSIDE = 0.05


@dataclass(frozen=True)
class Finding:
    """One fact that explains scores.

    Attributes:
        level: ``"good"``, ``"note"`` or ``"warning"``.
        title: The fact in a few words.
        text: The numbers, and what follows.
    """

    level: str
    title: str
    text: str


def findings(results: Sequence[ScoreResult], specificity: Specificity | None = None) -> list[Finding]:
    """What a reader should know before the numbers, the gravest first.

    Args:
        results: Scores of one submission, one result a protocol.
        specificity: Whether the method listens, where that was looked at.

    Returns:
        Findings, those of the first protocol where several say the same; one that says so where nothing is odd.
    """
    titled: dict[str, Finding] = {}
    for finding in (finding for result in results for look in _LOOKS for finding in look(result)):
        titled.setdefault(finding.title, finding)
    found = [*_listening(specificity), *titled.values()]
    if not any(each.level == "warning" for each in found):
        found.insert(0, Finding("good", "Nothing looks broken", _checked(results[0])))
    return sorted(found, key=lambda each: ("warning", "good", "note").index(each.level))


def standing(result: ScoreResult, key: str) -> str:
    """Where a value lies between copying the speaker and real reactions, in one sentence; empty where unknown.

    Args:
        result: The scores.
        key: Result key.
    """
    value, better = result[key], result.use(key).record.better
    real, mime = (result.context.get(name, {}).get(key, math.nan) for name in ("GT", "B_Mime"))
    if math.isnan(value) or better == "unranked" or (math.isnan(real) and math.isnan(mime)):
        return ""
    if better == "near real":
        if math.isnan(real) or real == 0:
            return ""
        return f"{value / real:.0%} of what real listeners show."
    sign = 1 if better == "higher" else -1
    if sign * real <= sign * mime:
        return "Copying the speaker scores no worse than real reactions here: read it beside GT, not as a race."
    if sign * value <= sign * mime:
        return "No better than copying the speaker (B_Mime)."
    if math.isnan(mime) or math.isnan(real):
        return ""
    if sign * value > sign * real:
        return "Beyond what real reactions score: look at why before you believe it."
    return f"{(value - mime) / (real - mime):.0%} of the way from copying the speaker (B_Mime) to real reactions (GT)."


def _checked(result: ScoreResult) -> str:
    """What was looked at, where nothing was found."""
    known = "FRCorr" in result and not math.isnan(result.context.get("B_Mime", {}).get("FRCorr", math.nan))
    fits = "fit better than a copy of the speaker" if known else ""
    told = " and ".join(filter(None, ["Reactions move", "differ from clip to clip" if "FRDvs" in result else "", fits]))
    return f"{told}." if fits else f"{told}. Whether they fit was not checked: there is nothing to compare them with."


def _listening(specificity: Specificity | None) -> Iterator[Finding]:
    if specificity is None:
        return
    title = "It listens" if specificity.listens else "No sign of listening"
    yield Finding("good" if specificity.listens else "warning", title, specificity.verdict)


def _frozen(result: ScoreResult) -> Iterator[Finding]:
    coverage = result.diagnostics["coverage"]
    if coverage == 0:
        yield Finding(
            "warning",
            "Frozen faces",
            "No channel of any reaction ever changes. FRCorr counts a constant channel as 0 and official FRSyn calls "
            "such a clip undefined, so neither says anything about this method; FRDist rewards a frozen average.",
        )
        return
    predicted, real = (result.diagnostics.get(f"{whose}_coverage", {}) for whose in ("channel", "listener"))
    dead = [name for name, share in predicted.items() if share == 0 and real.get(name, 0) > 0]
    if dead:
        share = f" They vary in {_mean(real[name] for name in dead):.0%} of the real reactions."
        yield Finding(
            "warning" if coverage < _FROZEN else "note",
            f"{len(dead)} of {len(predicted)} channels never move",
            f"{', '.join(dead)} are constant in every reaction.{share}",
        )
    elif coverage < _FROZEN:
        yield Finding(
            "note", "Many channels stand still", f"Only {coverage:.0%} of all channels of all reactions ever change."
        )


def _one_reaction(result: ScoreResult) -> Iterator[Finding]:
    clips, reactions = result.facts["clips"], result.facts["reactions"]
    same, spread = result.diagnostics["identical_reactions"], result.get("FRDiv", math.nan)
    if reactions == 1:
        yield Finding("note", "One reaction a clip", "Diversity within a clip cannot be measured.")
    elif spread == 0:
        yield Finding(
            "warning",
            "One reaction, repeated",
            f"All {reactions} reactions to a clip are the same (FRDiv 0), so a sum over reactions counts one of them "
            f"{reactions} times.",
        )
    elif same:
        yield Finding("note", "Some reactions are equal", f"{same} of {clips} clips have at least two equal reactions.")
    elif spread < _SAME * result.get("FRVar", math.nan):
        yield Finding(
            "warning",
            "Reactions hardly differ",
            f"Ten reactions to one clip differ by {spread:.2g} (FRDiv), a face over time by {result['FRVar']:.2g} "
            "(FRVar): to the eye they are one.",
        )


def _speaker_ignored(result: ScoreResult) -> Iterator[Finding]:
    value, real = result.get("FRDvs", math.nan), _real(result, "FRDvs")
    if value <= _SAME * real or (value == 0 and result.facts["clips"] > 1):
        yield Finding(
            "warning",
            "Every speaker gets the same reactions",
            f"FRDvs is {value:.2g} where real reactions differ between clips by {real:.2g}: nothing of the speaker "
            "arrives in the reactions."
            if not math.isnan(real)
            else "FRDvs is 0: reactions do not depend on the clip.",
        )


def _scattered(result: ScoreResult) -> Iterator[Finding]:
    value, real = result.get("FRDvs", math.nan), _real(result, "FRDvs")
    if value > _LIVELY * real > 0:
        text = f"FRDvs is {value / real:.1f} times that of real reactions: more than speakers explain."
        yield Finding("warning", "Reactions scatter from clip to clip", text)


def _movement(result: ScoreResult) -> Iterator[Finding]:
    value, real = result.get("FRVar", math.nan), _real(result, "FRVar")
    if not real > 0 or result.diagnostics["coverage"] == 0:
        return
    if value < _STILL * real:
        yield Finding(
            "warning", "Faces hardly move", f"FRVar is {value / real:.0%} of that of real listeners (GT {real:.2g})."
        )
    elif value > _LIVELY * real:
        yield Finding(
            "warning",
            "Faces are restless",
            f"FRVar is {value / real:.1f} times that of real listeners.",
        )


def _fit(result: ScoreResult) -> Iterator[Finding]:
    """Reactions that fit no better than a copy of the speaker."""
    fit, mime = result.get("FRCorr", math.nan), result.context.get("B_Mime", {}).get("FRCorr", math.nan)
    if _copies_speaker(result):
        lag = result.measurements["FRSyn"].details["mean_lag"]
        late = f", {abs(lag):.0f} frames {'late' if lag > 0 else 'early'}" if round(lag) else ""
        text = f"Reactions follow the speaker's face itself{late}: that is mimicry."
        yield Finding("warning", "A copy of the speaker", text)
    elif fit <= mime and result.diagnostics["coverage"] > 0:
        text = (
            f"FRCorr is {fit:.3g}, that of copying the speaker {mime:.3g}. If better was expected, check that "
            "predictions are in the order of the clips: react-eval specificity tells whether they belong to them."
        )
        yield Finding("warning", "Fits no better than a copy of the speaker", text)


def _copies_speaker(result: ScoreResult) -> bool:
    """Whether the best agreement with the speaker is all but perfect."""
    found = result.measurements.get("FRSyn")
    return found is not None and found.details.get("mean_peak", 0.0) > _COPIED


def _undefined_lags(result: ScoreResult) -> Iterator[Finding]:
    for key, found in result.measurements.items():
        share = found.details.get("share_undefined", 0.0)
        if "floor" in found.details and share > 0:
            yield Finding(
                "note",
                f"{key} is undefined in {share:.0%} of the clips",
                "A channel that never varies makes a clip score its first undefined lag, 49 where it never varies, "
                f"whatever the model did. No method can score below {found.details['floor']:.1f} on this data.",
            )


def _values(result: ScoreResult) -> Iterator[Finding]:
    for group, share in result.diagnostics.get("outside_range", {}).items():
        if share > 0:
            level = "warning" if share > _MANY_OUTSIDE else "note"
            yield Finding(level, f"Values of {group} leave their range", f"{share:.1%} of them; scored as they are.")
    if result.diagnostics.get("action_units") == "binary":
        yield Finding("note", "Binary action units", "Action units are 0 or 1; correlations then rest on their onsets.")


def _neighbours(result: ScoreResult) -> Iterator[Finding]:
    listeners = len(result.listeners)
    for key, matched in result.diagnostics.get("distinct_neighbours", {}).items():
        if listeners >= 20 and matched < 0.1 * listeners and result.use(key).metric == "FRDist":
            yield Finding(
                "note",
                "A few real reactions match everything",
                f"The nearest appropriate reactions by {key} are {matched} of {listeners} real ones: the method stays "
                "near a centre that is not far from anything.",
            )
    alone = result.diagnostics.get("neighbours", {}).get("median")
    if alone is not None and alone <= 1:
        yield Finding(
            "note", "Only the real reaction counts", "Half of the clips have no appropriate reaction but their own."
        )


def _data(result: ScoreResult) -> Iterator[Finding]:
    few = next((each for each in result.intervals.values() if each.clusters < FEW_GROUPS), None)
    if few is not None:
        text = f"They resample {few.clusters} {few.kind}; with so few they are too narrow to rely on."
        yield Finding("note", "Intervals rest on little", text)
    if result.facts.get("synthetic"):
        yield Finding("note", "Synthetic data", "The numbers compare with nothing that is published.")
    if result.facts.get("neighbour_source"):
        yield Finding("note", "Neighbours are not the challenge's", f"{result.facts['neighbour_source']}.")
    if "partial" in result.facts:
        yield Finding("warning", f"Not all clips: {result.facts['partial']}", "The values do not compare with others.")
    for key, found in result.measurements.items():
        if not found.rankable or found.reason:
            level = "note" if found.rankable else "warning"
            yield Finding(
                level, f"{key}: {'undefined clips' if found.rankable else 'not rankable'}", f"{found.reason}."
            )


def _real(result: ScoreResult, key: str) -> float:
    return result.context.get("GT", {}).get(key, math.nan)


def _mean(shares: Iterator[float]) -> float:
    listed = list(shares)
    return sum(listed) / len(listed)


_LOOKS: tuple[Callable[[ScoreResult], Iterator[Finding]], ...] = (
    _frozen,
    _one_reaction,
    _speaker_ignored,
    _scattered,
    _movement,
    _fit,
    _undefined_lags,
    _values,
    _neighbours,
    _data,
)
