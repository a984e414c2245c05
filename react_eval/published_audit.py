"""The audit of published results: where they contradict mathematics, each other, and the texts around them.

Conventions: a check is a function of the published data that yields what it found; nothing is typed in, so a finding
goes away when the data change. A finding that follows from the definitions of the metrics and the printed digits alone
is proven; what also needs an assumption says "Inference" and names it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from react_eval.published_loading import PublishedData, load_published
from react_eval.published_rows import PublishedRow

__all__ = ["Contradiction", "audit_published", "audit_text", "inference", "proof"]


@dataclass(frozen=True)
class Contradiction:
    """Something that cannot be, or that is hard to believe.

    Attributes:
        check: What was checked.
        rows: Ids of the published rows that it concerns.
        finding: What was found, in sentences.
        evidence: The numbers that it rests on, by name.
        proven: Whether it follows from definitions and printed digits alone; if not, the finding says "Inference".
    """

    check: str
    rows: tuple[str, ...]
    finding: str
    evidence: Mapping[str, float]
    proven: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "check": self.check,
            "rows": list(self.rows),
            "finding": self.finding,
            "evidence": {name: float(f"{value:.6g}") for name, value in self.evidence.items()},
            "proven": self.proven,
        }


def proof(check: str, rows: Sequence[PublishedRow], finding: str, /, **evidence: float) -> Contradiction:
    """A finding that needs no assumption.

    Args:
        check: What was checked.
        rows: The rows that it concerns.
        finding: What was found.
        **evidence: The numbers that it rests on.
    """
    return Contradiction(check, tuple(row.id for row in rows), finding, evidence, proven=True)


def inference(check: str, rows: Sequence[PublishedRow], finding: str, /, **evidence: float) -> Contradiction:
    """A finding that needs an assumption, which it names.

    Args:
        check: What was checked.
        rows: The rows that it concerns.
        finding: What was found.
        **evidence: The numbers that it rests on.
    """
    return Contradiction(check, tuple(row.id for row in rows), f"Inference: {finding}", evidence, proven=False)


Check = Callable[[PublishedData], Iterator[Contradiction]]


def audit_published(data: PublishedData | None = None) -> list[Contradiction]:
    """Look for contradictions in published results.

    Args:
        data: What to audit; the results that come with the package if None.

    Returns:
        What was found, in the order of the checks.

    Example:
        >>> found = audit_published()[0]
        >>> found.check, found.rows
        ('uniform noise fixes the columns', ('B_Random [perfrdiff]',))
    """
    from react_eval.published_claims import CLAIM_CHECKS  # checks are made of contradictions
    from react_eval.published_label_checks import LABEL_CHECKS
    from react_eval.published_value_checks import VALUE_CHECKS

    told = load_published() if data is None else data
    return [found for check in (*LABEL_CHECKS, *VALUE_CHECKS, *CLAIM_CHECKS) for found in check(told)]


def audit_text(found: Sequence[Contradiction]) -> str:
    """Contradictions as text for people.

    Args:
        found: What `audit_published` returned.
    """
    parts = []
    for number, each in enumerate(found, start=1):
        numbers = ", ".join(f"{name} {value:.5g}" for name, value in each.evidence.items())
        lines = [each.finding, f"Rows: {'; '.join(each.rows)}.", *([f"Numbers: {numbers}."] if numbers else [])]
        body = [textwrap.fill(line, 110, initial_indent="    ", subsequent_indent="    ") for line in lines]
        parts.append("\n".join([f"{number:>2}. {each.check}", *body]))
    proven = sum(each.proven for each in found)
    parts.append(f"{len(found)} contradictions: {proven} proven, {len(found) - proven} inferred.")
    return "\n\n".join(parts)
