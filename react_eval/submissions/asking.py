"""Have another process open a file, and believe only what fits the limits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from react_eval.errors import UnreadableFileError
from react_eval.submissions.costs import check_costs
from react_eval.submissions.layout import Layout, printable
from react_eval.submissions.limits import ReadingLimits

__all__ = ["decode_in_child"]

READER = (sys.executable, "-P", "-m", "react_eval.submissions.child")

_LONGEST_LINE = 128 * 2**20
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_NO_PLUGINS = {"HDF5_PLUGIN_PRELOAD": "::", "HDF5_USE_FILE_LOCKING": "FALSE"}
_LIBRARIES = ("numpy", "h5py", "torch")
_STOPPED_FROM_OUTSIDE = ("SIGKILL", "SIGXCPU", "SIGTERM", "SIGINT", "SIGHUP")


class _Clock:
    """Kills a process, and all that it started, when its time is up."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float, doing: str) -> None:
        self._process, self.ran_out = process, ""
        self.allow(seconds, doing)

    def allow(self, seconds: float, doing: str) -> None:
        """Start over with a new time for a new step."""
        self.stop()
        self._timer = threading.Timer(seconds, self._kill, (f"{doing} takes more than {seconds:.0f} seconds",))
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let the process be."""
        if hasattr(self, "_timer"):
            self._timer.cancel()

    def _kill(self, reason: str) -> None:
        self.ran_out = reason
        _kill(self._process)


def decode_in_child(file: Path, folder: Path, name: str, limits: ReadingLimits, show_progress: bool | None) -> Layout:
    """Check and decode a file in a process of its own.

    Args:
        file: The private copy.
        folder: Takes the decoded values.
        name: What the user called the file.
        limits: Bounds to keep.
        show_progress: Whether a progress bar is shown; None shows it on a terminal.

    Returns:
        What the file holds; its values lie in `folder`.

    Raises:
        UnreadableFileError: If the file is refused, takes too long, or crashes the process.
    """
    with (folder / "complaints").open("wb") as complaints, _started(file, folder, name, limits, complaints) as process:
        clock = _Clock(process, limits.structure_seconds, "checking its structure")

        def check(layout: Layout) -> None:
            check_costs(layout.decoded_bytes, file.stat().st_size, folder, limits)

        try:
            layout = _converse(process, clock, limits, check, show_progress)
            process.wait()
        finally:
            clock.stop()
    if layout is not None:
        return layout
    raise UnreadableFileError(_too_slow(clock.ran_out) if clock.ran_out else _died(process.returncode, folder))


@contextmanager
def _started(
    file: Path, folder: Path, name: str, limits: ReadingLimits, complaints: Any
) -> Iterator[subprocess.Popen[bytes]]:
    package_root = Path(__file__).parents[2]
    search_path = os.pathsep.join(filter(None, (str(package_root), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [*READER, str(file), str(folder), limits.to_json(), name],
        cwd=folder,
        env=os.environ | _ONE_THREAD | _NO_PLUGINS | {"PYTHONPATH": search_path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        _kill(process)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _converse(
    process: subprocess.Popen[bytes],
    clock: _Clock,
    limits: ReadingLimits,
    check: Callable[[Layout], None],
    show_progress: bool | None,
) -> Layout | None:
    """Follow the process to its end; the layout if it finished, None if it ended without an answer."""
    layout: Layout | None = None
    libraries, loading, left = set(_LIBRARIES), "", 0
    hidden = None if show_progress is None else not show_progress
    with tqdm(desc="decoding", unit="B", unit_scale=True, disable=hidden, leave=False) as bar:
        for message in _messages(process):
            match message:
                case {"error": str(text)}:
                    raise UnreadableFileError(printable(text[:2000]))
                case {"loading": str(library)} if library in libraries and layout is None:
                    libraries.remove(library)  # once each, so that no process can put its end off for ever
                    loading = library
                    clock.allow(limits.library_seconds, "loading a library for it")
                case {"loaded": str(library)} if library == loading and layout is None:
                    loading = ""
                    clock.allow(limits.structure_seconds, "checking its structure")
                case {"structure": plain} if layout is None:
                    layout = Layout.from_plain(plain, limits)
                    check(layout)
                    left = layout.decoded_bytes
                    clock.allow(limits.seconds_to_decode(left), "decoding it")
                    bar.reset(total=left)
                case {"done": int(count)} if 0 < count <= left:
                    left -= count
                    bar.update(count)
                case {"finished": True} if layout is not None:
                    return layout
                case _:
                    raise UnreadableFileError("the process that reads the file gave a damaged answer.")
    return None


def _messages(process: subprocess.Popen[bytes]) -> Iterator[Any]:
    stream = process.stdout
    while stream is not None and (line := stream.readline(_LONGEST_LINE)):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            return  # a process that was killed in the middle of a line


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()


def _too_slow(reason: str) -> str:
    return f"{reason}, so reading it was given up. Write it again with react_eval.save_submission."


def _died(status: int, folder: Path) -> str:
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
        if name in _STOPPED_FROM_OUTSIDE:
            return (
                f"the process that reads it was stopped by the system ({name}): out of memory, beyond its time on the "
                "processor, or by an administrator. This says nothing of the file. Try again with more memory free."
            )
        return (
            f"it crashes the library that reads it ({name}), so it is damaged or built to do so. "
            "Write it again with react_eval.save_submission."
        )
    with (folder / "complaints").open("rb") as complaints:
        last = complaints.read(2**16).decode("utf-8", errors="replace").strip().rpartition("\n")[2][:300]
    return f"the process that reads the file ended with status {status} and without an answer. It said: {last!r}."
