"""Predictions in ``.npz`` form: members are unpacked to the private folder under a hard count of bytes, then read."""

from __future__ import annotations

import zipfile
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from react_data.problems import abbreviate
from react_eval.errors import UnreadableFileError
from react_eval.submissions.checks import check_same_clips, check_texts, trusted_order
from react_eval.submissions.decoding import OpenedArray, OpenedFile, Slices
from react_eval.submissions.layout import KINDS, Layout, kind_of
from react_eval.submissions.limits import ReadingLimits
from react_eval.submissions.npy import NpyHeader, npy_reader, prediction_layout, read_header, stored_box

__all__ = ["open_npz"]

_BLOCK_BYTES = 2**20
_CLIPS = "clip"


def open_npz(archive: zipfile.ZipFile, folder: Path, limits: ReadingLimits) -> OpenedFile:
    """Check an ``.npz`` file whose directory was checked.

    Args:
        archive: The file.
        folder: Where members are unpacked to.
        limits: Bounds to keep.

    Returns:
        The file, ready to be decoded.

    Raises:
        UnreadableFileError: If arrays are missing or malformed.
    """
    members = {member.filename.removesuffix(".npy"): member for member in _array_members(archive)}
    found = _prediction_members(list(members), archive.namelist())
    arrays: list[OpenedArray] = []
    for name, variable in found.items():
        member = _Member(archive, f"{name}.npy", folder)
        header = member.header
        kind = KINDS.get(variable) or kind_of(header.shape[-1] if header.shape else 0)
        layout = prediction_layout(header, kind, f"array {name!r}", limits)
        arrays.append(OpenedArray(layout, member.read, stored_box(header)))
    layouts = tuple(array.layout for array in arrays)
    check_same_clips(layouts)
    clips = _clip_ids(archive, layouts[0].shape[0], limits) if _CLIPS in members else None
    whole = Layout("npz", layouts, clips, notes=trusted_order(clips))
    return OpenedFile(whole, arrays, unpacked_bytes=sum(members[name].file_size for name in found))


def _array_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [member for member in archive.infolist() if member.filename.endswith(".npy")]


def _prediction_members(names: list[str], all_names: list[str]) -> dict[str, str]:
    """Which members are predictions: the named ones, else the only one there is."""
    named = {name: name for name in names if name in KINDS}
    others = [name for name in names if name != _CLIPS]
    if named:
        return named
    if others == ["arr_0"]:
        return {"arr_0": ""}
    raise UnreadableFileError(
        f"it has no array 'prediction' or 'prediction_3dmm'; it has {abbreviate(all_names, 10)}. "
        "Members that are arrays end in .npy. Save it with numpy.savez_compressed(path, prediction=…, clip=…)."
    )


class _Member:
    """An array of the archive; unpacked when it is first read."""

    def __init__(self, archive: zipfile.ZipFile, name: str, folder: Path) -> None:
        self._archive, self._name, self._folder = archive, name, folder

    @cached_property
    def header(self) -> NpyHeader:
        member = self._archive.getinfo(self._name)
        where = f"array {self._name.removesuffix('.npy')!r}"
        try:
            with self._archive.open(member) as stream:
                return read_header(cast(BinaryIO, stream), member.file_size, where)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise _damaged(self._name, error) from None

    def read(self, slices: Slices) -> NDArray[Any]:
        values: NDArray[Any] = self._reader(slices)
        return values

    @cached_property
    def _reader(self) -> Any:
        return npy_reader(self._unpack(), self.header)

    def _unpack(self) -> Path:
        member, left = self._archive.getinfo(self._name), self._archive.getinfo(self._name).file_size
        target = self._folder / f"unpacked-{self._name}"
        try:
            with self._archive.open(member) as stream, target.open("wb") as file:
                while block := stream.read(min(_BLOCK_BYTES, left + 1)):
                    left -= len(block)
                    if left < 0:
                        raise zipfile.BadZipFile("it unpacks to more than it declares")
                    file.write(block)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise _damaged(self._name, error) from None
        if left:
            raise _damaged(self._name, EOFError(f"{left} bytes are missing"))
        return target


def _clip_ids(archive: zipfile.ZipFile, expected: int, limits: ReadingLimits) -> tuple[str, ...]:
    member = archive.getinfo(f"{_CLIPS}.npy")
    if member.file_size > 4 * limits.text_characters * expected + 10_000:
        raise UnreadableFileError(f"array 'clip' has {member.file_size} bytes, too many for {expected} clip ids.")
    try:
        with archive.open(member) as stream:
            header = read_header(cast(BinaryIO, stream), member.file_size, "array 'clip'", _check_texts)
            values = stream.read()
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise _damaged(member.filename, error) from None
    if len(header.shape) != 1:
        raise UnreadableFileError(f"array 'clip' has shape {header.shape}, expected one axis.")
    return check_texts(np.frombuffer(values, header.dtype).tolist(), expected, "clip", limits)


def _check_texts(dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind not in "US" or not dtype.itemsize:
        what = "Python objects" if dtype.hasobject else f"values of type {dtype.name}"
        raise UnreadableFileError(f"{where} holds {what}. Save the ids as numpy.array(ids, dtype=str).")


def _damaged(name: str, error: Exception) -> UnreadableFileError:
    return UnreadableFileError(
        f"the archive's member {name!r} is damaged or lies about its size ({error}). Copy or write it again."
    )
