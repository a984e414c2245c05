"""Finished blocks of series in a folder beside a packed file, so that a killed run loses one block at most.

Sound is not kept in blocks: it is copied as it is, which takes no longer than reading a block, and would need its
place on the disk twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from react_data.errors import PackError
from react_data.exclusive_writing import LOCK
from react_data.packed_sources import SOUND, PackedSource
from react_data.progress import track
from react_data.source_files import check_sources
from react_data.stored_arrays import open_array
from react_data.synthetic_files import whole_file, write_array

__all__ = ["PackedBlocks"]


class PackedBlocks:
    """The blocks of a packed file that is being made.

    Args:
        folder: Where they lie, which nobody else writes to.
        wanted: What the file is made of; blocks of something else are not used.
        sources: Files and folders that are read, by what they are.

    Raises:
        PackError: If there are blocks of something else, or of files that have changed since.
    """

    def __init__(self, folder: Path, wanted: Mapping[str, Any], sources: Mapping[str, Path]) -> None:
        self.folder = folder
        record = folder / "pack.json"
        text = json.dumps(wanted, sort_keys=True, default=str)
        begun = any(path.name != LOCK for path in folder.iterdir())
        if begun and (not record.is_file() or record.read_text(encoding="utf-8") != text):
            raise PackError(f"{folder} holds blocks of another data set or of other settings. Delete it.")
        with whole_file(record) as handle:
            handle.write(text.encode())
        check_sources(folder, sources, PackError)

    def fill(self, source: PackedSource, show_progress: bool | None) -> None:
        """Read what is not there yet.

        Args:
            source: A split.
            show_progress: Whether a progress bar is shown; None shows it on a terminal.
        """
        waiting = [(kind, block) for kind in source.kinds if kind != SOUND for block in source.blocks(kind)]
        for kind, block in track(waiting, f"reading {source.split}", unit="block", show=show_progress):
            path = self._path(source.split, kind, block)
            if not path.is_file():
                write_array(path, source.rows(kind, block))

    def read(self, source: PackedSource, kind: str, show_progress: bool | None) -> Iterator[tuple[slice, NDArray[Any]]]:
        """Which persons' clips, and their rows one after the other, of each block.

        Args:
            source: A split.
            kind: Kind of series.
            show_progress: Whether a progress bar is shown; None shows it on a terminal.
        """
        for block in track(source.blocks(kind), f"writing {source.split} {kind}", unit="block", show=show_progress):
            kept = self._path(source.split, kind, block)
            yield block, source.rows(kind, block) if kind == SOUND else open_array(kept)

    def _path(self, split: str, kind: str, block: slice) -> Path:
        return self.folder / f"{split}-{kind}-{block.start:06d}.npy"
