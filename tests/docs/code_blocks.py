"""Runs the code blocks of a Markdown page, in order and in one namespace, and compares what they print.

Conventions: a ``python`` block that a ``text`` block follows directly prints that text. In a ``console`` block ``$``
starts a command, and the lines below it are what it prints on stdout; "…" stands for anything. A command may fail only
where ``$ echo $?`` follows it. A block that cannot run stands under ``<!-- skip: next "the reason" -->``.
"""

import re
import shlex
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from unittest import SkipTest

from click.testing import CliRunner
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, SkipParser

import react_data.cli
import react_eval.cli
import reference_models.cli

__all__ = ["PAGES", "REPOSITORY", "languages", "not_run", "run_blocks"]

REPOSITORY = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(REPOSITORY)): path
    for path in (REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md")))
}

_PROGRAMS = {
    "react-eval": react_eval.cli.main,
    "react-data": react_data.cli.main,
    "react-models": reference_models.cli.main,
}
_SHOWN_BELOW = re.compile(r"\n\s*\n?```text\n(?P<shown>.*?)```", re.DOTALL)
_FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n.*?^```$", re.DOTALL | re.MULTILINE)
_SKIP = re.compile(r"<!-- skip: next (?P<reason>.*?) -->")
_run_python = PythonEvaluator()


def run_blocks(page: Path) -> list[str]:
    """Run every block of a page.

    Returns:
        Why blocks were skipped, one reason a block.
    """
    skipped = []
    for example in Document.parse(str(page), *_parsers()).examples():
        try:
            example.evaluate()
        except SkipTest as reason:
            skipped.append(str(reason))
    return skipped


def not_run(page: Path) -> list[str]:
    """The reasons of a page for not running blocks, as written; each is a text or ``if(condition, reason=…)``."""
    return [found["reason"] for found in _SKIP.finditer(page.read_text(encoding="utf-8"))]


def languages(page: Path) -> set[str]:
    """The languages of a page's fenced blocks."""
    return {found["language"] for found in _FENCE.finditer(page.read_text(encoding="utf-8"))}


def _parsers():
    """New ones for every page, since a skip parser remembers what it has met."""
    yield SkipParser()
    for language, evaluator in (("python", _python), ("console", _console), ("toml", _toml)):
        yield CodeBlockParser(language, evaluator)


def _python(example: Example) -> str | None:
    below = _SHOWN_BELOW.match(example.document.text[example.region.end :])
    with redirect_stdout(StringIO()) as printed:
        _run_python(example)
    return _difference("the block", below["shown"], printed.getvalue()) if below else None


def _console(example: Example) -> str | None:
    last_code = 0
    for command, shown in _commands(example.parsed):
        if command == "echo $?":
            if int(shown) != last_code:
                return f"the exit code is {last_code}, the page says {shown}"
            last_code = 0
            continue
        if last_code:
            return f"a command before {command!r} ended with exit code {last_code}"
        program, *arguments = shlex.split(command, comments=True)
        if program not in _PROGRAMS:
            return f"{program!r} cannot be run here; say why with a skip comment"
        done = CliRunner().invoke(_PROGRAMS[program], arguments, prog_name=program)
        last_code = done.exit_code
        problem = _difference(f"$ {command}\n{done.stderr}", shown, done.stdout) if shown.strip() else None
        if problem or (last_code and done.exception and not isinstance(done.exception, SystemExit)):
            return problem or f"$ {command}\n{done.exception!r}"
    return f"the last command ended with exit code {last_code}:\n{done.stderr}" if last_code else None


def _commands(source: str) -> Iterator[tuple[str, str]]:
    """Commands and what they print."""
    for part in re.split(r"^\$ ", source, flags=re.MULTILINE)[1:]:
        command, _, shown = part.replace("\\\n", " ").partition("\n")
        yield command.strip(), shown


def _toml(example: Example) -> None:
    tomllib.loads(example.parsed)


def _difference(what: str, shown: str, printed: str) -> str | None:
    pattern = ".*?".join(map(re.escape, _tidied(shown).split("…")))
    if re.fullmatch(pattern, _tidied(printed), re.DOTALL):
        return None
    return f"{what} prints\n{printed}\nbut the page shows\n{shown}"


def _tidied(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())
