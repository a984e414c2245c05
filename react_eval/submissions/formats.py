"""Tell a file's format from its first bytes, whatever it is called, and open it (in the reading process)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from react_eval.errors import UnreadableFileError
from react_eval.submissions.decoding import OpenedFile
from react_eval.submissions.limits import ReadingLimits

__all__ = ["open_file", "sniff"]

_HDF5 = b"\x89HDF\r\n\x1a\n"
_SUFFIXES = {
    "HDF5": (".h5", ".hdf5", ".he5", ".nc", ".nc4", ".netcdf", ".mat"),
    "npy": (".npy",),
    "npz": (".npz",),
    "torch": (".pt", ".pth", ".ckpt"),
}
_OTHER_FORMATS = (
    (b"CDF\x01", "a netCDF-3 (classic) file; save it as netCDF-4, with engine='h5netcdf' in xarray"),
    (b"CDF\x02", "a netCDF-3 (64-bit offset) file; save it as netCDF-4, with engine='h5netcdf' in xarray"),
    (b"CDF\x05", "a netCDF-3 (64-bit data) file; save it as netCDF-4, with engine='h5netcdf' in xarray"),
    (b"MATLAB ", "a MATLAB .mat file"),
    (b"\x1f\x8b", "compressed with gzip as a whole; unpack it first"),
    (b"BZh", "compressed with bzip2 as a whole; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz as a whole; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd as a whole; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow file"),
    (b"\x89PNG", "a PNG picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
)
_HEAD_BYTES = 2**20 + len(_HDF5)


def open_file(file: Path, limits: ReadingLimits, name: str, say: Callable[[dict[str, Any]], None]) -> OpenedFile:
    """Check a file's structure.

    Args:
        file: The private copy.
        limits: Bounds to keep.
        name: What the user called it.
        say: Takes messages for the parent, such as that a library is loaded, which can take long.

    Returns:
        The file, ready to be decoded.

    Raises:
        UnreadableFileError: If it is not a submission, or breaks a limit.
    """
    with file.open("rb") as stream:
        format_ = sniff(stream.read(_HEAD_BYTES))
    opened = _open(format_, file, limits, say)
    suffix = PurePath(name).suffix.lower()
    if any(suffix in suffixes for other, suffixes in _SUFFIXES.items() if other != opened.layout.format):
        note = f"the file is named {suffix} but is of format {opened.layout.format}, as which it was read"
        return replace(opened, layout=replace(opened.layout, notes=(*opened.layout.notes, note)))
    return opened


def _open(format_: str, file: Path, limits: ReadingLimits, say: Callable[[dict[str, Any]], None]) -> OpenedFile:
    if format_ == "HDF5":
        say({"loading": "h5py"})
        from react_eval.submissions.hdf5 import open_hdf5  # each format loads its own library

        say({"loaded": "h5py"})
        return open_hdf5(file, limits)
    if format_ == "npy":
        from react_eval.submissions.npy import open_npy

        return open_npy(file, limits)
    from react_eval.submissions.archives import open_archive

    return open_archive(file, limits, say)


def sniff(head: bytes) -> str:
    r"""The format of a file.

    Args:
        head: Its first bytes; a MiB of them finds an HDF5 file behind a user block.

    Returns:
        ``"HDF5"``, ``"npy"`` or ``"zip"`` (npz or torch).

    Raises:
        UnreadableFileError: If it is anything else; says what it looks like.

    Example:
        >>> sniff(b"\x93NUMPY\x01\x00")
        'npy'
    """
    for magic, format_ in ((_HDF5, "HDF5"), (b"\x93NUMPY", "npy"), (b"PK\x03\x04", "zip"), (b"PK\x05\x06", "zip")):
        if head.startswith(magic):
            return format_
    raise UnreadableFileError(
        f"it is no submission: it looks like {_describe(head)}. Expected HDF5 (written by react_eval.save_submission), "
        ".npy, .npz or a torch .pt file."
    )


def _describe(head: bytes) -> str:
    block = next((2**n for n in range(9, 21) if head[2**n :].startswith(_HDF5)), None)
    if block is not None:
        maker = "MATLAB 7.3" if head.startswith(b"MATLAB") else "HDF5"
        return f"{maker} data behind a user block of {block} bytes; write it without one"
    if not head.strip(b"\0"):
        return "nothing but zero bytes, as an interrupted download leaves it"
    for magic, description in _OTHER_FORMATS:
        if head.startswith(magic):
            return description
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it first"
    if head[0] == 0x80 and len(head) > 1 and head[1] in range(2, 6):
        return "a Python pickle, which can run any program when it is loaded and is therefore never read"
    return _describe_text(head[:4096])


def _describe_text(head: bytes) -> str:
    text = head.decode("utf-8", errors="replace")
    if sum(not (letter.isprintable() or letter.isspace()) or letter == "�" for letter in text) > 2:
        return f"an unknown format that begins with the bytes {head[:8].hex(' ')}"
    first = text.lstrip("\ufeff \r\n\t").partition("\n")[0].strip()
    if first.startswith(("{", "[")):
        return "JSON text"
    if first.startswith("<"):
        return "an HTML or XML page, as a failed download leaves it"
    if first.startswith("version https://git-lfs"):
        return "a Git LFS pointer; fetch the file itself with `git lfs pull`"
    kind = "a csv table" if "," in first or "\t" in first else "plain text"
    return f"{kind} that begins with {first[:40]!r}"
