"""Problems of a data set or a submission, collected so that all of them are reported at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Literal

__all__ = ["Problem", "ProblemKind", "ProblemReport", "abbreviate", "known_problems"]

Severity = Literal["error", "warning"]

_LISTED = 20

_KINDS: dict[str, ProblemKind] = {}


@dataclass(frozen=True)
class ProblemKind:
    """A kind of problem that a check can find; defining one makes `known_problems` and ``react-eval explain`` know it.

    Attributes:
        code: Stable code, such as ``"RE112"``.
        description: What it means and what to do, for ``react-eval explain``.
    """

    code: str
    description: str

    def __post_init__(self) -> None:
        _KINDS[self.code] = self


def known_problems() -> dict[str, ProblemKind]:
    """Every kind of problem whose check is loaded, by code."""
    return dict(sorted(_KINDS.items()))


@dataclass(frozen=True)
class Problem:
    """One finding: what is wrong with which value, what was expected, what to do.

    Attributes:
        code: Stable code, described by ``react-eval explain CODE``.
        severity: ``"error"`` (cannot be used) or ``"warning"`` (can, but look at it).
        message: One to three sentences.
        where: The file, clip or channel it is about; empty for the whole.
    """

    code: str
    severity: Severity
    message: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{self.severity} {self.code}: {place}{self.message}"


@dataclass
class ProblemReport:
    """All findings about one subject; as text, the first twenty of each kind.

    Attributes:
        subject: What was looked at, such as a file's path.
        problems: The findings, in the order they were found.
        checked: What was checked, for people: label to count or description.
    """

    subject: str
    problems: list[Problem] = field(default_factory=list)
    checked: dict[str, str] = field(default_factory=dict)

    def error(self, kind: ProblemKind, message: str, where: str = "") -> None:
        """Add an error."""
        self.problems.append(Problem(kind.code, "error", message, where))

    def warning(self, kind: ProblemKind, message: str, where: str = "") -> None:
        """Add a warning."""
        self.problems.append(Problem(kind.code, "warning", message, where))

    @property
    def errors(self) -> list[Problem]:
        """The findings that forbid use."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """The findings that do not forbid use."""
        return [problem for problem in self.problems if problem.severity == "warning"]

    @property
    def ok(self) -> bool:
        """True if nothing forbids use."""
        return not self.errors

    def __iter__(self) -> Iterator[Problem]:
        return iter(self.problems)

    def __str__(self) -> str:
        verdict = "valid" if self.ok else "not valid"
        counts = f"{len(self.errors)} error(s), {len(self.warnings)} warning(s)"
        lines = [f"{self.subject}: {verdict}, {counts}"]
        lines += [f"  {label}: {value}" for label, value in self.checked.items()]
        lines += [f"  {problem}" for problem in self._listed()]
        return "\n".join(lines)

    def _listed(self) -> Iterator[Problem | str]:
        """The first findings of each kind, and how many others there are."""
        counts = Counter((problem.code, problem.severity) for problem in self.problems)
        seen: Counter[tuple[str, Severity]] = Counter()
        for problem in self.problems:
            kind = (problem.code, problem.severity)
            seen[kind] += 1
            if seen[kind] <= _LISTED:
                yield problem
            elif seen[kind] == counts[kind]:
                others = f"… and {counts[kind] - _LISTED} more of this kind, {counts[kind]} in all"
                yield f"{problem.severity} {problem.code}: {others}; --json lists them."

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return {
            "subject": self.subject,
            "ok": self.ok,
            "checked": self.checked,
            "problems": [asdict(problem) for problem in self.problems],
        }


def abbreviate(items: Iterable[object], limit: int = 20) -> str:
    """List up to `limit` items and say how many there are in all.

    Args:
        items: What to list.
        limit: How many are written out.

    Returns:
        The items separated by commas, followed by the number left out, if any.

    Example:
        >>> abbreviate(["a", "b", "c"], limit=2)
        'a, b, … (3 in all)'
    """
    listed = list(items)
    shown = ", ".join(str(item) for item in listed[:limit])
    return shown if len(listed) <= limit else f"{shown}, … ({len(listed)} in all)"
