"""Running checks over many files: several at a time, and nothing that a reader raises ends them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from react_data.errors import ReactError
from react_data.optional_libraries import LibraryMissingError
from react_data.problems import Problem, ProblemKind, ProblemReport
from react_data.progress import track

__all__ = ["attempt", "check_each", "check_folders", "may_be_there", "without"]

CLOSED_FOLDER = ProblemKind(
    "RD134", "A folder cannot be looked into, so what is in it is not known. Give yourself permission to read it."
)

_READERS = 4

T = TypeVar("T")
R = TypeVar("R")


def attempt(
    read: Callable[[], R], kind: ProblemKind, path: Path, where: str, report: ProblemReport, advice: str = ""
) -> R | None:
    """Read something that may be damaged in any way.

    Args:
        read: The reader.
        kind: What its failure is.
        path: What it reads, which messages begin with.
        where: The same, as the report calls it.
        report: Receives the problem.
        advice: What to do, where the reader's message does not say it.

    Returns:
        What was read, or None.

    Raises:
        LibraryMissingError: If a library is not installed, which is not the file's fault.
    """
    try:
        return read()
    except LibraryMissingError:
        raise
    except ReactError as error:
        report.error(kind, f"{without(path, error.message)} {advice}".rstrip(), where)
    except Exception as error:
        report.error(
            kind, f"cannot be read: {type(error).__name__}: {error}. Copy the file again, or make it anew.", where
        )
    return None


def may_be_there(path: Path) -> bool:
    """Whether there is a file, or it cannot be known since its folder cannot be looked into.

    Args:
        path: The file.
    """
    try:
        return path.is_file()
    except OSError:
        return True


def check_folders(root: Path, splits: Sequence[str] | None, report: ProblemReport) -> None:
    """Name the folders of a data set that cannot be looked into.

    Args:
        root: Folder of the data set.
        splits: Which of the folders in it are looked into; all, if None.
        report: Receives the problems.
    """

    def tell(error: OSError) -> None:
        where = Path(str(error.filename)).relative_to(root).as_posix()
        message = f"cannot be looked into: {error.strerror}. Change its permissions, or copy it again."
        report.error(CLOSED_FOLDER, message, "" if where == "." else where)

    for folder, names, _ in os.walk(root, onerror=tell):
        if splits is not None and Path(folder) == root:
            names[:] = [name for name in names if name in splits]


def without(path: Path, message: str) -> str:
    """A message on one line, without the path that the report names already."""
    return " ".join(message.removeprefix(str(path)).lstrip(":, ").split())


def check_each(
    items: Sequence[T],
    check: Callable[[T, ProblemReport], R | None],
    report: ProblemReport,
    label: str,
    show_progress: bool | None,
    *,
    unit: str = "file",
) -> list[R]:
    """Check files, several at a time; problems are in the order of the files.

    Args:
        items: The files.
        check: Reports the problems of one, and returns what was learnt from it.
        report: Receives the problems.
        label: What is being done.
        show_progress: Whether to show a progress bar on stderr; None shows it on a terminal.
        unit: What one item is.

    Returns:
        What was learnt, without the files of which nothing could be learnt.
    """

    def checked(item: T) -> tuple[R | None, list[Problem]]:
        own = ProblemReport("")
        return check(item, own), own.problems

    learnt = []
    readers = ThreadPoolExecutor(_READERS)
    try:
        results = readers.map(checked, items)
        for result, problems in track(results, label, total=len(items), unit=unit, show=show_progress):
            report.problems += problems
            if result is not None:
                learnt.append(result)
    finally:
        readers.shutdown(cancel_futures=True)
    return learnt
