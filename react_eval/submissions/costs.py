"""What decoding a file would take, checked before it begins, by the process that reads and by the one that asked."""

from __future__ import annotations

import shutil
from pathlib import Path

from react_eval.errors import UnreadableFileError
from react_eval.submissions.layout import human_bytes
from react_eval.submissions.limits import ReadingLimits

__all__ = ["check_costs", "check_expansion"]


def check_costs(
    decoded_bytes: int, file_bytes: int, folder: Path, limits: ReadingLimits, *, unpacked_bytes: int = 0
) -> None:
    """Refuse to decode what is larger than allowed, expected or plausible, or does not fit on the disk.

    Args:
        decoded_bytes: Size of all arrays as float32.
        file_bytes: Size of the file itself.
        folder: Where the decoded values go.
        limits: Bounds to keep.
        unpacked_bytes: What lies there in addition while an archive is read.

    Raises:
        UnreadableFileError: If so; names what it needs and what there is.
    """
    if decoded_bytes > limits.decoded_bytes:
        raise UnreadableFileError(
            f"it decodes to {human_bytes(decoded_bytes)}; at most {human_bytes(limits.decoded_bytes)} are read."
        )
    if limits.expected_bytes is not None and decoded_bytes > limits.expected_bytes:
        raise UnreadableFileError(
            f"it decodes to {human_bytes(decoded_bytes)}, but at most {human_bytes(limits.expected_bytes)} are "
            "expected here. Check its split, and its numbers of clips, reactions and frames."
        )
    check_expansion(decoded_bytes, file_bytes, limits)
    needed, free = decoded_bytes + unpacked_bytes, shutil.disk_usage(folder).free
    if needed > free:
        raise UnreadableFileError(
            f"decoding it needs {human_bytes(needed)} in {folder.parent}, where only {human_bytes(free)} are free. "
            "Set TMPDIR to a folder on a larger disk."
        )


def check_expansion(decoded_bytes: int, file_bytes: int, limits: ReadingLimits) -> None:
    """Refuse a small file that becomes a large one.

    The file's own size is the measure, since what it says of its parts may count the same bytes often.

    Raises:
        UnreadableFileError: If it grows beyond what a constant series of half precision does.
    """
    if decoded_bytes > max(limits.ratio_bytes, limits.expansion_ratio * file_bytes):
        raise UnreadableFileError(
            f"it decodes from {human_bytes(file_bytes)} to {human_bytes(decoded_bytes)}, more than "
            f"{limits.expansion_ratio} times as much, as a bomb does. "
            "If the values are meant, write them with react_eval.save_submission."
        )
