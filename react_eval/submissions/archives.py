"""Zip archives, which ``.npz`` and torch files are: checked by their directory before any member is unpacked."""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from react_data.problems import abbreviate
from react_eval.errors import UnreadableFileError
from react_eval.submissions.costs import check_expansion
from react_eval.submissions.decoding import OpenedFile
from react_eval.submissions.layout import human_bytes
from react_eval.submissions.limits import ReadingLimits

__all__ = ["open_archive"]

_ENCRYPTED = 0x1
_ARCHIVES = (".zip", ".npz", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".pt", ".pth")


def open_archive(file: Path, limits: ReadingLimits, say: Callable[[dict[str, Any]], None]) -> OpenedFile:
    """Check a zip archive and open it as what it is.

    Args:
        file: The private copy.
        limits: Bounds to keep.
        say: Takes messages for the parent.

    Returns:
        The file, ready to be decoded.

    Raises:
        UnreadableFileError: If it is neither an ``.npz`` nor a torch file, or built to do harm.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise UnreadableFileError(
            f"it is a zip archive (.npz or torch) that was cut short or damaged ({error}). Copy or write it again."
        ) from None
    members = archive.infolist()
    _check_directory(members, limits)
    names = [member.filename for member in members]
    if any(PurePosixPath(name).name == "data.pkl" for name in names):
        from react_eval.submissions.torch_file import open_torch

        _check_sizes(members, file.stat().st_size, limits, stored_only=True)
        return open_torch(file, limits, say)
    if any(name.endswith(".npy") for name in names):
        from react_eval.submissions.npz import open_npz

        _check_flat(names)
        _check_sizes(members, file.stat().st_size, limits, stored_only=False)
        return open_npz(archive, file.parent, limits)
    raise UnreadableFileError(
        f"it is a zip archive of {len(names)} files ({abbreviate(names, 5) or 'none'}), "
        "expected the arrays of an .npz or torch file. Submit the file itself, not packed."
    )


def _check_directory(members: list[zipfile.ZipInfo], limits: ReadingLimits) -> None:
    if len(members) > limits.members:
        raise UnreadableFileError(f"the archive has {len(members)} members; at most {limits.members} are read.")
    names = [member.filename for member in members]
    twice = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    if twice:
        raise UnreadableFileError(f"the archive holds these members more than once: {abbreviate(twice, 5)}.")
    for member in members:
        parts = PurePosixPath(member.filename).parts
        if member.filename.startswith("/") or "\\" in member.filename or ".." in parts or ":" in member.filename:
            raise UnreadableFileError(f"the archive's member {member.filename!r} has a path that leads out of it.")
        if member.flag_bits & _ENCRYPTED:
            raise UnreadableFileError(f"the archive's member {member.filename!r} is encrypted. Save it without.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UnreadableFileError(f"the archive's member {member.filename!r} is a symbolic link.")
        if member.filename.lower().endswith(_ARCHIVES):
            raise UnreadableFileError(f"the archive's member {member.filename!r} is an archive itself. Unpack it.")


def _check_flat(names: list[str]) -> None:
    nested = [name for name in names if "/" in name]
    if nested:
        raise UnreadableFileError(f"the archive holds folders ({abbreviate(nested, 5)}), which no .npz file does.")


def _check_sizes(members: list[zipfile.ZipInfo], packed: int, limits: ReadingLimits, *, stored_only: bool) -> None:
    methods = {zipfile.ZIP_STORED} if stored_only else {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
    for member in members:
        if member.compress_type not in methods:
            method = f"method {member.compress_type}"
            raise UnreadableFileError(
                f"the archive's member {member.filename!r} is compressed with {method}, which is not expected here."
            )
    unpacked = sum(each.file_size for each in members)
    if unpacked > 2 * limits.decoded_bytes:
        raise UnreadableFileError(
            f"the archive unpacks to {human_bytes(unpacked)}; at most {human_bytes(2 * limits.decoded_bytes)} are read."
        )
    check_expansion(unpacked, packed, limits)
