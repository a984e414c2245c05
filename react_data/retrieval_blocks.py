"""Blocks of a long search on disk, so that a search that was killed goes on where it stopped.

Conventions: beside the file OUT that is to be made stands the folder ``OUT.blocks`` with ``search.json``, the settings
of the search, and one ``.npz`` a finished block. A block appears when it is complete; the folder goes when OUT is.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from react_data.errors import RetrievalError
from react_data.exclusive_writing import sole_writer
from react_data.synthetic_files import whole_file

__all__ = ["BlockStore"]

Arrays = tuple[NDArray[np.generic], ...]


class BlockStore:
    """Results of blocks by name, kept on disk where there is a place for them.

    Args:
        folder: Where they lie, which nobody else writes to; None keeps nothing.
        settings: What decides the results, as plain data.
        resume: Whether to go on with blocks of an earlier search; else they are deleted.

    Raises:
        RetrievalError: If there are blocks of a search with other settings.
    """

    def __init__(self, folder: Path | None, settings: Mapping[str, object], *, resume: bool) -> None:
        self.folder = folder
        if folder is None:
            return
        record = folder / "search.json"
        if not resume and record.is_file():
            for path in [*folder.glob("*.npz"), record]:
                path.unlink()
        if record.is_file():
            _check_settings(record, settings)
        else:
            with whole_file(record) as handle:
                handle.write((json.dumps(settings, indent=2) + "\n").encode())

    @classmethod
    @contextmanager
    def beside(cls, out: Path | None, settings: Mapping[str, object], *, resume: bool) -> Iterator[BlockStore]:
        """The blocks of a file that is to be made, for as long as nobody else may make it.

        Args:
            out: The file; None keeps nothing.
            settings: What decides the results, as plain data.
            resume: Whether to go on with blocks of an earlier search; else they are deleted.

        Raises:
            RetrievalError: If there are blocks of a search with other settings, or another run is making the file.
        """
        if out is None:
            yield cls(None, settings, resume=resume)
            return
        folder = out.with_name(f"{out.name}.blocks")
        with sole_writer(folder, RetrievalError):
            yield cls(folder, settings, resume=resume)

    def result(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """The arrays of a block: those on disk if there are any, else new ones.

        Args:
            name: Name of the block.
            compute: Makes the arrays.

        Returns:
            The arrays.
        """
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}.npz"
        stored = _read(path)
        if stored is not None:
            return stored
        arrays = compute()
        with whole_file(path) as handle:
            np.savez(handle, *arrays)
        return arrays

    def clear(self) -> None:
        """Delete all blocks; the result is complete, so what cannot be deleted does not matter."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _read(path: Path) -> Arrays | None:
    """The arrays of a block, or None where it is missing or damaged; zip files carry checksums."""
    try:
        # numpy does not close a damaged file that it opened itself
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as stored:
            return tuple(stored[f"arr_{number}"] for number in range(len(stored.files)))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _check_settings(record: Path, settings: Mapping[str, object]) -> None:
    wanted = json.loads(json.dumps(settings))
    try:
        found = dict(json.loads(record.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise RetrievalError(f"{record} is damaged. Pass resume=False to search anew.") from None
    differences = [
        f"{name} was {found.get(name)!r}, is {wanted.get(name)!r}"
        for name in found | wanted
        if found.get(name) != wanted.get(name)
    ]
    if differences:
        raise RetrievalError(
            f"{record.parent} holds blocks of another search: {'; '.join(differences)}. Pass resume=False to search "
            "anew, or the same settings to go on."
        )
