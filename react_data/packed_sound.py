"""Sound in packed files: the samples of the wav files as they are stored there, made one channel when they are read.

Conventions: samples are (sample, sound channel) in the files' own type. Where the files of a split are not all of one
type and number of channels, what reading gives is stored: one channel of float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from react_data.clips import ClipId
from react_data.errors import PackError
from react_data.mars_tree import MarsTree
from react_data.official_tree import OfficialTree
from react_data.wave_files import WaveFile, open_wave

__all__ = ["READ_SOUND", "StoredSound", "stored_sound"]

READ_SOUND = "<f4"

_TREES = {"react2023": OfficialTree, "react2024": OfficialTree, "react2025": MarsTree, "react2026": MarsTree}


@dataclass(frozen=True)
class StoredSound:
    """The wav files of persons' clips, which store samples alike.

    Attributes:
        files: A file a person's clip.
        encoding: Type of a sample: ``"u1"``, ``"<i2"``, ``"<i4"``, ``"<f4"`` or ``"<f8"``.
        channels: Sound channels.
    """

    files: tuple[WaveFile, ...]
    encoding: str
    channels: int

    def read(self, number: int) -> NDArray[Any]:
        """(samples, channels) of a person's clip, as they are stored.

        Args:
            number: Which person's clip.

        Raises:
            PackError: If the file has become shorter.
        """
        file = self.files[number]
        values = np.fromfile(file.path, self.encoding, file.samples * self.channels, offset=file.start)
        if len(values) != file.samples * self.channels:
            raise PackError(f"{file.path} has become shorter since it was opened. Pack again.")
        return values.reshape(-1, self.channels)


def stored_sound(layout: str, root: Path, split: str, persons: Sequence[str]) -> StoredSound | None:
    """The wav files of a tree, where they store samples alike.

    Args:
        layout: Name of the layout.
        root: The tree, or a packed file, which has no wav files.
        split: Name of the split.
        persons: Ids of persons' clips.

    Returns:
        The files; None where the layout has none, or they differ, or have samples of 24 bits.

    Raises:
        RecordingFormatError: If a file is missing or no wav.
    """
    if layout not in _TREES or not root.is_dir():
        return None
    tree = _TREES[layout](root, split)
    files = tuple(open_wave(tree.file("audio", ClipId.parse(person))) for person in persons)
    forms = {(file.encoding, file.channels) for file in files}
    if len(forms) != 1:
        return None
    encoding, channels = forms.pop()
    return None if encoding == "i3" else StoredSound(files, encoding, channels)
