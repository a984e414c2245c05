"""The process that opens a submission: it limits itself, checks the structure, decodes, and reports in JSON lines.

Run as ``python -m react_eval.submissions.child FILE FOLDER LIMITS NAME``. FILE is the private copy, FOLDER takes the
decoded values, LIMITS is the JSON of `ReadingLimits`, NAME is what the user called the file. Each line on stdout is
one of ``{"loading": library}``, ``{"loaded": library}``, ``{"structure": layout}``, ``{"done": bytes}``,
``{"finished": true}`` or ``{"error": message}``.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from react_eval.errors import UnreadableFileError
from react_eval.submissions.costs import check_costs
from react_eval.submissions.layout import human_bytes
from react_eval.submissions.limits import ReadingLimits
from react_eval.submissions.resources import end_with_parent, limit_resources

__all__ = ["main"]

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def main(arguments: list[str]) -> int:
    """Check and decode one file.

    Args:
        arguments: FILE, FOLDER, LIMITS, NAME.

    Returns:
        0 if the file was decoded, 1 if it was refused.
    """
    file, folder, limits = Path(arguments[0]), Path(arguments[1]), ReadingLimits.from_json(arguments[2])
    end_with_parent()
    limit_resources(limits, file.stat().st_size)
    try:
        _read(file, folder, limits, arguments[3])
    except UnreadableFileError as error:
        _say({"error": error.message})
    except MemoryError:
        _say({"error": _out_of_memory(limits)})
    except ImportError as error:
        _say({"error": f"the library that reads it cannot be loaded here ({error}). Install it anew."})
    except Exception as error:  # whatever a library raises on a damaged file is an answer about the file
        _say({"error": _describe(error, limits, folder)})
    else:
        _say({"finished": True})
        return 0
    return 1


def _read(file: Path, folder: Path, limits: ReadingLimits, name: str) -> None:
    _say({"loading": "numpy"})
    from react_eval.submissions.decoding import decode  # under the limits
    from react_eval.submissions.formats import open_file

    _say({"loaded": "numpy"})
    opened = open_file(file, limits, name, _say)
    decoded, stored = opened.layout.decoded_bytes, file.stat().st_size
    check_costs(decoded, stored, folder, limits, unpacked_bytes=opened.unpacked_bytes)
    _say({"structure": asdict(opened.layout)})
    for written in decode(opened, folder):
        _say({"done": written})


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)  # noqa: T201


def _out_of_memory(limits: ReadingLimits) -> str:
    return (
        f"reading it takes more than {human_bytes(limits.address_space)} of memory, the limit for a submission. "
        "Write it with react_eval.save_submission, which stores one clip a chunk."
    )


def _describe(error: Exception, limits: ReadingLimits, folder: Path) -> str:
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return f"it cannot be decoded to {folder.parent}: the disk is full. Set TMPDIR to a folder on a larger disk."
    message = " ".join(str(error).split())[:300]
    if "allocat" in message.lower() and "memory" in message.lower():
        return _out_of_memory(limits)
    kind = type(error).__name__
    return f"it is damaged and cannot be read ({kind}: {message}). Write it again with react_eval.save_submission."


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
